"""Where a string may be cut: not within what a reader sees as one character.

The rules are those of the Unicode standard (UAX 29), as far as `unicodedata` knows what they need:
marks that combine, emoji that are joined, flags, Hangul letters, and halves of surrogate pairs.
Letters that are put in front of others (a few of Arabic and Indic scripts) are not among them.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_ZERO_WIDTH_JOINER: Final = "\u200d"
_EXTENDING: Final = frozenset("\u200c\u200d\uff9e\uff9f")
_MARKS: Final = frozenset({"Mn", "Mc", "Me"})


def is_boundary(text: str, index: int, start: int = 0) -> bool:
    """Tell whether a cut before an index leaves every visible character whole.

    Args:
        text: the text.
        index: between two characters, or at an end of the text.
        start: an earlier boundary. No character before it is looked at, so that a string without
            boundaries takes no longer than another.
    """
    if not start < index < len(text):
        return True
    before, after = text[index - 1], text[index]
    if after < "\u0300":
        return not (before == "\r" and after == "\n")
    if unicodedata.category(before) == "Cc":
        return True
    if _extends(after) or (before == _ZERO_WIDTH_JOINER and after > "\u2000"):
        return False
    if "\ud800" <= before <= "\udbff":
        return not "\udc00" <= after <= "\udfff"
    if _is_flag_half(before) and _is_flag_half(after):
        return _flag_halves(text, index, start) % 2 == 0
    return not _is_one_syllable(before, after)


def last_boundary(text: str, low: int, high: int, start: int = 0) -> int | None:
    """Return the last place from `low` to `high` where a string may be cut; None where none is."""
    for index in range(high, low - 1, -1):
        if is_boundary(text, index, start):
            return index
    return None


def first_boundary(text: str, low: int, high: int, start: int = 0) -> int | None:
    """Return the first place from `low` to `high` where a string may be cut; None where none is."""
    for index in range(low, high + 1):
        if is_boundary(text, index, start):
            return index
    return None


def _extends(character: str) -> bool:
    """Tell whether a character belongs to the one before it."""
    return (
        character in _EXTENDING
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # the tone of a skin
        or "\U000e0020" <= character <= "\U000e007f"  # the letters of a flag's region
        or unicodedata.category(character) in _MARKS
    )


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_halves(text: str, index: int, start: int) -> int:
    """Return how many halves of flags are in a row before an index."""
    first = index
    while first > start and _is_flag_half(text[first - 1]):
        first -= 1
    return index - first


def _is_one_syllable(before: str, after: str) -> bool:
    """Tell whether two Hangul letters are of one syllable."""
    first, second = _hangul(before), _hangul(after)
    return (first, second) in {
        ("L", "L"), ("L", "V"), ("L", "LV"), ("L", "LVT"),
        ("V", "V"), ("V", "T"), ("LV", "V"), ("LV", "T"), ("T", "T"), ("LVT", "T"),
    }  # fmt: skip


def _hangul(character: str) -> str:
    """Return the kind of a Hangul letter or syllable; "" for any other character."""
    if "\uac00" <= character <= "\ud7a3":
        return "LV" if (ord(character) - 0xAC00) % 28 == 0 else "LVT"
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c":
        return "L"
    if "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6":
        return "V"
    return "T" if "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb" else ""
