"""What a job that ends early leaves behind: the positions of its rows, and turns in sessions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    CheckpointError,
    InMemoryChatMessageHistory,
    RunnableLambda,
    RunnableWithMessageHistory,
)
from runnables.jobs.making import make_run
from runnables.jobs.run import JobRun
from tests.both_modes import Call

UPPER = RunnableLambda(str.upper)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "run.sqlite")


def in_file(path: str, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def outcomes(call: Call, job: JobRun) -> list[Any]:
    async def collected() -> list[Any]:
        return [outcome async for outcome in job.acompleted()]

    return call.run(lambda: list(job.completed()), collected)


def job_that_stops_at(
    last: str, chain: Any, rows: Sequence[Any], configs: Any, path: str
) -> JobRun:
    """Return a job that is stopped as it pulls a row."""

    def key(row: str) -> str:
        if row == last:
            job.stop()
        return row

    options = {"checkpoint": path, "key": key}
    job = make_run(chain, rows, configs, 8, options, collect=True)
    return job


def test_rows_that_were_pulled_and_not_begun_have_their_positions(call: Call, path: str) -> None:
    """No two rows are at one position, though the job ended before it looked at them."""
    outcomes(call, job_that_stops_at("", UPPER, ["a", "b", "c"], None, path))
    assert outcomes(call, job_that_stops_at("c", UPPER, ["x", "a", "b", "c"], None, path)) == []
    found = in_file(path, "SELECT position, input FROM results")
    assert found == [(1, '"a"'), (2, '"b"'), (3, '"c"')]


def test_positions_that_cannot_be_written_are_an_error(call: Call, path: str) -> None:
    """Else the results of a job that is done would be in the order of an earlier one."""
    call.batch(UPPER, ["a", "b"], checkpoint=path)
    in_file(
        path,
        "CREATE TRIGGER full BEFORE UPDATE OF position ON row "
        "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    with pytest.raises(CheckpointError, match="the disk is full"):
        call.batch(UPPER, ["b", "a"], checkpoint=path)


def last(messages: list[Any]) -> str:
    return str(messages[-1].content)


@pytest.mark.parametrize("end", ["stopped", "no JSON"])
def test_a_session_goes_on_after_a_job_that_ended_early(call: Call, path: str, end: str) -> None:
    """Rows that were pulled and did not begin leave their places in the queue of the session."""
    history = InMemoryChatMessageHistory()

    def get(session_id: str) -> InMemoryChatMessageHistory:
        return history

    chain = RunnableWithMessageHistory(RunnableLambda(last), get)
    config: Any = {"configurable": {"session_id": "one"}}
    rows: list[Any] = ["a", "b", "c"]
    if end == "stopped":
        job = job_that_stops_at("b", chain, rows, [config] * 3, path)
        outcomes(call, job)
        assert job.ended == "cancelled"
    else:
        rows[1] = object()
        with pytest.raises(CheckpointError, match="row 1"):
            call.batch(chain, rows, config, checkpoint=path)
    assert call.invoke(chain.with_timeout(5), "d", config) == "d"
