"""What a JSON text that has not ended yet says so far."""

from __future__ import annotations

import json
import re
from typing import Any, Final


def parse_partial_json(text: str) -> Any:
    """The value of a JSON text, or of the beginning of one.

    Open objects, lists and strings are closed where the text ends. A key without its value, and
    a number or word that may go on, are left out.

    Raises:
        ValueError: the text is no beginning of a JSON text, or says nothing yet.
    """
    try:
        return json.loads(text, strict=False)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    except ValueError:
        return _Reader(text).read()


class _Nothing(Exception):
    """The text ended before the value said anything."""


_DECODER: Final = json.JSONDecoder(strict=False)
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_WORD: Final = re.compile(r"[^\s,:\]}\[{\"]*")
_NUMBER_START: Final = re.compile(r"-\Z|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d*)?\Z|-?(0|[1-9]\d*)\.\Z")
_CUT_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\(u[0-9a-fA-F]{0,3})?\Z")
_CUT_SURROGATE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u[dD][89abAB][0-9a-fA-F]{2}\Z")


class _Reader:
    """Reads one value from left to right; `ended` tells that the text stopped inside it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at: int = 0
        self.ended = False

    def read(self) -> Any:
        try:
            value = self.read_value()
        except _Nothing:
            raise ValueError("The JSON text ends before it says anything.") from None
        except RecursionError:
            raise ValueError("JSON nested too deeply") from None
        if self.peek():
            raise self.malformed()
        return value

    def malformed(self) -> ValueError:
        return ValueError(f"Not JSON at character {self.at}: {self.text[self.at : self.at + 20]!r}")

    def peek(self) -> str:
        """The next character that is not space; "" (and `ended`) at the end."""
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at
        if self.at >= len(self.text):
            self.ended = True
            return ""
        return self.text[self.at]

    def read_value(self) -> Any:
        match self.peek():
            case "":
                raise _Nothing
            case "{":
                return self.read_object()
            case "[":
                return self.read_list()
            case '"':
                return self.read_string()
            case _:
                return self.read_word()

    def read_object(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self.at += 1
        if self.peek() == "}":
            self.at += 1
            return members
        while self.peek() and self.member(members) and self.goes_on("}"):
            pass
        return members

    def member(self, members: dict[str, Any]) -> bool:
        """Read a key and its value; whether the text went on after them."""
        if self.text[self.at] != '"':
            raise self.malformed()
        key = self.read_string()
        if self.ended or not self.peek():
            return False
        if self.text[self.at] != ":":
            raise self.malformed()
        self.at += 1
        try:
            members[key] = self.read_value()
        except _Nothing:
            return False
        return not self.ended

    def read_list(self) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        if self.peek() == "]":
            self.at += 1
            return items
        while self.item(items) and self.goes_on("]"):
            pass
        return items

    def item(self, items: list[Any]) -> bool:
        try:
            items.append(self.read_value())
        except _Nothing:
            return False
        return not self.ended

    def goes_on(self, closer: str) -> bool:
        """Step over a comma (True), or over the closer or to the end of the text (False)."""
        found = self.peek()
        if found not in {"", ",", closer}:
            raise self.malformed()
        self.at += len(found)
        return found == ","

    def read_string(self) -> str:
        try:
            value, self.at = _DECODER.raw_decode(self.text, self.at)
        except ValueError:
            return self.read_cut_string()
        return str(value)

    def read_cut_string(self) -> str:
        body = self.text[self.at + 1 :]
        body = _CUT_ESCAPE.sub(r"\1", body)
        body = _CUT_SURROGATE.sub(r"\1", body)
        value = json.loads(f'"{body}"', strict=False)
        self.at, self.ended = len(self.text), True
        return str(value)

    def read_word(self) -> Any:
        found = _WORD.match(self.text, self.at)
        word = found.group() if found else ""
        if self.at + len(word) == len(self.text) and word:
            return self.read_last_word(word)
        try:
            value = json.loads(word)
        except ValueError:
            raise self.malformed() from None
        self.at += len(word)
        return value

    def read_last_word(self, word: str) -> Any:
        """A word at the very end: it may go on, unless it is one of the three literals."""
        names = ("true", "false", "null")
        if not (_NUMBER_START.match(word) or any(name.startswith(word) for name in names)):
            raise self.malformed()
        self.at, self.ended = len(self.text), True
        if word in names:
            return json.loads(word)
        raise _Nothing
