"""Requests, replies and limits as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from runnables.errors import ConfigError


# Requests and replies are not changed, but not frozen: that would take three times as long.
@dataclass(slots=True)
class Request:
    """What to send.

    Attributes:
        url: the whole address, with http:// or https://.
        headers: may hold a key, so they are not part of the repr.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {_without_query(self.url)!r}, {len(self.body)} bytes)"


def _without_query(url: str) -> str:
    return url.partition("?")[0]


@dataclass(slots=True)
class Reply:
    """What came back.

    Attributes:
        headers: their names are in lower case; of several with one name, the last.
        body: unpacked, where it came compressed. It may repeat a key that is wrong, so it is not
            part of the repr, which tracebacks may show.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"


@dataclass(frozen=True)
class Timeouts:
    """How long to wait, in seconds; None: for ever.

    Attributes:
        connect: until there is a connection, with its name looked up and its TLS agreed.
        first: from the beginning of the call until the head of the answer is there. A service
            that does not stream sends it when the answer is thought out.
        between: of silence within the answer. A reader that takes its time is not silence.
        total: for the whole call, until the last piece.
    """

    connect: float | None = 10
    first: float | None = 600
    between: float | None = 120
    total: float | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            seconds = getattr(self, limit.name)
            if seconds is not None and not seconds > 0:
                raise ConfigError(
                    f"Timeouts({limit.name}={seconds!r}): expected seconds, more than 0, or None "
                    "to wait for ever."
                )


@dataclass(frozen=True)
class ClientConfig:
    """How to reach a service. Calls with equal setups share connections.

    Attributes:
        proxy: the address of a proxy; None: as HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY
            say; an empty string: no proxy, whatever they say.
        ca_file: the certificates to trust, a PEM file; None: those of the system, or what
            SSL_CERT_FILE and SSL_CERT_DIR name.
        verify: whether the server must prove who it is. Without it, anybody in between can read
            the key.
    """

    timeouts: Timeouts = Timeouts()
    proxy: str | None = None
    ca_file: str | None = None
    verify: bool = True
