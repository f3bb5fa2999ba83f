"""The file of the rows that have failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runnables import BatchStopped, ConfigError, RunnableLambda
from tests.both_modes import Call


def refuse_odd(row: dict[str, Any]) -> int:
    number = int(row["number"])
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


ODD = RunnableLambda(refuse_odd)


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": f"r{number}", "number": number} for number in range(count)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_row_that_fails_has_a_line(call: Call, tmp_path: Path) -> None:
    """Its position, its input, and its error; what is in the file can be read as rows again."""
    path = tmp_path / "failed.jsonl"
    path.write_text("of an older run")
    call.batch(ODD, rows(6), return_exceptions=True, failed_rows=path)
    found = sorted(lines(path), key=lambda line: line["position"])
    assert [line["position"] for line in found] == [1, 3, 5]
    assert [line["input"] for line in found] == rows(6)[1::2]
    assert {line["error_type"] for line in found} == {"ValueError"}
    assert found[1]["error"].startswith("3 is odd") and "key" not in found[1]


def test_it_is_there_where_the_job_ended_early(call: Call, tmp_path: Path) -> None:
    """With all rows that have failed by then."""
    path = tmp_path / "failed.jsonl"
    with pytest.raises(BatchStopped) as stopped:
        call.batch(ODD, rows(50), max_errors=2, max_concurrency=1, failed_rows=path)
    assert len(lines(path)) == stopped.value.progress.failed == 3


def test_with_a_checkpoint_it_has_keys_and_earlier_failures(call: Call, tmp_path: Path) -> None:
    """Rows that are left alone have failed, too; once all are done it is empty."""
    path, checkpoint = tmp_path / "failed.jsonl", tmp_path / "run.sqlite"
    options: dict[str, Any] = {"checkpoint": checkpoint, "key": "id", "failed_rows": str(path)}
    call.batch(ODD, rows(4), return_exceptions=True, **options)
    first = sorted(lines(path), key=lambda line: line["position"])
    assert [line["key"] for line in first] == ["r1", "r3"]
    call.batch(ODD, rows(4), return_exceptions=True, retry_failed=False, **options)
    assert sorted(lines(path), key=lambda line: line["position"]) == first
    call.batch(RunnableLambda(str), rows(4), accept_change=True, **options)
    assert lines(path) == []


def test_an_input_of_any_kind_can_be_written(call: Call, tmp_path: Path) -> None:
    """As what it prints, where it is no JSON; half of a pair of surrogates as JSON escapes it."""
    path = tmp_path / "failed.jsonl"

    def fail(row: object) -> None:
        raise ValueError("\ud83d")

    given = [object(), "\ud83d"]
    call.batch(RunnableLambda(fail), given, return_exceptions=True, failed_rows=path)
    found = sorted(lines(path), key=lambda line: line["position"])
    assert [line["input"] for line in found] == [repr(given[0]), "\ud83d"]


@pytest.mark.parametrize("name", ["", ".", "no/such/folder/failed.jsonl", 7])
def test_a_path_that_cannot_be_written_is_refused_before_any_row(
    call: Call, tmp_path: Path, name: Any
) -> None:
    """The error names it."""
    pulled: list[int] = []
    path = tmp_path / name if name and isinstance(name, str) else name
    with pytest.raises(ConfigError, match="failed_rows="):
        call.batch(RunnableLambda(pulled.append), iter([1]), failed_rows=path)
    assert not pulled
