"""Rows about batches: many inputs, parallel branches, and flat memory over a million rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import calls
from benchmarks.harness import BusyRow, Row, Run, Script, repeated

ITEMS = 1_000
LIMIT = 8
BRANCHES = 4


def _pool() -> Run:
    steps = [calls.inc] * calls.STEPS

    def work(x: int) -> int:
        for step in steps:
            x = step(x)
        return x

    def run() -> list[int]:
        with ThreadPoolExecutor(LIMIT) as pool:
            return list(pool.map(work, range(ITEMS)))

    return repeated(run)


def _peer_batch() -> Run:
    from langchain_core.runnables import RunnableLambda

    chain = calls._chain(RunnableLambda, calls.inc)
    return repeated(lambda: chain.batch(list(range(ITEMS)), config={"max_concurrency": LIMIT}))


def _our_batch() -> Run:
    from runnables import RunnableLambda

    chain = calls._chain(RunnableLambda, calls.inc)
    return repeated(lambda: chain.batch(range(ITEMS), max_concurrency=LIMIT))


def _pool_submits() -> Run:
    pool = ThreadPoolExecutor(BRANCHES)

    def run() -> list[int]:
        futures = [pool.submit(calls.inc, 1) for _ in range(BRANCHES)]
        return [future.result() for future in futures]

    return repeated(run)


def _branches(parallel: Any) -> Run:
    branches = parallel({f"branch{index}": calls.inc for index in range(BRANCHES)})
    return repeated(lambda: branches.invoke(1))


def _peer_parallel() -> Run:
    from langchain_core.runnables import RunnableParallel

    return _branches(RunnableParallel)


def _our_parallel() -> Run:
    from runnables import RunnableParallel

    return _branches(RunnableParallel)


_FLOOR = """
import runnables
for x in range(n): x + 1
"""
_PEER = """
from langchain_core.runnables import RunnableLambda
rows = list(range(n))
for _ in RunnableLambda(lambda x: x + 1).batch_as_completed(rows, {"max_concurrency": 8}): pass
"""
_OURS = """
from runnables import RunnableLambda
rows = iter(range(n))
for _ in RunnableLambda(lambda x: x + 1).batch_as_completed(rows, max_concurrency=8): pass
"""
_PEAK = """
from benchmarks.harness import peak_memory
print(peak_memory())
"""
MANY = 1_000_000


def _programs(ours: int, peer: int) -> dict[str, str]:
    """Return the programs. The peer gets fewer rows: it makes all futures before the first runs."""
    sources = {"floor": (ours, _FLOOR), "peer": (peer, _PEER), "ours": (ours, _OURS)}
    return {name: f"n = {n}\n{source}{_PEAK}" for name, (n, source) in sources.items()}


ROWS = (
    Row(
        name="batch",
        title="batch, 1,000 inputs x 10 steps, limit 8",
        unit="us/input",
        per=ITEMS,
        budget=1.5,
        floor=_pool,
        peer=_peer_batch,
        ours=_our_batch,
        steady=False,
    ),
    Row(
        name="parallel",
        title="RunnableParallel, 4 trivial branches",
        unit="us",
        per=1,
        budget=1.5,
        floor=_pool_submits,
        peer=_peer_parallel,
        ours=_our_parallel,
        steady=False,
    ),
    BusyRow(
        name="parallel-busy",
        title="the same, beside a busy process on each core",
        unit="us",
        per=1,
        budget=1.5,
        floor=_pool_submits,
        peer=_peer_parallel,
        ours=_our_parallel,
        steady=False,
    ),
    Script(
        name="memory",
        title="1,000,000 rows through batch_as_completed (peer: 20,000), against a tenth of them",
        unit="MB at most",
        budget=1.1,
        sources=_programs(MANY, 20_000),
        first=_programs(MANY // 10, 2_000),
        max_rounds=1,
    ),
)
