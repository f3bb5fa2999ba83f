"""Finds the JSON in what a model wrote, which is often more than JSON.

The value is taken from

- the text itself, if it starts with JSON;
- else the first fenced block that is JSON by its label (```` ```json ````) or that has no label
  and starts with JSON, or the first `{` in the prose, or the first `[` that opens a line or
  follows a colon (elsewhere it is a citation or a link), whichever comes first.

What follows the value is ignored. An object or list in the prose that turns out to be no JSON
makes way for a later fenced block, and is the error where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from runnables.messages.partial_json import JsonError, JsonReader

_BLANK: Final = " \t\r\n\ufeff"
_MARK: Final = re.compile(r"`+|[{\[]")
_LABEL: Final = re.compile(r"[ \t]*([A-Za-z][\w+-]*)?")
_FENCE: Final = re.compile(r"`{3,}")
_JSON_LABELS: Final = frozenset({None, "json", "json5", "jsonc", "jsonl", "javascript", "js"})
_JSON_STARTS: Final = frozenset('{["-0123456789tfnNI')
_IN_A_LINE: Final = "."  # stands for prose that neither ends a line nor announces a list
_LOOK_BACK: Final = 80  # characters of a line that are remembered, to judge a "["


class JsonExtractor:
    """Reads a model's text in pieces, and the JSON value in it.

    Attributes:
        reader: reads the value, or what looks like one; None until something does.
        version: changes with everything that a snapshot would show; None: nothing to show yet.
    """

    def __init__(self) -> None:
        self.reader: JsonReader | None = None
        self._tries = 0
        self._stage: Callable[[str], str] = self._start
        self._held: str = ""
        self._before: str = "\n"  # the end of the prose so far
        self._fenced = False
        self._error: JsonError | None = None

    @property
    def version(self) -> tuple[int, int] | None:
        """Changes with everything that a snapshot would show; None: nothing to show yet."""
        reader = self.reader
        return (self._tries, reader._changes) if reader and reader._changes else None

    def feed(self, text: str) -> None:
        """Read on. Errors wait for `finish`, since a better candidate may follow."""
        while text:
            text = self._stage(text)

    def finish(self) -> Any:
        """The value, at the end of the text.

        Raises:
            JsonError: there is none, or it is no JSON, or it is not complete.
        """
        if self._error:
            raise self._error
        if self.reader and not self.reader._done and not self.reader._stack and not self._fenced:
            self._end_scalar(self.reader)
        if not self.reader:
            raise JsonError("there is no JSON in the text")
        return self.reader.finish()

    def _end_scalar(self, reader: JsonReader) -> None:
        try:
            reader.feed("\n")
        except JsonError:
            self.reader = None  # a word, not a value

    # The stages: each takes the text that comes next and returns what is left for the next one.

    def _start(self, text: str) -> str:
        """The beginning of the text, or of a fenced block."""
        text = text.lstrip(_BLANK)
        if text and text[0] in _JSON_STARTS:
            return self._try(text)
        if text:
            self._stage = self._skip_block if self._fenced else self._seek
        return text

    def _try(self, text: str) -> str:
        self.reader, self._error = JsonReader(), None
        self._tries += 1
        self._stage = self._read
        return text

    def _read(self, text: str) -> str:
        reader = self.reader
        assert reader is not None
        try:
            rest = reader.feed(text)
        except JsonError as error:
            return self._failed(reader, error)
        if reader._done:
            is_scalar = not isinstance(reader.snapshot(), dict | list)
            self._stage = self._after_scalar if is_scalar else _ignore
        return rest

    def _failed(self, reader: JsonReader, error: JsonError) -> str:
        if reader._stack or self._fenced:
            self._error = error
        self._stage = _ignore if self._fenced else self._seek
        self.reader, self._before = None, _IN_A_LINE
        return error.rest

    def _after_scalar(self, text: str) -> str:
        """A number or word is the value only if it is all that there is."""
        text = text.lstrip(_BLANK)
        if not text:
            return ""
        if text[0] == "`":
            self._stage = _ignore
        elif self._fenced:
            self._error = JsonError(f"expected the end of the block, found {text[:20]!r}")
            self._stage = _ignore
        else:
            self.reader, self._stage, self._before = None, self._seek, _IN_A_LINE
        return text

    def _seek(self, text: str) -> str:
        """Prose."""
        text = self._take_held(text)
        for mark in _MARK.finditer(text):
            if mark[0][0] == "`":
                if mark.end() == len(text):
                    return self._hold(text, mark.start())
                if len(mark[0]) >= 3:
                    self._stage = self._label
                    return text[mark.end() :]
            elif not self._error and (mark[0] == "{" or self._opens_a_list(text, mark.start())):
                return self._try(text[mark.start() :])
        return self._hold(text, len(text))

    def _take_held(self, text: str) -> str:
        held, self._held = self._held, ""
        return held + text

    def _hold(self, text: str, at: int) -> str:
        self._before = (self._before + text[:at])[-_LOOK_BACK:]
        self._held = text[at:]
        return ""

    def _opens_a_list(self, text: str, at: int) -> bool:
        before = text[max(0, at - _LOOK_BACK) : at]
        if at < _LOOK_BACK:
            before = self._before + before
        return before.rstrip(" \t")[-1:] in {"", "\n", ":"}

    def _label(self, text: str) -> str:
        """The word after the mark that opens a block."""
        text = self._take_held(text)
        found = _LABEL.match(text)
        end = found.end() if found else 0
        if end == len(text):
            self._held = text
            return ""
        label = found[1].lower() if found and found[1] else None
        self._fenced = label in _JSON_LABELS
        self._stage = self._start if self._fenced else self._skip_block
        return text[end:]

    def _skip_block(self, text: str) -> str:
        """A block of something else."""
        text = self._take_held(text)
        if found := _FENCE.search(text):
            self._stage, self._fenced, self._before = self._seek, False, ""
            return text[found.end() :]
        self._held = text[len(text.rstrip("`")) :]
        return ""


def _ignore(_text: str) -> str:
    return ""


def parse_json_markdown(text: str) -> Any:
    """The JSON value in a model's text, or what there is of it where the text is cut off.

    Raises:
        ValueError: there is none, or it is malformed.
    """
    found = JsonExtractor()
    found.feed(text)
    if found.version and found.reader and found.reader._stack:
        return found.reader.snapshot()
    return found.finish()
