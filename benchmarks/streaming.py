"""Rows about streams: four stages, answers that are merged, JSON that is parsed as it streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import reduce
from operator import or_
from types import SimpleNamespace
from typing import Any

from benchmarks.harness import Growth, Row, Run, arepeated, repeated

STAGES = 4
CHUNKS = 100_000


def source(_: Iterable[Any]) -> Iterator[str]:
    for _ in range(CHUNKS):
        yield "x"


def stage(chunks: Iterable[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk.upper()


async def asource(_: Any) -> AsyncIterator[str]:
    for _ in range(CHUNKS):
        yield "x"


async def astage(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


def _drain(chunks: Iterable[object]) -> None:
    for _ in chunks:
        pass


async def _adrain(chunks: AsyncIterator[object]) -> None:
    async for _ in chunks:
        pass


def _nested() -> Run:
    return repeated(lambda: _drain(stage(stage(stage(source(()))))))


def _anested() -> Run:
    return arepeated(lambda: _adrain(astage(astage(astage(asource(()))))))


def _stream(generator: Any) -> Run:
    chain = reduce(or_, [generator(function) for function in (source, *[stage] * (STAGES - 1))])
    return repeated(lambda: _drain(chain.stream(None)))


def _astream(generator: Any) -> Run:
    chain = reduce(or_, [generator(function) for function in (asource, *[astage] * (STAGES - 1))])
    return arepeated(lambda: _adrain(chain.astream(None)))


def _peer_generator() -> Any:
    from langchain_core.runnables import RunnableGenerator

    return RunnableGenerator


def _our_generator() -> Any:
    from runnables import RunnableGenerator

    return RunnableGenerator


# --- an answer of n chunks --------------------------------------------------------------------


def _joined(size: int) -> Run:
    chunks = [SimpleNamespace(content="word ") for _ in range(size)]
    return repeated(lambda: "".join([chunk.content for chunk in chunks]))


def _answer(generator: Any, message: Any, size: int) -> Run:
    chunks = [message(content="word ") for _ in range(size)]

    def answer(_: Iterable[Any]) -> Iterator[Any]:
        yield from chunks

    chain = generator(answer)
    return repeated(lambda: chain.invoke(None))


def _peer_answer(size: int) -> Run:
    from langchain_core.messages import AIMessageChunk

    return _answer(_peer_generator(), AIMessageChunk, size)


def _our_answer(size: int) -> Run:
    from runnables import AIMessageChunk

    return _answer(_our_generator(), AIMessageChunk, size)


# --- JSON of n bytes, four at a time ----------------------------------------------------------


def _tokens(size: int) -> list[str]:
    person = {"name": "Ada Lovelace", "born": 1815, "tags": ["mathematics", "engines"]}
    text = json.dumps({"people": [person] * (size // len(json.dumps(person)))})
    return [text[start : start + 4] for start in range(0, len(text), 4)]


def _loaded(size: int) -> Run:
    tokens = _tokens(size)
    return repeated(lambda: json.loads("".join(tokens)))


def _parsed(parser: Any, size: int) -> Run:
    tokens = _tokens(size)
    return repeated(lambda: _drain(parser.transform(iter(tokens))))


def _peer_parsed(size: int) -> Run:
    from langchain_core.output_parsers import JsonOutputParser

    return _parsed(JsonOutputParser(), size)


def _our_parsed(size: int) -> Run:
    from runnables import JsonOutputParser

    return _parsed(JsonOutputParser(), size)


ROWS = (
    Row(
        name="stream",
        title="stream, 100,000 chunks, 4 stages",
        unit="us/chunk/stage",
        per=CHUNKS * STAGES,
        budget=3.9,  # 0.15 us where a plain generator is 38 ns
        floor=_nested,
        peer=lambda: _stream(_peer_generator()),
        ours=lambda: _stream(_our_generator()),
    ),
    Row(
        name="astream",
        title="astream, 100,000 chunks, 4 stages",
        unit="us/chunk/stage",
        per=CHUNKS * STAGES,
        budget=7.7,  # 0.4 us where a plain async generator is 52 ns
        floor=_anested,
        peer=lambda: _astream(_peer_generator()),
        ours=lambda: _astream(_our_generator()),
    ),
    Growth(
        name="accumulate",
        title="put an answer together, 1,000 to 100,000 chunks",
        unit="us/chunk",
        sizes=(1_000, 100_000),
        budget=3.0,  # linear, but for the processor's caches: they hold 1,000 chunks
        floor=_joined,
        peer=_peer_answer,
        ours=_our_answer,
    ),
    Growth(
        name="json",
        title="parse JSON while it streams, 1 to 100 kB (peer: to 10 kB)",
        unit="us/byte",
        sizes=(1_000, 100_000),
        peer_sizes=(1_000, 10_000),
        budget=2.0,
        floor=_loaded,
        peer=_peer_parsed,
        ours=_our_parsed,
    ),
)
