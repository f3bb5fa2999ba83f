"""Reads JSON as it comes in, and says at any time what it has seen so far.

`JsonReader` keeps the containers that are still open on a stack and fills them in place. What it
hands out are copies of those few; parts that are complete are shared by all later snapshots, so
that a snapshot costs what is open, not what was read.

It reads what `json.loads(text, strict=False)` reads, with the same values: control characters
within strings (models write real line breaks there), `NaN` and `Infinity` (Python's own `json`
writes them into prompts, and models write them back), the last one of a repeated key.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, TypeAlias, cast

Container: TypeAlias = "dict[str, Any] | list[Any]"

MAX_DEPTH: Final = 200
"""How deep containers may nest; deeper ones break the code that walks them by recursion."""

_FAST_PATH_MIN: Final = 64  # characters from which it pays to try the C decoder on a whole value
_SPACE: Final = re.compile(r"[ \t\n\r]*").match
_PLAIN: Final = re.compile(r'[^"\\]*').match
_WORD: Final = re.compile(r"[-+.0-9A-Za-z]*").match
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?").fullmatch
_CUT_NUMBER: Final = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)(?:\.|(?:\.[0-9]+)?(?:[eE][-+]?[0-9]*)?))?"
).fullmatch
_ESCAPE: Final = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))').match
_CUT_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?").fullmatch
_LOW_SURROGATE: Final = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match
_CUT_LOW_SURROGATE: Final = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?").fullmatch
_ESCAPED: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r"} | {
    "t": "\t"
}
_NAMES: Final[dict[str, Any]] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_INCOMPLETE: Final = -1  # a step's answer: the text ends within a token
_decoder: Final = json.JSONDecoder(strict=False)


class JsonError(ValueError):
    """A text that is not JSON.

    Attributes:
        rest: the text from the place on where it went wrong.
    """

    def __init__(self, message: str, rest: str = "") -> None:
        super().__init__(message)
        self.rest = rest


class JsonReader:
    """Reads one JSON value, however it is cut into pieces.

    Attributes:
        done: whether the value is complete.
        changes: grows with everything that a snapshot would show; 0: nothing to show yet.
        stack: the open containers, outermost first. Not to be changed.
        keys: for each of them but the outermost, its key (-1 in a list) in the one before it.
        in_text: whether a string value is open; it is the last thing in the last container.
    """

    def __init__(self) -> None:
        self._done = False
        self._changes = 0
        self._stack: list[Container] = []
        self._keys: list[str | int] = []
        self._in_string = False
        self._step = self._read_root
        self._unread = ""  # the beginning of a token whose end has not come yet
        self._root: Any = None
        self._key = ""  # of the value that comes next, in an object
        self._string = ""  # of the open string, as far as it stands in its container
        self._string_parts: list[str] = []  # what came of it since
        self._known_keys: dict[str, str] = {}  # one str for equal keys, as json.loads does it

    def feed(self, text: str) -> str:
        """Read on; return what follows the value, "" while it is open.

        Raises:
            JsonError: the text is not JSON. The reader is of no use from then on.
        """
        text = self._unread + text
        at = 0
        while at < len(text) and not self._done:
            after = self._step(text, at)
            if after == _INCOMPLETE:
                break
            at = after
        self._unread = "" if self._done else text[at:]
        return text[at:] if self._done else ""

    def finish(self) -> Any:
        """The value, at the end of the text.

        Raises:
            JsonError: it is not complete.
        """
        if not self._done:
            self.feed("\n")  # ends a number that nothing else would end
        if not self._done:
            raise JsonError(self._what_is_open())
        return self._root

    def snapshot(self) -> Any:
        """The value so far; it does not change when more is read.

        Open strings are shown as far as they go. Left out are keys without a value, and numbers
        and words that may go on. Complete parts are shared between snapshots.
        """
        self._flush()
        if not self._stack:
            return self._root
        top: Any = self._stack[0].copy()
        inner = top
        for key, container in zip(self._keys, self._stack[1:], strict=True):
            inner[key] = container.copy()
            inner = inner[key]
        return top

    @property
    def _string_key(self) -> str | int:
        """Where in the last container an open string stands."""
        return self._key if self._in_object() else -1

    def _snapshot_cost(self) -> int:
        """How many references a snapshot would copy, about."""
        return sum(map(len, self._stack)) + len(self._string) // 64

    def _flush(self) -> None:
        """Write the open string, as far as it came, into its container."""
        if self._in_string and self._string_parts:
            self._string += "".join(self._string_parts)
            self._string_parts.clear()
            self._replace(self._string)

    def _what_is_open(self) -> str:
        if not self._stack and not self._in_string:
            return "the text ends before there is a value"
        kind = "a string" if self._in_string else "an object" if self._in_object() else "a list"
        where = "".join(f"[{key!r}]" for key in self._keys if key != -1)
        return f"the text ends within {kind}" + (f", under {where}" if where else "")

    def _in_object(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1], dict)

    # The steps: each reads one token at `at` and returns the place after it, or _WAIT.

    def _read_root(self, text: str, at: int) -> int:
        at = _skip_space(text, at)
        self._step = self._read_value
        if len(text) - at > _FAST_PATH_MIN and text[at] in "{[":
            return self._read_whole(text, at)
        return at

    def _read_whole(self, text: str, at: int) -> int:
        try:
            value, after = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return at  # cut off, or wrong: token by token shows which
        if _is_too_deep(value):
            raise self._depth_error(text, at)
        self._root, self._changes, self._done = value, 1, True
        return after

    def _read_value(self, text: str, at: int) -> int:
        at = _skip_space(text, at)
        match text[at : at + 1]:
            case "":
                return at
            case '"':
                self._attach("")
                self._in_string, self._string = True, ""
                self._step = self._read_string
                return at + 1
            case "{":
                self._open({}, text, at)
                self._step = self._read_first_key
                return at + 1
            case "[":
                self._open([], text, at)
                self._step = self._read_first_item
                return at + 1
            case _:
                return self._read_word(text, at)

    def _read_word(self, text: str, at: int) -> int:
        found = _WORD(text, at)
        word = found[0] if found else ""
        if word in _NAMES:
            self._attach(_NAMES[word])
        elif at + len(word) == len(text) and _may_continue(word):
            return _INCOMPLETE
        else:
            self._attach(self._number(word, text, at))
        self._value_ended()
        return at + len(word)

    def _number(self, word: str, text: str, at: int) -> int | float:
        found = _NUMBER(word)
        if not found:
            raise self._error("a value", text, at)
        try:
            return float(word) if found[1] or found[2] else int(word)
        except ValueError:  # Python refuses integers of thousands of digits
            raise JsonError(f"a number of {len(word)} digits", text[at:]) from None

    def _read_first_item(self, text: str, at: int) -> int:
        at = _skip_space(text, at)
        if text[at : at + 1] == "]":
            return self._close(at)
        self._step = self._read_value if at < len(text) else self._step
        return at

    def _read_first_key(self, text: str, at: int) -> int:
        at = _skip_space(text, at)
        return self._close(at) if text[at : at + 1] == "}" else self._read_key(text, at)

    def _read_key(self, text: str, at: int) -> int:
        at = _skip_space(text, at)
        if at == len(text):
            return at
        if text[at] != '"':
            raise self._error("a key in double quotes", text, at)
        self._step = self._read_string
        return at + 1

    def _read_colon(self, text: str, at: int) -> int:
        at = _skip_space(text, at)
        if at == len(text):
            return at
        if text[at] != ":":
            raise self._error("':'", text, at)
        self._step = self._read_value
        return at + 1

    def _read_separator(self, text: str, at: int) -> int:
        at = _skip_space(text, at)
        if at == len(text):
            return at
        in_object = self._in_object()
        if text[at] == ",":
            self._step = self._read_key if in_object else self._read_value
            return at + 1
        closer = "}" if in_object else "]"
        if text[at] != closer:
            raise self._error(f"',' or '{closer}'", text, at)
        return self._close(at)

    def _read_string(self, text: str, at: int) -> int:
        found = _PLAIN(text, at)
        end = found.end() if found else at
        if end > at:
            self._append(text[at:end])
            return end
        if text[end] == "\\":
            return self._read_escape(text, end)
        self._end_string()
        return end + 1

    def _read_escape(self, text: str, at: int) -> int:
        found = _ESCAPE(text, at)
        if not found:
            if _CUT_ESCAPE(text, at):
                return _INCOMPLETE
            raise self._error("an escape that JSON knows", text, at)
        if found[1]:
            self._append(_ESCAPED[found[1]])
            return found.end()
        code = int(found[2], 16)
        if 0xD800 <= code < 0xDC00:  # the first half of a character; the second one may follow
            return self._read_pair(code, text, at, found.end())
        self._append(chr(code))
        return found.end()

    def _read_pair(self, high: int, text: str, at: int, end: int) -> int:
        if low := _LOW_SURROGATE(text, end):
            self._append(chr(0x10000 + ((high - 0xD800) << 10 | int(low[1], 16) - 0xDC00)))
            return low.end()
        if _CUT_LOW_SURROGATE(text, end):
            return _INCOMPLETE
        self._append(chr(high))
        return end

    # What the steps build.

    def _append(self, part: str) -> None:
        self._string_parts.append(part)
        self._changes += self._in_string

    def _end_string(self) -> None:
        if self._in_string:
            self._flush()
            self._in_string = False
            self._value_ended()
        else:
            key = "".join(self._string_parts)
            self._string_parts.clear()
            self._key = self._known_keys.setdefault(key, key)
            self._step = self._read_colon

    def _open(self, container: Container, text: str, at: int) -> None:
        if len(self._stack) == MAX_DEPTH:
            raise self._depth_error(text, at)
        self._attach(container)
        if self._stack:
            self._keys.append(self._key if self._in_object() else -1)
        self._stack.append(container)

    def _close(self, at: int) -> int:
        self._stack.pop()
        if self._stack:
            self._keys.pop()
        self._value_ended()
        return at + 1

    def _value_ended(self) -> None:
        self._done = not self._stack
        self._step = self._read_separator

    def _attach(self, value: Any) -> None:
        self._changes += 1
        if not self._stack:
            self._root = value
        elif isinstance(container := self._stack[-1], dict):
            container[self._key] = value
        else:
            container.append(value)

    def _replace(self, value: str) -> None:
        if not self._stack:
            self._root = value
        elif isinstance(container := self._stack[-1], dict):
            container[self._key] = value
        else:
            container[-1] = value

    def _error(self, expected: str, text: str, at: int) -> JsonError:
        found = text[at : at + 20]
        return JsonError(f"expected {expected}, found {found!r}", text[at:])

    def _depth_error(self, text: str, at: int) -> JsonError:
        return JsonError(f"containers nest deeper than {MAX_DEPTH} levels", text[at:])


def _skip_space(text: str, at: int) -> int:
    found = _SPACE(text, at)
    return found.end() if found else at


def _may_continue(word: str) -> bool:
    """Whether a word that the text ends with may be the beginning of a number or a name."""
    return bool(_CUT_NUMBER(word)) or any(name.startswith(word) for name in _NAMES)


def _is_too_deep(value: Any) -> bool:
    level: list[Container] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            cast("Container", child)
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def parse_partial_json(text: str) -> Any:
    """The value of a JSON text, or of the beginning of one.

    Open containers and strings are closed where the text ends. A key without its value, and a
    number or word that may go on, are left out; a number that is the whole text is a value.

    Raises:
        ValueError: the text is no beginning of JSON, goes on behind the value, or says nothing yet.
    """
    reader = JsonReader()
    rest = reader.feed(text)
    if not reader._stack and not reader._done and not reader._in_string:
        rest = reader.feed("\n")
    if rest.strip(" \t\r\n"):
        raise JsonError(f"expected the end of the text, found {rest[:20]!r}", rest)
    if not reader._changes:
        raise JsonError("the text ends before there is a value")
    return reader.snapshot()
