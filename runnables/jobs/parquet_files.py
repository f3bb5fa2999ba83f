"""Files of Parquet: rows read in batches, results written in groups (extra `parquet`)."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final

from runnables.errors import ConfigError
from runnables.jobs.column_types import MIXED, ColumnType, type_of, unify
from runnables.jobs.json_text import json_text
from runnables.jobs.row_writers import COLUMNS, Result
from runnables.jobs.text_files import is_regular

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_READ_ROWS: Final = 1_000
_GROUP_ROWS: Final = 10_000
"""How many rows are read at once, and written as one row group."""


def check_installed() -> None:
    """Refuse to begin what could not be written at the end.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    _pyarrow("pyarrow")


def _pyarrow(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        from runnables.core.installation import missing_extra

        raise missing_extra("A file of Parquet", "pyarrow", "parquet") from None


@contextmanager
def _opened(name: str) -> Generator[Any]:
    if not is_regular(name):
        raise ConfigError(f"{name!r}: Parquet is read from its end, so it cannot come by a pipe.")
    parquet, arrow = _pyarrow("pyarrow.parquet"), _pyarrow("pyarrow")
    try:
        with parquet.ParquetFile(name) as file:
            yield file
    except arrow.ArrowException as error:
        raise ConfigError(f"{name!r} cannot be read as Parquet: {_first_line(error)}") from None
    except OSError as error:
        raise ConfigError(f"{name!r} cannot be read: {error.strerror or error}") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def read_rows(name: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file as dicts, with the values that its types stand for.

    Raises:
        ConfigError: it is not there, or no Parquet.
        MissingExtra: pyarrow is not installed.
    """
    with _opened(name) as file:
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise ConfigError(f"{name!r} has two columns of one name: {', '.join(names)}")
        for batch in file.iter_batches(batch_size=_READ_ROWS):
            try:
                rows: list[dict[str, Any]] = batch.to_pylist()
            except ValueError as error:  # such as times of nanoseconds
                raise ConfigError(f"{name!r} cannot be read: {_first_line(error)}") from None
            yield from rows


def count_rows(name: str) -> int:
    """Return how many rows a file has, by what it says of itself."""
    with _opened(name) as file:
        return int(file.metadata.num_rows)


class ParquetWriter:
    """Writes results as Parquet: position, key, output, error_type and error.

    The column `output` has a type of Parquet where one fits all outputs: see `column_types`.
    Otherwise it has the JSON of each output, also of a string, and its field says so in its
    metadata: `{"format": "json"}`. To know that, results wait in a temporary file until the end;
    the file could not be read before, as Parquet is read from its end.

    Args:
        file: where to, in bytes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._waiting = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._type: ColumnType = None

    def write(self, result: Result) -> None:
        """Write one result."""
        self._type = unify(self._type, type_of(result.output))
        print(json.dumps(result), file=self._waiting)

    def close(self, *, is_whole: bool) -> None:
        """Write the file, unless something went wrong, and drop what has waited."""
        with self._waiting:
            if is_whole:
                self._write_file()

    def _write_file(self) -> None:
        arrow, parquet = _pyarrow("pyarrow"), _pyarrow("pyarrow.parquet")
        schema = self._schema(arrow)
        with parquet.ParquetWriter(self._file, schema) as writer:
            for group in self._groups():
                columns = [list(column) for column in zip(*group, strict=True)]
                if self._type == MIXED:
                    columns[2] = list(map(_json_or_none, columns[2], columns[3]))
                arrays = [
                    arrow.array(column, type=field.type)
                    for column, field in zip(columns, schema, strict=True)
                ]
                writer.write_batch(arrow.record_batch(arrays, schema=schema))

    def _groups(self) -> Iterator[list[Any]]:
        self._waiting.seek(0)
        group: list[Any] = []
        for line in self._waiting:
            group.append(json.loads(line))
            if len(group) == _GROUP_ROWS:
                yield group
                group = []
        if group:
            yield group

    def _schema(self, arrow: Any) -> Any:
        is_json = self._type == MIXED
        output = arrow.string() if is_json else _arrow_type(self._type, arrow)
        metadata = {"format": "json"} if is_json else None
        types = {"position": arrow.int64(), "output": output}
        fields = [arrow.field(name, types.get(name, arrow.string())) for name in COLUMNS]
        fields[2] = fields[2].with_metadata(metadata)
        return arrow.schema(fields)


def _json_or_none(output: Any, error_type: str | None) -> str | None:
    return None if error_type is not None else json_text(output)


def _arrow_type(column: ColumnType, arrow: Any) -> Any:
    """Return the type of pyarrow; that of a column without any value is text."""
    if isinstance(column, dict):
        fields = column.items()
        return arrow.struct([(name, _arrow_type(kind, arrow)) for name, kind in fields])
    if isinstance(column, tuple):
        return arrow.list_(_arrow_type(column[0], arrow))
    return {
        "boolean": arrow.bool_(),
        "whole": arrow.int64(),
        "large": arrow.int64(),
        "number": arrow.float64(),
    }.get(column or "", arrow.string())
