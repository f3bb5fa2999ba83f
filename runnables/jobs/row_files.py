"""Files of rows: JSON Lines, CSV and Parquet, read one row at a time."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from runnables.errors import ConfigError
from runnables.jobs import parquet_files
from runnables.jobs.text_files import STDIO, ReadingEnd, is_regular, opened_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FileFormat: TypeAlias = Literal["jsonl", "csv", "parquet"]

_ENDINGS: Final[Mapping[str, FileFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}

_COUNTED_BYTES: Final = 1 << 30
"""Up to which size the rows of a file are counted before they are read: a few seconds of work."""


def format_of(name: str, given: FileFormat | None = None) -> FileFormat:
    """Return the format of a file: by the end of its name, else as given.

    That of pipes and devices is JSON Lines, where nothing else is given.

    Raises:
        ConfigError: the name says nothing.
    """
    ending = os.path.splitext(name.removesuffix(".gz"))[1].lower()
    if ending in _ENDINGS and name != STDIO:
        return _ENDINGS[ending]
    if given is not None:
        return given
    if not is_regular(name):
        return "jsonl"
    raise ConfigError(
        f"{name!r}: the format is not clear. Say --format jsonl, --format csv or --format parquet."
    )


class BadRow(ConfigError):
    """A row of a file that cannot be read; the message has the name of the file and the line."""


class _Line(NamedTuple):
    """A row, or what is wrong with it, and where it is."""

    where: str
    row: Any


def read_rows(
    name: str,
    format: FileFormat,
    skip: Callable[[BadRow], None] | None = None,
    *,
    key: str | None = None,
    end: ReadingEnd | None = None,
) -> Iterator[Any]:
    """Yield the rows of a file: each line's JSON, or a dict for each row of CSV or Parquet.

    The values of CSV are strings, those of Parquet what its types say.

    Args:
        name: the file, in UTF-8; "-" for standard input.
        format: its format.
        skip: takes the error of a row that cannot be read; without it, the error is raised.
        key: a field that each row must have: a string or a whole number.
        end: ends the reading early where it is a pipe.

    Raises:
        BadRow: a line that is no JSON; one of CSV with more or fewer fields than the first; a row
            without its key.
        ConfigError: there is no such file, or it is not UTF-8, or has a quote that is not closed.
    """
    for where, found in _lines(name, format, end):
        problem = found if isinstance(found, BadRow) else None
        if problem is None and key is not None and (wrong := _wrong_key(found, key)):
            problem = BadRow(f"{where} {wrong}")
        if problem is None:
            yield found
        elif skip is None:
            raise BadRow(f"{problem}. Say --skip-bad-rows to leave out such rows.")
        else:
            skip(problem)


def _lines(name: str, format: FileFormat, end: ReadingEnd | None) -> Iterator[_Line]:
    if format == "parquet":
        for number, row in enumerate(parquet_files.read_rows(name), 1):
            yield _Line(f"{name!r}, row {number}", row)
        return
    with opened_text(name, end) as file:
        for line in _jsonl(name, file) if format == "jsonl" else _csv(name, file, end):
            if end is not None and end.is_set:  # then this line may be a part of one
                return
            yield line


def _jsonl(name: str, file: IO[str]) -> Iterator[_Line]:
    for number, line in enumerate(file, 1):
        if line.strip():
            where = f"{name!r}, line {number}"
            try:
                yield _Line(where, json.loads(line))
            except ValueError as error:
                yield _Line(where, BadRow(f"{where} is no JSON: {error}"))
            except RecursionError:
                yield _Line(where, BadRow(f"{where} is nested too deeply"))


def _csv(name: str, file: IO[str], end: ReadingEnd | None) -> Iterator[_Line]:
    reader = _csv_reader(file)
    try:
        header = next(reader, None)
        if header is None:
            return
        if len(set(header)) < len(header):
            raise ConfigError(f"{name!r} has two columns of one name: {', '.join(header)}")
        if len(header) == 1 and any(separator in header[0] for separator in ";\t"):
            raise ConfigError(
                f"{name!r} has one column, {header[0]!r}: separate columns by commas."
            )
        for fields in reader:
            where = f"{name!r}, line {reader.line_num}"
            if len(fields) == len(header):
                yield _Line(where, dict(zip(header, fields, strict=True)))
            elif fields:
                yield _Line(
                    where,
                    BadRow(f"{where} has {len(fields)} fields, and the first line {len(header)}"),
                )
    except csv.Error as error:  # nothing after it can be read
        if end is None or not end.is_set:
            raise ConfigError(f"{name!r}, line {reader.line_num}: {error}") from None


def _csv_reader(file: IO[str]) -> Any:
    csv.field_size_limit(2**31 - 1)  # of this process; the default is 131,072 characters
    return csv.reader(file, strict=True)


def _wrong_key(row: Any, key: str) -> str | None:
    """Return what is wrong with the key of a row."""
    fields = row
    if not isinstance(row, dict):
        return f"has no field {key!r}: it is {_short(row)}, not an object"
    if key not in fields:
        return f"has no field {key!r}; it has {_short(list(fields))}"
    found = fields[key]
    if isinstance(found, str) and found:
        return None
    if isinstance(found, int) and not isinstance(found, bool):
        return None
    return f"has the key {_short(found)}: {key!r} must be a string, not empty, or a whole number"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def count_rows(name: str, format: FileFormat) -> int | None:
    """Return how many rows a file has, with those that cannot be read; None where that is slow.

    Pipes, compressed files and large files are not counted; nor is one that cannot be read, whose
    error is that of the job.
    """
    if not is_regular(name) or name.endswith(".gz"):
        return None
    with suppress(ConfigError, OSError, csv.Error):
        if format == "parquet":
            return parquet_files.count_rows(name)
        if os.path.getsize(name) <= _COUNTED_BYTES:
            with opened_text(name) as file:
                if format == "csv":
                    return max(0, sum(1 for fields in _csv_reader(file) if fields) - 1)
                return sum(1 for line in file if line.strip())
    return None
