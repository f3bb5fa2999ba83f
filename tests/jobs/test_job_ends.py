"""How jobs end, and what does not end them: refusals, which wait together and use no attempt."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest

from runnables import (
    BatchStopped,
    InvalidRequestError,
    RateLimitError,
    RunnableLambda,
    ServerError,
    SyncAsyncError,
)
from runnables.jobs.ending import Ended
from tests.both_modes import Call


def in_file(path: Any, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def fail(row: int) -> int:
    if row == 2:
        raise ValueError("two")
    return row


def test_a_checkpoint_says_why_each_run_ended(call: Call, tmp_path: Path) -> None:
    """An error that is raised as it is, too many failures, all rows tried."""
    path, step = tmp_path / "run.sqlite", RunnableLambda(fail)
    options: dict[str, Any] = {"checkpoint": path, "max_concurrency": 1}
    with pytest.raises(ValueError, match="two"):
        call.batch(step, range(4), **options)
    with pytest.raises(BatchStopped):
        call.batch(step, range(4), max_errors=0, **options)
    call.batch(step, range(4), return_exceptions=True, **options)
    ends = [ended for (ended,) in in_file(path, "SELECT ended FROM run ORDER BY id")]
    assert ends == ["error", "max_errors", "done"]


def test_every_end_is_in_the_docs() -> None:
    """The page about jobs has a line for each."""
    page = (Path(__file__).parents[2] / "docs" / "batch-jobs.md").read_text("utf-8")
    assert set(get_args(Ended)) <= set(re.findall(r"^\| `(\w+)` \|", page, re.M))


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("Insufficient Balance", status=402),
        InvalidRequestError("Your credit balance is too low to access the API.", status=400),
    ],
    ids=["402", "Anthropic"],
)
def test_an_account_without_money_ends_the_job(call: Call, error: Exception) -> None:
    """Every row would get that error, whichever status the service says it with."""
    calls: list[int] = []

    def refuse(row: int) -> int:
        calls.append(row)
        raise error

    with pytest.raises(BatchStopped, match="every row would get this error") as stopped:
        call.batch(RunnableLambda(refuse), range(1000), return_exceptions=True, max_errors=900,
                   max_concurrency=4)  # fmt: skip
    assert stopped.value.reason == "fatal" and len(calls) <= 8


def test_an_invalid_row_does_not_end_the_job(call: Call) -> None:
    """Others may be right."""

    def refuse(row: int) -> int:
        raise InvalidRequestError("too long", status=400)

    outputs = call.batch(RunnableLambda(refuse), range(9), return_exceptions=True, progress=False)
    assert [type(output) for output in outputs] == [InvalidRequestError] * 9


def test_refusals_use_no_attempt(call: Call, tmp_path: Path) -> None:
    """Neither in the count, nor for the time that a row waits after an error of another kind."""
    path, calls = tmp_path / "run.sqlite", list[float]()

    def busy(row: int) -> int:
        calls.append(time.monotonic())
        if len(calls) <= 8:
            raise RateLimitError("slow down", retry_after=0.005)
        if len(calls) == 9:
            raise ServerError("down")
        return row

    assert call.batch(RunnableLambda(busy), [1], checkpoint=path) == [1]
    assert in_file(path, "SELECT attempts FROM results") == [(2,)]
    assert calls[9] - calls[8] < 5  # that after a first failure; after nine it is a minute


def test_from_the_second_refusal_on_all_rows_wait_together(call: Call) -> None:
    """No row starts until the delay that the service asked for is over."""
    delay, began = 0.4, list[float]()
    together, answered, lock = threading.Barrier(4), threading.Event(), threading.Lock()

    def ask(row: int) -> int:
        with lock:
            began.append(time.monotonic())
            number = len(began)
        if number <= 4:
            together.wait(30)
            if number <= 2:
                raise RateLimitError("slow down", retry_after=delay)
            assert answered.wait(30)
        return row

    refused: list[float] = []

    def ask_and_note(row: int) -> int:
        try:
            return ask(row)
        except RateLimitError:
            refused.append(time.monotonic())
            raise

    threading.Timer(delay / 4, answered.set).start()
    rows = list(range(40))
    assert RunnableLambda(ask_and_note).batch(rows, max_concurrency=4, progress=False) == rows
    assert len(refused) == 2
    assert min(began[4:]) >= min(refused) + delay - 0.01


def test_a_job_of_tasks_needs_a_loop() -> None:
    """The error says what to call instead."""
    with pytest.raises(SyncAsyncError, match="or call start_batch, which uses threads"):
        RunnableLambda(str).astart_batch([1])
