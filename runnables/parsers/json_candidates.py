"""The values in a model's text, each with what is around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from runnables.messages.partial_json import JsonError, JsonReader

BLANK: Final = " \t\r\n\ufeff"
_AROUND: Final = " \t\r`*>.,;\ufeff"  # what may be around a value on a line of its own
_GAP: Final = re.compile(r"[\s,;]*(?:[-*+•]|\d{1,3}[.)])?\s*")
_ANSWER_WORD: Final = re.compile(
    r"\b(?:final|answer|result|output|response|solution|corrected)\b[^.!?\n]{0,30}\s*\Z",
    re.IGNORECASE,
)
_FINAL_WORD: Final = re.compile(r"\b(?:final|corrected)\b[^.!?\n]{0,30}\s*\Z", re.IGNORECASE)
_LOOK_BACK: Final = 80  # characters of prose that are remembered, to judge what follows


@dataclass(eq=False, slots=True)
class Candidate:
    """A value in a model's text, or what looks like one.

    Attributes:
        reader: the reader of the value.
        opening: "{" or "[", with which it opens; "" where it is neither.
        in_fence: whether it is in a fenced block.
        before: the end of what is before it.
        gap: the beginning of what is between it and the value before it.
        is_announced: whether it is no citation and no link, but an object, or a list that opens a
            line or follows a colon.
        error: why it is no JSON.
        ends_line: whether nothing is behind it on its line.
    """

    reader: JsonReader
    opening: str
    in_fence: bool
    before: str
    gap: str
    is_announced: bool = True
    error: JsonError | None = None
    ends_line: bool = True

    @property
    def position(self) -> int:
        """Return how much speaks for it where it stands, to be compared."""
        is_answer = bool(_ANSWER_WORD.search(self.before))
        return self._has_own_lines + is_answer - self.is_mentioned

    @property
    def is_mentioned(self) -> bool:
        """Tell whether it is in backticks within a line."""
        return self.before.endswith("`") and not self._has_own_lines

    @property
    def is_final(self) -> bool:
        """Tell whether what is before it says that the values before are not the answer."""
        return bool(_FINAL_WORD.search(self.before))

    @property
    def _has_own_lines(self) -> bool:
        return self.ends_line and not last_line(self.before)

    @property
    def value(self) -> Any:
        """Return the value, which is complete."""
        return self.reader.snapshot()

    @property
    def is_plausible(self) -> bool:
        """Tell whether it may be the answer where no type was asked for.

        A number in brackets before words is a footnote, and empty brackets there are a box to tick.
        """
        if not self.is_announced or self.opening != "[" or self.ends_line or self.in_fence:
            return self.is_announced
        return bool(last_line(self.before)) or not all(isinstance(item, int) for item in self.value)

    @property
    def is_substantial(self) -> bool:
        """Tell whether what was read of an object or list, which is open, can only be JSON."""
        stack = self.reader._stack
        if not stack:
            return False
        first = stack[0]
        if len(stack) > 1 or isinstance(first, dict):
            return len(stack) > 1 or bool(first) or bool(self.reader._key)
        return not all(isinstance(item, int | float) for item in first)

    @property
    def content_if_repaired(self) -> int:
        """Return the rank of its content if it were JSON: see `content_of`.

        What has a placeholder is a template, such as `{"size": <size>}` or `{"size": ...}`;
        `{"size"}` is a set.
        """
        rest = self.error.rest if self.error else ""
        is_set = rest.startswith("}") and self.reader._stack == [{}] and bool(self.reader._key)
        if not self.is_announced or is_set:
            return -1
        return 1 if rest.startswith(("<", ".", "…")) else 2

    def is_line_after(self, first: Candidate) -> bool:
        """Tell whether this continues the JSON lines that begin with another value."""
        is_alike = self.opening == first.opening and self.in_fence == first.in_fence
        return is_alike and bool(_GAP.fullmatch(self.gap))


def is_only_bracket(reader: JsonReader) -> bool:
    """Tell whether nothing but an opening bracket was read, which may be one of prose."""
    if len(reader._stack) != 1 or reader._stack[0]:
        return False
    return reader._step in (reader._read_first_key, reader._read_first_item)


def last_line(prose: str) -> str:
    """Return the last line, without what may be around a value on a line of its own."""
    return prose.rpartition("\n")[2].strip(_AROUND)


class Surroundings:
    """The prose around values, as far as it tells which of them is the answer."""

    def __init__(self) -> None:
        self._before = ""  # the end of the prose so far
        self._gap = ""  # the beginning of the prose since the last value
        self._last: Candidate | None = None
        self._is_on_its_line = False

    @property
    def is_blank(self) -> bool:
        """Tell whether there is no prose yet, and no value."""
        return not self._before.strip(BLANK)

    def add(self, prose: str) -> None:
        """Take the next part of the prose."""
        if self._last and self._is_on_its_line:
            line, newline, _ = prose.partition("\n")
            self._last.ends_line = not line.strip(_AROUND)
            self._is_on_its_line = self._last.ends_line and not newline
        if len(self._gap) < _LOOK_BACK:
            self._gap += prose[:_LOOK_BACK]
        self._before = (self._before + prose[-_LOOK_BACK:])[-_LOOK_BACK:]

    def separate(self) -> None:
        """Note that the next value does not continue the last one."""
        self._gap += "`"

    def candidate(self, opening: str, in_fence: bool) -> Candidate:
        """Return a new candidate, which begins here."""
        candidate = Candidate(JsonReader(), opening, in_fence, self._before, self._gap)
        if opening == "[":
            line = last_line(self._before)
            candidate.is_announced = not line or line.endswith(":")
        return candidate

    def end_candidate(self, candidate: Candidate) -> None:
        """Note that a candidate ends here."""
        self._last, self._gap, self._is_on_its_line = candidate, "", True
        self._before = (self._before + ".")[-_LOOK_BACK:]
