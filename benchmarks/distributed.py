"""A batch of 20 ms rows in two worker processes, with and without the death of one.

    python -m benchmarks.distributed
    python -m benchmarks.distributed --rows 2000 --engine dask --kill

Each row sleeps for 20 ms in an event loop, 8 at once in each process. The floor is a semaphore of
asyncio in one process; "bare" is the engine itself with chunks of 200 rows, sent and returned as
bytes. With `--kill`, SIGKILL ends one worker process when a quarter of the rows were called. Every
call appends a byte to a file, so that calls that were made again are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pickle
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.ray_cluster import ray_cluster, ray_processes

WORKERS = 2
AT_ONCE = 8
SECONDS = 0.02
CHUNK = 200

BUDGET, BUDGET_WITH_KILL = 1.3, 1.6

Rows = Sequence[int]


class Engine(NamedTuple):
    """An engine with its worker processes.

    Attributes:
        executor: what `executor=` takes.
        processes: returns the ids of its processes.
        bare: returns the outputs of the rows, by the engine alone.
        starts_them: whether it starts its processes when they have something to do.
    """

    executor: Any
    processes: Callable[[], list[int]]
    bare: Callable[[Rows, str], list[int]] | None = None
    starts_them: bool = False


async def call(row: int, log: str) -> int:
    """Do the work of one row."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, b".")
    os.close(file)
    await asyncio.sleep(SECONDS)
    return row + 1


async def _at_once(rows: Rows, log: str, limit: int) -> list[int]:
    slots = asyncio.Semaphore(limit)

    async def one(row: int) -> int:
        async with slots:
            return await call(row, log)

    return await asyncio.gather(*map(one, rows))


_loops: list[asyncio.Runner] = []


def bare_chunk(packed: bytes, number: int) -> bytes:
    """Run a chunk in a worker, on the loop that it keeps."""
    rows, log = pickle.loads(packed)
    if not _loops:
        _loops.append(asyncio.Runner())
    return pickle.dumps(_loops[0].run(_at_once(rows, log, AT_ONCE)))


@contextmanager
def dask() -> Iterator[Engine]:
    """Yield a Dask cluster."""
    distributed: Any = import_module("distributed")
    with (
        distributed.LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def bare(rows: Rows, log: str) -> list[int]:
            chunks = [
                pickle.dumps((rows[start : start + CHUNK], log))
                for start in range(0, len(rows), CHUNK)
            ]
            left = iter(enumerate(chunks))

            def send() -> Any:
                number, chunk = next(left, (-1, b""))
                return client.submit(bare_chunk, chunk, number, pure=False) if chunk else None

            first = [future for future in (send() for _ in range(3 * WORKERS)) if future]
            outputs: list[int] = []
            pending = distributed.as_completed(first, with_results=True)
            for _, result in pending:
                outputs += pickle.loads(result)
                if (future := send()) is not None:
                    pending.add(future)
            return sorted(outputs)

        yield Engine(client, lambda: list(client.run(os.getpid).values()), bare)


@contextmanager
def ray() -> Iterator[Engine]:
    """Yield a Ray cluster."""
    with ray_cluster(WORKERS) as ray:

        def bare(rows: Rows, log: str) -> list[int]:
            run = ray.remote(bare_chunk)
            starts = iter(range(0, len(rows), CHUNK))
            outputs: list[int] = []
            pending: list[Any] = []
            while True:
                for start in islice(starts, 3 * WORKERS - len(pending)):
                    chunk = pickle.dumps((rows[start : start + CHUNK], log))
                    pending.append(run.remote(chunk, start))
                if not pending:
                    return sorted(outputs)
                done, pending = ray.wait(pending)
                outputs += pickle.loads(ray.get(done[0]))

        def processes() -> list[int]:
            return ray_processes("bare_chunk") or ray_processes("ChunkActor")

        yield Engine(ray, processes, bare, starts_them=True)


@contextmanager
def pool() -> Iterator[Engine]:
    """Yield a function that makes pools of processes."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import active_children, get_context

    made: list[ProcessPoolExecutor] = []

    def make() -> ProcessPoolExecutor:
        made.append(ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")))
        return made[-1]

    def processes() -> list[int]:
        return [process.pid or 0 for process in active_children()]

    yield Engine(make, processes)
    for each in made:
        each.shutdown()


ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "dask": dask,
    "pool": pool,
    "ray": ray,
}


def ours(engine: Engine, rows: Rows, log: str) -> list[int]:
    """Return the outputs of a batch with `executor=`."""
    from runnables import RunnableLambda

    async def step(row: int) -> int:
        return await call(row, log)

    async def run() -> list[int]:
        limit = WORKERS * AT_ONCE
        return await RunnableLambda(step).abatch(
            rows, executor=engine.executor, max_concurrency=limit
        )

    return asyncio.run(run())


class Measured(NamedTuple):
    """One measurement.

    Attributes:
        seconds: the time on the wall.
        cpu: the CPU time of the driver.
        again: how many calls were made again.
    """

    seconds: float
    cpu: float
    again: int


def measure(
    work: Callable[[Rows, str], list[int]], rows: Rows, processes: Callable[[], list[int]] | None
) -> Measured:
    """Run some work, and check its outputs; kill one of these processes a quarter through."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "calls"
        log.touch()
        is_over = threading.Event()
        killer = None
        if processes is not None:
            killer = threading.Thread(target=_kill, args=(processes, log, len(rows) // 4, is_over))
            killer.start()
        began, cpu = time.perf_counter(), time.process_time()
        outputs = work(rows, str(log))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        is_over.set()
        if killer is not None:
            killer.join()
        assert outputs == [row + 1 for row in rows], "rows are missing, or twice there"
        return Measured(seconds, cpu, log.stat().st_size - len(rows))


def _kill(
    processes: Callable[[], list[int]], log: Path, after: int, is_over: threading.Event
) -> None:
    victim: list[int] = []
    while not is_over.wait(0.02):
        if log.stat().st_size and not victim:
            victim = processes()
        if log.stat().st_size >= after:
            os.kill(victim[0], signal.SIGKILL)
            return


def compare(rows: Rows, engines: Sequence[str], rounds: int, *, kill: bool) -> None:
    """Measure all ways in turns, and print the quickest round of each."""
    ideal = len(rows) * SECONDS / (WORKERS * AT_ONCE)
    print(f"{len(rows):,} rows of {SECONDS * 1000:g} ms, {WORKERS} x {AT_ONCE} at once")
    print(f"{'':28}{'s':>8}{'/ ideal':>9}{'driver CPU us/row':>19}{'called again':>14}")

    def show(name: str, found: Measured) -> float:
        cpu, ratio = found.cpu / len(rows) * 1e6, found.seconds / ideal
        print(f"{name:28}{found.seconds:8.2f}{ratio:9.2f}{cpu:19.0f}{found.again:14}", flush=True)
        return ratio

    def floor(some: Rows, log: str) -> list[int]:
        return asyncio.run(_at_once(some, log, WORKERS * AT_ONCE))

    show("ideal", Measured(ideal, 0.0, 0))
    show("asyncio", min(measure(floor, rows, None) for _ in range(rounds)))
    for name in engines:
        with ENGINES[name]() as engine:
            ways = {f"{name}: ours": partial(ours, engine)}
            if engine.bare is not None:
                ways = {f"{name}: bare": engine.bare, **ways}
            for way in ways.values():
                way(range(CHUNK * WORKERS), os.devnull)  # loads what is needed
            for is_killed in (False, True) if kill else (False,):
                found: dict[str, list[Measured]] = {way: [] for way in ways}
                for way in (*ways,) * rounds:
                    _wait_for_all(engine)
                    victims = engine.processes if is_killed else None
                    found[way].append(measure(ways[way], rows, victims))
                for way, each in found.items():
                    label = f"{way}, a worker killed" if is_killed else way
                    ratio = show(label, min(each))
                budget = BUDGET_WITH_KILL if is_killed else BUDGET
                print(f"  budget {budget:g} x ideal: {'pass' if ratio <= budget else 'miss'}")


def _wait_for_all(engine: Engine) -> None:
    while not engine.starts_them and len(engine.processes()) < WORKERS:
        time.sleep(0.1)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distributed")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engine", choices=sorted(ENGINES), action="append")
    parser.add_argument("--kill", action="store_true", help="also with the death of a worker")
    options = parser.parse_args()
    engines = options.engine or ["dask"]
    compare(range(options.rows), engines, options.rounds, kill=options.kill)


if __name__ == "__main__":
    main()
