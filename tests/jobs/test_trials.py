"""What trials of jobs have found, each as its kind."""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from runnables import (
    BatchStopped,
    CheckpointError,
    ConfigError,
    ConfigurableField,
    JsonOutputParser,
    RunnableLambda,
    ServerError,
    UsageMetadata,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "run.sqlite")


def results(path: str, columns: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT {columns} FROM results").fetchall()


class Labelled(BaseModel):
    """A model whose field has another name in JSON."""

    kind: str = Field(alias="Kind")
    score: float = 0.0


def make_label(row: Any) -> Labelled:
    return Labelled(Kind="a", score=0.5)


MODEL = ScriptedChatModel(["Ahoy"], cycle=True)

STORED: dict[str, Any] = {
    "the text of a message": lambda row: MODEL.invoke(row).text,
    "such a string inside": lambda row: {"de": MODEL.invoke(row).text},
    "half of a pair of surrogates": lambda row: {"a": "\ud83d cut"},
    "a model with an alias": RunnableLambda(make_label),
}


@pytest.mark.parametrize("name", STORED)
def test_such_outputs_are_stored_and_come_back(call: Call, path: str, name: str) -> None:
    """As what they are, from the file, too."""
    step = RunnableLambda(lambda row: row) | STORED[name]
    first = call.batch(step, ["x"], checkpoint=path)
    assert call.batch(step, ["x"], checkpoint=path) == first


@pytest.mark.parametrize("row", [{"a": float("nan")}, {"a": [float("inf")]}, {"a": "\ud83d"}])
def test_such_rows_have_a_key(call: Call, path: str, row: Any) -> None:
    """A gap of pandas, an infinity, half of a pair of surrogates: the second run calls nothing."""
    sizes = RunnableLambda(len)
    assert call.batch(sizes, [row], checkpoint=path) == [1]
    assert call.batch(sizes, [row], checkpoint=path) == [1]
    assert len(results(path, "key")) == 1


def test_an_infinity_in_an_output_is_refused_as_such(call: Call, path: str) -> None:
    """Not as a failure of the file."""
    chain = ScriptedChatModel(['{"score": 1e999}'], cycle=True) | JsonOutputParser()
    with pytest.raises(CheckpointError, match="which a checkpoint cannot store"):
        call.batch(chain, ["x"], checkpoint=path)


def test_the_message_of_an_error_may_be_anything(call: Call, path: str) -> None:
    """Letters that cannot be written, or a class whose `__str__` fails."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def fail(row: int) -> None:
        raise Mute if row else ValueError("\ud83d")

    outputs = call.batch(RunnableLambda(fail), [0, 1], checkpoint=path, return_exceptions=True)
    assert [type(output) for output in outputs] == [ValueError, Mute]
    assert [status for (status,) in results(path, "status")] == ["failed", "failed"]


def test_attempts_of_a_row_that_failed_are_stored(call: Call, path: str) -> None:
    """All of them."""
    calls: list[int] = []

    def busy(row: int) -> None:
        calls.append(row)
        raise ServerError("busy", retry_after=0.05) if len(calls) < 3 else ValueError("no")

    call.batch(RunnableLambda(busy), [1], checkpoint=path, return_exceptions=True, retry_for=60.0)
    assert results(path, "attempts") == [(3,)]


def test_another_option_or_choice_is_another_job(call: Call, path: str) -> None:
    """Options of the call and what is configured count, as the chain does."""
    model = ScriptedChatModel(["small"], cycle=True).configurable_alternatives(
        ConfigurableField(id="llm"), default_key="small", big=ScriptedChatModel(["big"], cycle=True)
    )
    call.batch(model, ["a"], checkpoint=path)
    with pytest.raises(CheckpointError, match="it was called with no options, and is called with"):
        call.batch(model, ["a"], {"configurable": {"llm": "big"}}, checkpoint=path)
    other = f"{path}2"
    call.batch(MODEL, ["a"], checkpoint=other, temperature=0)
    with pytest.raises(CheckpointError, match="temperature=0, and is called with temperature=1"):
        call.batch(MODEL, ["a"], checkpoint=other, temperature=1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_forked_child_holds_no_checkpoint(call: Call, path: str) -> None:
    """A child that lives on does not keep the file from the next job."""
    reading, writing = os.pipe()

    def fork(row: int) -> int:
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)  # until the parent closes its end
            os._exit(0)
        return child

    step = RunnableLambda(fork)
    (child,) = call.batch(step, [1], checkpoint=path)
    try:
        assert call.batch(step, [1], checkpoint=path) == [child]
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)


def test_a_link_to_a_checkpoint_in_use_is_in_use(call: Call, path: str) -> None:
    """The lock is that of the file, whatever its name."""
    link = f"{path}.link"

    def second(row: int) -> int:
        os.symlink(path, link)
        with pytest.raises(CheckpointError, match="in use"):
            RunnableLambda(str).batch([1], checkpoint=link)
        return row

    call.batch(RunnableLambda(second), [1], checkpoint=path)


def test_rows_that_come_slowly_are_not_held_back(path: str) -> None:
    """A source that waits for earlier outputs goes on, in an async job with a checkpoint, too."""
    answers: queue.Queue[int] = queue.Queue()

    def rows() -> Iterator[int]:
        yield 0
        for _ in range(3):
            yield answers.get(timeout=20) + 1

    async def main() -> list[int]:
        found = []
        pairs = RunnableLambda(lambda row: row).abatch_as_completed(rows(), checkpoint=path)
        async for _, output in pairs:
            found.append(output)
            answers.put(output)
        return found

    assert asyncio.run(main()) == [0, 1, 2, 3]


def test_positions_are_those_of_the_last_run_after_an_early_end(call: Call, path: str) -> None:
    """Each position once, as far as the run came."""

    def check(row: str) -> str:
        if row == "n1":
            raise ValueError("no")
        return row

    step = RunnableLambda(check)
    call.batch(step, ["o0", "o1", "o2"], checkpoint=path)
    with pytest.raises(BatchStopped):
        call.batch(step, ["n0", "n1", "o0", "o1"], checkpoint=path, max_errors=0, max_concurrency=1)
    positions = [position for (position,) in results(path, "position")]
    assert len(positions) == len(set(positions))
    assert results(path, "input")[:2] == [('"n0"',), ('"n1"',)]


def test_a_job_that_is_cancelled_before_it_begins_ends() -> None:
    """Its result is there, and empty."""

    async def main() -> Any:
        job = RunnableLambda(str).astart_batch([1, 2])
        job.cancel()
        return await asyncio.wait_for(job.result(), 20)

    result = asyncio.run(main())
    assert (result.ended, result.outputs) == ("cancelled", [None, None])


def test_reading_a_job_that_ended_early_says_so() -> None:
    """After the outputs that there are; none is lost in silence."""

    def check(row: int) -> int:
        if row == 2:
            raise ValueError("two")
        return row

    job = RunnableLambda(check).start_batch(range(50), max_errors=0, max_concurrency=1)
    found: list[Any] = []
    with pytest.raises(BatchStopped, match="max_errors"):
        for output in job:
            found.append(output)
    assert found[:2] == [0, 1] and isinstance(found[2], ValueError)


def test_a_budget_is_noticed_where_the_function_handles_its_error(call: Call, path: str) -> None:
    """The job ends when it is spent, before a row stores what comes of that."""
    usage = UsageMetadata(input_tokens=20, output_tokens=20, total_tokens=40)
    model = ScriptedChatModel(["ok"], cycle=True, usage=usage)

    def safe(row: str) -> str:
        try:
            return str(model.invoke(row).content)
        except Exception:
            return "n/a"

    with pytest.raises(BatchStopped, match="budget"):
        call.batch(RunnableLambda(safe), ["a"] * 6, budget=80, max_concurrency=1, checkpoint=path)
    assert results(path, "output") == [('"ok"',), ('"ok"',)]
    assert call.batch(model, ["a", "b"], budget=80, max_concurrency=1)[1].text == "ok"


def test_a_started_job_takes_no_return_exceptions() -> None:
    """The error says where exceptions are."""
    with pytest.raises(ConfigError, match="its result has all exceptions"):
        RunnableLambda(str).start_batch([1], return_exceptions=True)
