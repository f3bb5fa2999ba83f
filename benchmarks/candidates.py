"""A comparison of HTTP libraries: `python -m benchmarks.candidates`.

Each does the least that a client of a chat service needs: it sends JSON, and reads the JSON of the
answer or of each event. Libraries that are not installed are skipped. docs/dependencies.md has the
table, and the conclusions.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from benchmarks.load import CONCURRENT_CALLS, AsyncSubject, Subject, compare

HEADERS = {"content-type": "application/json", "authorization": "Bearer key"}


def body(*, stream: bool = False) -> bytes:
    """Return the body of a request."""
    request: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    if stream:
        request["stream"] = True
    return json.dumps(request).encode()


def text_of(answer: bytes) -> str:
    """Return the text of a whole answer."""
    return json.loads(answer)["choices"][0]["message"]["content"]


class EventDecoder:
    """The smallest decoder of a streamed answer."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield the text of each event that is complete with these bytes."""
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if event != b"data: [DONE]":
                yield json.loads(event[6:])["choices"][0]["delta"].get("content", "")


class _Library(Subject):
    def complete(self) -> str:
        return text_of(self.send(f"{self.base_url}/v1/chat/completions", body()))

    def stream_text(self) -> Iterator[str]:
        decoder = EventDecoder()
        for data in self.stream(f"{self.base_url}/v1/chat/completions", body(stream=True)):
            yield from decoder.feed(data)

    def send(self, url: str, body: bytes) -> bytes:
        raise NotImplementedError

    def stream(self, url: str, body: bytes) -> Iterable[bytes]:
        raise NotImplementedError


class _AsyncLibrary(AsyncSubject):
    async def complete(self) -> str:
        return text_of(await self.send(f"{self.base_url}/v1/chat/completions", body()))

    async def stream_text(self) -> AsyncIterator[str]:
        decoder = EventDecoder()
        async for data in self.stream(f"{self.base_url}/v1/chat/completions", body(stream=True)):
            for text in decoder.feed(data):
                yield text

    async def send(self, url: str, body: bytes) -> bytes:
        raise NotImplementedError

    def stream(self, url: str, body: bytes) -> AsyncIterator[bytes]:
        raise NotImplementedError


class AsyncAiohttp(_AsyncLibrary):
    """The library that was chosen: aiohttp."""

    title = "async: aiohttp"

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[None]:
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as self.client:
            yield

    async def send(self, url: str, body: bytes) -> bytes:
        async with self.client.post(url, headers=HEADERS, data=body) as reply:
            return await reply.read()

    async def stream(self, url: str, body: bytes) -> AsyncIterator[bytes]:
        async with self.client.post(url, headers=HEADERS, data=body) as reply:
            async for chunk in reply.content.iter_any():
                yield chunk


class Aiohttp(_Library):
    """aiohttp for sync calls: its loop runs in a thread of its own."""

    title = "sync: aiohttp, its loop in a thread"

    @contextmanager
    def open_client(self) -> Iterator[None]:
        self.inner = AsyncAiohttp()
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever)
        thread.start()
        client = self.inner.open_client()
        self._wait(client.__aenter__())
        yield
        self._wait(client.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join()
        self.loop.close()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def send(self, url: str, body: bytes) -> bytes:
        return self._wait(self.inner.send(url, body))

    def stream(self, url: str, body: bytes) -> Iterator[bytes]:
        chunks = self.inner.stream(url, body)

        async def next_chunk() -> bytes:
            return await anext(chunks, b"")

        while chunk := self._wait(next_chunk()):
            yield chunk


class AsyncPyreqwest(_AsyncLibrary):
    """pyreqwest: Rust, with tokio in a thread of its own."""

    title = "async: pyreqwest"

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[None]:
        from pyreqwest.client import ClientBuilder

        async with ClientBuilder().build() as self.client:
            yield

    async def send(self, url: str, body: bytes) -> bytes:
        reply = await self.client.post(url).headers(HEADERS).body_bytes(body).build().send()
        return bytes(await reply.bytes())

    async def stream(self, url: str, body: bytes) -> AsyncIterator[bytes]:
        async with _unbuffered(self.client.post(url).headers(HEADERS).body_bytes(body)) as reply:
            while (chunk := await reply.body_reader.read_chunk()) is not None:
                yield bytes(chunk)


class Pyreqwest(_Library):
    """pyreqwest, blocking."""

    title = "sync: pyreqwest"

    @contextmanager
    def open_client(self) -> Iterator[None]:
        from pyreqwest.client import SyncClientBuilder

        with SyncClientBuilder().build() as self.client:
            yield

    def send(self, url: str, body: bytes) -> bytes:
        reply = self.client.post(url).headers(HEADERS).body_bytes(body).build().send()
        return bytes(reply.bytes())

    def stream(self, url: str, body: bytes) -> Iterator[bytes]:
        with _unbuffered(self.client.post(url).headers(HEADERS).body_bytes(body)) as reply:
            while (chunk := reply.body_reader.read_chunk()) is not None:
                yield bytes(chunk)


def _unbuffered(request: Any) -> Any:
    """Switch off its buffer: by default it returns a response after 64 kB of the body, or all."""
    return request.streamed_read_buffer_limit(0).build_streamed()


class AsyncHttpx2(_AsyncLibrary):
    """httpx2, the successor of httpx."""

    title = "async: httpx2"

    def client_class(self) -> Callable[..., Any]:
        """Return the class of the client."""
        import httpx2

        return httpx2.AsyncClient

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[None]:
        import httpx2

        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        async with self.client_class()(limits=limits) as self.client:
            yield

    async def send(self, url: str, body: bytes) -> bytes:
        return (await self.client.post(url, headers=HEADERS, content=body)).content

    async def stream(self, url: str, body: bytes) -> AsyncIterator[bytes]:
        async with self.client.stream("POST", url, headers=HEADERS, content=body) as reply:
            async for chunk in reply.aiter_bytes():
                yield chunk


class AsyncHttpx2OverAiohttp(AsyncHttpx2):
    """httpx2 with aiohttp as its transport."""

    title = "async: httpx2 over aiohttp"

    def client_class(self) -> Callable[..., Any]:
        from httpx_aiohttp.httpx2 import Httpx2AiohttpClient

        return Httpx2AiohttpClient


class Httpx2(_Library):
    """httpx2, blocking."""

    title = "sync: httpx2"

    @contextmanager
    def open_client(self) -> Iterator[None]:
        import httpx2

        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        with httpx2.Client(limits=limits) as self.client:
            yield

    def send(self, url: str, body: bytes) -> bytes:
        return self.client.post(url, headers=HEADERS, content=body).content

    def stream(self, url: str, body: bytes) -> Iterator[bytes]:
        with self.client.stream("POST", url, headers=HEADERS, content=body) as reply:
            yield from reply.iter_bytes()


class Urllib3(_Library):
    """urllib3, which is only blocking."""

    title = "sync: urllib3"

    @contextmanager
    def open_client(self) -> Iterator[None]:
        import urllib3

        with urllib3.PoolManager(maxsize=CONCURRENT_CALLS) as self.client:
            yield

    def send(self, url: str, body: bytes) -> bytes:
        return self.client.request("POST", url, headers=HEADERS, body=body).data

    def stream(self, url: str, body: bytes) -> Iterator[bytes]:
        reply = self.client.request("POST", url, headers=HEADERS, body=body, preload_content=False)
        yield from reply.stream()
        reply.release_conn()


CANDIDATES = (
    *(AsyncAiohttp, AsyncPyreqwest, AsyncHttpx2OverAiohttp, AsyncHttpx2),
    *(Aiohttp, Pyreqwest, Httpx2, Urllib3),
)

if __name__ == "__main__":
    from benchmarks import candidates

    for line in compare(candidates.CANDIDATES):
        print(line, flush=True)
