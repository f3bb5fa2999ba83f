"""Load tests of HTTP clients: 64 calls at once, and what they cost in the client's process.

A subject calls the server of `benchmarks.server`, sync or async. Its cost is the CPU time of its
process, all threads together; the server has a process of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import statistics
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from importlib import import_module
from operator import itemgetter
from typing import Any, ClassVar

from benchmarks.harness import peak_memory
from benchmarks.server import ANSWER, CHUNKS, WORDS, serving

CONCURRENT_CALLS = 64
"""How many calls are under way at once."""
CALLS = {"plain": 1_600, "burst": 128, "paced": 64}
"""How many calls a round has, by their kind: whole answers; streams whose chunks come all at once;
streams with a chunk every 10 ms."""
ROUNDS = 3
"""How many rounds there are; the cheapest counts."""
TEXT = "".join(WORDS)


class Subject(ABC):
    """A sync client whose cost is measured.

    Attributes:
        title: its name in the table.
        base_url: the server's, with the kind of stream: "http://.../burst" or "/paced".
    """

    title: ClassVar[str]
    base_url: str

    @contextmanager
    def open_client(self) -> Iterator[None]:
        """Open the client for the calls in the block."""
        yield

    @abstractmethod
    def complete(self) -> Any:
        """Send one request; return the text of the answer, which is checked."""

    @abstractmethod
    def stream_text(self) -> Iterable[str]:
        """Send one streamed request; yield the text of the answer, chunk by chunk."""

    def complete_many(self, times: int) -> list[Any]:
        """Send many requests, `CONCURRENT_CALLS` at once."""
        with ThreadPoolExecutor(CONCURRENT_CALLS) as threads:
            return list(threads.map(lambda _: self.complete(), range(times)))

    def stream_many(self, times: int) -> list[tuple[float, str]]:
        """Read many streams; return the seconds to the first text, and the text, of each."""
        with ThreadPoolExecutor(CONCURRENT_CALLS) as threads:
            return list(threads.map(lambda _: self._timed_stream(), range(times)))

    def _timed_stream(self) -> tuple[float, str]:
        began = time.perf_counter()
        first, found = 0.0, list[str]()
        for text in self.stream_text():
            if text and not first:
                first = time.perf_counter() - began
            found.append(text)
        return first, "".join(found)


class AsyncSubject(ABC):
    """An async client whose cost is measured; see `Subject`.

    Attributes:
        title: its name in the table.
        base_url: the server's, with the kind of stream: "http://.../burst" or "/paced".
    """

    title: ClassVar[str]
    base_url: str

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[None]:
        """Open the client for the calls in the block."""
        yield

    @abstractmethod
    async def complete(self) -> Any:
        """Send one request; return the text of the answer, which is checked."""

    @abstractmethod
    def stream_text(self) -> AsyncIterator[str]:
        """Send one streamed request; yield the text of the answer, chunk by chunk."""

    async def complete_many(self, times: int) -> list[Any]:
        """Many requests, so many at once."""
        return await _at_once(self.complete, times)

    async def stream_many(self, times: int) -> list[tuple[float, str]]:
        """Read many streams; return the seconds to the first text, and the text, of each."""
        return await _at_once(self._timed_stream, times)

    async def _timed_stream(self) -> tuple[float, str]:
        began = time.perf_counter()
        first, found = 0.0, list[str]()
        async for text in self.stream_text():
            if text and not first:
                first = time.perf_counter() - began
            found.append(text)
        return first, "".join(found)


async def _at_once(work: Callable[[], Any], times: int) -> list[Any]:
    left = iter(range(times))

    async def worker() -> list[Any]:
        return [await work() for _ in left]

    results = await asyncio.gather(*(worker() for _ in range(CONCURRENT_CALLS)))
    return [result for of_worker in results for result in of_worker]


# --- in the subject's own process -------------------------------------------------------------


def figures(subject: Any, times: Mapping[str, int], rounds: int) -> dict[str, float]:
    """Measure what a subject costs, with a server of its own."""
    with serving() as base_url:
        return _figures(subject(), base_url, times, rounds)


def _figures(
    subject: Any, base_url: str, times: Mapping[str, int], rounds: int
) -> dict[str, float]:
    found: dict[str, float] = {}
    with asyncio.Runner() as runner, ExitStack() as stack:

        def run(function: Callable[..., Any], *args: Any) -> Any:
            result = function(*args)
            return runner.run(result) if inspect.iscoroutine(result) else result

        subject.base_url = f"{base_url}/burst"
        client = subject.open_client()
        if hasattr(client, "__aenter__"):
            run(client.__aenter__)
            stack.callback(lambda: run(client.__aexit__, None, None, None))
        else:
            stack.enter_context(client)
        run(subject.complete_many, 2 * CONCURRENT_CALLS)
        for kind, count in times.items():
            subject.base_url = f"{base_url}/{'burst' if kind == 'plain' else kind}"
            many = subject.complete_many if kind == "plain" else subject.stream_many
            cpu, wall, answers = _cheapest(rounds, lambda many=many, n=count: run(many, n))
            summarize = _of_answers if kind == "plain" else _of_streams
            found |= summarize(kind, answers, cpu, wall)
    return {**found, "MB": peak_memory()}


def _of_answers(kind: str, answers: list[Any], cpu: float, wall: float) -> dict[str, float]:
    assert set(answers) == {ANSWER}, answers[0]
    return {"ms/request": 1e3 * cpu / len(answers), "requests/s": len(answers) / wall}


def _of_streams(
    kind: str, streams: list[tuple[float, str]], cpu: float, wall: float
) -> dict[str, float]:
    assert {text for _, text in streams} == {TEXT}, streams[0]
    first = 1e3 * statistics.median(seconds for seconds, _ in streams)
    chunk = 1e6 * cpu / len(streams) / CHUNKS
    return {f"us/chunk, {kind}": chunk, f"ms to the first, {kind}": first}


def _cheapest(rounds: int, work: Callable[[], list[Any]]) -> tuple[float, float, list[Any]]:
    """Return CPU seconds, seconds and result of the round that took the least CPU time."""
    found = []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        found.append((time.process_time() - cpu, time.perf_counter() - wall, result))
    return min(found, key=itemgetter(0))


# --- from outside -----------------------------------------------------------------------------


def cost(
    subject: type[Any], base_url: str, kinds: Iterable[str] = tuple(CALLS)
) -> dict[str, float] | None:
    """Measure a subject in a process of its own; return None where it lacks a package."""
    environment = {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
    command = [sys.executable, "-m", "benchmarks.load"]
    command += [subject.__module__, subject.__name__, base_url, *kinds]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(subjects: Iterable[type[Any]]) -> Iterator[str]:
    """Measure subjects; yield the lines of a Markdown table, one line for each subject."""
    with serving() as base_url:
        head: list[str] = []
        for subject in subjects:
            found = cost(subject, base_url)
            if found is None:
                continue
            if not head:
                head = list(found)
                yield f"| | {' | '.join(head)} |"
                yield f"|---|{'--:|' * len(head)}"
            cells = [
                f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in found.values()
            ]
            yield f"| {subject.title} | {' | '.join(cells)} |"


if __name__ == "__main__":
    _module, _name, _base_url, *_kinds = sys.argv[1:]
    _subject = getattr(import_module(_module), _name)()
    _times = {kind: CALLS[kind] for kind in _kinds}
    print(json.dumps(_figures(_subject, _base_url, _times, ROUNDS)))
