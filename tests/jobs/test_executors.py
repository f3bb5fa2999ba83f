"""Batches whose rows run on a Dask cluster of real processes: what holds on one machine holds."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.job_kills import CountingServer, answer_of
from runnables import (
    BatchStopped,
    ChatPromptTemplate,
    ConfigError,
    InMemoryRateLimiter,
    Progress,
    RemoteError,
    RunnableLambda,
    ServerError,
    UsageMetadata,
    is_cancelled,
    track_usage,
)
from runnables.core.handlers import Event
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.leaks("the cluster's own threads and sockets"),
    # of Dask itself
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

LIMIT = 8


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Yield a client of a cluster of two processes, each with one thread of its own."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def server() -> Iterator[CountingServer]:
    """Yield a server that counts its calls."""
    server = CountingServer(0.01)
    yield server
    server.shutdown()
    server.server_close()


def asking(url: str) -> RunnableLambda[int, str]:
    """Return a step that asks the server about a number; a closure, which travels by value."""

    def ask(number: int) -> str:
        with urllib.request.urlopen(f"{url}/{number}") as answer:
            return str(answer.read().decode())

    return RunnableLambda(ask)


def test_rows_run_in_the_workers_and_come_back_in_order(call: Call, client: Any) -> None:
    """As with one process, also for a lambda and for input that is no list."""
    here = os.getpid()
    chain = RunnableLambda(lambda row: (row * 2, os.getpid())) | (lambda pair: pair)
    rows = call.batch(chain, range(100), executor=client, max_concurrency=LIMIT)
    assert [row for row, _ in rows] == [2 * number for number in range(100)]
    assert here not in {process for _, process in rows} and len({p for _, p in rows}) == 2
    again = call.batch(chain, iter(range(30)), executor=client, max_concurrency=LIMIT)
    assert [row for row, _ in again] == [2 * number for number in range(30)]


def test_equal_rows_are_each_called(call: Call, client: Any, server: CountingServer) -> None:
    """Dask would merge equal calls; six samples of one prompt are six calls."""
    answers = call.batch(asking(server.url), [7] * 6, executor=client)
    assert answers == [answer_of(7)] * 6
    assert server.calls == {"/7": 6}


def test_no_more_rows_run_at_once_than_the_limit(client: Any) -> None:
    """`max_concurrency` is the sum over all workers, and each has its share."""
    marks = RunnableLambda(_mark)
    spans = marks.batch(range(60), executor=client, max_concurrency=6)
    edges = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    assert max(itertools.accumulate(step for _, step in edges)) == 6


def _mark(_: int) -> tuple[float, float]:
    import time

    start = time.time()
    time.sleep(0.02)
    return start, time.time()


class PlainError(Exception):
    """An error of a user that can be pickled."""


class OddError(Exception):
    """An error of a user that cannot be made again from its arguments."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def fail(number: int) -> int:
    """Fail for some numbers."""
    if number == 3:
        raise PlainError("three")
    if number == 5:
        raise OddError(5, "five")
    return number


def test_errors_come_back_with_their_notes(call: Call, client: Any) -> None:
    """The class of the user, where it happened, and the traceback of the worker as the cause."""
    chain = RunnableLambda(lambda number: number) | fail
    found = call.batch(chain, range(6), executor=client, return_exceptions=True)
    assert [one for one in found if not isinstance(one, Exception)] == [0, 1, 2, 4]
    assert isinstance(found[3], PlainError) and str(found[3]) == "three"
    assert found[3].__notes__ == ["in step 2 of 2 (fail), attempt 1, row 3"]
    assert "in fail" in str(found[3].__cause__)
    assert isinstance(found[5], RemoteError)
    assert found[5].error_type.endswith("OddError") and "five" in str(found[5])
    assert found[5].__notes__ == ["in step 2 of 2 (fail), attempt 1, row 5"]


def test_the_first_error_ends_a_batch_that_does_not_collect_them(call: Call, client: Any) -> None:
    """It is raised, and what is left does not run."""
    with pytest.raises(PlainError) as raised:
        call.batch(RunnableLambda(fail), iter(range(10**9)), executor=client, max_concurrency=2)
    assert "row 3" in raised.value.__notes__[0]


def test_too_many_errors_stop_the_job(call: Call, client: Any) -> None:
    """`max_errors` is counted by the driver; the result says why it ended."""
    with pytest.raises(BatchStopped) as raised:
        call.batch(RunnableLambda(_refuse), range(10_000), executor=client, max_errors=5)
    assert raised.value.reason == "max_errors"
    assert 5 < raised.value.progress.failed < 10_000


def _refuse(number: int) -> int:
    raise PlainError(str(number))


def _kill_one(client: Any, server: CountingServer, after: int) -> threading.Thread:
    """Kill a worker when the server has had so many calls."""
    victim = next(iter(client.run(os.getpid).values()))

    def kill() -> None:
        server.wait_until(lambda calls: calls.total() >= after)
        os.kill(victim, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_a_killed_worker_loses_nothing(call: Call, client: Any, server: CountingServer) -> None:
    """Each row has one result; only rows of a chunk in flight were called again, by the counts."""
    rows, seen = 1_000, []
    killer = _kill_one(client, server, 300)
    pairs = call.batch_as_completed(
        asking(server.url), range(rows), executor=client, max_concurrency=16, progress=seen.append
    )
    killer.join()
    assert sorted(pairs) == [(number, answer_of(number)) for number in range(rows)]
    again = Counter(server.calls.values())
    assert again.keys() <= {1, 2} and 0 < again[2] <= 700
    assert (seen[-1].done, seen[-1].running, seen[-1].failed) == (rows, 0, 0)


def test_a_restart_of_the_cluster_loses_nothing(
    call: Call, client: Any, server: CountingServer
) -> None:
    """It cancels the tasks of the job, and what the scheduler has of it; both are sent again."""
    rows = 400

    def restart() -> None:
        server.wait_until(lambda calls: calls.total() >= 100)
        client.restart(wait_for_workers=False)
        try:
            client.wait_for_workers(2, timeout=20)
        except TimeoutError:  # on a busy machine, Dask loses workers that start at a restart
            client.cluster.scale(0)
            client.cluster.scale(2)

    thread = threading.Thread(target=restart)
    thread.start()
    found = call.batch(asking(server.url), range(rows), executor=client, max_concurrency=4)
    thread.join()
    assert found == [answer_of(number) for number in range(rows)]


def test_a_task_that_the_client_forgets_is_sent_again(
    call: Call, client: Any, server: CountingServer
) -> None:
    """A restart forgets what another thread sends meanwhile, and never says so.

    It also forgets tasks between their end and the fetching of their results.
    """
    rows = 120

    def forget() -> None:
        for reached in range(4, rows, 8):
            server.wait_until(lambda calls: calls.total() >= reached)  # noqa: B023 - called at once
            client.futures.clear()

    thread = threading.Thread(target=forget)
    thread.start()
    found = call.batch(asking(server.url), range(rows), executor=client, max_concurrency=4)
    thread.join()
    assert found == [answer_of(number) for number in range(rows)]


def test_leaving_the_stream_stops_the_chunks(
    call: Call, client: Any, server: CountingServer
) -> None:
    """Rows in workers see that they are cancelled; the server hears of it."""
    url = server.url

    def wait(number: int) -> int:
        if number:
            urllib.request.urlopen(f"{url}/{number}").close()
            while not is_cancelled():
                pass
            urllib.request.urlopen(f"{url}/{100 + number}").close()
        return number

    step = RunnableLambda(wait)
    first = call.batch_as_completed(step, range(4), executor=client, max_concurrency=4, take=1)
    assert first == [(0, 0)]
    server.wait_until(
        lambda calls: all(calls[f"/{100 + n}"] or not calls[f"/{n}"] for n in (1, 2, 3))
    )


def test_a_checkpoint_is_shared_by_both_ways(
    call: Call, client: Any, server: CountingServer, tmp_path: Path
) -> None:
    """What a run in workers has stored, a run in one process does not call again, and back."""
    step, path = asking(server.url), tmp_path / "run.sqlite"
    call.batch(step, range(40), executor=client, checkpoint=path)
    call.batch(step, range(60), checkpoint=path)
    found = call.batch(step, range(80), executor=client, checkpoint=path)
    assert found == [answer_of(number) for number in range(80)]
    assert set(server.calls.values()) == {1} and len(server.calls) == 80


USAGE = UsageMetadata(input_tokens=3, output_tokens=2, total_tokens=5)


def test_tokens_attempts_and_events_are_counted_as_on_one_machine(call: Call, client: Any) -> None:
    """In the numbers of the job, by a tracker around it, and by a handler of the call."""
    model = ScriptedChatModel(["Ahoy!"], cycle=True, usage=USAGE)
    chain = ChatPromptTemplate.from_template("{text}") | model | (lambda message: message.text)
    seen: list[Progress] = []
    log: list[Event] = []

    class Log:
        def on_event(self, event: Event) -> None:
            log.append(event)

    with track_usage() as usage:
        found = call.batch(
            chain,
            [{"text": str(number)} for number in range(20)],
            {"callbacks": [Log()], "tags": ["here"]},
            executor=client,
            progress=seen.append,
        )
    assert found == ["Ahoy!"] * 20
    assert (seen[-1].input_tokens, seen[-1].output_tokens) == (60, 40)
    assert usage.total["total_tokens"] == 100
    ends = [event for event in log if event.kind == "end" and event.run_type == "chat_model"]
    assert len(ends) == 20 and all("here" in event.tags for event in log)


def test_rows_are_tried_again_in_their_worker(call: Call, client: Any, tmp_path: Path) -> None:
    """By time, as on one machine; the driver counts the attempts."""
    marks, seen = str(tmp_path), []

    def once(number: int) -> int:
        mark = Path(marks) / str(number)
        if not mark.exists():
            mark.touch()
            raise ServerError("not yet")
        return number

    found = call.batch(RunnableLambda(once), range(6), executor=client, progress=seen.append)
    assert found == list(range(6)) and seen[-1].retried == 6


def test_a_budget_stops_the_job_within_a_call_of_each_slot(call: Call, client: Any) -> None:
    """Each chunk may spend a part of it; the job goes on after it is raised."""
    model = ScriptedChatModel(["Ahoy!"], cycle=True, usage=USAGE)
    with pytest.raises(BatchStopped) as raised:
        call.batch(model, ["Hi"] * 5_000, executor=client, budget=1_000, max_concurrency=LIMIT)
    assert raised.value.reason == "budget"
    progress: Progress = raised.value.progress
    assert 1_000 <= progress.input_tokens + progress.output_tokens <= 1_000 + LIMIT * 5


def test_started_jobs_take_executors(client: Any) -> None:
    """The handle shows the numbers, and has the result."""
    job = RunnableLambda(fail).start_batch(range(8), executor=client)
    result = job.result(60)
    assert set(result.failures) == {3, 5} and result.progress.done == 6


async def test_async_jobs_take_async_iterables(client: Any) -> None:
    """Rows are pulled while others run, and no more than are wanted."""

    async def rows() -> AsyncIterator[int]:
        for number in range(50):
            yield number

    job = RunnableLambda(lambda number: number + 1).astart_batch(rows(), executor=client)
    assert sorted((await job.result()).outputs) == list(range(1, 51))  # type: ignore[type-var]


async def test_an_async_client_is_used_in_its_loop() -> None:
    """In the loop of the caller, which is not blocked."""
    async with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            dashboard_address=":0",
            asynchronous=True,
        ) as cluster,
        distributed.Client(cluster, asynchronous=True) as client,
    ):
        found = await RunnableLambda(lambda number: number + 1).abatch(range(20), executor=client)
        assert found == list(range(1, 21))
        with pytest.raises(ConfigError, match="abatch"):
            RunnableLambda(len).batch(["a"], executor=client)


def test_each_process_takes_its_part_of_a_rate_limit(client: Any) -> None:
    """Two processes with half of 40 a second each: 30 rows take more than half a second."""
    limiter = InMemoryRateLimiter(requests_per_second=40)
    model = ScriptedChatModel(["Ahoy!"], cycle=True, rate_limiter=limiter)
    timed = RunnableLambda(_now)
    times = (model | timed).batch(["Hi"] * 30, executor=client, max_concurrency=LIMIT)
    assert max(times) - min(times) > 0.8 * 28 / 40


def _now(_: Any) -> float:
    import time

    return time.time()


def test_a_chain_that_cannot_travel_names_its_part(call: Call, client: Any) -> None:
    """Before anything runs."""
    held = threading.Lock()

    def locked(number: int) -> int:
        with held:
            return number

    chain = RunnableLambda(fail) | RunnableLambda(locked)
    with pytest.raises(ConfigError, match=r"cannot be sent to workers.*part .*locked"):
        call.batch(chain, [1], executor=client)


def test_an_output_that_cannot_travel_is_the_error_of_its_row(call: Call, client: Any) -> None:
    """The other rows of the chunk have their outputs."""

    def make(number: int) -> Any:
        return threading.Lock() if number == 2 else number

    found = call.batch(RunnableLambda(make), range(4), executor=client, return_exceptions=True)
    assert [found[0], found[1], found[3]] == [0, 1, 3]
    assert isinstance(found[2], ConfigError) and "cannot be sent back" in str(found[2])


@pytest.mark.parametrize("wrong", ["dask", 3, object(), int])
def test_an_unknown_executor_is_refused(wrong: Any) -> None:
    """With what is known."""
    with pytest.raises(ConfigError, match=r"expected a Client of dask\.distributed"):
        RunnableLambda(len).batch(["a"], executor=wrong)


def test_endless_rows_are_pulled_as_they_are_wanted(call: Call, client: Any) -> None:
    """No more than the workers need, and what the reader gets."""
    pulled: list[int] = []

    def rows() -> Iterator[int]:
        for number in itertools.count():
            pulled.append(number)
            yield number

    step: RunnableLambda[int, int] = RunnableLambda(lambda number: number)
    pairs = call.batch_as_completed(step, rows(), executor=client, max_concurrency=4, take=10)
    assert len(pairs) == 10 and all(row == output for row, output in pairs)
    assert len(pulled) < 10_000
