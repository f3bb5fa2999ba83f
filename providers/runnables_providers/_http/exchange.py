"""One request and its response, on an event loop.

    begin()  ->  Head         sends the request; the time limits `connect` and `first` apply
    next_chunk()  ->  bytes   waits for more of the body; `between` applies
    next_chunk()  ->  b""     the end: the connection goes back to the pool
    aclose()                  before the end: the connection is closed

An exchange is open from `begin` until the end of the body, an error, or `aclose`. Until then it is
registered with the `TimeoutWatcher` of its loop, which calls `check`.
"""

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
from runnables_providers._http.lines import BoundedBody

if TYPE_CHECKING:
    from runnables_providers._http.timeouts import TimeoutWatcher
    from runnables_providers._http.types import ClientConfig, Request


class Head(NamedTuple):
    """Head of a response; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


_STRANDED_CHECK: Final = 0.1
"""Seconds until a reader notices, at the latest, that its connection was closed."""


class _TimedOut(Exception):
    """Error of a wait that took too long; its argument is the name of the limit."""


_TRANSPORT_ERRORS: Final = (
    aiohttp.ClientError,
    HttpProcessingError,
    OSError,
    ValueError,
    _TimedOut,
)
"""The errors of the connection or of the request; any other error is a bug of this library."""


class AsyncExchange:
    """Request and its response; the module describes its states.

    Args:
        request: the request.
        config: the configuration of the client.
        provider: the name of the provider, for errors.
    """

    def __init__(self, request: Request, config: ClientConfig, provider: str) -> None:
        self._request = request
        self._config = config
        self._limits = config.timeouts
        self._provider = provider
        self._loop: asyncio.AbstractEventLoop
        self._timeouts: TimeoutWatcher | None = None
        self._head_timeout: asyncio.Timeout | None = None  # until there is a head
        self._response: aiohttp.ClientResponse | None = None
        self._began = 0.0
        self._waiting_since: float | None = None
        self._expired_limit: str | None = None
        self._was_stranded = False  # at the last check
        self._received = 0

    async def begin(self) -> Head:
        """Send the request; wait for the head of the response.

        Raises:
            ModelConnectionError: there was no connection, or it broke.
            ModelTimeoutError: a limit passed; the message names it.
        """
        self._loop = asyncio.get_running_loop()
        client = await client_of(self._config)
        self._began = self._loop.time()
        self._head_timeout = asyncio.timeout(None)  # the watcher ends it, without another timer
        self._timeouts = client.timeouts
        open_exchanges[id(self)] = weakref.ref(self)
        client.timeouts.add(self)
        client.timeouts.check_by(self._next_limit(self._began)[1])
        try:
            async with self._head_timeout:
                response = await client.request(self._request, self._limits.connect)
        except BaseException as error:
            self._deregister()
            if not isinstance(error, _TRANSPORT_ERRORS) or isinstance(error, ConfigError):
                raise
            if self._expired_limit is not None and isinstance(error, TimeoutError):
                error = _TimedOut(self._expired_limit)
            failure, cause = self._model_error(error), _safe_cause(error)
        else:
            self._head_timeout = self._expired_limit = None
            self._response = response
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Head(response.status, headers)
        # Not inside the `except`: the frames of that error have the key among their variables.
        raise failure from cause

    async def next_chunk(self) -> bytes:
        """Return the next bytes of the body as they come; b"" at the end.

        Raises:
            ModelConnectionError: the connection broke.
            ModelTimeoutError: a limit passed; the message names it.
        """
        response = self._response
        if response is None:
            return b""
        content = response.content
        if not content.is_eof():
            self._waiting_since = now = self._loop.time()
            if self._timeouts is not None:
                self._timeouts.check_by(self._next_limit(now)[1])
        try:
            chunk = await content.readany()
        except BaseException as error:
            self.abort()
            if not isinstance(error, _TRANSPORT_ERRORS):
                raise
            raise self._model_error(error) from _safe_cause(error)
        self._waiting_since = None
        if chunk:
            self._received += len(chunk)
        else:
            self._end()
        return chunk

    def rest_if_received(self) -> bytes | None:
        """Return the rest of the body if all of it is here, as it often comes with the head."""
        if self._response is None:
            return b""
        content = self._response.content
        if not content.is_eof() or content.exception() is not None:
            return None
        body = content.read_nowait()
        self._end()
        return body

    async def read_rest(self) -> bytes:
        """Return the rest of the body.

        Raises:
            InvalidRequestError: it has more than 64 MB.
        """
        rest = BoundedBody(self._provider)
        body = self.rest_if_received()
        if body is not None:
            rest.add(body)
            return body
        while chunk := await self.next_chunk():
            rest.add(chunk)
        return rest.join()

    @property
    def is_open(self) -> bool:
        """Tell whether there is more to come, so that the exchange must be closed."""
        return self._response is not None

    def abort(self) -> bool:
        """Close the connection, unless the whole response was read; tell whether it was open.

        The socket itself is closed in the next iteration of the loop.
        """
        response = self._response
        if response is None:
            return False
        self._end()
        _abort(response)
        return True

    async def aclose(self) -> None:
        """Close the connection, and wait until the socket is closed."""
        if self.abort():
            await asyncio.sleep(0)

    def _end(self) -> None:
        self._response = None
        self._deregister()

    def _deregister(self) -> None:
        self._head_timeout = None
        open_exchanges.pop(id(self), None)
        if self._timeouts is not None:
            self._timeouts.discard(self)

    def __del__(self) -> None:
        self._deregister()
        response = self._response
        if response is not None:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)
            with contextlib.suppress(
                RuntimeError
            ):  # the loop is closed, and so are its connections
                self._loop.call_soon_threadsafe(_abort, response)

    def check(self, now: float) -> float:
        """End the wait if a limit has passed; return when the next limit is due."""
        if self._expired_limit is not None:
            return math.inf
        name, due = self._next_limit(now)
        was_stranded, self._was_stranded = self._was_stranded, _is_stranded(self._response)
        if due <= now:
            self._expired_limit = name
        if self._response is None:
            if due <= now and self._head_timeout is not None:
                self._head_timeout.reschedule(now)
        elif self._was_stranded and was_stranded:
            self._response.content.set_exception(aiohttp.ClientPayloadError())
        elif due <= now:
            self._response.content.set_exception(_TimedOut(name))
        elif self._was_stranded:
            return now + _STRANDED_CHECK
        return due

    def _next_limit(self, now: float) -> tuple[str, float]:
        """Return the name of the limit that is due next, and its time."""
        limits = self._limits
        name, due = "total", math.inf if limits.total is None else self._began + limits.total
        if self._response is None:
            waiting_for, limit, since = "first", limits.first, self._began
        else:
            since = now if self._waiting_since is None else self._waiting_since
            waiting_for, limit = "between", limits.between
        if limit is not None and since + limit <= due:
            return waiting_for, since + limit
        return name, due

    # -- errors

    def _model_error(self, error: Exception) -> ModelError:
        """Return the portable error; its message has no header, and only the host of the URL."""
        host = URL(self._request.url).authority
        if isinstance(error, _TimedOut):
            return self._timeout_error(error.args[0], host)
        if isinstance(error, aiohttp.ServerTimeoutError):
            return self._timeout_error("connect", host)
        if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
            return InvalidRequestError(
                f"{self._provider}: the request to {host} cannot be sent: a header has a line "
                "break or another control character in it. A key that was read from a file may "
                "end with one.",
                provider=self._provider,
            )
        if isinstance(error, aiohttp.ClientConnectorError):
            problem = f"no connection to {host}: {_reason(error.os_error)}"
        elif self._received:
            received = f"after {self._received:,} bytes of the answer"
            problem = f"{host} broke the connection {received}: {_reason(error)}"
        else:
            problem = f"no answer from {host}: {_reason(error)}"
        return ModelConnectionError(f"{self._provider}: {problem}", provider=self._provider)

    def _timeout_error(self, name: str, host: str) -> ModelTimeoutError:
        seconds = getattr(self._limits, name)
        problem = _TIMEOUT_MESSAGES[name].format(
            host=host, seconds=f"{seconds:g} s", got=f"{self._received:,}"
        )
        return ModelTimeoutError(
            f"{self._provider}: {problem} (Timeouts.{name})", provider=self._provider
        )


def _abort(response: aiohttp.ClientResponse) -> None:
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()  # close() would first send what is in its buffer
    response.close()


def _is_stranded(response: aiohttp.ClientResponse | None) -> bool:
    """Tell whether nothing more can come, although the reader was not notified.

    When a chunk has no valid length, aiohttp (3.14) closes the connection, and leaves the reader
    of the body waiting. A response that ends with its connection looks the same for a few
    iterations of the loop.
    """
    if response is None or response.content.is_eof() or response.content.exception() is not None:
        return False
    transport = response.connection.transport if response.connection is not None else None
    return transport is None or transport.is_closing()


_TIMEOUT_MESSAGES: Final[Mapping[str, str]] = {
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
    """Describe an error, without a URL, which may hold a key."""
    for kind, text in _REASONS.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, aiohttp.ClientResponseError):
        return f"it sent invalid HTTP: {error.message.splitlines()[0]}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason}"
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)  # the message of asyncio repeats the address
    if isinstance(error, aiohttp.ClientError) or not isinstance(error, OSError):
        return "the connection broke"  # the message of aiohttp may have the whole URL
    return error.strerror or type(error).__name__


def _safe_cause(error: BaseException) -> BaseException | None:
    """Return the error to show as the cause: one of the system, since those hold no key."""
    inner = _connect_error(error)
    is_plain = isinstance(inner, OSError) and not isinstance(inner, aiohttp.ClientError)
    return inner if is_plain else None


def _connect_error(error: BaseException) -> BaseException:
    """Return the error that aiohttp wraps if there is no connection; else the error itself."""
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error


open_exchanges: Final[dict[int, weakref.ref[AsyncExchange]]] = {}
"""The open exchanges of this process, by their ids. (A WeakSet would take a microsecond a call.)"""


def _after_fork_in_child() -> None:
    for reference in list(open_exchanges.values()):
        if (exchange := reference()) is not None:
            leak_on_purpose(exchange)  # it belongs to the parent; see Client.abandon_in_child
    open_exchanges.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
