"""Cut a string into chunks: plain offsets, no documents.

From where a chunk begins, it reaches as far as its size allows. It ends at the best separator of
the second half of this window, or else at the best one of the first half; where there is none, it
ends between two characters. The next chunk begins there, or earlier, where chunks overlap.

So a chunk costs one look at a window of its own size, and the time is linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from runnables.retrieval.graphemes import first_boundary, is_boundary, last_boundary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnables.retrieval.separators import Cut, Level

_VISIBLE: Final = re.compile(r"\S")
_PRECISION: Final = 32
"""A length that is no count of characters is met to one part of this many."""
_LONGEST_WHITESPACE: Final = 2
"""How many characters of whitespace a separator has before a place where a chunk may begin."""


_Chunk: TypeAlias = tuple[int, int, int, bool]
"""Where a chunk begins and ends, where the text goes on, and whether it ends at a separator."""


@dataclass
class Cutter:
    """The cuts of one text.

    Args:
        text: the text.
        size: how long a chunk may be.
        overlap: how much of a chunk the next one may repeat.
        measure: returns the length of a string.
        levels: the separators, best first.
        strip: whether chunks begin and end with a visible character.
    """

    text: str
    size: int
    overlap: int
    measure: Callable[[str], int]
    levels: tuple[Level, ...]
    strip: bool

    def __post_init__(self) -> None:
        self._stop = len(self.text.rstrip()) if self.strip else len(self.text)
        self._expected = self.size  # how many characters a chunk has, about
        self._counts = self.measure is len
        # then every place is between two visible characters; isascii takes no time
        self._is_plain = self.text.isascii() and "\r" not in self.text

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield where each chunk begins and ends. Both grow from chunk to chunk."""
        begin = fresh = self._skipped(0)
        while fresh < self._stop:
            chunk = self._chunk(begin, fresh)
            yield chunk[0], chunk[1]
            begin = fresh = self._skipped(chunk[2])
            if self.overlap:
                begin = self._repeated_from(chunk, fresh)

    # -- where a chunk ends

    def _chunk(self, begin: int, fresh: int) -> _Chunk:
        """Return the chunk that begins here, or, where that leaves no space, at what is new.

        Args:
            begin: where the chunk begins, if what it repeats leaves space for something new.
            fresh: the first character that no chunk has yet.
        """
        text, stop = self.text, self._stop
        reaches: list[tuple[int, int]] = []
        for start in (begin, fresh) if begin < fresh else (fresh,):
            high = start + (self.size if self._counts else self._measured(start))
            if high >= stop:
                return start, stop, stop, True
            middle = (start + high) // 2
            if middle <= fresh:
                middle = fresh + 1
            last = self._with_whitespace(high) if text[high].isspace() else high
            cut = self._last_cut(start, middle, last)
            if cut is None:
                cut = self._last_cut(start, fresh + 1, middle - 1)
            if cut is not None:
                end = cut[0]
                if text[end - 1].isspace():
                    end = self._trimmed(start, end)
                return start, end, cut[1], True
            reaches.append((start, high))
        for start, high in reaches:
            if (place := last_boundary(text, fresh + 1, high, start)) is not None:
                return self._unseparated(start, fresh + 1, place)
        return self._unseparated(fresh, fresh + 1, max(reaches[-1][1], fresh + 1))

    def _last_cut(self, start: int, first: int, last: int) -> Cut | None:
        """Return the last cut of the best level that has one in a window."""
        text = self.text
        for level in self.levels if first <= last else ():
            cut = level.last(text, first, last)
            while cut is not None:
                end = cut[0]
                if (self._is_plain or is_boundary(text, end, start)) and (
                    self._counts or self._fits(start, end)
                ):
                    return cut
                cut = level.last(text, first, end - 1)
        return None

    def _unseparated(self, start: int, low: int, end: int) -> _Chunk:
        """Return a chunk that ends between two characters."""
        while end > low and not self._fits(start, end):
            end -= 1
        return start, self._trimmed(start, end), end, False

    def _fits(self, start: int, end: int) -> bool:
        """Tell whether a chunk is short enough: tokens of a part may be more than of the whole."""
        return self._counts or self.measure(self.text[start:end].rstrip()) <= self.size

    def _measured(self, start: int) -> int:
        """Return how many characters fit into a chunk that begins here."""

        def fits(count: int) -> bool:
            return self.measure(self.text[start : start + count]) <= self.size

        self._expected = max(1, _largest(fits, self._expected, self._stop - start))
        return self._expected

    # -- where the next one begins

    def _repeated_from(self, chunk: _Chunk, fresh: int) -> int:
        """Return where the chunk after this one begins: at a separator, if there is one."""
        begin, stop, _, at_separator = chunk
        if fresh >= self._stop:
            return fresh
        low, last = max(begin + 1, self._reach_back(begin, stop)), stop - 1
        half = low + (last - low) // 2
        for first, end in ((low, half), (half + 1, last)):
            for level in self.levels if first <= end else ():
                cut = level.first(self.text, max(0, first - _LONGEST_WHITESPACE), end)
                while cut is not None:
                    place = self._skipped(cut[1])
                    if first <= place <= end and is_boundary(self.text, place, begin):
                        return place
                    cut = level.first(self.text, cut[1] + 1, end)
        if at_separator:
            return fresh  # a part of a word would be repeated
        boundary = first_boundary(self.text, low, last, begin)
        return fresh if boundary is None else min(fresh, self._skipped(boundary))

    def _reach_back(self, begin: int, end: int) -> int:
        """Return the earliest place from where the end of a chunk may be repeated."""
        if self._counts:
            return end - self.overlap

        def fits(count: int) -> bool:
            return self.measure(self.text[end - count : end]) <= self.overlap

        expected = max(1, self._expected * self.overlap // self.size)
        return end - _largest(fits, expected, end - begin)

    # -- whitespace

    def _skipped(self, index: int) -> int:
        """Return where the text after an index begins."""
        if not self.strip:
            return index
        found = _VISIBLE.search(self.text, index)
        return found.start() if found else self._stop

    def _with_whitespace(self, end: int) -> int:
        """Return an end with the whitespace of a separator after it, which is trimmed off."""
        most = end + _LONGEST_WHITESPACE if self.strip else end
        while end < most and self.text[end : end + 1].isspace():
            end += 1
        return end

    def _trimmed(self, start: int, end: int) -> int:
        """Return where a chunk ends without the whitespace at its end."""
        return start + len(self.text[start:end].rstrip()) if self.strip else end


def _largest(fits: Callable[[int], bool], expected: int, limit: int) -> int:
    """Return about the largest number up to a limit that fits.

    Numbers near the expected one are tried first, so that no call takes a whole long text.
    """
    if limit <= 4 * expected and fits(limit):
        return limit
    low, high = 0, min(expected, limit)
    while fits(high):
        if high == limit:
            return limit
        low, high = high, min(2 * high, limit)
    while high - low > 1 + low // _PRECISION:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
