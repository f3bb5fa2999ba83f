"""The time that a row has: a row that hangs ends, the others do not notice."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from typing import Any

import pytest

from runnables import (
    ConfigError,
    Progress,
    RunnableLambda,
    ServerError,
    StepTimeout,
    is_cancelled,
)
from runnables.models.fakes import DeterministicFakeEmbedding
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

HUNG = 30.0
"""Seconds that a row hangs where nothing ends it."""


class Hanging:
    """A step whose calls hang for some rows, and note that they were ended.

    Args:
        rows: the rows.
        first: an error that the first call raises.
    """

    def __init__(self, *rows: int, first: Exception | None = None) -> None:
        self.rows = rows
        self.first = first
        self.ended = threading.Event()

    def call(self, row: int) -> int:
        self._fail_first()
        until = time.monotonic() + HUNG
        while row in self.rows and time.monotonic() < until:
            if is_cancelled():
                self.ended.set()
                break
            time.sleep(0.001)
        return row

    async def acall(self, row: int) -> int:
        self._fail_first()
        try:
            await asyncio.sleep(HUNG if row in self.rows else 0)
        except asyncio.CancelledError:
            self.ended.set()
            raise
        return row

    def _fail_first(self) -> None:
        error, self.first = self.first, None
        if error is not None:
            raise error

    @property
    def step(self) -> RunnableLambda[int, int]:
        return RunnableLambda(self.call, self.acall)


def test_a_row_that_hangs_fails_and_is_ended(call: Call) -> None:
    """Tasks are cancelled, threads are asked to stop; the other rows have their outputs."""
    hanging = Hanging(1)
    seen: list[Progress] = []
    outputs = call.batch(
        hanging.step, range(4), row_timeout=1.0, return_exceptions=True, progress=seen.append
    )
    assert [outputs[0], outputs[2], outputs[3]] == [0, 2, 3]
    error = outputs[1]
    assert isinstance(error, StepTimeout) and str(error) == "The row took longer than 1 s"
    assert hanging.ended.wait(HUNG / 2)
    assert (seen[-1].done, seen[-1].failed, seen[-1].running) == (3, 1, 0)


def test_the_time_is_that_of_all_attempts(call: Call) -> None:
    """An attempt that hangs after a failed one has what is left; its cause is the first error."""
    first = ServerError("down", retry_after=0.01)
    hanging = Hanging(1, first=first)
    (error,) = call.batch(hanging.step, [1], row_timeout=1.0, return_exceptions=True)
    assert isinstance(error, StepTimeout) and error.__cause__ is first


def test_a_row_is_not_tried_again_where_its_time_would_be_over(call: Call) -> None:
    """Its own error is raised, without the wait."""
    calls: list[int] = []

    def busy(row: int) -> int:
        calls.append(row)
        raise ServerError("busy", retry_after=HUNG)

    began = time.monotonic()
    (error,) = call.batch(RunnableLambda(busy), [1], row_timeout=5.0, return_exceptions=True)
    assert isinstance(error, ServerError) and len(calls) == 1
    assert time.monotonic() - began < 5


def test_such_a_row_is_stored_and_tried_again(call: Call, tmp_path: Any) -> None:
    """With its error, as other rows that have failed."""
    path = tmp_path / "run.sqlite"
    options: dict[str, Any] = {"checkpoint": path, "row_timeout": 1.0, "accept_change": True}
    call.batch(Hanging(0).step, [0, 1], return_exceptions=True, **options)
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT status, error_type FROM results").fetchall()
    assert rows == [("failed", "StepTimeout"), ("done", None)]
    assert call.batch(Hanging().step, [0, 1], **options) == [0, 1]


@pytest.mark.parametrize("seconds", [0, -1, "60", True, float("nan")])
def test_a_wrong_time_is_refused(call: Call, seconds: Any) -> None:
    """The error shows it, and no row runs."""
    with pytest.raises(ConfigError, match="row_timeout="):
        call.batch(RunnableLambda(str), iter([1]), row_timeout=seconds)


def test_rows_that_share_a_call_have_no_time_of_their_own(call: Call) -> None:
    """Neither in micro-batches nor in the job of a provider; the error says what to do."""
    with pytest.raises(ConfigError, match="takes several rows in one call"):
        call.batch(DeterministicFakeEmbedding(size=2), ["a"], row_timeout=1.0)
    with pytest.raises(ConfigError, match="sends all rows in one job"):
        call.batch(ScriptedChatModel(["a"]), ["a"], row_timeout=1.0, via="provider")
