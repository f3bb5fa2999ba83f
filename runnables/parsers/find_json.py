"""A search for the JSON value in a model's text, which often has more than JSON.

The value is taken from

- the text itself, if it starts with JSON;
- else the first fenced block that is JSON by its label (```` ```json ````) or that has no label
  and starts with JSON, or the first `{` in the prose, or the first `[` that opens a line or
  follows a colon (elsewhere it is a citation or a link), whichever comes first.

What follows the value is ignored. Where an object or list in the prose turns out to be no JSON, a
later fenced block is taken instead; where there is none, that is the error.
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
_MID_LINE: Final = "."  # stands for prose that neither ends a line nor announces a list
_LOOK_BACK: Final = 80  # characters of a line that are remembered, to judge a "["


class JsonExtractor:
    """A reader of a model's text, in chunks, that finds the JSON value in it.

    The module `runnables.parsers.find_json` describes where it looks for the value.

    Attributes:
        reader: the reader of the value, or of what looks like one; None until something does.
        version: changes with everything that a snapshot would show; None where there is nothing
            to show yet.

    Example:
        >>> extractor = JsonExtractor()
        >>> extractor.feed('Here it is: {"sea": "Bal')
        >>> extractor.reader.snapshot()
        {'sea': 'Bal'}
        >>> extractor.feed('tic"} Anything else?')
        >>> extractor.finish()
        {'sea': 'Baltic'}
    """

    def __init__(self) -> None:
        self.reader: JsonReader | None = None
        self._candidates = 0
        self._stage: Callable[[str], str] = self._start
        self._held: str = ""
        self._preceding: str = "\n"  # the end of the prose so far
        self._in_fence = False
        self._error: JsonError | None = None

    @property
    def version(self) -> tuple[int, int] | None:
        """Return a value that differs whenever a snapshot would; None where there is none yet."""
        reader = self.reader
        return (self._candidates, reader._changes) if reader and reader._changes else None

    def feed(self, text: str) -> None:
        """Take the next part of the text; errors wait for `finish`, since the value may follow."""
        while text:
            text = self._stage(text)

    def finish(self) -> Any:
        """Return the value, at the end of the text.

        Raises:
            JsonError: there is no value, it is not JSON, or it is not complete.
        """
        if self._error:
            raise self._error
        if self.reader and not self.reader._done and not self.reader._stack and not self._in_fence:
            self._end_scalar(self.reader)
        if not self.reader:
            raise JsonError("it holds no JSON value")
        return self.reader.finish()

    def _end_scalar(self, reader: JsonReader) -> None:
        try:
            reader.feed("\n")
        except JsonError:
            self.reader = None  # a word, not a value

    # The stages. Each takes the text that comes next and returns what is left for the next one.

    def _start(self, text: str) -> str:
        """Read the beginning of the text, or of a fenced block."""
        text = text.lstrip(_BLANK)
        if text and text[0] in _JSON_STARTS:
            return self._try(text)
        if text:
            self._stage = self._skip_block if self._in_fence else self._seek
        return text

    def _try(self, text: str) -> str:
        self.reader, self._error = JsonReader(), None
        self._candidates += 1
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
        if reader._stack or self._in_fence:
            self._error = error
        self._stage = _ignore if self._in_fence else self._seek
        self.reader, self._preceding = None, _MID_LINE
        return error.rest

    def _after_scalar(self, text: str) -> str:
        """Read on after a number or word, which is the value only if nothing else follows."""
        text = text.lstrip(_BLANK)
        if not text:
            return ""
        if text[0] == "`":
            self._stage = _ignore
        elif self._in_fence:
            self._error = JsonError(f"expected the end of the block, found {text[:20]!r}")
            self._stage = _ignore
        else:
            self.reader, self._stage, self._preceding = None, self._seek, _MID_LINE
        return text

    def _seek(self, text: str) -> str:
        """Read prose, up to something that may be the value."""
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

    def _hold(self, text: str, start: int) -> str:
        self._preceding = (self._preceding + text[:start])[-_LOOK_BACK:]
        self._held = text[start:]
        return ""

    def _opens_a_list(self, text: str, start: int) -> bool:
        before = text[max(0, start - _LOOK_BACK) : start]
        if start < _LOOK_BACK:
            before = self._preceding + before
        return before.rstrip(" \t")[-1:] in {"", "\n", ":"}

    def _label(self, text: str) -> str:
        """Read the label of a fenced block."""
        text = self._take_held(text)
        found = _LABEL.match(text)
        end = found.end() if found else 0
        if end == len(text):
            self._held = text
            return ""
        label = found[1].lower() if found and found[1] else None
        self._in_fence = label in _JSON_LABELS
        self._stage = self._start if self._in_fence else self._skip_block
        return text[end:]

    def _skip_block(self, text: str) -> str:
        """Skip the rest of a fenced block that has no JSON."""
        text = self._take_held(text)
        if found := _FENCE.search(text):
            self._stage, self._in_fence, self._preceding = self._seek, False, ""
            return text[found.end() :]
        self._held = text[len(text.rstrip("`")) :]
        return ""


def _ignore(_text: str) -> str:
    return ""


def parse_json_markdown(text: str) -> Any:
    """Return the JSON value in a model's text; the part that is there, where the text is cut off.

    Raises:
        ValueError: there is no JSON, or it is malformed.

    Example:
        >>> parse_json_markdown('Sure: {"seas": ["Baltic", "North')
        {'seas': ['Baltic', 'North']}
    """
    extractor = JsonExtractor()
    extractor.feed(text)
    if extractor.version and extractor.reader and extractor.reader._stack:
        return extractor.reader.snapshot()
    return extractor.finish()
