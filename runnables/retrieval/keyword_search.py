"""The words of a question, for the search by words."""

from __future__ import annotations

import math
import re
from typing import Any, Final

_WORDS: Final = re.compile(r"[^\W_]+")

STOP_WORDS: Final = frozenset(
    """
    a about after all also am an and any are as at be because been before being but by can could did
    do does doing down each for from had has have having he her here hers him his how i if in into
    is it its just me more most my no nor not of off on once only or other our out over own same she
    should so some such than that the their them then there these they this those through to too
    under until up very was we were what when where which while who whom why will with would you
    your
    """.split()
)
"""English words that say nothing about what a document is about."""

MOST_TERMS: Final = 64
"""How many words of a question are looked up at most."""

LEAST_SHARE: Final = 1 / 3
"""How much of a question a document has to have before its words count.

A question in other words than the documents meets one of them by accident: "what helps against the
parasite of the brood?" has "brood" in common with a passage about swarms. Such a word says nothing.
"""

WEIGHT: Final = 0.75
"""How much the words of a question count, against the way from the mean cosine to the best one.

A document that has all of the words rises by half of this way: 0.75 * (1 - 1/3). Measured in
standard deviations, words do harm in small stores, where the way is only two or three of them.
Adding up ranks, as others do, does much harm where questions are in other words.
"""


def raised(share: Any) -> Any:
    """Return how far a document with this share of a question rises, in parts of that way.

    Args:
        share: more than `LEAST_SHARE`, and at most 1; or an array of such numbers.

    Example:
        >>> from runnables.retrieval.keyword_search import raised
        >>> [round(raised(share), 3) for share in (0.6, 1)]
        [0.2, 0.5]
    """
    return WEIGHT * (share - LEAST_SHARE)


def query_terms(text: str) -> list[str]:
    """Return the words of a question, without the ones that say nothing, each once.

    Example:
        >>> from runnables.retrieval.keyword_search import query_terms
        >>> query_terms("What does the boiler code F28 mean?")
        ['boiler', 'code', 'f28', 'mean']
    """
    words = dict.fromkeys(word.lower() for word in _WORDS.findall(text))
    return [word for word in words if word not in STOP_WORDS][:MOST_TERMS]


def quoted(term: str) -> str:
    """Return a word as a query of FTS5, where a bare one may be an operator."""
    return f'"{term}"'


def inverse_frequency(rows: int, total: int) -> float:
    """Return how much a word tells (its idf): much, where few of the documents have it."""
    return math.log(1 + (total - rows + 0.5) / (rows + 0.5))
