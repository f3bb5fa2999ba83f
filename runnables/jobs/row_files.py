"""Files of rows: JSON Lines and CSV, read and written one row at a time."""

from __future__ import annotations

import csv
import json
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypeAlias

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

FileFormat: TypeAlias = Literal["jsonl", "csv"]

STDIO: Final = "-"
"""The name of standard input, or of standard output."""


def format_of(name: str, given: FileFormat | None = None) -> FileFormat:
    """Return the format of a file by the end of its name; that of pipes is JSON Lines.

    Raises:
        ConfigError: the name says nothing.
    """
    if given is not None:
        return given
    if name == STDIO or name.endswith((".jsonl", ".ndjson", ".jsonlines")):
        return "jsonl"
    if name.endswith(".csv"):
        return "csv"
    raise ConfigError(f"{name!r}: the format is not clear. Say --format jsonl, or --format csv.")


class BadRow(ConfigError):
    """A row of a file that cannot be read; the message has the name of the file and the line."""


def read_rows(
    name: str, format: FileFormat, skip: Callable[[BadRow], None] | None = None
) -> Iterator[Any]:
    """Yield the rows of a file: each line's JSON, or a dict of strings for each line of CSV.

    Args:
        name: the file, in UTF-8; "-" for standard input.
        format: its format.
        skip: takes the error of a row that cannot be read; without it, the error is raised.

    Raises:
        BadRow: a line that is no JSON; one of CSV with more or fewer fields than the first, or
            with a quote that is not closed.
        ConfigError: there is no such file, or it is not UTF-8.
    """
    with _opened(name) as file:
        for row in _jsonl(name, file) if format == "jsonl" else _csv(name, file):
            if not isinstance(row, BadRow):
                yield row
            elif skip is None:
                raise row
            else:
                skip(row)


@contextmanager
def _opened(name: str) -> Generator[IO[str]]:
    if name == STDIO:
        yield sys.stdin
        return
    try:
        with open(name, encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name!r} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{name!r} cannot be read: {error.strerror}") from None


def _jsonl(name: str, file: IO[str]) -> Iterator[Any]:
    for number, line in enumerate(file, 1):
        line = line.removeprefix("\ufeff") if number == 1 else line  # that of standard input
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                yield BadRow(f"{name!r}, line {number} is no JSON: {error}")


def _csv(name: str, file: IO[str]) -> Iterator[Any]:
    csv.field_size_limit(2**31 - 1)  # of this process; the default is 131,072 characters
    reader = csv.reader(file, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            return
        if len(set(header)) < len(header):
            raise ConfigError(f"{name!r} has two columns of one name: {', '.join(header)}")
        for fields in reader:
            if len(fields) == len(header):
                yield dict(zip(header, fields, strict=True))
            elif fields:
                yield BadRow(
                    f"{name!r}, line {reader.line_num} has {len(fields)} fields, and the first "
                    f"line {len(header)}"
                )
    except csv.Error as error:  # nothing after it can be read
        raise BadRow(f"{name!r}, line {reader.line_num}: {error}") from None


class RowWriter:
    """Writes what came of rows, a line each: position, key, and the output or the error.

    Args:
        file: where to.
        format: its format. In CSV, an output that is no string is written as JSON.
    """

    _COLUMNS: Final = ("position", "key", "output", "error_type", "error")

    def __init__(self, file: IO[str], format: FileFormat) -> None:
        self._file = file
        self._csv: Any = None
        if format == "csv":
            self._csv = csv.writer(file, lineterminator="\n")
            self._csv.writerow(self._COLUMNS)

    def write(
        self, position: int, key: str | None, output: Any = None, error: Exception | None = None
    ) -> None:
        """Write one row."""
        kind = None if error is None else getattr(error, "error_type", "") or type(error).__name__
        text = None if error is None else str(error)
        if self._csv is not None:
            shown = output if isinstance(output, str) else _json(output)
            self._csv.writerow((position, key, shown if error is None else "", kind, text))
            return
        row: dict[str, Any] = {"position": position}
        if key is not None:
            row["key"] = key
        row |= {"output": output} if error is None else {"error_type": kind, "error": text}
        self._file.write(_json(row) + "\n")


def _json(value: Any) -> str:
    from pydantic_core import to_jsonable_python

    plain = to_jsonable_python(value, fallback=repr)
    text = json.dumps(plain, ensure_ascii=False)
    return text if _is_utf8(text) else json.dumps(plain)


def _is_utf8(text: str) -> bool:
    """Tell whether a string can be written: half of a pair of surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
