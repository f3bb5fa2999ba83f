"""The search in memory: with NumPy and without, the same is found."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
from hypothesis import given, strategies as st

from runnables.retrieval.matrix import Hit, Matrix, NumPyMatrix, PlainMatrix, RowQuery, TermRows
from runnables.retrieval.mmr import pick_diverse
from runnables.retrieval.vectors import from_blobs, to_blob, to_unit

NUMBERS = st.floats(-10, 10, width=32)
VECTORS = st.lists(NUMBERS, min_size=3, max_size=3)


def _filled(matrix: Matrix, vectors: list[list[float]], removed: set[int]) -> Matrix:
    """Return a matrix after it has got vectors in two parts, and lost some in between."""
    blobs = [to_blob(to_unit(vector, "v")) for vector in vectors]
    rows = list(range(1, len(blobs) + 1))
    half = len(rows) // 2
    matrix.append(rows[:half], blobs[:half])
    matrix.remove(row for row in removed if row <= half)
    matrix.append(rows[half:], blobs[half:])
    matrix.remove(removed)
    return matrix


@given(
    st.lists(VECTORS, min_size=1, max_size=20),
    st.sets(st.integers(1, 20)),
    VECTORS,
    st.integers(1, 25),
    st.none() | st.sets(st.integers(1, 20)),
    st.none() | st.lists(st.tuples(st.floats(0, 1), st.sets(st.integers(1, 20))), max_size=3),
)
def test_numpy_finds_what_plain_python_finds(
    vectors: list[list[float]],
    removed: set[int],
    query: list[float],
    count: int,
    allowed: set[int] | None,
    words: list[tuple[float, set[int]]] | None,
) -> None:
    """With filters and words; up to the order of what is as close."""
    there = {row for row in range(1, len(vectors) + 1) if row not in removed}
    rows = None if allowed is None else sorted(allowed & there)
    terms = None if words is None else [TermRows(s, sorted(rows & there)) for s, rows in words]
    found: list[list[Hit]] = []
    for matrix in (NumPyMatrix(numpy), PlainMatrix()):
        view = _filled(matrix, vectors, removed).view()
        found.append(view.best(RowQuery(to_unit(query, "q"), count, rows, terms)))
    wanted = min(count, len(there if rows is None else rows))
    assert [len(hits) for hits in found] == [wanted, wanted]
    for left, right in zip(*found, strict=True):
        assert left.rank == pytest.approx(right.rank, abs=1e-4)
    assert len({hit.n for hit in found[0]}) == wanted
    assert {hit.n for hit in found[0]} <= there


@given(st.lists(VECTORS, min_size=1, max_size=10), VECTORS)
def test_a_score_is_the_cosine(vectors: list[list[float]], query: list[float]) -> None:
    """As it is written in books; 0 where there is no direction."""
    view = _filled(NumPyMatrix(numpy), vectors, set()).view()
    for hit in view.best(RowQuery(to_unit(query, "q"), 10)):
        lengths = math.hypot(*vectors[hit.n - 1]) * math.hypot(*query)
        dot = sum(a * b for a, b in zip(vectors[hit.n - 1], query, strict=True))
        assert hit.score == pytest.approx(dot / lengths if lengths else 0, abs=1e-4)


@pytest.mark.parametrize("make", [lambda: NumPyMatrix(numpy), PlainMatrix], ids=["numpy", "plain"])
def test_a_view_never_changes(make: Any) -> None:
    """Another thread may search in it, while rows are added and dropped."""
    matrix = _filled(make(), [[1.0, 0.0, 0.0]] * 10, set())
    view = matrix.view()
    before = view.best(RowQuery(to_unit([1, 1, 0], "q"), 20))
    for row in range(11, 40):
        matrix.append([row], [to_blob(to_unit([0.0, 1.0, row], "v"))])
        matrix.remove([row - 10])
    assert view.best(RowQuery(to_unit([1, 1, 0], "q"), 20)) == before
    assert [hit.n for hit in matrix.view().best(RowQuery(to_unit([1, 0, 0], "q"), 3))] == [
        30,
        31,
        32,
    ]


@pytest.mark.parametrize("make", [lambda: NumPyMatrix(numpy), PlainMatrix], ids=["numpy", "plain"])
def test_of_equal_ones_the_oldest_is_first(make: Any) -> None:
    """However many there are, and whatever `count` is."""
    view = _filled(make(), [[1.0, 0.0, 0.0]] * 50, {3}).view()
    found = view.best(RowQuery(to_unit([1, 0, 0], "q"), 5))
    assert [hit.n for hit in found] == [1, 2, 4, 5, 6]


@pytest.mark.parametrize("make", [lambda: NumPyMatrix(numpy), PlainMatrix], ids=["numpy", "plain"])
def test_words_count_from_a_third_of_the_question_on(make: Any) -> None:
    """One by accident changes nothing; all of them raise a row by half of the way to the best."""
    view = _filled(make(), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], set()).view()
    for shares, expected in (([0.3], 0.0), ([0.3, 0.3], 0.1), ([0.5, 0.5], 0.25)):
        terms = [TermRows(share, [2]) for share in shares]
        best, second = view.best(RowQuery(to_unit([1.0, 0.0, 0.0], "q"), 2, None, terms))
        assert (best.n, best.rank) == (1, 1)  # the mean is 0.5, so this is the way
        assert second.score == 0
        assert second.rank == pytest.approx(expected)


@given(st.lists(NUMBERS, min_size=1))
def test_a_vector_survives_its_bytes(numbers: list[float]) -> None:
    """And has length 1, or 0."""
    unit = to_unit(numbers, "v")
    assert from_blobs(to_blob(unit)) == unit
    assert math.hypot(*unit) == pytest.approx(1, abs=1e-4) or not any(unit)


def test_mmr_takes_what_is_unlike_the_first() -> None:
    """With weight 1 by relevance alone, below it not the same thing twice."""
    vectors = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    relevance = [0.9, 0.9, 0.5]
    assert pick_diverse(relevance, vectors, 2, 1) == [0, 1]
    assert pick_diverse(relevance, vectors, 2, 0.5) == [0, 2]
    assert pick_diverse(relevance, vectors, 9, 0.5) == [0, 2, 1]
    assert pick_diverse([], [], 3, 0.5) == []
