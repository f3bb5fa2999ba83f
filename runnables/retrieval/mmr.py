"""Results that differ: maximal marginal relevance (Carbonell and Goldstein, 1998)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul


def pick_diverse(
    relevance: Sequence[float], vectors: Sequence[Sequence[float]], k: int, weight: float
) -> list[int]:
    """Return the indexes of k candidates, one after another.

    Each time, it is the one with the highest `weight * relevance - (1 - weight) * likeness`, where
    likeness is the highest cosine with those that were taken before.

    Args:
        relevance: how well each candidate fits, the best first.
        vectors: the vector of each candidate, of length 1.
        k: how many to take.
        weight: from 0, as different as can be, to 1, by relevance alone.
    """
    taken: list[int] = []
    left = list(range(len(relevance)))
    likeness = [0.0] * len(left)
    while left and len(taken) < k:
        best = max(left, key=lambda i: (weight * relevance[i] - (1 - weight) * likeness[i], -i))
        left.remove(best)
        for i in left:
            cosine = sum(map(mul, vectors[i], vectors[best]))
            likeness[i] = max(likeness[i], cosine) if taken else cosine
        taken.append(best)
    return taken
