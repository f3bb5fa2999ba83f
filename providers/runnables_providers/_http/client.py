"""Send and stream, sync and async. The first call loads the HTTP library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from runnables.engine.thread_calls import to_thread
from runnables.models.response_headers import report_headers
from runnables_providers._http.extras import require_http
from runnables_providers._http.types import ClientConfig, Reply, Request

if TYPE_CHECKING:
    from typing import Self

    from runnables_providers._http.exchange import AsyncExchange, Head
    from runnables_providers._http.sync_calls import Exchange


def send(request: Request, config: ClientConfig, provider: str) -> Reply:
    """Send a request and wait for the whole response, whatever its status.

    Args:
        request: the request.
        config: the configuration of the client.
        provider: the name of the provider, for errors: "openai", ...

    Raises:
        ModelConnectionError: there was no connection, or it broke.
        ModelTimeoutError: a limit of `config.timeouts` passed; the message names it.
        InvalidRequestError: a header cannot be sent.
        ConfigError: the proxy or the certificate file cannot be used.
        MissingExtra: the HTTP library is not installed.
        CancelledError: the surrounding call was cancelled; the connection is closed.
    """
    library = _loaded
    if library is None:
        library = _load(provider)
    exchange = library.Exchange(request, config, provider)
    try:
        head = exchange.begin()
        report_headers(head.headers)
        return Reply(head.status, head.headers, exchange.read_rest())
    finally:
        if exchange.is_open:
            exchange.close()


async def asend(request: Request, config: ClientConfig, provider: str) -> Reply:
    """Send a request and wait for the whole response; see `send`."""
    library = _loaded
    if library is None:
        library = await to_thread(_load, provider)
    exchange = library.AsyncExchange(request, config, provider)
    try:
        head = await exchange.begin()
        report_headers(head.headers)
        return Reply(head.status, head.headers, await exchange.read_rest())
    finally:
        if exchange.is_open:
            await exchange.aclose()


def stream(request: Request, config: ClientConfig, provider: str) -> StreamedReply:
    """Send a request and wait for the head of the response; the caller closes it. See `send`."""
    library = _loaded
    if library is None:
        library = _load(provider)
    exchange = library.Exchange(request, config, provider)
    try:
        return StreamedReply(exchange, exchange.begin())
    except BaseException:
        exchange.close()
        raise


async def astream(request: Request, config: ClientConfig, provider: str) -> AsyncStreamedReply:
    """Send a request and wait for the head of the response; the caller closes it. See `send`."""
    library = _loaded
    if library is None:
        library = await to_thread(_load, provider)
    exchange = library.AsyncExchange(request, config, provider)
    try:
        return AsyncStreamedReply(exchange, await exchange.begin())
    except BaseException:
        await exchange.aclose()
        raise


class StreamedReply:
    """Response whose body is still coming: an iterator over the chunks of bytes as they come.

    Attributes:
        status: the HTTP status.
        headers: the headers, by their names in lower case.
    """

    def __init__(self, exchange: Exchange, head: Head) -> None:
        self._exchange = exchange
        self.status: int = head.status
        self.headers: Mapping[str, str] = head.headers
        report_headers(head.headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if chunk := self._exchange.next_chunk():
            return chunk
        raise StopIteration

    def read(self) -> bytes:
        """Return the rest of the body."""
        return self._exchange.read_rest()

    def close(self) -> None:
        """Close the connection at once, unless the whole response was read."""
        self._exchange.close()


class AsyncStreamedReply:
    """Response whose body is still coming: the async counterpart of `StreamedReply`."""

    def __init__(self, exchange: AsyncExchange, head: Head) -> None:
        self._exchange = exchange
        self.status: int = head.status
        self.headers: Mapping[str, str] = head.headers
        report_headers(head.headers)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if chunk := await self._exchange.next_chunk():
            return chunk
        raise StopAsyncIteration

    async def read(self) -> bytes:
        """Return the rest of the body."""
        return await self._exchange.read_rest()

    async def aclose(self) -> None:
        """Close the connection at once, unless the whole response was read."""
        await self._exchange.aclose()


class _Library(NamedTuple):
    Exchange: type[Exchange]
    AsyncExchange: type[AsyncExchange]


_loaded: _Library | None = None


def _load(provider: str) -> _Library:
    """Load the HTTP library; this reads files.

    Raises:
        MissingExtra: the library is not installed.
    """
    global _loaded
    require_http(f"The provider {provider!r}", provider)
    from runnables_providers._http.exchange import AsyncExchange
    from runnables_providers._http.sync_calls import Exchange

    _loaded = _Library(Exchange, AsyncExchange)
    return _loaded


def open_calls() -> int:
    """Return the number of open calls of this process."""
    if _loaded is None:
        return 0
    from runnables_providers._http.exchange import open_exchanges

    return len(open_exchanges)


def close() -> None:
    """Close the connections of sync calls, and end their thread; the next call starts a new one.

    This happens at exit, too. The connections of async calls are closed with their loop.
    """
    if _loaded is not None:
        from runnables_providers._http.sync_calls import close

        close()
