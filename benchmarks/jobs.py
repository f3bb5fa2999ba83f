"""What the keywords of a job cost a row, beside plain `batch`, and asyncio with a semaphore.

    python -m benchmarks.jobs
    python -m benchmarks.jobs --million

Steps do nothing, so all time is overhead. Each way runs in turns with the others, and the fastest
of its rounds counts: by the clock, and in CPU time of all threads, which other work on the machine
changes less. `--million` runs a million rows with a checkpoint, in a process of its own,
and then the same call again, which only reads the file. It prints the memory at most, after a tenth
of the rows and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 5_000
LIMIT = 8

MILLION = """
import sys, time
from benchmarks.harness import peak_memory
from runnables import RunnableLambda
rows = int(sys.argv[1])
step = RunnableLambda(lambda x: x + 1)
for what in ("run", "read by a second run"):
    began, cpu = time.perf_counter(), time.process_time()
    pairs = step.batch_as_completed(iter(range(rows)), max_concurrency=8, checkpoint=sys.argv[2])
    for count, _ in enumerate(pairs, 1):
        if count == rows // 10:
            early = peak_memory()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert count == rows
    print(f"{rows:,} rows {what}: {rows / seconds:,.0f} a second, {cpu / rows * 1e6:.0f} us of CPU "
          f"a row; {early:.1f} MB after a tenth, {peak_memory():.1f} MB at the end", flush=True)
"""


async def _ainc(x: int) -> int:
    return x + 1


def _inc(x: int) -> int:
    return x + 1


async def _semaphore() -> list[int]:
    limit = asyncio.Semaphore(LIMIT)

    async def one(row: int) -> int:
        async with limit:
            return await _ainc(row)

    return await asyncio.gather(*map(one, range(ROWS)))


def _ways(folder: Path) -> dict[str, Callable[[], Any]]:
    from runnables import RunnableLambda

    step, astep = RunnableLambda(_inc), RunnableLambda(_ainc)
    files = (str(folder / f"{number}.sqlite") for number in range(10**9))

    def batch(**keywords: Any) -> Any:
        return step.batch(range(ROWS), max_concurrency=LIMIT, **keywords)

    def abatch(**keywords: Any) -> Any:
        return asyncio.run(astep.abatch(range(ROWS), max_concurrency=LIMIT, **keywords))

    def ignore(_: object) -> None:
        pass

    return {
        "asyncio with a semaphore": lambda: asyncio.run(_semaphore()),
        "batch": batch,
        "batch, progress=": lambda: batch(progress=ignore),
        "batch, checkpoint=": lambda: batch(checkpoint=next(files)),
        "batch, checkpoint=, durability='full'": lambda: batch(
            checkpoint=next(files), durability="full"
        ),
        "start_batch(...).result()": lambda: step.start_batch(
            range(ROWS), max_concurrency=LIMIT
        ).result(),
        "abatch": abatch,
        "abatch, progress=": lambda: abatch(progress=ignore),
        "abatch, checkpoint=": lambda: abatch(checkpoint=next(files)),
    }


def main() -> None:
    """Measure, and print a line for each way."""
    parser = argparse.ArgumentParser(description="Measures what jobs cost.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of --million")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.million:
            path = str(Path(folder, "run.sqlite"))
            program = [sys.executable, "-c", MILLION, str(options.rows), path]
            subprocess.run(program, check=True)
            print(f"{Path(path).stat().st_size / 1e6:,.0f} MB of file")
            return
        ways = _ways(Path(folder))
        best = dict.fromkeys(ways, float("inf"))
        cpu = dict.fromkeys(ways, float("inf"))
        for _ in range(options.rounds):
            for name, run in ways.items():
                began, before = time.perf_counter(), time.process_time()
                run()
                best[name] = min(best[name], time.perf_counter() - began)
                cpu[name] = min(cpu[name], time.process_time() - before)
        for name in ways:
            print(
                f"{name:40} {best[name] / ROWS * 1e6:8.1f} us a row"
                f"{cpu[name] / ROWS * 1e6:8.1f} us of CPU {cpu[name] / cpu['batch']:6.1f}x batch"
            )


if __name__ == "__main__":
    main()
