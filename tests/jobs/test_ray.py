"""Batches whose rows run in processes of Ray: what arrives, what is lost, what is cancelled."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.job_kills import CountingServer, answer_of
from benchmarks.ray_cluster import ray_cluster
from runnables import (
    ConfigError,
    Progress,
    RayExecutor,
    RunnableLambda,
    is_cancelled,
)
from runnables.errors import WorkerLostError
from tests.both_modes import Call
from tests.leaks import wait_for

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.leaks("Ray keeps its connections to the processes until it is shut down"),
]


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Yield the module, connected to a cluster of two processes, which have both begun."""
    with ray_cluster(2) as ray:

        def process() -> int:
            time.sleep(0.2)
            return os.getpid()

        task = ray.remote(process)
        until = time.monotonic() + 60
        while len(set(ray.get([task.remote(), task.remote()]))) < 2:
            assert time.monotonic() < until, "the second process has not begun"
        yield ray


@pytest.fixture
def server() -> Iterator[CountingServer]:
    """Yield a server that counts the calls of each path."""
    server = CountingServer(0.05)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def step(function: Callable[[Any], Any]) -> RunnableLambda[Any, Any]:
    """Return a step that runs a function in a thread, or a task."""

    async def in_task(row: Any) -> Any:
        return function(row)

    return RunnableLambda(function, afunc=in_task)


def test_outputs_come_in_order_from_other_processes(ray: Any, call: Call) -> None:
    """Of a lambda, also where contents are equal; both processes have had rows."""
    double = step(lambda row: (row * 2, os.getpid()))
    rows = [*range(300), 7, 7, 7]
    outputs = call.batch(double, rows, max_concurrency=8, executor=ray)
    assert [output for output, _ in outputs] == [row * 2 for row in rows]
    processes = {process for _, process in outputs}
    assert len(processes) == 2 and os.getpid() not in processes


def test_a_row_that_fails_keeps_its_error(ray: Any, call: Call) -> None:
    """Its class, too, though that exists in the driver alone; the other rows have outputs."""

    class OddError(ValueError):
        pass

    def fail_odd(row: int) -> int:
        if row % 2:
            raise OddError(f"odd {row}")
        return row

    outputs = call.batch(step(fail_odd), range(4), executor=ray, return_exceptions=True)
    assert outputs[::2] == [0, 2]
    assert [type(error).__name__ for error in outputs[1::2]] == ["OddError", "OddError"]
    assert [str(error) for error in outputs[1::2]] == ["odd 1", "odd 3"]


def test_the_chain_travels_once_to_each_process(ray: Any, tmp_path: Path) -> None:
    """However many chunks they run."""

    class Loaded:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__ = state
            with open(f"{self.folder}/{os.getpid()}", "a") as file:
                file.write(".")

        def __call__(self, row: int) -> int:
            time.sleep(0.01)
            return os.getpid()

    chain = RunnableLambda(Loaded(str(tmp_path)).__call__)
    processes = set(chain.batch(range(400), max_concurrency=8, executor=ray))
    loads = {int(file.name): file.read_text() for file in tmp_path.iterdir()}
    assert loads == dict.fromkeys(processes, ".") and len(processes) == 2


def test_the_limit_is_that_of_all_processes(ray: Any) -> None:
    """No more rows run at once than max_concurrency says."""

    def times(row: int) -> tuple[float, float]:
        began = time.monotonic()
        time.sleep(0.01)
        return began, time.monotonic()

    spans = RunnableLambda(times).batch(range(120), max_concurrency=6, executor=ray)
    changes = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    assert 3 < most <= 6


def test_a_killed_process_loses_nothing(ray: Any, server: CountingServer, tmp_path: Path) -> None:
    """Each row has one output, in order and in the checkpoint; only its chunk is called again."""
    count, url = 600, server.url
    checkpoint, killed = tmp_path / "run.sqlite", tmp_path / "killed"

    def ask(row: int) -> str:
        with urllib.request.urlopen(f"{url}/{row}") as answer:
            text: str = answer.read().decode()
        if row == count // 2 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return text

    outputs = RunnableLambda(ask).batch(
        range(count), max_concurrency=16, executor=ray, checkpoint=str(checkpoint)
    )
    assert outputs == list(map(answer_of, range(count))) and killed.exists()
    calls = {int(path[1:]): times for path, times in server.calls.items()}
    assert set(calls) == set(range(count)) and set(calls.values()) == {1, 2}
    assert list(calls.values()).count(2) < count // 4
    with closing(sqlite3.connect(checkpoint)) as db:
        done = "SELECT count(*), count(DISTINCT position) FROM row WHERE status = 'done'"
        assert db.execute(done).fetchone() == (count, count)


def test_a_row_that_kills_its_process_fails_alone(ray: Any) -> None:
    """Its neighbours are sent again, and have their outputs."""

    def maybe_die(row: int) -> int:
        if row == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return row

    chain = RunnableLambda(maybe_die)
    outputs = chain.batch(range(12), max_concurrency=4, executor=ray, return_exceptions=True)
    assert isinstance(outputs.pop(5), WorkerLostError)
    assert outputs == [*range(5), *range(6, 12)]


def test_a_checkpoint_is_written_by_the_driver(ray: Any, tmp_path: Path, call: Call) -> None:
    """A second run, without Ray, calls nothing again."""
    path = str(tmp_path / "run.sqlite")
    process = step(lambda row: [row, os.getpid()])
    numbers: list[Progress] = []
    first = call.batch(process, range(40), executor=ray, checkpoint=path, progress=numbers.append)
    again = call.batch(process, range(40), checkpoint=path)
    assert first == again and [row for row, _ in first] == list(range(40))
    assert (numbers[-1].done, numbers[-1].failed, numbers[-1].running) == (40, 0, 0)


def test_cancel_reaches_the_rows_that_run(ray: Any, tmp_path: Path) -> None:
    """They see it where they ask, and those that wait never begin."""

    def wait(row: int) -> None:
        (tmp_path / f"{row} began").touch()
        until = time.monotonic() + 60
        while not is_cancelled() and time.monotonic() < until:
            time.sleep(0.01)
        if is_cancelled():
            (tmp_path / f"{row} cancelled").touch()

    def found(word: str) -> int:
        return len(list(tmp_path.glob(f"* {word}")))

    job = RunnableLambda(wait).start_batch(range(40), max_concurrency=4, executor=ray)
    assert wait_for(lambda: found("began") == 4, 30)
    job.cancel()
    assert job.result().ended == "cancelled"
    assert wait_for(lambda: found("cancelled") == 4, 10)
    assert found("began") == 4


def test_an_abandoned_stream_cancels_its_rows(ray: Any, tmp_path: Path, call: Call) -> None:
    """What is left in the middle ends at once, and the next batch finds free processes."""

    def note(row: int) -> int:
        if row > 8:
            time.sleep(0.1)
        (tmp_path / str(row)).touch()
        return row

    async def note_async(row: int) -> int:
        import asyncio

        if row > 8:
            await asyncio.sleep(0.1)
        (tmp_path / str(row)).touch()
        return row

    chain = RunnableLambda(note, afunc=note_async)
    pairs = call.batch_as_completed(chain, range(2000), max_concurrency=4, executor=ray, take=4)
    assert len(pairs) == 4
    assert call.batch(step(str), ["a"], executor=ray) == ["a"]
    assert len(list(tmp_path.iterdir())) < 200


def test_processes_stay_for_the_next_batch_and_then_end(ray: Any) -> None:
    """Their part of the cluster is free again some seconds later."""

    def process(row: int) -> int:
        time.sleep(0.05)
        return os.getpid()

    chain = RunnableLambda(process)
    first = set(chain.batch(range(16), max_concurrency=4, executor=ray))
    assert set(chain.batch(range(16), max_concurrency=4, executor=ray)) == first
    assert wait_for(lambda: ray.available_resources().get("CPU") == 2, 30)


def test_options_of_the_processes_are_passed_on(ray: Any) -> None:
    """Here one process at most, with a variable of its environment."""
    executor = RayExecutor(1, num_cpus=0.5, runtime_env={"env_vars": {"SHIP": "Beagle"}})
    chain = RunnableLambda(lambda _: (os.environ["SHIP"], os.getpid()))
    outputs = chain.batch(range(50), max_concurrency=8, executor=executor)
    assert len(set(outputs)) == 1 and outputs[0][0] == "Beagle"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: RayExecutor(0), "processes=0: expected a number from 1 on"),
        (lambda: RayExecutor(max_restarts=2), "max_restarts=2: the batch itself says when"),
        (lambda: RayExecutor(num_cpus=0), "num_cpus=0: nothing says how many processes"),
        (
            lambda: RunnableLambda(str).batch([1], executor="ray"),
            "executor='ray': expected a Client",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Callable[[], Any], text: str) -> None:
    """With what to write instead."""
    with pytest.raises(ConfigError) as caught:
        make()
    assert text in str(caught.value)
