"""The search of a store: among the vectors in memory, the words and filters by SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from runnables.retrieval.filter_sql import to_sql
from runnables.retrieval.keyword_search import inverse_frequency, query_terms, quoted
from runnables.retrieval.matrix import Hit, RowQuery, TermRows, View
from runnables.retrieval.mmr import pick_diverse
from runnables.retrieval.stored_documents import to_document

if TYPE_CHECKING:
    from array import array

    from runnables.retrieval.documents import Document
    from runnables.retrieval.filters import Condition
    from runnables.retrieval.vector_store import Query

LEAST_CANDIDATES: Final = 20
"""From how many documents the results that differ among themselves are taken, at least."""


@dataclass(frozen=True)
class Search:
    """A search that was checked.

    Attributes:
        queries: the questions, or their vectors.
        strings: the strings among them, each once.
        k: how many documents to return for each.
        condition: what their metadata must say.
        hybrid: whether the words of the questions count.
        mmr: how much relevance counts, against likeness to other results.
    """

    queries: Sequence[Query]
    strings: list[str]
    k: int
    condition: Condition | None
    hybrid: bool
    mmr: float | None


def run_search(
    connection: sqlite3.Connection, view: View, search: Search, vectors: Sequence[array[float]]
) -> list[list[Document]]:
    """Return the documents for each question.

    Args:
        connection: a transaction.
        view: the vectors that it sees.
        search: the search.
        vectors: the vectors of the questions, of length 1.
    """
    allowed = None if search.condition is None else _rows(connection, search.condition)
    if allowed == []:
        return [[] for _ in vectors]
    return [
        _documents(connection, _best(connection, view, search, query, vector, allowed))
        for query, vector in zip(search.queries, vectors, strict=True)
    ]


def _best(
    connection: sqlite3.Connection,
    view: View,
    search: Search,
    query: Query,
    vector: array[float],
    allowed: Sequence[int] | None,
) -> list[Hit]:
    """Return the best rows for one question."""
    terms = _terms(connection, query) if search.hybrid and isinstance(query, str) else None
    count = search.k if search.mmr is None else max(LEAST_CANDIDATES, 5 * search.k)
    hits = view.best(RowQuery(vector, count, allowed, terms))
    if search.mmr is None or len(hits) < 2:
        return hits
    near = view.vectors([hit.n for hit in hits])
    picked = pick_diverse([hit.rank for hit in hits], near, search.k, search.mmr)
    return [hits[index] for index in picked]


def _rows(connection: sqlite3.Connection, condition: Condition) -> list[int]:
    """Return the rows that fulfil a condition."""
    text, values = to_sql(condition)
    return [n for (n,) in connection.execute(f"SELECT n FROM docs WHERE {text}", values)]


def _terms(connection: sqlite3.Connection, query: str) -> list[TermRows]:
    """Return the rows of each word of a question, and how much of the question it is."""
    (total,) = connection.execute("SELECT count(*) FROM docs").fetchone()
    match = "SELECT rowid FROM words WHERE words MATCH ?"
    found = [
        [n for (n,) in connection.execute(match, (quoted(term),))] for term in query_terms(query)
    ]
    weights = [inverse_frequency(len(rows), total) for rows in found]
    whole = sum(weights) or 1.0
    return [
        TermRows(weight / whole, rows) for weight, rows in zip(weights, found, strict=True) if rows
    ]


def _documents(connection: sqlite3.Connection, hits: Sequence[Hit]) -> list[Document]:
    """Return the documents of rows, in their order."""
    query = "SELECT n, id, text, metadata FROM docs WHERE n IN (SELECT value FROM json_each(?))"
    rows = connection.execute(query, (json.dumps([hit.n for hit in hits]),))
    found = {n: (id, text, metadata) for n, id, text, metadata in rows}
    return [to_document(*found[hit.n], hit.score) for hit in hits]
