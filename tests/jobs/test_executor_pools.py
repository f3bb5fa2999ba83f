"""Batches whose rows run in executors of concurrent.futures: threads, and pools of processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from runnables import (
    BatchStopped,
    Budget,
    ConfigError,
    Progress,
    Runnable,
    RunnableLambda,
    RunnablesError,
    UsageMetadata,
    WorkerLostError,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

cloudpickle = pytest.importorskip("cloudpickle")

SPAWN = multiprocessing.get_context("spawn")

USAGE = UsageMetadata(input_tokens=30, output_tokens=30, total_tokens=60)


def asking() -> ScriptedChatModel:
    """Return a model whose answers take 60 tokens each."""
    return ScriptedChatModel(["Ahoy!"], cycle=True, usage=USAGE)


def test_a_budget_in_money_is_divided_as_well(call: Call) -> None:
    """Though there is no limit for tokens, of which each part may spend any number."""
    budget = Budget(cost=1.0, prices={"ScriptedChatModel": (1.0, 1.0)})
    with ThreadPoolExecutor(2) as pool:
        found = call.batch(asking(), ["Hi"] * 50, executor=pool, max_concurrency=2, budget=budget)
    assert len(found) == 50 and budget.spent_tokens == 50 * 60


def test_a_budget_that_interrupted_rows_spend_ends_the_job(call: Call) -> None:
    """Each row makes two calls, for which no part of the budget is enough."""
    chain = asking() | RunnableLambda(lambda _: "again") | asking()
    budget = Budget(tokens=100)
    with ThreadPoolExecutor(2) as pool, pytest.raises(BatchStopped) as stopped:
        call.batch(chain, ["Hi"] * 4, executor=pool, max_concurrency=1, budget=budget)
    assert stopped.value.reason == "budget" and budget.spent_tokens == 120


def test_a_budget_around_the_call_counts_all_that_was_used(call: Call) -> None:
    """Also the answers of rows whose events come once it is spent."""
    budget = Budget(tokens=100)
    seen: list[Progress] = []
    with budget, ThreadPoolExecutor(2) as pool, pytest.raises(BatchStopped):
        call.batch(asking(), ["Hi"] * 40, executor=pool, max_concurrency=4, progress=seen.append)
    assert budget.spent_tokens == seen[-1].input_tokens + seen[-1].output_tokens > 120


@pytest.fixture(params=["threads", "processes"])
def pool(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Yield an executor."""
    if request.param == "threads":
        made: Executor = ThreadPoolExecutor(2)
    else:
        made = ProcessPoolExecutor(2, mp_context=SPAWN)
    with made:
        yield made


@pytest.mark.leaks("the manager of the pool")
def test_any_executor_runs_the_rows(call: Call, pool: Executor) -> None:
    """Lambdas travel to processes, too; errors and order are as always."""
    step = RunnableLambda(lambda number: 100 // number)
    found = call.batch(step, range(60), executor=pool, max_concurrency=4, return_exceptions=True)
    assert isinstance(found[0], ZeroDivisionError) and "row 0" in found[0].__notes__[0]
    assert found[1:] == [100 // number for number in range(1, 60)]
    pairs = call.batch_as_completed(
        RunnableLambda(str), iter(range(10**9)), executor=pool, max_concurrency=4, take=5
    )
    assert all(output == str(number) for number, output in pairs) and len(pairs) == 5


def _die_at_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


@pytest.mark.leaks("the manager of a pool that is broken")
def test_a_row_that_kills_its_process_fails_alone() -> None:
    """After three deaths, the last with no other row around, in new pools of the function."""
    step = RunnableLambda(_die_at_three)
    found = step.batch(
        range(8),
        executor=lambda: ProcessPoolExecutor(1, mp_context=SPAWN),
        max_concurrency=2,
        return_exceptions=True,
    )
    assert isinstance(found[3], WorkerLostError)
    assert "3 times" in str(found[3]) and "no other row" in str(found[3])
    assert [*found[:3], *found[4:]] == [0, 1, 2, 4, 5, 6, 7]


@pytest.mark.leaks("the manager of a pool that is broken")
def test_a_broken_pool_ends_the_job_with_a_way_out() -> None:
    """Nothing can go on in it."""
    with (
        ProcessPoolExecutor(1, mp_context=SPAWN) as pool,
        pytest.raises(RunnablesError, match=r"executor=lambda: ProcessPoolExecutor"),
    ):
        RunnableLambda(_die_at_three).batch(range(8), executor=pool)


class Doubled(Runnable[int, int]):
    """A step that takes three numbers in one call."""

    max_batch_size = 3

    def invoke(self, input: int, config: Any = None, **kwargs: Any) -> int:
        return 2 * input

    def _invoke_batch(self, values: Sequence[int], scope: Any, kwargs: dict[str, Any]) -> list[int]:
        return [2 * value for value in values]


def test_rows_that_share_calls_are_counted_and_watched(call: Call) -> None:
    """In the numbers of the job, by a tracker around it, and by its budget, as in one process."""
    chain = asking() | RunnableLambda(lambda message: len(message.text)) | Doubled()
    seen: list[Progress] = []
    budget = Budget(tokens=100_000)
    with ThreadPoolExecutor(2) as pool, track_usage() as usage:
        found = call.batch(chain, ["Hi"] * 9, executor=pool, progress=seen.append, budget=budget)
    assert found == [10] * 9
    assert (seen[-1].input_tokens, seen[-1].output_tokens) == (270, 270)
    assert usage.total["total_tokens"] == budget.spent_tokens == 540


def test_an_error_of_the_rows_themselves_ends_the_job(call: Call) -> None:
    """After what was pulled before; it is raised as it is."""

    def rows() -> Iterator[int]:
        yield from range(20)
        raise OSError("the file is gone")

    with ThreadPoolExecutor(2) as pool, pytest.raises(OSError, match="the file is gone"):
        call.batch(RunnableLambda(str), rows(), executor=pool)


@pytest.mark.parametrize("interrupt", [SystemExit, asyncio.CancelledError])
def test_an_interrupt_of_a_row_ends_the_job(call: Call, interrupt: type[BaseException]) -> None:
    """No row is lost by it, and none is sent again and again."""

    def leave(number: int) -> int:
        if number == 3:
            raise interrupt("enough")
        return number

    async def leave_async(number: int) -> int:
        return leave(number)

    step = RunnableLambda(leave, afunc=leave_async)
    with ThreadPoolExecutor(2) as pool, pytest.raises(ConfigError, match=interrupt.__name__):
        call.batch(step, range(8), executor=pool, max_concurrency=4, return_exceptions=True)


def test_sessions_stay_in_one_process() -> None:
    """Turns of one history go in order."""
    from runnables import with_history

    chain = with_history(RunnableLambda(lambda messages: "yes"))
    with ThreadPoolExecutor(1) as pool, pytest.raises(ConfigError, match="history"):
        chain.batch(["a"], {"configurable": {"session_id": "1"}}, executor=pool)


def test_provider_jobs_need_no_executor() -> None:
    """They are few requests."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(ConfigError, match="via='provider'"):
        RunnableLambda(len).batch(["a"], executor=pool, via="provider")
