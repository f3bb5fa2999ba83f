"""Rows of Parquet, and results written as Parquet."""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from runnables.jobs.column_types import MIXED, type_of, unify
from runnables.jobs.parquet_files import ParquetWriter
from runnables.jobs.row_files import count_rows, read_rows
from runnables.jobs.row_writers import Result, result_of
from tests.cli.commands import command, lines

VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)  # a mixed column is JSON, which has neither
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    ),
    max_leaves=4,
)


def written(outputs: list[Any]) -> tuple[list[Any], Any]:
    """Return the outputs of a file that was written, and the field of their column."""
    file = io.BytesIO()
    writer = ParquetWriter(file)
    for position, output in enumerate(outputs):
        writer.write(Result(position, str(position), output))
    writer.close(is_whole=True)
    table = pq.read_table(io.BytesIO(file.getvalue()))
    return table.column("output").to_pylist(), table.schema.field("output")


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_each_output_comes_back(outputs: list[Any]) -> None:
    """By the type of the column, or as JSON where no type fits all; then the field says so."""
    found, field = written(outputs)
    if field.metadata:
        assert field.metadata == {b"format": b"json"}
        found = list(map(json.loads, found))
    assert found == outputs


@pytest.mark.parametrize(
    ("outputs", "type"),
    [
        (["a", None], pa.string()),
        ([1, 2**60], pa.int64()),
        ([1, 0.5], pa.float64()),
        ([True], pa.bool_()),
        ([[1, 2], [0.5], []], pa.list_(pa.float64())),
        (
            [{"label": "a", "score": 1}, {"score": 0.5, "label": None}],
            pa.struct([("label", pa.string()), ("score", pa.float64())]),
        ),
        ([None], pa.string()),
    ],
    ids=["text", "whole", "numbers", "booleans", "lists", "dicts", "nothing"],
)
def test_outputs_of_one_type_have_it(outputs: list[Any], type: Any) -> None:
    """So that a table of embeddings, or of labels, is one."""
    assert written(outputs)[1].type.equals(type)


@pytest.mark.parametrize(
    "outputs",
    [[1, "a"], [{"a": 1}, {"b": 1}], [2**60, 0.5], [2**64], [{}], [[1, ["a"]]], ["\ud800"]],
    ids=repr,
)
def test_outputs_without_one_type_are_json(outputs: list[Any]) -> None:
    """Also those that are strings, so that each is read in the same way."""
    found, field = written(outputs)
    assert field.metadata == {b"format": b"json"}
    assert list(map(json.loads, found)) == outputs


def test_a_message_that_no_file_can_have_does_not_lose_the_others() -> None:
    """Half of a pair of surrogates is written as an escape; the file is made at the end only."""
    file = io.BytesIO()
    writer = ParquetWriter(file)
    writer.write(Result(0, "a", "A"))
    writer.write(result_of(1, "b", ValueError("no \ud800")))
    writer.close(is_whole=True)
    found = pq.read_table(io.BytesIO(file.getvalue()))
    assert found.column("output").to_pylist() == ["A", None]
    assert found.column("error").to_pylist() == [None, r"no \ud800"]


def test_the_type_of_a_column_is_that_of_all_its_values() -> None:
    """In any order; once it is mixed, it stays so."""
    assert unify(type_of(["a"]), type_of([])) == unify(type_of([]), type_of(["a"])) == ("string",)
    assert unify(MIXED, type_of("a")) == unify(type_of("a"), MIXED) == MIXED


def test_rows_have_the_values_of_their_types(folder: Path) -> None:
    """They are read in batches; their number is known without reading them."""
    when = date(2026, 11, 29)
    table = pa.table({"id": range(2500), "day": [when] * 2500, "vector": [[0.5]] * 2500})
    pq.write_table(table, folder / "rows.parquet")
    rows = list(read_rows(str(folder / "rows.parquet"), "parquet", key="id"))
    assert rows[2499] == {"id": 2499, "day": when, "vector": [0.5]}
    assert count_rows(str(folder / "rows.parquet"), "parquet") == len(rows) == 2500


@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_the_command_reads_and_writes_parquet(folder: Path, has_checkpoint: bool) -> None:
    """A failed row has no output, but an error; what is written can be read as rows."""
    call = ["batch", "chains:chain", "rows.jsonl", "-o", "one.parquet", "--key", "id"]
    more = ["--checkpoint", "run.sqlite"] if has_checkpoint else []
    assert "3 of 3 rows, 1 failed" in command(folder, *call, *more).stderr
    found = pq.read_table(folder / "one.parquet").sort_by("position").to_pylist()
    assert [(row["key"], row["output"], row["error_type"]) for row in found] == [
        ("a", "AHOY", None),
        ("b", None, "ValueError"),
        ("c", "É", None),
    ]
    done = command(folder, "batch", "chains:same", "one.parquet", "--key", "position")
    assert [row["output"] for row in sorted(lines(done.stdout), key=position)] == found
    assert list(folder.glob("*.part")) == []


def position(row: dict[str, Any]) -> int:
    """Return the position of a row among those that were written."""
    found: int = row["output"]["position"]
    return found


def test_parquet_without_its_extra_is_refused_before_any_row(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for call in (["rows.jsonl", "-o", "out.parquet"], ["rows.parquet"]):
        (folder / "rows.parquet").write_bytes(b"")
        done = command(folder, "batch", "chains:chain", *call)
        assert done.returncode == 2 and "needs the package 'pyarrow'" in done.stderr
        assert done.stdout == ""
