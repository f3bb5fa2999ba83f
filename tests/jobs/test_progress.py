"""Progress while no row ends, and the rate and the time left after a resume."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from runnables import Progress, RunnableLambda
from runnables.jobs import progress as module
from tests.both_modes import Call


class Row:
    """A row that ends when it may."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def call(self, row: int) -> int:
        assert self.may_end.wait(30)
        return row

    async def acall(self, row: int) -> int:
        while not self.may_end.is_set():
            await asyncio.sleep(0.001)
        return row

    @property
    def step(self) -> RunnableLambda[int, int]:
        return RunnableLambda(self.call, self.acall)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have reports come as often as a test has time for."""
    for name in ("_BAR_SECONDS", "_CALL_SECONDS", "_LINE_SECONDS"):
        monkeypatch.setattr(module, name, (0.0, 0.005))


@pytest.mark.usefixtures("quick")
def test_a_function_gets_numbers_while_no_row_ends(call: Call) -> None:
    """Time passes in them, and they say how many rows run; in a loop it is called in the loop."""
    row, seen, threads = Row(), list[Progress](), set[int]()

    def report(progress: Progress) -> None:
        seen.append(progress)
        threads.add(threading.get_ident())
        if sum(one.running == 2 for one in seen) == 3:
            row.may_end.set()

    assert call.batch(row.step, [1, 2], progress=report, max_concurrency=2) == [1, 2]
    waiting = [one for one in seen if one.running == 2][:3]
    assert {(one.finished, one.eta) for one in waiting} == {(0, None)}
    assert 0 < waiting[0].seconds < waiting[1].seconds < waiting[2].seconds
    assert "0 of 2 rows, 2 running" in str(waiting[0])
    assert seen[-1].finished == 2
    if call.mode == "async":
        assert threads == {threading.get_ident()}


@pytest.mark.usefixtures("quick")
def test_a_log_has_lines_while_no_row_ends(
    call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the time so far."""
    row, to_log, count = Row(), module._to_log, 0

    def log(progress: Progress) -> None:
        nonlocal count
        if progress.running or progress.finished:
            to_log(progress)
            count += 1
        if count == 2:
            row.may_end.set()

    monkeypatch.setattr(module, "_to_log", log)
    call.batch(row.step, [1], progress=True)
    lines = capsys.readouterr().err.splitlines()
    for line in lines[:2]:
        assert line.startswith("0 of 1 rows, 1 running, ") and line.endswith(" s so far")
    assert lines[-1].startswith("1 of 1 rows")


@pytest.mark.usefixtures("quick")
def test_an_error_of_the_function_ends_the_job(call: Call) -> None:
    """At the next row that ends, also where it was called while none did."""
    row, calls = Row(), list[int]()

    def report(progress: Progress) -> None:
        calls.append(progress.finished)
        row.may_end.set()
        if len(calls) == 1:
            raise LookupError("no such bar")

    with pytest.raises(LookupError, match="no such bar"):
        call.batch(row.step, [1, 2, 3], progress=report, max_concurrency=1)
    assert calls[0] == 0


def test_the_time_left_is_that_of_the_rows_of_this_run() -> None:
    """Neither the rows from before count, nor the time in which they were passed over."""
    now = Progress(total=100, done=85, resumed=80, seconds=60.0, working_seconds=10.0)
    assert now.rate == 0.5
    assert now.eta == 30
    just_resumed = Progress(total=100, done=80, resumed=80, seconds=60.0)
    assert (just_resumed.rate, just_resumed.eta) == (0, None)


def test_rows_from_before_take_no_time(call: Call, tmp_path: Any) -> None:
    """A run that has nothing to do has no rate; one with a row to do begins to count there."""
    step, last = RunnableLambda(str), list[Progress]()
    for rows in (range(50), range(50), range(51)):
        seen: list[Progress] = []
        call.batch(step, rows, checkpoint=tmp_path / "run.sqlite", progress=seen.append)
        last.append(seen[-1])
    first, second, third = last
    assert first.rate > 0 and (second.rate, second.working_seconds) == (0, 0)
    assert 0 < third.working_seconds < third.seconds
    assert third.rate == 1 / third.working_seconds
