"""The only code that knows the HTTP library. Provisional."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cache
from typing import Any

from providers._http.plain import Reply, Request, Setup
from runnables.errors import ModelConnectionError


@cache
def _made(setup: Setup, is_async: bool) -> Any:
    from pyreqwest.client import ClientBuilder, SyncClientBuilder

    return (ClientBuilder() if is_async else SyncClientBuilder()).follow_redirects(False).build()


def _client(setup: Setup) -> Any:
    return _made(setup, False)


def _aclient(setup: Setup) -> Any:
    return _made(setup, True)


def _built(client: Any, request: Request) -> Any:
    made = client.request(request.method, request.url).headers(dict(request.headers))
    return made.body_bytes(request.body)


def _headers(response: Any) -> dict[str, str]:
    return {key.lower(): value for key, value in response.headers.items()}


def send(request: Request, setup: Setup, provider: str) -> Reply:
    """Send it, wait for the whole reply."""
    with stream(request, setup, provider) as streamed:
        return Reply(streamed.status, streamed.headers, streamed.read())


async def asend(request: Request, setup: Setup, provider: str) -> Reply:
    """Send it, wait for the whole reply."""
    async with await astream(request, setup, provider) as streamed:
        return Reply(streamed.status, streamed.headers, await streamed.read())


def stream(request: Request, setup: Setup, provider: str) -> Streamed:
    """Send it, wait for the head of the reply."""
    context = _built(_client(setup), request).build_streamed()
    try:
        return Streamed(context, context.__enter__())
    except Exception as error:
        raise ModelConnectionError(f"{provider}: {error}", provider=provider) from error


async def astream(request: Request, setup: Setup, provider: str) -> AStreamed:
    """Send it, wait for the head of the reply."""
    context = _built(_aclient(setup), request).build_streamed()
    try:
        return AStreamed(context, await context.__aenter__())
    except Exception as error:
        raise ModelConnectionError(f"{provider}: {error}", provider=provider) from error


class Streamed:
    """A reply whose body is still coming."""

    def __init__(self, context: Any, response: Any) -> None:
        self._context = context
        self._response = response
        self.status: int = response.status
        self.headers: Mapping[str, str] = _headers(response)

    def __enter__(self) -> Streamed:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._response.body_reader.read_chunk()) is not None:
            yield bytes(piece)

    def read(self) -> bytes:
        """The rest."""
        return bytes(self._response.body_reader.bytes())

    def close(self) -> None:
        """Close the connection."""
        self._context.__exit__(None, None, None)


class AStreamed:
    """A reply whose body is still coming."""

    def __init__(self, context: Any, response: Any) -> None:
        self._context = context
        self._response = response
        self.status: int = response.status
        self.headers: Mapping[str, str] = _headers(response)

    async def __aenter__(self) -> AStreamed:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._response.body_reader.read_chunk()) is not None:
            yield bytes(piece)

    async def read(self) -> bytes:
        """The rest."""
        return bytes(await self._response.body_reader.bytes())

    async def aclose(self) -> None:
        """Close the connection."""
        await self._context.__aexit__(None, None, None)
