"""Who may call a server: the names of its host, its keys, and pages of other sites."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
"""The names under which a page on this machine reaches a server here."""

OPEN_PATHS: Final = frozenset({"/health"})
"""What needs no key, on any server."""

KEY: Final = "runnables.key"
"""Where the scope of a request has the key that it came with."""


class Guard:
    """Middleware that refuses requests for other hosts, and those without a key.

    A page of another site can make a browser send requests to a server on loopback under a name
    of its own (DNS rebinding), so only known names are served.

    Args:
        app: the application.
        hosts: the names that are served, without ports; "*": any.
        keys: the keys, one of which a request must have as `Authorization: Bearer KEY`; empty:
            none is asked for.
        open_paths: more paths that need no key.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Sequence[str],
        keys: Iterable[str] = (),
        open_paths: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._open = OPEN_PATHS.union(open_paths)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that may be served."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not self._knows(headers.get("host", "")):
                answer = _refusal("This host is not served here.", "unknown_host", 400)
                await answer(scope, receive, send)
                return
            path: str = scope["path"]
            key = self._key(headers)
            if key is not None:
                scope[KEY] = key
            elif self._keys and path not in self._open:
                answer = _refusal("A key is needed, as a bearer token.", "invalid_api_key", 401)
                answer.headers["www-authenticate"] = "Bearer"
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        name = host.lower()
        head, colon, port = name.rpartition(":")
        if colon and port.isdecimal():
            name = head
        return "*" in self._hosts or name in self._hosts

    def _key(self, headers: Headers) -> str | None:
        """Return the key of a request; None where it has none that is right."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = given.strip().encode("utf-8", "surrogateescape")
        # All keys are compared, so that the time tells nothing.
        is_known = any([hmac.compare_digest(token, key) for key in self._keys])  # noqa: C419
        return given.strip() if is_known else None


def _refusal(message: str, code: str, status: int) -> JSONResponse:
    error: dict[str, Any] = {"message": message, "type": "invalid_request_error", "param": None}
    return JSONResponse({"error": {**error, "code": code}}, status)
