"""Requests, replies and the configuration of the client, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from runnables.core.bounds import check_seconds


# Requests and replies never change, but are not frozen: to make one would take three times as long.
@dataclass(slots=True)
class Request:
    """HTTP request.

    Attributes:
        method: the HTTP method.
        url: the whole URL, with http:// or https://.
        headers: the headers; they may hold a key, so the repr leaves them out.
        body: the body.
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
    """HTTP response that was read completely.

    Attributes:
        status: the HTTP status.
        headers: the headers, by their names in lower case; of several with one name, the last.
        body: the body, decompressed. It may repeat a wrong key, so the repr, which tracebacks may
            show, leaves it out.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"


@dataclass(frozen=True)
class Timeouts:
    """Time limits of a request, in seconds; None: no limit.

    Attributes:
        connect: until there is a connection, with its name resolved and TLS established.
        first: from the start of the call until the head of the response. A service that does not
            stream sends it when the answer is complete.
        between: the longest silence within the response. A slow reader does not count as silence.
        total: for the whole call, until the last chunk.

    Raises:
        ConfigError: a limit is not positive.

    Example:
        >>> from runnables_providers.openai import ChatOpenAI, Timeouts
        >>> model = ChatOpenAI("gpt-5-mini", api_key="sk-x", timeout=Timeouts(first=60))
        >>> model.timeout
        Timeouts(connect=10, first=60, between=120, total=None)
    """

    connect: float | None = 10
    first: float | None = 600
    between: float | None = 120
    total: float | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            seconds = getattr(self, limit.name)
            if seconds is not None:
                checked = check_seconds(
                    f"Timeouts({limit.name}={{}})", seconds, other=", or None for no limit"
                )
                object.__setattr__(self, limit.name, checked if checked < math.inf else None)


@dataclass(frozen=True)
class ClientConfig:
    """Configuration of the HTTP client. Calls with equal configurations share connections.

    Attributes:
        timeouts: the time limits.
        proxy: the URL of a proxy; None: as HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say; an
            empty string: no proxy, whatever they say.
        ca_file: the certificates to trust, a PEM file; None: those of the system, or those that
            SSL_CERT_FILE and SSL_CERT_DIR name.
        verify: whether the server must prove its identity. Without it, anyone on the way can read
            the key.
    """

    timeouts: Timeouts = Timeouts()
    proxy: str | None = field(default=None, repr=False)  # it may have a password
    ca_file: str | None = None
    verify: bool = True
