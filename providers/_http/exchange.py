"""One request and its answer, on an event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet

import aiohttp
from yarl import URL

from providers._http.clients import client_of, immortal
from runnables.errors import (
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
)

if TYPE_CHECKING:
    from providers._http.plain import Request, Setup


class Head(NamedTuple):
    """What comes before the body of an answer; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


class _Late(Exception):
    """A wait that took too long; its argument is the name of the limit."""


class AsyncExchange:
    """A request under way. It is over when its last piece was taken, it failed or was closed.

    Args:
        provider: who is asked, for the errors.
    """

    def __init__(self, request: Request, setup: Setup, provider: str) -> None:
        self._request = request
        self._setup = setup
        self._limits = setup.timeouts
        self._provider = provider
        self._response: aiohttp.ClientResponse | None = None
        self._waits_since: float | None = None
        self._until: float | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._got = 0

    async def begin(self) -> Head:
        """Send the request; wait for the head of the answer.

        Raises:
            ModelConnectionError: no connection, or it broke.
            ModelTimeoutError: a limit was reached; the message names it.
        """
        limits = self._limits
        loop = asyncio.get_running_loop()
        if limits.total is not None:
            self._until = loop.time() + limits.total
        head = min((it for it in (limits.first, limits.total) if it is not None), default=None)
        clock = asyncio.timeout(head)
        under_way.add(self)
        try:
            async with clock:
                client = await client_of(self._setup)
                response = await client.request(self._request, limits.connect)
        except BaseException as error:
            under_way.discard(self)
            if not isinstance(error, Exception):
                raise
            late = _Late("first" if head == limits.first else "total")
            raise self._fault(late if clock.expired() else error) from _cause(error)
        self._response = response
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Head(response.status, headers)

    async def piece(self) -> bytes:
        """The next bytes of the body, as they come; none at its end.

        Raises:
            ModelConnectionError: the connection broke.
            ModelTimeoutError: a limit was reached; the message names it.
        """
        response = self._response
        if response is None:
            return b""
        loop = asyncio.get_running_loop()
        self._waits_since = loop.time()
        if self._watch is None:
            self._look(loop)
        try:
            piece = await response.content.readany()
        except Exception as error:
            self.cut()
            raise self._fault(error) from _cause(error)
        except BaseException:
            self.cut()
            raise
        self._waits_since = None
        if piece:
            self._got += len(piece)
        else:
            self._end()
        return piece

    def cut(self) -> bool:
        """Close the connection, unless the answer is there as a whole; whether there was one.

        The socket itself is closed in the next round of the loop.
        """
        response = self._response
        if response is None:
            return False
        self._end()
        if response.connection is not None and response.connection.transport is not None:
            response.connection.transport.abort()  # close() would first send what is in its buffer
        response.close()
        return True

    async def aclose(self) -> None:
        """Close the connection, and wait until the socket is closed."""
        if self.cut():
            await asyncio.sleep(0)

    def _end(self) -> None:
        self._response = None
        under_way.discard(self)
        if self._watch is not None:
            self._watch.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look whether a wait takes too long, and when to look again.

        One timer for the whole answer: one for each piece would cost as much as the piece.
        """
        assert self._response is not None
        now = loop.time()
        name, due = "total", self._until
        if self._limits.between is not None:
            silent = (
                now if self._waits_since is None else self._waits_since
            ) + self._limits.between
            if due is None or silent < due:
                name, due = "between", silent
        if due is None:
            return
        if due <= now:
            self._response.content.set_exception(_Late(name))
        else:
            self._watch = loop.call_at(due, self._look, loop)

    # -- what went wrong

    def _fault(self, error: Exception) -> ModelError:
        """The portable error. Its text has no header in it, and of the address only the host."""
        host = URL(self._request.url).authority
        if isinstance(error, _Late):
            return self._late(error.args[0], host)
        if isinstance(error, aiohttp.ServerTimeoutError):
            return self._late("connect", host)
        if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
            return InvalidRequestError(
                f"{self._provider}: the request to {host} cannot be sent: {error}. A key that was "
                "read from a file may have a line break at its end.",
                provider=self._provider,
            )
        if isinstance(error, aiohttp.ClientConnectorError):
            what = f"no connection to {host}: {_reason(error.os_error)}"
        elif self._got:
            what = (
                f"{host} broke off within its answer, after {self._got:,} bytes: {_reason(error)}"
            )
        else:
            what = f"no answer from {host}: {_reason(error)}"
        return ModelConnectionError(f"{self._provider}: {what}", provider=self._provider)

    def _late(self, name: str, host: str) -> ModelTimeoutError:
        seconds = getattr(self._limits, name)
        what = _LATE[name].format(host=host, seconds=f"{seconds:g} s", got=f"{self._got:,}")
        return ModelTimeoutError(
            f"{self._provider}: {what} (Timeouts.{name})", provider=self._provider
        )


_LATE: Final[Mapping[str, str]] = {
    "connect": "no connection to {host} within {seconds}",
    "first": "no answer from {host} within {seconds}",
    "between": "{host} fell silent for {seconds} within its answer, after {got} bytes",
    "total": "the answer of {host} was not there within {seconds}",
}

_REASONS: Final[Mapping[type[Exception], str]] = {
    aiohttp.ServerDisconnectedError: "the server closed the connection",
    aiohttp.ClientPayloadError: "the answer was cut off",
    aiohttp.ClientConnectionResetError: "the connection was reset",
}


def _reason(error: Exception) -> str:
    """What to say of an error, without an address that may have a key in it."""
    for kind, text in _REASONS.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, aiohttp.ClientResponseError):
        return f"it does not speak HTTP as it should: {error.message.splitlines()[0]}"
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)  # asyncio's own text repeats the address
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return type(error).__name__


def _cause(error: BaseException) -> BaseException | None:
    """What may stand behind our error in a traceback: the system's errors, as they name no key."""
    inner: Any = getattr(error, "os_error", error)
    return (
        inner if isinstance(inner, OSError) and not isinstance(inner, aiohttp.ClientError) else None
    )


under_way: WeakSet[AsyncExchange] = WeakSet()
"""The exchanges of this process that are not over."""


def _enter_child() -> None:
    for it in list(under_way):
        immortal(it)  # the parent goes on with it; see Client.orphan
    under_way.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_enter_child)
