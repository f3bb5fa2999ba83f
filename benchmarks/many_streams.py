"""Rows about 2,048 streams at once: the CPU time of a chunk, and the memory of a stream.

Each stream of `benchmarks.server` has a chunk every 50 ms. What is measured begins when all have
their first chunk, so opening them does not count. A subject runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchmarks.candidates import AsyncAiohttp
from benchmarks.harness import Result
from benchmarks.models import AsyncOurChain, AsyncPeerChain
from benchmarks.server import CHUNKS, serving

if TYPE_CHECKING:
    from benchmarks.load import AsyncSubject

STREAMS = 2_048
SECONDS = 3.0
"""For how long chunks are counted. All streams last 5 seconds, from the first chunk on."""
PEER_STREAMS = 64
"""How many streams the peer has: with more, it does not keep up with them."""


class _Streams:
    """Many streams of one subject, which are read at once; it counts their chunks."""

    def __init__(self, subject: AsyncSubject, count: int) -> None:
        self._subject = subject
        self._count = count
        self._begun = self._chunks = 0
        self._all_begun = asyncio.Event()

    async def measure(self) -> dict[str, float]:
        async with self._subject.open_client():
            await self._read()  # what is loaded once is no part of a stream's memory
            self._begun = self._chunks = 0
            self._all_begun.clear()
            gc.collect()
            before = _memory()
            tasks = [asyncio.create_task(self._read()) for _ in range(self._count)]
            await self._all_begun.wait()
            cpu, chunks, begun = time.process_time(), self._chunks, _memory()
            await asyncio.sleep(SECONDS)
            cpu, chunks = time.process_time() - cpu, self._chunks - chunks
            memory = max(begun, _memory()) - before  # on a slow machine, some have ended by now
            await asyncio.gather(*tasks)
        return {"us/chunk": 1e6 * cpu / chunks, "kB/stream": memory / 1e3 / self._count}

    async def _read(self) -> None:
        first = True
        async for text in self._subject.stream_text():
            if text:
                self._chunks += 1
                if first:
                    first = False
                    self._begin()

    def _begin(self) -> None:
        self._begun += 1
        if self._begun == self._count:
            self._all_begun.set()


def _memory() -> int:
    """Return how many bytes of memory this process has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def cost(subject: type[Any], count: int, base_url: str) -> dict[str, float] | None:
    """Measure a subject in a process of its own; return None where it lacks a package."""
    command = [sys.executable, "-m", "benchmarks.many_streams"]
    command += [subject.__module__, subject.__name__, str(count), base_url]
    environment = {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


SUBJECTS: Mapping[str, tuple[type[Any], int]] = {
    "floor": (AsyncAiohttp, STREAMS),
    "peer": (AsyncPeerChain, PEER_STREAMS),
    "ours": (AsyncOurChain, STREAMS),
}


@dataclass(frozen=True)
class StreamsRow:
    """What 2,048 streams at once cost, as a multiple of the HTTP library's.

    Args:
        figure: "us/chunk" or "kB/stream".
    """

    name: str
    title: str
    unit: str
    figure: str
    budget: float

    def measure(self, rounds: int) -> Result:
        """Measure the least that each subject took, of at most three rounds."""
        values = {
            name: min(figures[self.figure] for figures in found)
            for name, found in _costs(min(rounds, 3)).items()
        }
        factors = {name: value / values["floor"] for name, value in values.items()}
        kind: Literal["times the floor"] = "times the floor"
        return Result(self.name, self.title, self.unit, kind, values, factors, self.budget)


@cache  # one run has the figures of both rows
def _costs(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Measure every subject so often, in turns."""
    _allow_many_sockets()
    costs: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for name, (subject, count) in SUBJECTS.items():
            if name == "peer" and sys.modules.get("langchain_core", sys) is None:  # --no-peer
                continue
            with serving() as base_url:
                figures = cost(subject, count, f"{base_url}/slow")
            if figures is not None:
                costs.setdefault(name, []).append(figures)
    return costs


_TITLE = f"{STREAMS:,} streams of prompt, model, parser at once, a chunk every 50 ms"

ROWS = (
    StreamsRow("http-many-streams", _TITLE, "us CPU/chunk", "us/chunk", 1.5),
    StreamsRow("http-many-streams-memory", "the same: memory", "kB/stream", "kB/stream", 2.0),
)

if __name__ == "__main__":
    _module, _name, _count, _base_url = sys.argv[1:]
    _allow_many_sockets()
    _subject = getattr(import_module(_module), _name)()
    _subject.base_url = _base_url
    assert CHUNKS >= 100, "a stream must last longer than what is measured"

    async def _main() -> dict[str, float]:
        return await _Streams(_subject, int(_count)).measure()

    print(json.dumps(asyncio.run(_main())))
