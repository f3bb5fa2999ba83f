"""HTTP libraries compared: `python -m benchmarks.candidates`.

Each does what no client of a chat service can do without: it sends JSON, and reads the JSON of the
answer or of each event. What is not installed is left out; what is read off the table stands in
docs/dependencies.md.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from benchmarks.load import NO_BACKOFF, AsyncSubject, Subject, compare

HEADERS = {"content-type": "application/json", "authorization": "Bearer key"}


def body(*, stream: bool = False) -> bytes:
    """The request."""
    asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    if stream:
        asked["stream"] = True
    return json.dumps(asked).encode()


def text_of(answer: bytes) -> str:
    """What a whole answer says."""
    return json.loads(answer)["choices"][0]["message"]["content"]


class Texts:
    """What a streamed answer says, piece by piece; the least that reads one."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[str]:
        """The texts that some bytes complete."""
        *events, self._rest = (self._rest + piece).split(b"\n\n")
        for event in events:
            if event != b"data: [DONE]":
                yield json.loads(event[6:])["choices"][0]["delta"].get("content", "")


class _Library(Subject):
    def ask(self) -> str:
        return text_of(self.send(f"{self.address}/v1/chat/completions", body()))

    def tell(self) -> Iterator[str]:
        texts = Texts()
        for piece in self.stream(f"{self.address}/v1/chat/completions", body(stream=True)):
            yield from texts.feed(piece)

    def send(self, url: str, body: bytes) -> bytes:
        raise NotImplementedError

    def stream(self, url: str, body: bytes) -> Iterable[bytes]:
        raise NotImplementedError


class _AsyncLibrary(AsyncSubject):
    async def ask(self) -> str:
        return text_of(await self.send(f"{self.address}/v1/chat/completions", body()))

    async def tell(self) -> AsyncIterator[str]:
        texts = Texts()
        async for piece in self.stream(f"{self.address}/v1/chat/completions", body(stream=True)):
            for text in texts.feed(piece):
                yield text

    async def send(self, url: str, body: bytes) -> bytes:
        raise NotImplementedError

    def stream(self, url: str, body: bytes) -> AsyncIterator[bytes]:
        raise NotImplementedError


class AsyncAiohttp(_AsyncLibrary):
    """The library that was chosen."""

    title = "async: aiohttp"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as self.client:
            yield

    async def send(self, url: str, body: bytes) -> bytes:
        async with self.client.post(url, headers=HEADERS, data=body) as reply:
            return await reply.read()

    async def stream(self, url: str, body: bytes) -> AsyncIterator[bytes]:
        async with self.client.post(url, headers=HEADERS, data=body) as reply:
            async for piece in reply.content.iter_any():
                yield piece


class Aiohttp(_Library):
    """The same for sync calls: its loop runs in a thread of its own."""

    title = "sync: aiohttp, its loop in a thread"

    @contextmanager
    def opened(self) -> Iterator[None]:
        self.inner = AsyncAiohttp()
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever)
        thread.start()
        opened = self.inner.opened()
        self._wait(opened.__aenter__())
        yield
        self._wait(opened.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join()
        self.loop.close()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def send(self, url: str, body: bytes) -> bytes:
        return self._wait(self.inner.send(url, body))

    def stream(self, url: str, body: bytes) -> Iterator[bytes]:
        pieces = self.inner.stream(url, body)

        async def following() -> bytes:
            return await anext(pieces, b"")

        while piece := self._wait(following()):
            yield piece


class AsyncPyreqwest(_AsyncLibrary):
    """Rust, tokio in a thread of its own."""

    title = "async: pyreqwest"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        from pyreqwest.client import ClientBuilder

        async with ClientBuilder().build() as self.client:
            yield

    async def send(self, url: str, body: bytes) -> bytes:
        reply = await self.client.post(url).headers(HEADERS).body_bytes(body).build().send()
        return bytes(await reply.bytes())

    async def stream(self, url: str, body: bytes) -> AsyncIterator[bytes]:
        async with _unbuffered(self.client.post(url).headers(HEADERS).body_bytes(body)) as reply:
            while (piece := await reply.body_reader.read_chunk()) is not None:
                yield bytes(piece)


class Pyreqwest(_Library):
    """Likewise, blocking."""

    title = "sync: pyreqwest"

    @contextmanager
    def opened(self) -> Iterator[None]:
        from pyreqwest.client import SyncClientBuilder

        with SyncClientBuilder().build() as self.client:
            yield

    def send(self, url: str, body: bytes) -> bytes:
        reply = self.client.post(url).headers(HEADERS).body_bytes(body).build().send()
        return bytes(reply.bytes())

    def stream(self, url: str, body: bytes) -> Iterator[bytes]:
        with _unbuffered(self.client.post(url).headers(HEADERS).body_bytes(body)) as reply:
            while (piece := reply.body_reader.read_chunk()) is not None:
                yield bytes(piece)


def _unbuffered(request: Any) -> Any:
    """By default it gives the head of an answer when 64 kB of its body, or all, have come."""
    return request.streamed_read_buffer_limit(0).build_streamed()


class AsyncHttpx2(_AsyncLibrary):
    """The successor of httpx."""

    title = "async: httpx2"

    def client_class(self) -> Callable[..., Any]:
        """What to make."""
        import httpx2

        return httpx2.AsyncClient

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        import httpx2

        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        async with self.client_class()(limits=limits) as self.client:
            yield

    async def send(self, url: str, body: bytes) -> bytes:
        return (await self.client.post(url, headers=HEADERS, content=body)).content

    async def stream(self, url: str, body: bytes) -> AsyncIterator[bytes]:
        async with self.client.stream("POST", url, headers=HEADERS, content=body) as reply:
            async for piece in reply.aiter_bytes():
                yield piece


class AsyncHttpx2OverAiohttp(AsyncHttpx2):
    """Its interface, with aiohttp beneath."""

    title = "async: httpx2 over aiohttp"

    def client_class(self) -> Callable[..., Any]:
        from httpx_aiohttp.httpx2 import Httpx2AiohttpClient

        return Httpx2AiohttpClient


class Httpx2(_Library):
    """Blocking."""

    title = "sync: httpx2"

    @contextmanager
    def opened(self) -> Iterator[None]:
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
    """Blocking, and only that."""

    title = "sync: urllib3"

    @contextmanager
    def opened(self) -> Iterator[None]:
        import urllib3

        with urllib3.PoolManager(maxsize=NO_BACKOFF) as self.client:
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
