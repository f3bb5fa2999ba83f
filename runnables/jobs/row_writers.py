"""Writes what came of rows as JSON Lines or CSV, and reads it again to go on with it."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from runnables.errors import ConfigError
from runnables.jobs.json_text import json_text, writable
from runnables.redaction import hide_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnables.jobs.row_files import FileFormat

COLUMNS: Final = ("position", "key", "output", "error_type", "error")


class Result(NamedTuple):
    """What came of a row.

    Attributes:
        position: its number among the rows, from 0.
        key: by which it is known; None where it has none.
        output: a JSON value.
        error_type: the class of the error; None where it has an output.
        error: its message.
    """

    position: int
    key: str | None
    output: Any = None
    error_type: str | None = None
    error: str | None = None


def result_of(position: int, key: str | None, found: Any) -> Result:
    """Return the result of an output, or of an error in its place."""
    if isinstance(found, Exception):
        kind = getattr(found, "error_type", "") or type(found).__name__
        return Result(position, key, None, kind, _message(found))
    from pydantic_core import to_jsonable_python

    return Result(position, key, to_jsonable_python(found, fallback=repr))


def _message(error: Exception) -> str:
    """Return the message of an error, without secrets, and without what no file can have."""
    try:
        text = str(error)
    except Exception:  # by a method of its class
        text = f"a {type(error).__name__} without a message"
    return writable(hide_in_text(text))


class ResultWriter(Protocol):
    """Writes results to a file."""

    def write(self, result: Result) -> None:
        """Write one result."""
        ...

    def close(self, *, is_whole: bool) -> None:
        """Write what is left; not the rest of a file that is not whole."""
        ...


class TextWriter:
    """Writes a line for each result, each at once, so that a kill loses none.

    Args:
        file: where to.
        format: JSON Lines, or CSV, in which an output that is no string is JSON.
        is_new: whether CSV needs its first line.
    """

    def __init__(self, file: IO[str], format: FileFormat, *, is_new: bool = True) -> None:
        self._file = file
        self._csv: Any = None
        if format == "csv":
            self._csv = csv.writer(file, lineterminator="\n")
            if is_new:
                self._csv.writerow(COLUMNS)
                file.flush()

    def write(self, result: Result) -> None:
        """Write one result."""
        if self._csv is not None:
            self._csv.writerow(_csv_fields(result))
        else:
            self._file.write(json_text(_json_fields(result)) + "\n")
        self._file.flush()

    def close(self, *, is_whole: bool) -> None:
        """Do nothing: what there is was written."""


def _csv_fields(result: Result) -> list[Any]:
    output = result.output
    shown = writable(output) if isinstance(output, str) else json_text(output)
    if result.error_type is not None:
        shown = ""
    return [result.position, result.key, shown, result.error_type, result.error]


def _json_fields(result: Result) -> dict[str, Any]:
    fields: dict[str, Any] = {"position": result.position}
    if result.key is not None:
        fields["key"] = result.key
    if result.error_type is None:
        return fields | {"output": result.output}
    return fields | {"error_type": result.error_type, "error": result.error}


class OldLine(NamedTuple):
    """A line of an output that an earlier call has written.

    Attributes:
        text: the line itself, with its end.
        key: the key of its row.
        is_done: whether it has an output, not an error.
    """

    text: str
    key: str
    is_done: bool


def read_results(name: str, format: FileFormat) -> Iterator[OldLine]:
    """Yield the results of an output but for a torn last one, which a killed call leaves.

    Raises:
        ConfigError: it has other lines than this command writes.
    """
    with open(name, encoding="utf-8", newline="", errors="surrogateescape") as file:
        yield from _csv_results(name, file) if format == "csv" else _jsonl_results(name, file)


def _jsonl_results(name: str, file: IO[str]) -> Iterator[OldLine]:
    for number, line in enumerate(_split(file), 1):
        if not line.endswith("\n"):
            return
        row: dict[str, Any] = {}
        with suppress(ValueError, TypeError, RecursionError):
            row |= json.loads(line)
        key = row.get("key")
        if not isinstance(key, str) or not ("output" in row or "error_type" in row):
            raise _foreign(name, number)
        yield OldLine(line, key, "error_type" not in row)


def _split(file: IO[str]) -> Iterator[str]:
    """Yield lines, which end with a newline alone."""
    line = ""
    for part in file:
        line += part
        if part.endswith("\n"):
            yield line
            line = ""
    if line:
        yield line


def _csv_results(name: str, file: IO[str]) -> Iterator[OldLine]:
    text: list[str] = []

    def noted() -> Iterator[str]:
        for line in file:
            text.append(line)
            yield line

    reader = csv.reader(noted(), strict=True)
    try:
        for fields in reader:
            line = "".join(text)
            text.clear()
            if not line.endswith("\n"):
                return
            if reader.line_num == 1 and tuple(fields) == COLUMNS:
                continue
            if len(fields) != len(COLUMNS) or not fields[1] or reader.line_num == 1:
                raise _foreign(name, reader.line_num)
            yield OldLine(line, fields[1], not fields[3])
    except csv.Error as error:
        if "end of data" not in str(error):  # else a quote of the torn last line is not closed
            raise _foreign(name, reader.line_num) from None


def _foreign(name: str, number: int) -> ConfigError:
    return ConfigError(
        f"{name!r}, line {number} is no result of this command, so it cannot be gone on with. "
        "Nothing was changed. Write the output to another file, or say --overwrite."
    )
