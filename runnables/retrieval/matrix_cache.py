"""A matrix that follows the rows of a store's database."""

from __future__ import annotations

import sqlite3
from typing import Final

from runnables.errors import StoreError
from runnables.retrieval.matrix import Matrix, View, new_matrix

MOST_DELETED: Final = 100_000
"""How many deleted rows a store remembers; who has seen less of them reads all vectors again."""

_CHUNK: Final = 4096


def forget_deleted(connection: sqlite3.Connection) -> None:
    """Remove what a store need not remember any more of its deleted rows."""
    query = "DELETE FROM deleted WHERE g <= (SELECT max(g) FROM deleted) - ?"
    connection.execute(query, (MOST_DELETED,))


class MatrixCache:
    """The vectors of a store that were read so far; one thread at a time uses it."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._matrix: Matrix = new_matrix()
        self._last_row = 0
        self._last_deletion = 0

    def refresh(self, connection: sqlite3.Connection) -> View:
        """Return the vectors as a transaction sees them; read only what has changed.

        Raises:
            StoreError: a vector of another length than the others.
        """
        try:
            self._follow(connection)
        except BaseException:  # such as Ctrl-C, after which the parts may not fit together
            self._reset()
            raise
        return self._matrix.view()

    def _follow(self, connection: sqlite3.Connection) -> None:
        """Drop the rows that were deleted, and read the new ones."""
        first, last = connection.execute("SELECT min(g), max(g) FROM deleted").fetchone()
        if first is not None and first > self._last_deletion + 1:
            self._reset()
        if last is not None and last > self._last_deletion:
            if self._last_row:
                query = "SELECT n FROM deleted WHERE g > ? AND n <= ?"
                rows = connection.execute(query, (self._last_deletion, self._last_row))
                self._matrix.remove(n for (n,) in rows)
            self._last_deletion = last
        self._read(connection)

    def _read(self, connection: sqlite3.Connection) -> None:
        """Read the vectors of new rows."""
        query = "SELECT n, vec FROM vecs WHERE n > ? ORDER BY n"
        cursor = connection.execute(query, (self._last_row,))
        size = _dimensions(connection)
        while found := cursor.fetchmany(_CHUNK):
            rows, blobs = [n for n, _ in found], [vec for _, vec in found]
            if any(len(blob) != 4 * size for blob in blobs):
                raise StoreError(
                    f"The store is damaged: a vector has not {size} numbers. Take a copy of it "
                    "from before."
                )
            self._matrix.append(rows, blobs)
            self._last_row = rows[-1]


def _dimensions(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM store WHERE name = 'dimensions'").fetchone()
    return 0 if row is None else int(row[0])
