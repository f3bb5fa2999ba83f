"""Send and stream, in both colours. The HTTP library is loaded by the first call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from runnables.engine.thread_calls import to_thread
from runnables_providers._http.extras import require_http
from runnables_providers._http.types import ClientConfig, Reply, Request

if TYPE_CHECKING:
    from typing import Self

    from runnables_providers._http.exchange import AsyncExchange, Head
    from runnables_providers._http.sync_calls import Exchange


def send(request: Request, setup: ClientConfig, provider: str) -> Reply:
    """Send a request and wait for the whole answer, whatever its status.

    Args:
        provider: who is asked, for the errors: "openai", ...

    Raises:
        ModelConnectionError: no connection, or it broke.
        ModelTimeoutError: a limit of `setup.timeouts` was reached; the message names it.
        InvalidRequestError: a header that cannot be sent.
        ConfigError: a proxy or a file of certificates that cannot be used.
        MissingExtra: the HTTP library is not installed.
        CancelledError: the call around this one was given up; its connection is closed.
    """
    library = _loaded
    if library is None:
        library = _load(provider)
    exchange = library.Exchange(request, setup, provider)
    try:
        head = exchange.begin()
        return Reply(head.status, head.headers, exchange.rest())
    finally:
        if exchange.is_open:
            exchange.close()


async def asend(request: Request, setup: ClientConfig, provider: str) -> Reply:
    """Send a request and wait for the whole answer; see `send`."""
    library = _loaded
    if library is None:
        library = await to_thread(_load, provider)
    exchange = library.AsyncExchange(request, setup, provider)
    try:
        head = await exchange.begin()
        return Reply(head.status, head.headers, await exchange.rest())
    finally:
        if exchange.is_open:
            await exchange.aclose()


def stream(request: Request, setup: ClientConfig, provider: str) -> StreamedReply:
    """Send a request and wait for the head of the answer; who calls closes it. See `send`."""
    library = _loaded
    if library is None:
        library = _load(provider)
    exchange = library.Exchange(request, setup, provider)
    try:
        return StreamedReply(exchange, exchange.begin())
    except BaseException:
        exchange.close()
        raise


async def astream(request: Request, setup: ClientConfig, provider: str) -> AsyncStreamedReply:
    """Send a request and wait for the head of the answer; who calls closes it. See `send`."""
    library = _loaded
    if library is None:
        library = await to_thread(_load, provider)
    exchange = library.AsyncExchange(request, setup, provider)
    try:
        return AsyncStreamedReply(exchange, await exchange.begin())
    except BaseException:
        await exchange.aclose()
        raise


class StreamedReply:
    """An answer whose body is still coming: an iterator over its bytes, as they come.

    Attributes:
        status: the HTTP status, whatever it is.
        headers: their names are in lower case.
    """

    def __init__(self, exchange: Exchange, head: Head) -> None:
        self._exchange = exchange
        self.status: int = head.status
        self.headers: Mapping[str, str] = head.headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if piece := self._exchange.piece():
            return piece
        raise StopIteration

    def read(self) -> bytes:
        """The rest of the body."""
        return self._exchange.rest()

    def close(self) -> None:
        """Leave; the connection is closed at once, unless the whole answer was read."""
        self._exchange.close()


class AsyncStreamedReply:
    """An answer whose body is still coming: an async iterator over its bytes. As Streamed."""

    def __init__(self, exchange: AsyncExchange, head: Head) -> None:
        self._exchange = exchange
        self.status: int = head.status
        self.headers: Mapping[str, str] = head.headers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if piece := await self._exchange.piece():
            return piece
        raise StopAsyncIteration

    async def read(self) -> bytes:
        """The rest of the body."""
        return await self._exchange.rest()

    async def aclose(self) -> None:
        """Leave; the connection is closed at once, unless the whole answer was read."""
        await self._exchange.aclose()


class _Library(NamedTuple):
    Exchange: type[Exchange]
    AsyncExchange: type[AsyncExchange]


_loaded: _Library | None = None


def _load(provider: str) -> _Library:
    """Load the HTTP library; reads files.

    Raises:
        MissingExtra: it is not installed.
    """
    global _loaded
    require_http(f"The provider {provider!r}", provider)
    from runnables_providers._http.exchange import AsyncExchange
    from runnables_providers._http.sync_calls import Exchange

    _loaded = _Library(Exchange, AsyncExchange)
    return _loaded


def under_way() -> int:
    """How many calls of this process are open."""
    if _loaded is None:
        return 0
    from runnables_providers._http.exchange import under_way

    return len(under_way)


def close() -> None:
    """Close the connections of sync calls, and end their thread; the next call starts it anew.

    It happens at exit by itself. The connections of async calls are closed with their loop.
    """
    if _loaded is not None:
        from runnables_providers._http.sync_calls import close

        close()
