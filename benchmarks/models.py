"""A comparison of chat models over HTTP: `python -m benchmarks.models` prints all figures.

The floor is the HTTP library itself, which reads and writes the same JSON.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.candidates import Aiohttp, AsyncAiohttp
from benchmarks.harness import Result
from benchmarks.load import CONCURRENT_CALLS, AsyncSubject, Subject, compare, cost
from benchmarks.server import serving

QUESTION = "hello"


class AsyncSDK(AsyncSubject):
    """OpenAI's own client, async."""

    title = "async: openai"

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[None]:
        from openai import AsyncOpenAI

        async with AsyncOpenAI(api_key="key", base_url=self.base_url, max_retries=0) as self.client:
            yield

    def _messages(self) -> Any:
        return [{"role": "user", "content": QUESTION}]

    async def complete(self) -> str | None:
        response = self._client().chat.completions.create(model="m", messages=self._messages())
        return (await response).choices[0].message.content

    async def stream_text(self) -> AsyncIterator[str]:
        response = self._client().chat.completions.create(
            model="m", messages=self._messages(), stream=True
        )
        async with await response as chunks:
            async for chunk in chunks:
                yield chunk.choices[0].delta.content or ""

    def _client(self) -> Any:
        self.client.base_url = f"{self.base_url}/v1/"
        return self.client


class SDK(Subject):
    """OpenAI's own client, blocking."""

    title = "sync: openai"

    @contextmanager
    def open_client(self) -> Iterator[None]:
        from openai import OpenAI

        with OpenAI(api_key="key", base_url=self.base_url, max_retries=0) as self.client:
            yield

    def _messages(self) -> Any:
        return [{"role": "user", "content": QUESTION}]

    def complete(self) -> str | None:
        response = self._client().chat.completions.create(model="m", messages=self._messages())
        return response.choices[0].message.content

    def stream_text(self) -> Iterator[str]:
        with self._client().chat.completions.create(
            model="m", messages=self._messages(), stream=True
        ) as chunks:
            for chunk in chunks:
                yield chunk.choices[0].delta.content or ""

    def _client(self) -> Any:
        self.client.base_url = f"{self.base_url}/v1/"
        return self.client


class _Chained:
    """A model, or a chain of it, that is made for each base URL."""

    base_url: str

    def make(self, url: str) -> Any:
        raise NotImplementedError

    def runnable(self) -> Any:
        known: dict[str, Any] = vars(self).setdefault("known", {})
        if self.base_url not in known:
            known[self.base_url] = self.make(f"{self.base_url}/v1")
        return known[self.base_url]

    def text(self, answer: Any) -> str:
        return answer if isinstance(answer, str) else answer.text

    question: Any = QUESTION


class _AsyncRunnable(_Chained, AsyncSubject):
    async def complete(self) -> str:
        return self.text(await self.runnable().ainvoke(self.question))

    async def stream_text(self) -> AsyncIterator[str]:
        async for chunk in self.runnable().astream(self.question):
            yield self.text(chunk)

    async def complete_many(self, times: int) -> list[Any]:
        answers = await self.runnable().abatch(
            [self.question] * times, config={"max_concurrency": CONCURRENT_CALLS}
        )
        return [self.text(answer) for answer in answers]


class _Runnable(_Chained, Subject):
    def complete(self) -> str:
        return self.text(self.runnable().invoke(self.question))

    def stream_text(self) -> Iterator[str]:
        for chunk in self.runnable().stream(self.question):
            yield self.text(chunk)

    def complete_many(self, times: int) -> list[Any]:
        answers = self.runnable().batch(
            [self.question] * times, config={"max_concurrency": CONCURRENT_CALLS}
        )
        return [self.text(answer) for answer in answers]


class _Peer(_Chained):
    def make(self, url: str) -> Any:
        from langchain_openai import ChatOpenAI

        # an explicit key, as the peer would read the user's from the environment
        return ChatOpenAI(model="m", api_key="key", base_url=url, max_retries=0)  # type: ignore[arg-type]


class _PeerChain(_Peer):
    question = {"question": QUESTION}  # noqa: RUF012  (a constant)

    def make(self, url: str) -> Any:
        from langchain_core.output_parsers import StrOutputParser
        from langchain_core.prompts import ChatPromptTemplate

        prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
        return prompt | super().make(url) | StrOutputParser()


class _Ours(_Chained):
    def make(self, url: str) -> Any:
        from runnables_providers.openai import ChatOpenAI

        return ChatOpenAI("m", api_key="key", base_url=url)


class _OurChain(_Ours):
    question = {"question": QUESTION}  # noqa: RUF012  (a constant)

    def make(self, url: str) -> Any:
        from runnables import ChatPromptTemplate, StrOutputParser

        prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
        return prompt | super().make(url) | StrOutputParser()


class AsyncPeer(_Peer, _AsyncRunnable):
    """The peer's model, async."""

    title = "async: langchain-openai"


class Peer(_Peer, _Runnable):
    """The peer's model, blocking."""

    title = "sync: langchain-openai"


class AsyncPeerChain(_PeerChain, _AsyncRunnable):
    """The peer's chain, async."""

    title = "async: langchain, prompt, model and parser"


class PeerChain(_PeerChain, _Runnable):
    """The peer's chain, blocking."""

    title = "sync: langchain, prompt, model and parser"


class AsyncOurs(_Ours, _AsyncRunnable):
    """This library's model, async."""

    title = "async: runnables"


class Ours(_Ours, _Runnable):
    """This library's model, blocking."""

    title = "sync: runnables"


class AsyncOurChain(_OurChain, _AsyncRunnable):
    """This library's chain, async."""

    title = "async: runnables, prompt, model and parser"


class OurChain(_OurChain, _Runnable):
    """This library's chain, blocking."""

    title = "sync: runnables, prompt, model and parser"


SUBJECTS: tuple[type[Any], ...] = (
    *(AsyncAiohttp, AsyncSDK, AsyncPeer, AsyncPeerChain, AsyncOurs, AsyncOurChain),
    *(Aiohttp, SDK, Peer, PeerChain, Ours, OurChain),
)


@dataclass(frozen=True)
class HTTPRow:
    """The CPU time of calls over HTTP, 64 at once, as a multiple of the HTTP library's.

    Args:
        kind: the kind of call, a key of `benchmarks.load.CALLS`.
        figure: which of the figures that `benchmarks.load.cost` returns.
    """

    name: str
    title: str
    unit: str
    kind: str
    figure: str
    budget: float
    subjects: Mapping[str, type[Any]]

    def measure(self, rounds: int) -> Result:
        """Measure the least that each subject took, of at most three rounds."""
        found: dict[str, list[float]] = {}
        with serving() as base_url:
            for _ in range(min(rounds, 3)):
                for name, subject in self.subjects.items():
                    if (figures := self._cost(name, subject, base_url)) is not None:
                        found.setdefault(name, []).append(figures[self.figure])
        values = {name: min(figures) for name, figures in found.items()}
        factors = {name: value / values["floor"] for name, value in values.items()}
        kind: Literal["times the floor"] = "times the floor"
        return Result(self.name, self.title, self.unit, kind, values, factors, self.budget)

    def _cost(self, name: str, subject: type[Any], base_url: str) -> dict[str, float] | None:
        if name == "peer" and sys.modules.get("langchain_core", sys) is None:  # --no-peer
            return None
        return cost(subject, base_url, [self.kind])


_SYNC: Mapping[str, type[Any]] = {"floor": Aiohttp, "peer": PeerChain, "ours": OurChain}
_ASYNC: Mapping[str, type[Any]] = {
    "floor": AsyncAiohttp,
    "peer": AsyncPeerChain,
    "ours": AsyncOurChain,
}


def _rows(prefix: str, subjects: Mapping[str, type[Any]]) -> Iterator[HTTPRow]:
    batch, stream = f"{prefix}batch", f"{prefix}stream"
    chunk = "us CPU/chunk"
    yield HTTPRow(
        f"http-{batch}",
        f"{batch} of prompt, model, parser over HTTP, 64 at once",
        "ms CPU/request",
        "plain",
        "ms/request",
        1.5,
        subjects,
    )
    for kind, how in (("paced", "a chunk every 10 ms"), ("burst", "all chunks at once")):
        yield HTTPRow(
            f"http-{stream}-{kind}",
            f"{stream} of the same, {how}",
            chunk,
            kind,
            f"us/chunk, {kind}",
            2.0,
            subjects,
        )


ROWS = (*_rows("", _SYNC), *_rows("a", _ASYNC))

if __name__ == "__main__":
    from benchmarks import models

    for line in compare(models.SUBJECTS):
        print(line, flush=True)
