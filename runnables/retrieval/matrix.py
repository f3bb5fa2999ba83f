"""The vectors of a store in memory, and the search among all of them.

A matrix follows the file: rows that were added since are read, those that were deleted are dropped.
With NumPy the search of 10,000 vectors is some hundred times faster than without; the results are
the same, but for the last digits of the scores.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from operator import mul
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from runnables.retrieval.keyword_search import LEAST_SHARE, raised
from runnables.retrieval.vectors import from_blobs

if TYPE_CHECKING:
    from array import array


_MOST_DEAD: Final = 8
"""Where one row in so many was dropped, the others are moved together."""


class Hit(NamedTuple):
    """A row that was found.

    Attributes:
        n: the number of its row.
        score: the cosine.
        rank: what it was ranked by: the cosine, and the words in it, if those count.
    """

    n: int
    score: float
    rank: float


@dataclass(frozen=True)
class TermRows:
    """The rows that have a word of the question.

    Attributes:
        share: how much of the question this word is, from 0 to 1.
        rows: their numbers.
    """

    share: float
    rows: Sequence[int]


@dataclass(frozen=True)
class RowQuery:
    """What the rows are ranked by, and how many are wanted.

    Attributes:
        vector: the vector of the question, of length 1.
        count: how many rows to return.
        allowed: the rows to choose from; None: all.
        terms: the words that count as well; None: the cosine alone decides.
    """

    vector: array[float]
    count: int
    allowed: Sequence[int] | None = None
    terms: Sequence[TermRows] | None = None


class View(ABC):
    """The vectors at one moment; it never changes."""

    @abstractmethod
    def best(self, query: RowQuery) -> list[Hit]:
        """Return the best rows, the best first; of equal ones, the oldest."""

    @abstractmethod
    def vectors(self, rows: Sequence[int]) -> list[list[float]]:
        """Return the vectors of some rows."""


class Matrix(ABC):
    """The vectors that were read so far, in the order of their rows."""

    @abstractmethod
    def append(self, rows: Sequence[int], blobs: Sequence[bytes]) -> None:
        """Add vectors whose rows come after all others."""

    @abstractmethod
    def remove(self, rows: Iterable[int]) -> None:
        """Drop rows; some may not be there."""

    @abstractmethod
    def view(self) -> View:
        """Return the vectors as they are now."""


def new_matrix() -> Matrix:
    """Return an empty matrix, of NumPy where that is installed."""
    try:
        import numpy
    except ImportError:
        return PlainMatrix()
    return NumPyMatrix(numpy)


class NumPyMatrix(Matrix):
    """Vectors in an array that has space for more.

    Rows that are dropped stay in it, and are passed over, until they are many: to move all others
    costs as much as to read them.
    """

    def __init__(self, numpy: Any) -> None:
        self._np = numpy
        self._rows: Any = numpy.empty(0, numpy.int64)
        self._vectors: Any = numpy.empty((0, 0), numpy.float32)
        self._count = 0
        self._dead: Any = numpy.empty(0, numpy.int64)

    def append(self, rows: Sequence[int], blobs: Sequence[bytes]) -> None:
        """Add vectors whose rows come after all others."""
        if not rows:
            return
        new = self._np.frombuffer(b"".join(blobs), "<f4").reshape(len(rows), -1)
        end = self._count + len(rows)
        if end > len(self._rows):
            self._grow(end, new.shape[1])
        # a view that was returned before ends at the old count, so it does not see these
        self._rows[self._count : end] = rows
        self._vectors[self._count : end] = new
        self._count = end

    def _grow(self, needed: int, size: int) -> None:
        space = max(needed, self._count + self._count // 4)
        rows = self._np.empty(space, self._np.int64)
        vectors = self._np.empty((space, size), self._np.float32)
        if self._count:
            rows[: self._count] = self._rows[: self._count]
            vectors[: self._count] = self._vectors[: self._count]
        self._rows, self._vectors = rows, vectors

    def remove(self, rows: Iterable[int]) -> None:
        """Drop rows; some may not be there."""
        np = self._np
        gone = np.fromiter(rows, np.int64)
        if not self._count or not len(gone):
            return
        places = np.searchsorted(self._rows[: self._count], gone)
        places = places[places < self._count]
        places = places[np.isin(self._rows[places], gone)]
        self._dead = np.union1d(self._dead, places)
        if len(self._dead) > self._count // _MOST_DEAD:
            self._vectors = np.delete(self._vectors[: self._count], self._dead, axis=0)
            self._rows = np.delete(self._rows[: self._count], self._dead)
            self._count = len(self._rows)
            self._dead = self._dead[:0]

    def view(self) -> View:
        """Return the vectors as they are now."""
        if self._count == len(self._dead):
            return PlainView([], [])
        rows, vectors = self._rows[: self._count], self._vectors[: self._count]
        return NumPyView(self._np, rows, vectors, self._dead)


class NumPyView(View):
    """Vectors in an array."""

    def __init__(self, numpy: Any, rows: Any, vectors: Any, dead: Any) -> None:
        self._np, self._rows, self._vectors = numpy, rows, vectors
        self._alive: Any = None
        if len(dead):
            self._alive = numpy.ones(len(rows), bool)
            self._alive[dead] = False

    def best(self, query: RowQuery) -> list[Hit]:
        """Return the best rows, the best first; of equal ones, the oldest."""
        np = self._np
        chosen = self._alive if query.allowed is None else self._places(query.allowed)
        if query.terms is None and query.allowed is not None:
            rows, scores = self._rows[chosen], self._cosines(self._vectors[chosen], query.vector)
            ranks = scores
        else:
            rows, scores = self._rows, self._cosines(self._vectors, query.vector)
            ranks = scores if query.terms is None else self._with_terms(scores, query.terms)
            if chosen is not None:
                rows, scores, ranks = rows[chosen], scores[chosen], ranks[chosen]
        if query.count < len(ranks):
            place = len(ranks) - query.count
            near = np.flatnonzero(ranks >= np.partition(ranks, place)[place])
            rows, scores, ranks = rows[near], scores[near], ranks[near]
        order = np.lexsort((rows, -ranks))[: query.count]
        return [Hit(int(rows[i]), float(scores[i]), float(ranks[i])) for i in order]

    def _cosines(self, vectors: Any, vector: array[float]) -> Any:
        # not `@`: the threads of BLAS take longer to wake up than a small product takes
        return self._np.einsum("ij,j->i", vectors, self._np.asarray(vector, self._np.float32))

    def _with_terms(self, scores: Any, terms: Sequence[TermRows]) -> Any:
        shares = self._np.zeros(len(scores))
        for term in terms:
            shares[self._places(term.rows)] += term.share
        ranks = scores.astype(self._np.float64)
        alive = ranks if self._alive is None else ranks[self._alive]
        way = float(alive.max() - alive.mean())
        some = self._np.flatnonzero(shares > LEAST_SHARE)
        ranks[some] += way * raised(shares[some])
        return ranks

    def _places(self, rows: Sequence[int]) -> Any:
        numbers = self._np.asarray(rows, self._np.int64)
        return self._np.searchsorted(self._rows, numbers)

    def vectors(self, rows: Sequence[int]) -> list[list[float]]:
        """Return the vectors of some rows."""
        found: list[list[float]] = self._vectors[self._places(rows)].tolist()
        return found


class PlainMatrix(Matrix):
    """Vectors in arrays of the standard library."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._vectors: list[array[float]] = []

    def append(self, rows: Sequence[int], blobs: Sequence[bytes]) -> None:
        """Add vectors whose rows come after all others."""
        self._rows = [*self._rows, *rows]
        self._vectors = [*self._vectors, *map(from_blobs, blobs)]

    def remove(self, rows: Iterable[int]) -> None:
        """Drop rows; some may not be there."""
        gone = set(rows)
        kept = [place for place, row in enumerate(self._rows) if row not in gone]
        self._rows = [self._rows[place] for place in kept]
        self._vectors = [self._vectors[place] for place in kept]

    def view(self) -> View:
        """Return the vectors as they are now."""
        return PlainView(self._rows, self._vectors)


class PlainView(View):
    """Vectors in arrays of the standard library."""

    def __init__(self, rows: list[int], vectors: list[array[float]]) -> None:
        self._rows, self._vectors = rows, vectors

    def best(self, query: RowQuery) -> list[Hit]:
        """Return the best rows, the best first; of equal ones, the oldest."""
        wanted = None if query.allowed is None else set(query.allowed)
        pairs = [
            (row, sum(map(mul, vector, query.vector)))
            for row, vector in zip(self._rows, self._vectors, strict=True)
            if query.terms is not None or wanted is None or row in wanted
        ]
        bonus = self._bonus([score for _, score in pairs], query.terms or ())
        hits = (
            Hit(row, score, score + bonus.get(row, 0.0))
            for row, score in pairs
            if wanted is None or row in wanted
        )
        return nsmallest(query.count, hits, key=lambda hit: (-hit.rank, hit.n))

    def _bonus(self, scores: list[float], terms: Sequence[TermRows]) -> dict[int, float]:
        if not terms or not scores:
            return {}
        way = max(scores) - math.fsum(scores) / len(scores)
        shares: dict[int, float] = {}
        for term in terms:
            for row in term.rows:
                shares[row] = shares.get(row, 0.0) + term.share
        return {row: way * raised(share) for row, share in shares.items() if share > LEAST_SHARE}

    def vectors(self, rows: Sequence[int]) -> list[list[float]]:
        """Return the vectors of some rows."""
        places = {row: place for place, row in enumerate(self._rows)}
        return [list(self._vectors[places[row]]) for row in rows]
