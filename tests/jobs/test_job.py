"""Handles of jobs: read, watched and cancelled while they run; how jobs end early."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from runnables import (
    AuthenticationError,
    BatchStopped,
    Budget,
    ConfigError,
    Progress,
    RateLimitError,
    RunnableLambda,
    ServerError,
    UsageMetadata,
    is_cancelled,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


def fail_odd(number: int) -> int:
    if number % 2:
        raise ValueError(f"odd {number}")
    return number


def start(call: Call, step: Any, rows: Any, use: Callable[[Any], Any], **keywords: Any) -> Any:
    """Start a job, and return what `use` makes of its result."""

    async def in_loop() -> Any:
        return use(await step.astart_batch(rows, **keywords).result())

    return call.run(lambda: use(step.start_batch(rows, **keywords).result()), in_loop)


def test_a_job_tries_all_rows(call: Call) -> None:
    """Failures take the place of their outputs, and are listed by position."""
    result = start(call, RunnableLambda(fail_odd), range(4), lambda result: result)
    assert (result.outputs[0], result.outputs[2]) == (0, 2)
    assert {at: str(error) for at, error in result.failures.items()} == {1: "odd 1", 3: "odd 3"}
    assert (result.ended, result.error, result.progress.failed) == ("done", None, 2)


def test_outputs_are_read_while_the_job_runs() -> None:
    """In order, as soon as each is there; the first before the last has begun."""
    gate = threading.Event()

    def wait_for_gate(number: int) -> int:
        if number == 3:
            gate.wait(30)
        return number

    job = RunnableLambda(wait_for_gate).start_batch(range(4), max_concurrency=2)
    outputs = iter(job)
    assert [next(outputs), next(outputs), next(outputs)] == [0, 1, 2]
    assert not job.done()
    with pytest.raises(TimeoutError):
        job.result(timeout=0.01)
    gate.set()
    assert list(outputs) == [3]
    assert (
        job.result().outputs == [0, 1, 2, 3] == [output for _, output in sorted(job.as_completed())]
    )


def test_outputs_are_read_while_an_async_job_runs() -> None:
    """The same in one event loop, by two readers."""

    async def main() -> list[list[Any]]:
        gate = asyncio.Event()

        async def wait_for_gate(number: int) -> int:
            if number == 1:
                await gate.wait()
            return number

        job = RunnableLambda(wait_for_gate).astart_batch(range(3))

        async def read() -> list[Any]:
            outputs = []
            async for output in job:
                outputs.append(output)
                gate.set()
            return outputs

        return await asyncio.gather(read(), read())

    assert asyncio.run(main()) == [[0, 1, 2], [0, 1, 2]]


def test_cancel_ends_a_job(call: Call, tmp_path: Any) -> None:
    """Rows under way are cancelled; what is done is in the result and in the checkpoint."""
    path = tmp_path / "run.sqlite"
    begun = threading.Event()

    def sync_row(number: int) -> int:
        if number == 2:
            begun.set()
            while not is_cancelled():
                time.sleep(0.001)
            raise RuntimeError("its call was cancelled")
        return number

    def sync() -> Any:
        job = RunnableLambda(sync_row).start_batch(range(5), max_concurrency=1, checkpoint=path)
        begun.wait(30)
        job.cancel()
        return job.result(timeout=30)

    async def in_loop() -> Any:
        async def row(number: int) -> int:
            if number == 2:
                begun.set()
                await asyncio.sleep(30)
            return number

        job = RunnableLambda(row).astart_batch(range(5), max_concurrency=1, checkpoint=path)
        while not begun.is_set():
            await asyncio.sleep(0.001)
        job.cancel()
        return await job.result()

    result = call.run(sync, in_loop)
    assert (result.outputs, result.ended) == ([0, 1, None, None, None], "cancelled")
    assert result.error.reason == "cancelled" and "run.sqlite" in str(result.error)


@pytest.mark.parametrize(("most", "failed"), [(0, 1), (2, 3), (0.25, 26)])
def test_too_many_errors_stop_a_job(call: Call, most: float, failed: int) -> None:
    """A count at once; a share from 100 finished rows on. Rows under way are finished."""

    def fail_some(number: int) -> int:
        if number % 2:
            raise ValueError(number)
        return number

    with pytest.raises(BatchStopped, match="max_errors") as stopped:
        call.batch(RunnableLambda(fail_some), range(1000), max_errors=most, max_concurrency=1)
    progress = stopped.value.progress
    assert stopped.value.reason == "max_errors" and isinstance(stopped.value.__cause__, ValueError)
    if isinstance(most, int):
        assert progress.failed == failed
    else:
        assert progress.finished == 100


def test_fewer_errors_take_the_place_of_outputs(call: Call) -> None:
    """With max_errors, as with return_exceptions."""
    outputs = call.batch(RunnableLambda(fail_odd), range(3), max_errors=1)
    assert [outputs[0], str(outputs[1]), outputs[2]] == [0, "odd 1", 2]


@pytest.mark.parametrize(
    "error", [AuthenticationError("bad key"), RateLimitError("no quota left", daily=True)]
)
def test_an_error_that_every_row_gets_ends_the_job(call: Call, error: Exception) -> None:
    """At once, with its reason."""
    calls: list[int] = []

    def refuse(number: int) -> int:
        calls.append(number)
        raise error

    with pytest.raises(BatchStopped, match="every row would get this error") as stopped:
        call.batch(
            RunnableLambda(refuse), range(1000), return_exceptions=True, progress=print,
            max_concurrency=4,
        )  # fmt: skip
    assert stopped.value.__cause__ is not None and stopped.value.reason == "fatal"
    assert len(calls) <= 8


def test_a_row_is_given_up_by_time(call: Call) -> None:
    """Not after a number of attempts; the error is the row's."""
    attempts: list[None] = []

    def busy(_: int) -> int:
        attempts.append(None)
        raise ServerError("busy", retry_after=0.01)

    outputs = call.batch(
        RunnableLambda(busy), [1], retry_for=0.0, return_exceptions=True, progress=False
    )
    assert isinstance(outputs[0], ServerError) and len(attempts) == 1


class Service:
    """A service that answers so many calls at once, and refuses the others."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.inside = self.refused = 0
        self.lock = threading.Lock()

    def ask(self, row: int) -> int:
        with self.lock:
            if self.inside >= self.at_once:
                self.refused += 1
                raise RateLimitError("too many calls", retry_after=0.02)
            self.inside += 1
        time.sleep(0.01)
        with self.lock:
            self.inside -= 1
        return row


@pytest.mark.parametrize("limit", [4, 16, "auto"])
def test_a_job_loses_no_row_to_a_limit(call: Call, limit: Any) -> None:
    """Refused rows wait, and come again as often as it takes."""
    service = Service(8)
    rows = list(range(400))
    outputs = call.batch(
        RunnableLambda(service.ask), rows, max_concurrency=limit, return_exceptions=True,
        progress=False,
    )  # fmt: skip
    assert outputs == rows
    if limit == 4:
        assert service.refused == 0


def test_a_budget_stops_a_job_and_more_goes_on(call: Call, tmp_path: Any) -> None:
    """The rows that did not begin are no failures; each row is paid once in all."""
    path = tmp_path / "run.sqlite"
    usage = UsageMetadata(input_tokens=6, output_tokens=4, total_tokens=10)
    model = ScriptedChatModel(["ok"], cycle=True, usage=usage)
    rows = [f"row {number}" for number in range(20)]
    options: dict[str, Any] = {"checkpoint": path, "max_concurrency": 2}
    with pytest.raises(BatchStopped, match="the budget is spent") as stopped:
        call.batch(model, rows, budget=50, **options)
    progress = stopped.value.progress
    assert 5 <= progress.done <= 6 and progress.failed == 0
    assert progress.input_tokens + progress.output_tokens == 10 * progress.done
    seen: list[Progress] = []
    outputs = call.batch(
        model,
        rows,
        budget=Budget(cost=1.0, prices={"ScriptedChatModel": (1.0, 1.0)}),
        prices={"ScriptedChatModel": (1_000_000, 2_000_000)},
        progress=seen.append,
        **options,
    )
    assert [output.text for output in outputs] == ["ok"] * 20
    last = seen[-1]
    assert (last.done, last.resumed) == (20, progress.done)
    assert last.cost == 14 * (20 - progress.done)


def test_progress_tells_all_numbers(call: Call) -> None:
    """A function gets them now and then, and at the end."""
    seen: list[Progress] = []
    call.batch(RunnableLambda(fail_odd), range(4), progress=seen.append, return_exceptions=True)
    last = seen[-1]
    assert (last.total, last.done, last.failed, last.running) == (4, 2, 2, 0)
    assert last.eta == 0 and "4 of 4 rows, 2 failed" in str(last)


def test_a_log_gets_lines_and_no_bar(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no one watches, progress=True prints a line now and then."""
    call.batch(RunnableLambda(str), range(3), progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("3 of 3 rows") and len(lines) <= 2


BAD_KEYWORDS: dict[str, tuple[dict[str, Any], str]] = {
    "progress": ({"progress": "yes"}, "progress='yes': expected True for a bar"),
    "max_errors": ({"max_errors": 1.5}, "max_errors=1.5: expected a count of rows, or a share"),
    "budget": ({"budget": -1}, "budget=-1: expected a number of tokens"),
    "retry_for": ({"retry_for": "10m"}, "retry_for='10m': expected a number of seconds"),
    "durability": ({"durability": "some", "checkpoint": "a"}, "expected 'normal' or 'full'"),
    "checkpoint": ({"checkpoint": 7}, "checkpoint=7: expected the path of a file"),
    "key": ({"key": "id"}, "key='id' is for a checkpoint"),
}


@pytest.mark.parametrize("name", BAD_KEYWORDS)
def test_a_bad_keyword_is_refused_before_any_row(call: Call, name: str) -> None:
    """The error names it and what would do."""
    keywords, said = BAD_KEYWORDS[name]
    pulled: list[int] = []
    with pytest.raises(ConfigError, match=said):
        call.batch(RunnableLambda(pulled.append), iter([1]), **keywords)
    assert not pulled


def test_the_keywords_are_those_of_the_options() -> None:
    """The batch methods know by name what makes a job."""
    from dataclasses import fields

    from runnables import JobOptions
    from runnables.core.options import JOB_KEYWORDS

    assert {field.name for field in fields(JobOptions)} == JOB_KEYWORDS


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("checkpiont", "checkpoint"), ("max_error", "max_errors"), ("progres", "progress")],
)
def test_a_typo_of_a_keyword_is_named_before_any_row(call: Call, typo: str, meant: str) -> None:
    """Also where the chain itself would take any option."""
    rows: list[Any] = []
    with pytest.raises(ConfigError, match=f"Did you mean '{meant}'"):
        call.batch(RunnableLambda(rows.append), [1], **{typo: 3})
    assert not rows
