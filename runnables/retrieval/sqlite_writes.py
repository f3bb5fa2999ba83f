"""How documents get into a store: what has to be embedded, and one group at a time."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from runnables.errors import ConfigError, StoreError
from runnables.retrieval.matrix_cache import forget_deleted
from runnables.retrieval.stored_documents import StoredDocument
from runnables.retrieval.vector_store import Added
from runnables.retrieval.vectors import to_blob, vector_space

if TYPE_CHECKING:
    from array import array

    from runnables.retrieval.sqlite_database import Database

Group = Sequence[StoredDocument]
"""Documents that are embedded by one request, and stored by one transaction."""

_CHUNK: Final = 500


@dataclass
class Plan:
    """What a call of `add` has to do, and what it has done.

    Attributes:
        groups: the documents that are new, or not as they are in the store.
        unchanged: how many are as they are.
    """

    groups: list[Group]
    unchanged: int
    _done: list[Added] = field(default_factory=list[Added])

    def count(self, done: Added) -> None:
        """Note what was done for a group."""
        self._done.append(done)

    def result(self) -> Added:
        """Return what was done for all groups."""
        added, updated, unchanged = (
            sum(counts) for counts in zip((0, 0, 0), *self._done, strict=False)
        )
        return Added(added, updated, unchanged + self.unchanged)


class Writer:
    """The writing half of a store.

    Args:
        database: the database.
        model: the model whose vectors are stored.
    """

    def __init__(self, database: Database, model: object) -> None:
        self._database = database
        self._model = model

    def plan(self, docs: Sequence[StoredDocument], max_batch_size: Any) -> Plan:
        """Return what has to be done to store documents.

        Raises:
            ConfigError: a size below 1.
            StoreError: the store has the vectors of another model, or cannot be written.
        """
        size: int = max_batch_size
        if not isinstance(max_batch_size, int) or isinstance(max_batch_size, bool) or size < 1:
            raise ConfigError(f"max_batch_size={max_batch_size!r}: expected a number, 1 or more.")
        changed: list[StoredDocument] = []
        with self._database.read() as connection:
            self.check_space(connection)
            for start in range(0, len(docs), _CHUNK):
                chunk = docs[start : start + _CHUNK]
                rows = _rows(connection, chunk)
                changed += [doc for doc in chunk if not _is_stored(doc, rows)]
        if changed:
            self._database.check_writable()
        groups = [changed[start : start + size] for start in range(0, len(changed), size)]
        return Plan(list(groups), len(docs) - len(changed))

    def unknown_strings(self, group: Group, vectors: Container[str]) -> list[str]:
        """Return the strings of which neither the store nor the caller has a vector, each once."""
        strings = dict.fromkeys(doc.text for doc in group if doc.text not in vectors)
        with self._database.read() as connection:
            return [text for text in strings if _vector(connection, text) is None]

    def write(self, group: Group, vectors: Mapping[str, array[float]]) -> Added | None:
        """Store a group, in one transaction.

        It returns None, and has stored nothing, where a vector is missing: another process has
        removed the document that had it.

        Args:
            group: the documents.
            vectors: the vectors of the strings that were unknown.

        Raises:
            StoreError: the store has the vectors of another model, or cannot be written.
        """
        sizes = {len(vector) for vector in vectors.values()}
        blobs = {text: to_blob(vector) for text, vector in vectors.items()}
        with self._database.write() as connection:
            self.check_space(connection, *sizes)
            rows = _rows(connection, group)  # another process may have written since the plan
            for doc in group:  # before a change drops the row that has the vector of a known string
                if doc.text not in blobs and (blob := _vector(connection, doc.text)) is not None:
                    blobs[doc.text] = blob
            if any(_needs_vector(doc, rows) and doc.text not in blobs for doc in group):
                return None
            if sizes:
                self._set_space(connection, sizes.pop())
            done = [self._put(connection, doc, rows.get(doc.id), blobs) for doc in group]
            if "updated" in done:
                forget_deleted(connection)
        return Added(done.count("added"), done.count("updated"), done.count("unchanged"))

    def _put(
        self,
        connection: sqlite3.Connection,
        doc: StoredDocument,
        row: tuple[str, str] | None,
        blobs: Mapping[str, bytes],
    ) -> str:
        """Store one document, and return what was done."""
        if row is not None and doc.is_same(*row):
            return "unchanged"
        if row is not None and row[0] == doc.text:
            connection.execute("UPDATE docs SET metadata = ? WHERE id = ?", (doc.metadata, doc.id))
            return "updated"
        if row is not None:
            connection.execute("DELETE FROM docs WHERE id = ?", (doc.id,))
        insert = "INSERT INTO docs (id, text, metadata, text_hash) VALUES (?, ?, ?, ?)"
        cursor = connection.execute(insert, (doc.id, doc.text, doc.metadata, _hash(doc.text)))
        vector = (cursor.lastrowid, blobs[doc.text])
        connection.execute("INSERT INTO vecs VALUES (?, ?)", vector)
        return "added" if row is None else "updated"

    # -- whose vectors these are

    def check_space(self, connection: sqlite3.Connection, *sizes: int) -> None:
        """Refuse vectors that cannot be compared with those of the store.

        Args:
            connection: a transaction.
            *sizes: how many numbers the vectors have.

        Raises:
            StoreError: they are of another model, or of another length.
        """
        known = dict(connection.execute("SELECT name, value FROM store"))
        if not known or connection.execute("SELECT 1 FROM docs LIMIT 1").fetchone() is None:
            return
        way_out = "Use the model that the store was filled with, or fill a new file with this one."
        space = vector_space(self._model)
        if space is not None and known.get("vector_space", space) != space:
            raise StoreError(
                f"The store has the vectors of {known['vector_space']!r}, and "
                f"{type(self._model).__name__} makes those of {space!r}. {way_out}"
            )
        for size in sizes:
            if str(size) != known["dimensions"]:
                raise StoreError(
                    f"The store has vectors of {known['dimensions']} numbers, and this one has "
                    f"{size}. {way_out}"
                )

    def _set_space(self, connection: sqlite3.Connection, size: int) -> None:
        """Note whose vectors these are, where the store has no others."""
        if connection.execute("SELECT 1 FROM docs LIMIT 1").fetchone() is None:
            connection.execute("DELETE FROM store")
            connection.execute("INSERT INTO store VALUES ('dimensions', ?)", (str(size),))
            if (space := vector_space(self._model)) is not None:
                connection.execute("INSERT INTO store VALUES ('vector_space', ?)", (space,))


def _rows(connection: sqlite3.Connection, docs: Group) -> dict[str, tuple[str, str]]:
    """Return the stored text and metadata of the documents that are there, by id."""
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(docs), _CHUNK):
        ids = [doc.id for doc in docs[start : start + _CHUNK]]
        places = ", ".join("?" * len(ids))
        query = f"SELECT id, text, metadata FROM docs WHERE id IN ({places})"
        found.update((id, (text, meta)) for id, text, meta in connection.execute(query, ids))
    return found


def _is_stored(doc: StoredDocument, rows: Mapping[str, tuple[str, str]]) -> bool:
    row = rows.get(doc.id)
    return row is not None and doc.is_same(*row)


def _needs_vector(doc: StoredDocument, rows: Mapping[str, tuple[str, str]]) -> bool:
    row = rows.get(doc.id)
    return row is None or row[0] != doc.text


def _vector(connection: sqlite3.Connection, text: str) -> bytes | None:
    """Return the stored vector of a string; None where there is none."""
    query = "SELECT vec FROM docs JOIN vecs USING (n) WHERE text_hash = ? AND text = ? LIMIT 1"
    row = connection.execute(query, (_hash(text), text)).fetchone()
    return None if row is None else bytes(row[0])


def _hash(text: str) -> int:
    """Return a number of 64 bits for a string."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
