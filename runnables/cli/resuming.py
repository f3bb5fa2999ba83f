"""Going on with an output of an earlier call, without a checkpoint; keys for its rows."""

from __future__ import annotations

import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

from runnables.engine.shared_connection import SharedConnection
from runnables.errors import CheckpointError, ConfigError
from runnables.jobs.row_keys import key_of
from runnables.jobs.row_writers import COLUMNS, read_results
from runnables.jobs.value_format import input_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnables.jobs.row_files import FileFormat


class DoneKeys:
    """How many rows of each key an output has.

    They are in a file that SQLite removes by itself, so that memory stays flat.

    Attributes:
        count: how many rows it has.
    """

    def __init__(self) -> None:
        self.count = 0
        db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        db.execute("CREATE TABLE done (key TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID")
        db.execute("BEGIN")
        self._db = SharedConnection(db)

    def add(self, key: str) -> None:
        """Count a row."""
        self.count += 1
        with self._db as db:
            db.execute(
                "INSERT INTO done VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1", (key,)
            )

    def take(self, key: str) -> bool:
        """Tell whether there is another row of this key; it is taken then."""
        statement = "UPDATE done SET count = count - 1 WHERE key = ? AND count > 0"
        with self._db as db:
            return db.execute(statement, (key,)).rowcount == 1

    def close(self) -> None:
        """Drop them."""
        self._db.close()


def go_on_with(output: str, format: FileFormat, *, retry_failed: bool) -> DoneKeys:
    """Return the keys of the rows that an output has, after cutting off its torn last line.

    Lines of rows that have failed are taken out as well, where those are tried again.

    Raises:
        ConfigError: the file has other lines than this command writes; it is not changed then.
    """
    done = DoneKeys()
    path = os.path.realpath(output)
    part = f"{path}.part"
    try:
        with open(part, "w", encoding="utf-8", newline="", errors="surrogateescape") as file:
            if format == "csv":
                file.write(",".join(COLUMNS) + "\n")
            for line in read_results(output, format) if os.path.exists(path) else ():
                if line.is_done or not retry_failed:
                    file.write(line.text)
                    done.add(line.key)
        if os.path.exists(path):
            shutil.copymode(path, part)
        os.replace(part, path)
    except BaseException:
        done.close()
        if os.path.exists(part):
            os.remove(part)
        raise
    return done


class KeyedRows:
    """Rows with their keys, where no checkpoint knows them; use it once.

    Args:
        rows: the rows.
        key: the field that says the key; None for the content.
        done: rows that an earlier call has done, which are left out.
    """

    def __init__(self, rows: Iterable[Any], key: str | None, done: DoneKeys | None) -> None:
        self._rows = rows
        self._key = key
        self._done = done
        self._under_way: dict[int, tuple[int, str]] = {}

    def __iter__(self) -> Iterator[Any]:
        number = 0
        for position, row in enumerate(self._rows):
            key = self._key_of(row, position)
            if self._done is None or not self._done.take(key):
                self._under_way[number] = position, key
                number += 1
                yield row

    def take(self, number: int) -> tuple[int, str]:
        """Return the position and the key of the row with this number among those yielded."""
        return self._under_way.pop(number)

    def _key_of(self, row: Any, position: int) -> str:
        if self._key is not None:
            return key_of(row, "", self._key, position)
        try:
            return key_of(row, input_text(row, position), None, position)
        except CheckpointError:
            raise ConfigError(
                f"Row {position} cannot be known by its content, which has no form in JSON. Say "
                "--key, the name of a field that is another one in each row."
            ) from None
