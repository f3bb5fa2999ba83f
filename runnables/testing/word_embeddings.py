"""A model of embeddings for tests, in which a test can see what is close to what."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from runnables.models.embeddings import Embeddings

_WORDS: Final = "sea salt fish harbour bread oven flour music violin".split()
_MORE: Final = 16


class WordEmbeddings(Embeddings, internal=True):
    """A model whose vectors count words: two strings are close where they have words in common.

    Attributes:
        requests: the strings of each request so far.
        fails_on: a string with this word raises RuntimeError; None: none does.

    Example:
        >>> from runnables.testing import WordEmbeddings
        >>> model = WordEmbeddings()
        >>> model.embed_query("sea, sea, salt")[:3]
        [2.0, 1.0, 0.0]
    """

    def __init__(self) -> None:
        super().__init__()
        self._requests: list[list[str]] = []
        self._fails_on: str | None = None

    @property
    def requests(self) -> list[list[str]]:
        """Return the strings of each request so far."""
        return self._requests

    @property
    def fails_on(self) -> str | None:
        """Return the word at which a request fails."""
        return self._fails_on

    @fails_on.setter
    def fails_on(self, word: str | None) -> None:
        self._fails_on = word

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the counts of words in each string."""
        self._requests.append(list(texts))
        if self._fails_on is not None and any(self._fails_on in text for text in texts):
            raise RuntimeError(f"a string has the word {self._fails_on!r}")
        return [_counts(text) for text in texts]


def _counts(text: str) -> list[float]:
    counts = [0.0] * (len(_WORDS) + _MORE)
    for word in text.lower().replace(",", " ").replace(".", " ").split():
        known = word in _WORDS
        place = _WORDS.index(word) if known else len(_WORDS) + zlib.crc32(word.encode()) % _MORE
        counts[place] += 1
    return counts
