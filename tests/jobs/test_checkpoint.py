"""A checkpoint: what is done is not done again, rows are known by key, other files are refused."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import (
    AIMessage,
    CheckpointError,
    ConfigError,
    Document,
    EarlierFailure,
    PromptTemplate,
    RunnableLambda,
    ServerError,
)
from tests.both_modes import Call
from tests.core.bulk_steps import Tens, no_four


class Counted:
    """A step that doubles numbers, fails for some, and notes its calls."""

    def __init__(self, *failing: int) -> None:
        self.failing = set(failing)
        self.calls: list[int] = []
        self.step = RunnableLambda(self.double)

    def double(self, number: int) -> int:
        self.calls.append(number)
        if number in self.failing:
            raise ValueError(f"no {number}")
        return number * 2


UPPER_SEEN: list[str] = []


def upper(row: dict[str, str]) -> str:
    UPPER_SEEN.append(row["id"])
    return row["text"].upper()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "run.sqlite")


def test_a_second_run_calls_nothing_and_returns_the_same(call: Call, path: str) -> None:
    """Outputs come from the file, in order, also those of rows with the same content."""
    counted = Counted()
    rows = [3, 1, 3, 2]
    assert call.batch(counted.step, rows, checkpoint=path) == [6, 2, 6, 4]
    assert call.batch(counted.step, rows, checkpoint=path) == [6, 2, 6, 4]
    assert sorted(counted.calls) == [1, 2, 3, 3]


def test_a_row_that_is_inserted_or_removed_shifts_nothing(call: Call, path: str) -> None:
    """Rows are known by content and occurrence; the view shows the rows of the last run only."""
    counted = Counted()
    call.batch(counted.step, [1, 2, 2, 3], checkpoint=path)
    assert call.batch(counted.step, [0, 2, 2, 2, 3], checkpoint=path) == [0, 4, 4, 4, 6]
    assert sorted(counted.calls) == [0, 1, 2, 2, 2, 3]
    with sqlite3.connect(path) as db:
        assert list(db.execute("SELECT position, input FROM results")) == [
            *((0, "0"), (1, "2"), (2, "2"), (3, "2"), (4, "3")),
        ]


def test_the_order_of_keys_is_not_content(call: Call, path: str) -> None:
    """Two dicts that are equal are the same row."""
    lengths = RunnableLambda(len)
    call.batch(lengths, [{"a": 1, "b": 2}], checkpoint=path)
    failing: RunnableLambda[Any, int] = RunnableLambda(len)
    assert call.batch(failing, [{"b": 2, "a": 1}], checkpoint=path) == [2]
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM row").fetchone() == (1,)


@pytest.mark.parametrize("key", ["id", lambda row: row["id"]], ids=["a field", "a function"])
def test_a_row_with_a_key_is_called_again_only_where_its_content_changed(
    call: Call, path: str, key: Any
) -> None:
    """The output of an older content is replaced."""
    UPPER_SEEN.clear()
    step = RunnableLambda(upper)
    call.batch(step, [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}], checkpoint=path, key=key)
    changed = [{"id": "b", "text": "z"}, {"id": "a", "text": "x"}]
    assert call.batch(step, changed, checkpoint=path, key=key) == ["Z", "X"]
    assert sorted(UPPER_SEEN) == ["a", "b", "b"]


def test_failures_are_kept_and_tried_again(call: Call, path: str) -> None:
    """By default on the next run; with retry_failed=False they stay what they are."""
    counted = Counted(2)
    first = call.batch(counted.step, [1, 2], checkpoint=path, return_exceptions=True)
    assert isinstance(first[1], ValueError)
    kept = call.batch(
        counted.step, [1, 2], checkpoint=path, return_exceptions=True, retry_failed=False
    )
    assert isinstance(kept[1], EarlierFailure) and kept[1].error_type == "ValueError"
    assert "no 2" in str(kept[1])
    counted.failing.clear()
    assert call.batch(counted.step, [1, 2], checkpoint=path) == [2, 4]
    assert sorted(counted.calls) == [1, 2, 2]


class Point(BaseModel):
    """A class of the user's."""

    x: int
    y: int = 0


class Dated(Point):
    """A subclass of it."""

    day: str = ""


def make_point(number: int) -> Point:
    """Return a declared type."""
    return Point(x=number)


def test_outputs_come_back_as_what_they_were(call: Call, path: str) -> None:
    """Messages, pydantic models by their declared type, JSON; the file itself is plain JSON."""
    steps: list[Any] = [
        RunnableLambda(make_point),
        RunnableLambda(lambda number: AIMessage(f"{number}")),
        RunnableLambda(lambda number: {"a": [number, None, True, 1.5, "é"]}),
        RunnableLambda(lambda number: [AIMessage(f"{number}")]),
        RunnableLambda(lambda number: {"docs": [Document(f"{number}", metadata={"a": None})]}),
    ]
    for index, step in enumerate(steps):
        file = f"{path}{index}"
        first = call.batch(step, [1, 2], checkpoint=file)
        again = call.batch(step, [1, 2], checkpoint=file)
        assert again == first and [type(a) for a in again] == [type(f) for f in first]
    with sqlite3.connect(f"{path}0") as db:
        assert json.loads(db.execute("SELECT output FROM results").fetchone()[0]) == {
            "x": 1,
            "y": 0,
        }


@pytest.mark.parametrize(
    "value", [{1: "a"}, (1, 2), float("nan"), object(), Dated(x=1, day="Monday"), {"a": {2: 3}}]
)
def test_an_output_that_would_come_back_changed_ends_the_job(
    call: Call, path: str, value: Any
) -> None:
    """At the first row, with an error that says what can be stored."""
    calls: list[int] = []

    def make(number: int) -> Any:
        calls.append(number)
        return value

    with pytest.raises(CheckpointError, match="cannot store: it stores JSON values, messages"):
        call.batch(RunnableLambda(make), range(100), checkpoint=path, max_concurrency=2)
    assert len(calls) <= 2


def test_an_input_that_is_not_json_is_refused_before_its_call(call: Call, path: str) -> None:
    """The error names the row."""
    counted = Counted()
    with pytest.raises(CheckpointError, match="The input of row 1 cannot be written as JSON"):
        call.batch(counted.step, [1, object()], checkpoint=path, max_concurrency=1)
    assert counted.calls == [1]


def test_another_chain_is_refused_and_says_what_changed(call: Call, path: str) -> None:
    """No row is called; accept_change=True goes on with the outputs that there are."""
    one = PromptTemplate.from_template("Translate {x}") | RunnableLambda(str)
    other = PromptTemplate.from_template("Summarise {x}") | RunnableLambda(str)
    call.batch(one, [{"x": "a"}], checkpoint=path)
    with pytest.raises(CheckpointError, match="step 1 was PromptTemplate.*Translate.*Summarise"):
        call.batch(other, [{"x": "a"}, {"x": "b"}], checkpoint=path)
    outputs = call.batch(other, [{"x": "a"}, {"x": "b"}], checkpoint=path, accept_change=True)
    assert ["Translate" in outputs[0], "Summarise" in outputs[1]] == [True, True]


def test_secrets_of_a_chain_are_not_in_the_file(call: Call, path: str) -> None:
    """Neither their text nor their digest: another key is the same chain."""
    from runnables_providers.openai import ChatOpenAI

    for secret in ("sk-first-secret-value", "sk-other-secret-value"):
        model = ChatOpenAI(model="m", api_key=secret, base_url="http://127.0.0.1:9")
        chain = RunnableLambda(len) | RunnableLambda(str).with_fallbacks([model])
        assert call.batch(chain, ["ab"], checkpoint=path) == ["2"]
    content = b"".join(file.read_bytes() for file in Path(path).parent.iterdir())
    assert b"secret-value" not in content


def test_a_second_job_does_not_end_the_locks_of_the_first(call: Call, path: str) -> None:
    """Else another process that looks at the file takes its journal away, and it is destroyed."""
    look = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("SELECT * FROM sqlite_master").fetchone()
db.close()
"""

    def second(_: int) -> bool:
        with pytest.raises(CheckpointError, match="in use"):
            RunnableLambda(str).batch([1], checkpoint=path)
        before = os.stat(f"{path}-wal").st_ino
        subprocess.run([sys.executable, "-c", look, path], check=True)
        return os.stat(f"{path}-wal").st_ino == before

    assert call.batch(RunnableLambda(second), [1], checkpoint=path) == [True]


def test_a_checkpoint_has_one_writer(call: Call, path: str) -> None:
    """A second job on it gets an error at once, also in another process; the first goes on."""
    other = f"""
from runnables import RunnableLambda
try:
    RunnableLambda(str).batch([1], checkpoint={path!r})
except Exception as error:
    print(type(error).__name__, error)
"""

    def second(_: int) -> str:
        with pytest.raises(CheckpointError, match="in use"):
            RunnableLambda(str).batch([1], checkpoint=path)
        return subprocess.run(
            [sys.executable, "-c", other], capture_output=True, text=True, check=True
        ).stdout

    (said,) = call.batch(RunnableLambda(second), [1], checkpoint=path)
    assert said.startswith("CheckpointError") and "another job writes it" in said


def damaged(path: str) -> None:
    data = bytearray(Path(path).read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    Path(path).write_bytes(data)


BAD_FILES: dict[str, tuple[Any, str]] = {
    "empty": (lambda path: Path(path).write_bytes(b""), "the file is empty"),
    "text": (lambda path: Path(path).write_text("id,text\n1,a\n"), "not one of SQLite"),
    "other": (
        lambda path: sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.commit(),
        "from another program",
    ),
    "truncated": (
        lambda path: Path(path).write_bytes(Path(path).read_bytes()[:5000]),
        "is damaged",
    ),
    "damaged": (damaged, "is damaged"),
    "newer": (
        lambda path: sqlite3.connect(path).execute("PRAGMA user_version = 9").connection.commit(),
        "of version 9",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_whole_checkpoint_is_refused_and_stays(
    call: Call, path: str, name: str
) -> None:
    """Nothing is called, and nothing in the file changes."""
    spoil, said = BAD_FILES[name]
    if name in ("truncated", "damaged", "newer"):
        call.batch(RunnableLambda(str), range(200), checkpoint=path)
    spoil(path)
    before = Path(path).read_bytes()
    counted = Counted()
    with pytest.raises(CheckpointError, match=f"(?s){said}.*Nothing was changed"):
        call.batch(counted.step, [1], checkpoint=path)
    assert (counted.calls, Path(path).read_bytes()) == ([], before)


def test_a_missing_folder_is_named(call: Call, tmp_path: Path) -> None:
    """It is not made: it may be a typo."""
    with pytest.raises(CheckpointError, match="has no folder"):
        call.batch(RunnableLambda(str), [1], checkpoint=tmp_path / "no" / "run.sqlite")


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_rows_of_a_bulk_step_are_stored_too(call: Call, path: str, durability: str) -> None:
    """Each row by itself: those that did not fail are not sent again."""
    bulk = Tens(3, no_four)
    options: dict[str, Any] = {"checkpoint": path, "durability": durability}
    outputs = call.batch(bulk, range(6), return_exceptions=True, **options)
    assert [type(output) for output in outputs] == [int] * 4 + [ValueError] + [int]
    calls = len(bulk.calls)
    again = Tens(3)
    assert call.batch(again, range(6), accept_change=True, **options) == [
        *(outputs[:4]),
        40,
        outputs[5],
    ]
    assert calls and [list(one) for one in again.calls] == [[4]]


def test_rows_come_from_an_async_iterable(path: str) -> None:
    """The async methods pull one row at a time."""
    import asyncio

    counted = Counted()

    async def rows() -> AsyncIterator[int]:
        for number in range(5):
            yield number

    async def twice() -> tuple[list[int], list[int]]:
        step = counted.step
        return (
            await step.abatch(rows(), checkpoint=path),  # type: ignore[call-overload]
            await step.abatch(rows(), checkpoint=path),  # type: ignore[call-overload]
        )

    assert asyncio.run(twice()) == ([0, 2, 4, 6, 8],) * 2
    assert len(counted.calls) == 5
    with pytest.raises(ConfigError, match="is an async iterable, and this call is sync"):
        counted.step.batch(rows(), checkpoint=path)  # type: ignore[arg-type,call-overload]


def test_rows_are_pulled_as_they_are_needed(call: Call, path: str) -> None:
    """An endless iterator of rows can be left; what was done is kept."""
    pulled: list[int] = []

    def rows() -> Iterator[int]:
        number = 0
        while True:
            pulled.append(number)
            yield number
            number += 1

    step = RunnableLambda(str)
    pairs = call.batch_as_completed(step, rows(), take=3, checkpoint=path, max_concurrency=2)
    assert len(pairs) == 3 and len(pulled) < 12
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM row").fetchone()[0] >= 3
        assert db.execute("SELECT ended FROM run").fetchone() == ("cancelled",)


def test_errors_that_pass_are_tried_again_and_counted(call: Call, path: str) -> None:
    """Attempts, and what they took, are columns of the file."""
    failures = iter([True, True, False])
    lock = threading.Lock()

    def shaky(_: int) -> str:
        with lock:
            fails = next(failures)
        if fails:
            raise ServerError("busy", retry_after=0.01)
        return "ok"

    assert call.batch(RunnableLambda(shaky), [1], checkpoint=path) == ["ok"]
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT attempts FROM results").fetchone() == (3,)


def test_a_copy_of_the_file_after_the_job_is_whole(call: Call, path: str) -> None:
    """The last connection moves all rows into the file itself."""
    call.batch(RunnableLambda(str), range(50), checkpoint=path)
    copy = f"{path}.copy"
    Path(copy).write_bytes(Path(path).read_bytes())
    with sqlite3.connect(copy) as db:
        assert db.execute("SELECT count(*) FROM results").fetchone() == (50,)
    if os.name == "posix":
        assert Path(path).stat().st_mode & 0o077 == 0
