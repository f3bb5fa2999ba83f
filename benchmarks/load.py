"""Puts load on a client, 64 calls at once, and counts what they cost in its process.

A subject asks the server of `benchmarks.server`, in one colour. What it costs is the CPU time of
its process, all threads together; the server has a process of its own.
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
from typing import Any, ClassVar

from benchmarks.harness import peak_memory
from benchmarks.server import ANSWER, CHUNKS, WORDS, serving

NO_BACKOFF = 64
TIMES = {"plain": 1_600, "burst": 128, "paced": 64}
"""How many calls there are in a round, of each kind: whole answers; streams whose chunks come all
at once; streams with a chunk every 10 ms."""
REPEATED = 3
"""Rounds, of which the cheapest counts."""
TEXT = "".join(WORDS)


class Subject(ABC):
    """Whose cost is counted. An async one has the same methods with `async`.

    Attributes:
        title: what the table calls it.
        address: of the server, with the kind of stream: "http://.../burst" or "/paced".
    """

    title: ClassVar[str]
    address: str

    @contextmanager
    def opened(self) -> Iterator[None]:
        """What it needs as long as it is asked."""
        yield

    @abstractmethod
    def ask(self) -> Any:
        """One request; its answer is checked."""

    @abstractmethod
    def tell(self) -> Iterable[str]:
        """One streamed request: its text, piece by piece."""

    def ask_many(self, times: int) -> list[Any]:
        """Many requests, so many at once."""
        with ThreadPoolExecutor(NO_BACKOFF) as threads:
            return list(threads.map(lambda _: self.ask(), range(times)))

    def tell_many(self, times: int) -> list[tuple[float, str]]:
        """Many streams, so many at once; of each, seconds to the first text, and the text."""
        with ThreadPoolExecutor(NO_BACKOFF) as threads:
            return list(threads.map(lambda _: self._told(), range(times)))

    def _told(self) -> tuple[float, str]:
        began = time.perf_counter()
        first, found = 0.0, list[str]()
        for text in self.tell():
            if text and not first:
                first = time.perf_counter() - began
            found.append(text)
        return first, "".join(found)


class AsyncSubject(ABC):
    """As Subject, async."""

    title: ClassVar[str]
    address: str

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """What it needs as long as it is asked."""
        yield

    @abstractmethod
    async def ask(self) -> Any:
        """One request; its answer is checked."""

    @abstractmethod
    def tell(self) -> AsyncIterator[str]:
        """One streamed request: its text, piece by piece."""

    async def ask_many(self, times: int) -> list[Any]:
        """Many requests, so many at once."""
        return await _at_once(self.ask, times)

    async def tell_many(self, times: int) -> list[tuple[float, str]]:
        """Many streams, so many at once; of each, seconds to the first text, and the text."""
        return await _at_once(self._told, times)

    async def _told(self) -> tuple[float, str]:
        began = time.perf_counter()
        first, found = 0.0, list[str]()
        async for text in self.tell():
            if text and not first:
                first = time.perf_counter() - began
            found.append(text)
        return first, "".join(found)


async def _at_once(work: Callable[[], Any], times: int) -> list[Any]:
    left = iter(range(times))

    async def worker() -> list[Any]:
        return [await work() for _ in left]

    return [
        it for some in await asyncio.gather(*(worker() for _ in range(NO_BACKOFF))) for it in some
    ]


# --- in the subject's own process -------------------------------------------------------------


def figures(subject: Any, times: Mapping[str, int], repeated: int) -> dict[str, float]:
    """What a subject costs, with a server of its own."""
    with serving() as address:
        return _figures(subject(), address, times, repeated)


def _figures(
    subject: Any, address: str, times: Mapping[str, int], repeated: int
) -> dict[str, float]:
    found: dict[str, float] = {}
    with asyncio.Runner() as runner, ExitStack() as stack:

        def run(function: Callable[..., Any], *args: Any) -> Any:
            made = function(*args)
            return runner.run(made) if inspect.iscoroutine(made) else made

        subject.address = f"{address}/burst"
        opened = subject.opened()
        if hasattr(opened, "__aenter__"):
            run(opened.__aenter__)
            stack.callback(lambda: run(opened.__aexit__, None, None, None))
        else:
            stack.enter_context(opened)
        run(subject.ask_many, 2 * NO_BACKOFF)
        for kind, count in times.items():
            subject.address = f"{address}/{'burst' if kind == 'plain' else kind}"
            many = subject.ask_many if kind == "plain" else subject.tell_many
            cpu, wall, answers = _cheapest(repeated, lambda many=many, n=count: run(many, n))
            told = _asked if kind == "plain" else _streamed
            found |= told(kind, answers, cpu, wall)
    return {**found, "MB": peak_memory()}


def _asked(kind: str, answers: list[Any], cpu: float, wall: float) -> dict[str, float]:
    assert set(answers) == {ANSWER}, answers[0]
    return {"ms/request": 1e3 * cpu / len(answers), "requests/s": len(answers) / wall}


def _streamed(
    kind: str, told: list[tuple[float, str]], cpu: float, wall: float
) -> dict[str, float]:
    assert {text for _, text in told} == {TEXT}, told[0]
    first = 1e3 * statistics.median(seconds for seconds, _ in told)
    chunk = 1e6 * cpu / len(told) / CHUNKS
    return {f"us/chunk, {kind}": chunk, f"ms to the first, {kind}": first}


def _cheapest(repeated: int, work: Callable[[], list[Any]]) -> tuple[float, float, list[Any]]:
    """CPU seconds, seconds and result of the round that took the least CPU time."""
    rounds = []
    for _ in range(repeated):
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        rounds.append((time.process_time() - cpu, time.perf_counter() - wall, result))
    return min(rounds, key=lambda it: it[0])


# --- from outside -----------------------------------------------------------------------------


def cost(
    subject: type[Any], address: str, kinds: Iterable[str] = tuple(TIMES)
) -> dict[str, float] | None:
    """The figures of a subject, in a process of its own; None where it lacks a package."""
    environment = {key: it for key, it in os.environ.items() if not key.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "benchmarks.load"]
    command += [subject.__module__, subject.__name__, address, *kinds]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(subjects: Iterable[type[Any]]) -> Iterator[str]:
    """The lines of a Markdown table with all figures, a line for each subject."""
    with serving() as address:
        head: list[str] = []
        for subject in subjects:
            found = cost(subject, address)
            if found is None:
                continue
            if not head:
                head = list(found)
                yield f"| | {' | '.join(head)} |"
                yield f"|---|{'--:|' * len(head)}"
            cells = [f"{it:,.0f}" if it >= 100 else f"{it:.3g}" for it in found.values()]
            yield f"| {subject.title} | {' | '.join(cells)} |"


if __name__ == "__main__":
    _module, _name, _address, *_kinds = sys.argv[1:]
    _subject = getattr(import_module(_module), _name)()
    print(json.dumps(_figures(_subject, _address, {it: TIMES[it] for it in _kinds}, REPEATED)))
