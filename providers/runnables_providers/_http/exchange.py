"""One request and its answer, on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import ssl
import warnings
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from runnables.errors import (
    ConfigError,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
)
from runnables_providers._http.aiohttp_client import client_of, leak_on_purpose
from runnables_providers._http.lines import Whole

if TYPE_CHECKING:
    from runnables_providers._http.timeouts import TimeoutWatcher
    from runnables_providers._http.types import ClientConfig, Request


class Head(NamedTuple):
    """What comes before the body of an answer; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


_MOMENT: Final = 0.1
"""Seconds until who reads an answer knows at the latest that its connection was closed."""


class _Late(Exception):
    """A wait that took too long; its argument is the name of the limit."""


_KNOWN: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError, _Late)
"""What tells of the connection, or of the request; anything else is a fault of ours."""


class AsyncExchange:
    """A request under way. It is over when its last piece was taken, it failed or was closed.

    Args:
        provider: who is asked, for the errors.
    """

    def __init__(self, request: Request, setup: ClientConfig, provider: str) -> None:
        self._request = request
        self._setup = setup
        self._limits = setup.timeouts
        self._provider = provider
        self._loop: asyncio.AbstractEventLoop
        self._watch: TimeoutWatcher | None = None
        self._clock: asyncio.Timeout | None = None  # while there is no head
        self._response: aiohttp.ClientResponse | None = None
        self._began = 0.0
        self._waits_since: float | None = None
        self._late_by: str | None = None
        self._stranded = False  # whether it seemed so at the last look
        self._got = 0

    async def begin(self) -> Head:
        """Send the request; wait for the head of the answer.

        Raises:
            ModelConnectionError: no connection, or it broke.
            ModelTimeoutError: a limit was reached; the message names it.
        """
        self._loop = asyncio.get_running_loop()
        client = await client_of(self._setup)
        self._began = self._loop.time()
        self._clock = asyncio.timeout(None)  # the watch ends it, without a timer of its own
        self._watch = client.watch
        under_way[id(self)] = weakref.ref(self)
        client.watch.add(self)
        client.watch.expect(self._due(self._began)[1])
        try:
            async with self._clock:
                response = await client.request(self._request, self._limits.connect)
        except BaseException as error:
            self._over()
            if not isinstance(error, _KNOWN) or isinstance(error, ConfigError):
                raise
            if self._late_by is not None and isinstance(error, TimeoutError):
                error = _Late(self._late_by)
            fault, cause = self._fault(error), _cause(error)
        else:
            self._clock = self._late_by = None
            self._response = response
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Head(response.status, headers)
        # Not from within: what was raised there has the key among the variables of its frames.
        raise fault from cause

    async def piece(self) -> bytes:
        """The next bytes of the body, as they come; none at its end.

        Raises:
            ModelConnectionError: the connection broke.
            ModelTimeoutError: a limit was reached; the message names it.
        """
        response = self._response
        if response is None:
            return b""
        content = response.content
        if not content.is_eof():
            self._waits_since = now = self._loop.time()
            if self._watch is not None:
                self._watch.expect(self._due(now)[1])
        try:
            piece = await content.readany()
        except BaseException as error:
            self.cut()
            if not isinstance(error, _KNOWN):
                raise
            raise self._fault(error) from _cause(error)
        self._waits_since = None
        if piece:
            self._got += len(piece)
        else:
            self._end()
        return piece

    def arrived(self) -> bytes | None:
        """The rest of the body, where all of it is here, as it mostly comes with the head."""
        if self._response is None:
            return b""
        content = self._response.content
        if not content.is_eof() or content.exception() is not None:
            return None
        body = content.read_nowait()
        self._end()
        return body

    async def rest(self) -> bytes:
        """All that is still to come of the body.

        Raises:
            InvalidRequestError: more than 64 MB.
        """
        whole = Whole(self._provider)
        body = self.arrived()
        if body is not None:
            whole.add(body)
            return body
        while piece := await self.piece():
            whole.add(piece)
        return whole.join()

    @property
    def is_open(self) -> bool:
        """Whether there is more to come, so that it has to be closed."""
        return self._response is not None

    def cut(self) -> bool:
        """Close the connection, unless the answer is there as a whole; whether there was one.

        The socket itself is closed in the next round of the loop.
        """
        response = self._response
        if response is None:
            return False
        self._end()
        _cut(response)
        return True

    async def aclose(self) -> None:
        """Close the connection, and wait until the socket is closed."""
        if self.cut():
            await asyncio.sleep(0)

    def _end(self) -> None:
        self._response = None
        self._over()

    def _over(self) -> None:
        self._clock = None
        under_way.pop(id(self), None)
        if self._watch is not None:
            self._watch.discard(self)

    def __del__(self) -> None:
        self._over()
        response = self._response
        if response is not None:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)
            with contextlib.suppress(RuntimeError):  # its loop is closed, and so is all it had
                self._loop.call_soon_threadsafe(_cut, response)

    def look(self, now: float) -> float:
        """End the wait where it took too long, and say when it does so else."""
        if self._late_by is not None:
            return math.inf
        name, due = self._due(now)
        was_stranded, self._stranded = self._stranded, _is_stranded(self._response)
        if due <= now:
            self._late_by = name
        if self._response is None:
            if due <= now and self._clock is not None:
                self._clock.reschedule(now)
        elif self._stranded and was_stranded:
            self._response.content.set_exception(aiohttp.ClientPayloadError())
        elif due <= now:
            self._response.content.set_exception(_Late(name))
        elif self._stranded:
            return now + _MOMENT
        return due

    def _due(self, now: float) -> tuple[str, float]:
        """Which limit comes next, and when."""
        limits = self._limits
        name, due = "total", math.inf if limits.total is None else self._began + limits.total
        if self._response is None:
            coming, limit, since = "first", limits.first, self._began
        else:
            since = now if self._waits_since is None else self._waits_since
            coming, limit = "between", limits.between
        if limit is not None and since + limit <= due:
            return coming, since + limit
        return name, due

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
                f"{self._provider}: the request to {host} cannot be sent: a header has a line "
                "break or another control character in it. A key that was read from a file may "
                "end with one.",
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


def _cut(response: aiohttp.ClientResponse) -> None:
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()  # close() would first send what is in its buffer
    response.close()


def _is_stranded(response: aiohttp.ClientResponse | None) -> bool:
    """Whether nothing more can come, although nobody was told.

    So it is where a piece does not say its length as it should: aiohttp (3.14) closes the
    connection, and leaves whoever reads the body waiting. Of every answer that ends with its
    connection it seems so for a few rounds of the loop.
    """
    if response is None or response.content.is_eof() or response.content.exception() is not None:
        return False
    transport = response.connection.transport if response.connection is not None else None
    return transport is None or transport.is_closing()


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
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason}"
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)  # asyncio's own text repeats the address
    if isinstance(error, aiohttp.ClientError) or not isinstance(error, OSError):
        return "the connection broke"  # aiohttp's own text may have the whole address in it
    return error.strerror or type(error).__name__


def _cause(error: BaseException) -> BaseException | None:
    """What may stand behind our error in a traceback: the system's errors, as they name no key."""
    inner = _children(error)
    is_plain = isinstance(inner, OSError) and not isinstance(inner, aiohttp.ClientError)
    return inner if is_plain else None


def _children(error: BaseException) -> BaseException:
    """What aiohttp wraps when there is no connection."""
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


under_way: Final[dict[int, weakref.ref[AsyncExchange]]] = {}
"""The exchanges of this process that are not over, by their ids. (A WeakSet would take a
microsecond a call.)"""


def _enter_child() -> None:
    for weakly in list(under_way.values()):
        if (it := weakly()) is not None:
            leak_on_purpose(it)  # the parent goes on with it; see Client.orphan
    under_way.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_enter_child)
