"""Separators: where a string may be cut, the best places first.

A `Cut` is a place between two chunks; a `Level` finds the last or the first place of one kind
within a window. Levels never look further than the window and a little beyond it, so that the time
for a string is linear in its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

KeepSeparator: TypeAlias = bool | Literal["start", "end"]
"""Which chunk has the separator: the next one ("start", True), the one before, or none (False)."""


Cut: TypeAlias = tuple[int, int]
"""A place between two chunks: where the first ends, and where the next begins.

It is no named tuple, which would take ten times as long to make.
"""


class Level(Protocol):
    """One kind of separator."""

    def last(self, text: str, low: int, high: int) -> Cut | None:
        """Return the last cut whose `end` is from `low` to `high`."""
        ...

    def first(self, text: str, low: int, high: int) -> Cut | None:
        """Return the first cut whose `next` is from `low` to `high`."""
        ...


@dataclass(frozen=True)
class Literals:
    """Separators that are strings, of the same rank."""

    separators: tuple[str, ...]
    keep: KeepSeparator = True

    def last(self, text: str, low: int, high: int) -> Cut | None:
        """Return the last cut whose `end` is from `low` to `high`."""
        best: Cut | None = None
        for separator in self.separators:
            size = len(separator)
            before = size if self.keep == "end" else 0
            found = text.rfind(separator, max(0, low - before), high - before + size)
            if found >= 0:
                cut = _cut(found, found + size, self.keep)
                if best is None or cut > best:
                    best, low = cut, cut[0]
        return best

    def first(self, text: str, low: int, high: int) -> Cut | None:
        """Return the first cut whose `next` is from `low` to `high`."""
        best: Cut | None = None
        for separator in self.separators:
            size = len(separator)
            before = size if self.keep in ("end", False) else 0
            found = text.find(separator, max(0, low - before), high - before + size)
            if found >= 0:
                cut = _cut(found, found + size, self.keep)
                if best is None or cut[1] < best[1]:
                    best, high = cut, cut[1]
        return best


@dataclass(frozen=True)
class Pattern:
    """A separator that is a regular expression."""

    pattern: re.Pattern[str]
    keep: KeepSeparator = True

    def last(self, text: str, low: int, high: int) -> Cut | None:
        """Return the last cut whose `end` is from `low` to `high`."""
        found = [cut for cut in self._all(text, low, high) if low <= cut[0] <= high]
        return found[-1] if found else None

    def first(self, text: str, low: int, high: int) -> Cut | None:
        """Return the first cut whose `next` is from `low` to `high`."""
        return next((cut for cut in self._all(text, low, high) if low <= cut[1] <= high), None)

    def _all(self, text: str, low: int, high: int) -> Iterator[Cut]:
        # a match may begin before the window, and end or look ahead beyond it
        beyond = high - low + 16
        for match in self.pattern.finditer(text, max(0, low - 16), high + beyond):
            if match.start() > high:
                return
            yield _cut(match.start(), match.end(), self.keep)


def _cut(start: int, end: int, keep: KeepSeparator) -> Cut:
    """Return the cut at a separator."""
    if keep == "end":
        return end, end
    return start, (start if keep else end)


@dataclass(frozen=True)
class Before:
    """A string that begins the next chunk: what `Literals` does for one, in half the time."""

    separator: str

    def last(self, text: str, low: int, high: int) -> Cut | None:
        """Return the last cut whose `end` is from `low` to `high`."""
        found = text.rfind(self.separator, low, high + len(self.separator))
        return None if found < 0 else (found, found)

    def first(self, text: str, low: int, high: int) -> Cut | None:
        """Return the first cut whose `next` is from `low` to `high`."""
        found = text.find(self.separator, low, high + len(self.separator))
        return None if found < 0 else (found, found)


_HEADING: Final = re.compile(r"\n#{1,6}[ \t]")


class Headings:
    """The line breaks before headings of Markdown; a regular expression would take longer."""

    def last(self, text: str, low: int, high: int) -> Cut | None:
        """Return the last cut whose `end` is from `low` to `high`."""
        while (found := text.rfind("\n#", low, high + 2)) >= 0:
            if _HEADING.match(text, found):
                return found, found
            high = found - 1
        return None

    def first(self, text: str, low: int, high: int) -> Cut | None:
        """Return the first cut whose `next` is from `low` to `high`."""
        while (found := text.find("\n#", low, high + 2)) >= 0:
            if _HEADING.match(text, found):
                return found, found
            low = found + 1
        return None


DEFAULT_LEVELS: Final[tuple[Level, ...]] = (
    Headings(),
    Before("\n\n"),
    Before("\n"),
    Literals((". ", "! ", "? ", "。", "！", "？"), "end"),  # noqa: RUF001 - those of Chinese
    Literals((" ", "\t", "、", "，"), "end"),  # noqa: RUF001
)
"""Headings, paragraphs, lines, sentences, words."""


@lru_cache(maxsize=64)
def levels_of(
    separators: tuple[str, ...] | None, keep: KeepSeparator, is_regex: bool
) -> tuple[Level, ...]:
    """Return a level for each separator, in order; "" is none, as any text can be cut anywhere.

    Raises:
        ConfigError: a separator is no regular expression.
    """
    if separators is None:
        return DEFAULT_LEVELS
    return tuple(_level(each, keep, is_regex) for each in separators if each)


def _level(separator: str, keep: KeepSeparator, is_regex: bool) -> Level:
    if not is_regex:
        return Literals((separator,), keep)
    try:
        return Pattern(re.compile(separator), keep)
    except re.error as error:
        raise ConfigError(
            f"The separator {separator!r} is not a regular expression: {error}. "
            "Leave is_separator_regex out for separators that are plain text."
        ) from None
