"""An incremental JSON reader, which returns the value so far at any time.

`JsonReader` keeps the containers that are still open on a stack and fills them in place. A
snapshot copies the open containers only. Complete parts are shared by all later snapshots, so the
cost of a snapshot depends on what is open, and not on what was read.

It reads what `json.loads(text, strict=False)` reads, with the same values: control characters
within strings (models write real line breaks there), `NaN` and `Infinity` (Python's own `json`
writes them into prompts, and models write them back), and the last one of a repeated key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

Container: TypeAlias = "dict[str, Any] | list[Any]"
Matches: TypeAlias = Callable[[str, int], re.Match[str]]

MAX_DEPTH: Final = 200
"""The depth to which containers may nest; deeper ones break code that walks them by recursion."""

_FAST_PATH_MIN: Final = 64  # characters from which trying the C decoder on the whole text pays
# These three match everywhere, if only an empty string.
_SPACE: Final = cast("Matches", re.compile(r"[ \t\n\r]*").match)
_PLAIN: Final = cast("Matches", re.compile(r'[^"\\]*').match)
_WORD: Final = cast("Matches", re.compile(r"[-+.0-9A-Za-z]*").match)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?").fullmatch
_CUT_NUMBER: Final = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)(?:\.|(?:\.[0-9]+)?(?:[eE][-+]?[0-9]*)?))?"
).fullmatch
_ESCAPE: Final = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))').match
_CUT_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?").fullmatch
_LOW_SURROGATE: Final = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match
_CUT_LOW_SURROGATE: Final = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?").fullmatch
_ESCAPED: Final = dict(zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True))
_NAMES: Final[dict[str, Any]] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_INCOMPLETE: Final = -1  # returned by a step: the text ends within a token
_decoder: Final = json.JSONDecoder(strict=False)


class JsonError(ValueError):
    """An error of a string that is not JSON.

    Attributes:
        rest: the string from the character on that is wrong.
    """

    def __init__(self, message: str, rest: str = "") -> None:
        super().__init__(message)
        self.rest = rest


class JsonReader:
    """A reader of one JSON value that arrives in chunks.

    Example:
        >>> reader = JsonReader()
        >>> reader.feed('{"name": "An')
        ''
        >>> reader.snapshot()
        {'name': 'An'}
        >>> reader.feed('n"} and more')
        ' and more'
        >>> reader.finish()
        {'name': 'Ann'}
    """

    # The parsers of this package read the attributes down to `_in_string`; none may change them.
    def __init__(self) -> None:
        self._done = False  # the value is complete
        self._changes = 0  # grows with everything that a snapshot would show
        self._stack: list[Container] = []  # the open containers, the outermost first
        self._keys: list[str | int] = []  # of each open one but the outermost; -1 in a list
        self._in_string = False  # a string value is open, as the last one of the last container
        self._step = self._read_root
        self._unread = ""  # the beginning of a token that is not complete yet
        self._root: Any = None
        self._key = ""  # of the next value, in an object
        self._string = ""  # the open string, as far as it was written into its container
        self._string_parts: list[str] = []  # the parts of it that were read since
        self._known_keys: dict[str, str] = {}  # one str for equal keys, as json.loads does it

    def feed(self, text: str) -> str:
        """Read the next part of the text; return what follows the value, "" while it is open.

        Raises:
            JsonError: the text is not JSON. The reader cannot be used any more.
        """
        text = self._unread + text
        index = 0
        while index < len(text) and not self._done:
            after = self._step(text, index)
            if after == _INCOMPLETE:
                break
            index = after
        self._unread = "" if self._done else text[index:]
        return text[index:] if self._done else ""

    def finish(self) -> Any:
        """Return the value, at the end of the text.

        Raises:
            JsonError: it is not complete.
        """
        if not self._done:
            self.feed("\n")  # ends a number that nothing else would end
        if not self._done:
            raise JsonError(self._what_is_open())
        return self._root

    def snapshot(self) -> Any:
        """Return the value so far; it does not change when more is read.

        Open strings are included as far as they have arrived. Keys without a value are left out,
        as are numbers and words that may continue. Complete parts are shared between snapshots:
        do not change them. Before there is a value, the snapshot is None.
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
    def _open_key(self) -> str | int:
        """Return the key of the last value in the last open container; -1 in a list."""
        return self._key if self._in_object() else -1

    def _snapshot_cost(self) -> int:
        """Estimate how many references a snapshot would copy."""
        return sum(map(len, self._stack)) + len(self._string) // 64

    def _flush(self) -> None:
        """Write the open string, as far as it was read, into its container."""
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

    # The steps: each reads one token at `index`, and returns the index behind it, or _INCOMPLETE.

    def _read_root(self, text: str, index: int) -> int:
        index = _SPACE(text, index).end()
        self._step = self._read_value
        if len(text) - index > _FAST_PATH_MIN and text[index] in "{[":
            return self._read_whole(text, index)
        return index

    def _read_whole(self, text: str, index: int) -> int:
        try:
            value, after = _decoder.raw_decode(text, index)
        except (ValueError, RecursionError):
            return index  # cut off, or wrong: token by token shows which
        if _is_too_deep(value):
            raise self._depth_error(text, index)
        self._root, self._changes, self._done = value, 1, True
        return after

    def _read_value(self, text: str, index: int) -> int:
        index = _SPACE(text, index).end()
        match text[index : index + 1]:
            case "":
                return index
            case '"':
                self._attach("")
                self._in_string, self._string = True, ""
                self._step = self._read_string
                return index + 1
            case "{":
                self._open({}, text, index)
                self._step = self._read_first_key
                return index + 1
            case "[":
                self._open([], text, index)
                self._step = self._read_first_item
                return index + 1
            case _:
                return self._read_word(text, index)

    def _read_word(self, text: str, index: int) -> int:
        word = _WORD(text, index)[0]
        if word in _NAMES:
            self._attach(_NAMES[word])
        elif index + len(word) == len(text) and _may_continue(word):
            return _INCOMPLETE
        else:
            self._attach(self._number(word, text, index))
        self._value_ended()
        return index + len(word)

    def _number(self, word: str, text: str, index: int) -> int | float:
        found = _NUMBER(word)
        if not found:
            raise self._error("a value", text, index)
        try:
            return float(word) if found[1] or found[2] else int(word)
        except ValueError:  # Python refuses integers of thousands of digits
            raise JsonError(f"a number of {len(word)} digits", text[index:]) from None

    def _read_first_item(self, text: str, index: int) -> int:
        index = _SPACE(text, index).end()
        if text[index : index + 1] == "]":
            return self._close(index)
        self._step = self._read_value if index < len(text) else self._step
        return index

    def _read_first_key(self, text: str, index: int) -> int:
        index = _SPACE(text, index).end()
        return self._close(index) if text[index : index + 1] == "}" else self._read_key(text, index)

    def _read_key(self, text: str, index: int) -> int:
        index = _SPACE(text, index).end()
        if index == len(text):
            return index
        if text[index] != '"':
            raise self._error("a key in double quotes", text, index)
        self._step = self._read_string
        return index + 1

    def _read_colon(self, text: str, index: int) -> int:
        index = _SPACE(text, index).end()
        if index == len(text):
            return index
        if text[index] != ":":
            raise self._error("':'", text, index)
        self._step = self._read_value
        return index + 1

    def _read_separator(self, text: str, index: int) -> int:
        index = _SPACE(text, index).end()
        if index == len(text):
            return index
        in_object = self._in_object()
        if text[index] == ",":
            self._step = self._read_key if in_object else self._read_value
            return index + 1
        closer = "}" if in_object else "]"
        if text[index] != closer:
            raise self._error(f"',' or '{closer}'", text, index)
        return self._close(index)

    def _read_string(self, text: str, index: int) -> int:
        end = _PLAIN(text, index).end()
        if end > index:
            self._append(text[index:end])
            return end
        if text[end] == "\\":
            return self._read_escape(text, end)
        self._end_string()
        return end + 1

    def _read_escape(self, text: str, index: int) -> int:
        found = _ESCAPE(text, index)
        if not found:
            if _CUT_ESCAPE(text, index):
                return _INCOMPLETE
            raise self._error("an escape that JSON knows", text, index)
        if found[1]:
            self._append(_ESCAPED[found[1]])
            return found.end()
        code = int(found[2], 16)
        if 0xD800 <= code < 0xDC00:  # the first half of a character; the second one may follow
            return self._read_pair(code, text, index, found.end())
        self._append(chr(code))
        return found.end()

    def _read_pair(self, high: int, text: str, index: int, end: int) -> int:
        if low := _LOW_SURROGATE(text, end):
            self._append(chr(0x10000 + ((high - 0xD800) << 10 | int(low[1], 16) - 0xDC00)))
            return low.end()
        if _CUT_LOW_SURROGATE(text, end):
            return _INCOMPLETE
        self._append(chr(high))
        return end

    # The building of the value, by the steps.

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

    def _open(self, container: Container, text: str, index: int) -> None:
        if len(self._stack) == MAX_DEPTH:
            raise self._depth_error(text, index)
        self._attach(container)
        if self._stack:
            self._keys.append(self._open_key)
        self._stack.append(container)

    def _close(self, index: int) -> int:
        self._stack.pop()
        del self._keys[-1:]  # the outermost container has none
        self._value_ended()
        return index + 1

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
        if self._stack:
            container: Any = self._stack[-1]
            container[self._open_key] = value
        else:
            self._root = value

    def _error(self, expected: str, text: str, index: int) -> JsonError:
        found = text[index : index + 20]
        return JsonError(f"expected {expected}, found {found!r}", text[index:])

    def _depth_error(self, text: str, index: int) -> JsonError:
        return JsonError(f"containers nest deeper than {MAX_DEPTH} levels", text[index:])


def _may_continue(word: str) -> bool:
    """Tell whether the last word of the text may be the beginning of a number or a name."""
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
    """Parse JSON, or the beginning of it.

    Open containers and strings are closed where the text ends. A key without its value, and a
    number or word that may continue, are left out; a number that is the whole text is a value.

    Raises:
        ValueError: the text is no beginning of JSON, continues behind the value, or ends before
            there is a value.

    Example:
        >>> parse_partial_json('{"name": "Ann", "tags": ["a", "b')
        {'name': 'Ann', 'tags': ['a', 'b']}
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
