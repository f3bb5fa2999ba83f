"""Parsers of lists of strings, item by item."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from runnables.compose.non_blocking import Decoder
from runnables.engine.merging import DELTAS, Merge
from runnables.errors import ConfigError
from runnables.parsers.base import BaseOutputParser, text_of


class ListOutputParser(BaseOutputParser[list[str]], internal=True):
    """Base of parsers of lists of strings. Each chunk of the stream is a list of new items.

    A subclass that writes only `parse` yields its list at the end.

    Example:
        >>> class Words(ListOutputParser):
        ...     def parse(self, text: str) -> list[str]:
        ...         return text.split()
        >>> Words().invoke("land ahoy")
        ['land', 'ahoy']
    """

    merge: Merge = DELTAS


class ItemReader:
    """Base of readers that find the items in a string: the same items, wherever chunks end."""

    def feed(self, text: str) -> Iterable[str]:
        """Take the next part of the text; return the items that are complete now."""
        raise NotImplementedError

    def finish(self) -> Iterable[str]:
        """End the text; return the last items."""
        raise NotImplementedError


class _ItemsDecoder(Decoder[Any, list[str]]):
    """A decoder that yields each item in a list of one; the empty list where there are none."""

    def __init__(self, parser: ListOutputParser, reader: ItemReader) -> None:
        self._parser = parser
        self._reader = reader
        self._has_emitted = False

    def feed(self, chunk: Any) -> Iterable[list[str]]:
        return self._in_lists(self._reader.feed(text_of(chunk, self._parser)))

    def finish(self) -> Iterable[list[str]]:
        yield from self._in_lists(self._reader.finish())
        if not self._has_emitted:
            yield []

    def _in_lists(self, items: Iterable[str]) -> Iterable[list[str]]:
        for item in items:
            self._has_emitted = True
            yield [item]


def _read_all(reader: ItemReader, text: str) -> list[str]:
    return [*reader.feed(text), *reader.finish()]


class CommaSeparatedListOutputParser(ListOutputParser, internal=True):
    """A parser of items that are separated by commas, on one line or several.

    Spaces before an item are dropped. An item in double quotes may hold commas, line breaks, and
    quotes that are doubled, as Python's `csv` reads them.

    Args:
        name: the parser's name in events.

    Example:
        >>> CommaSeparatedListOutputParser().invoke('red, "dark, blue"')
        ['red', 'dark, blue']
        >>> list(CommaSeparatedListOutputParser().transform(["red, gr", "een"]))
        [['red'], ['green']]
    """

    def __init__(self, *, name: str | None = None) -> None:
        self.name = name

    def parse(self, text: str) -> list[str]:
        """Return the items."""
        return _read_all(_CommaReader(), text)

    def get_format_instructions(self) -> str:
        """Return the request to answer with items between commas."""
        return (
            "Answer with a list of values separated by commas and nothing else, for example: "
            "`red, green, blue`. Put a value that contains a comma in double quotes."
        )

    def _new_decoder(self) -> Decoder[Any, list[str]]:
        return _ItemsDecoder(self, _CommaReader())


class _CommaReader(ItemReader):
    """A reader of one character at a time.

    `_step` is the state: it takes a character, and returns the item that it ends, if any.
    """

    def __init__(self) -> None:
        self._step: Callable[[str], str | None] = self._line_start
        self._item: list[str] = []

    def feed(self, text: str) -> Iterable[str]:
        for char in text:
            item = self._step(char)
            if item is not None:
                yield item

    def finish(self) -> Iterable[str]:
        return () if self._step == self._line_start else (self._ended(),)

    def _ended(self) -> str:
        item = "".join(self._item)
        self._item.clear()
        return item

    def _line_start(self, char: str) -> str | None:
        return None if char in "\r\n" else self._item_start(char)

    def _item_start(self, char: str) -> str | None:
        self._step = self._item_start
        if char == " ":
            return None
        if char == '"':
            self._step = self._quoted
            return None
        return self._plain(char)

    def _plain(self, char: str) -> str | None:
        if char in ",\r\n":
            self._step = self._item_start if char == "," else self._line_start
            return self._ended()
        self._item.append(char)
        self._step = self._plain
        return None

    def _quoted(self, char: str) -> str | None:
        if char == '"':
            self._step = self._after_quote
        else:
            self._item.append(char)
        return None

    def _after_quote(self, char: str) -> str | None:
        if char == '"':
            self._item.append(char)
            self._step = self._quoted
            return None
        return self._plain(char)


class _LinePatternParser(ListOutputParser, internal=True):
    """Base of parsers of items on a line each, found by a pattern with one group.

    Attributes:
        pattern: the regular expression that is searched for in every line; its first group is the
            item.
    """

    default_pattern: ClassVar[str]

    def __init__(self, *, pattern: str | None = None, name: str | None = None) -> None:
        self.pattern = self.default_pattern if pattern is None else pattern
        self.name = name
        if re.compile(self.pattern).groups < 1:
            raise ConfigError(
                f"{type(self).__name__}(pattern={pattern!r}) has no group: put parentheses "
                "around the item."
            )

    def parse(self, text: str) -> list[str]:
        """Return the items."""
        return _read_all(_LineReader(self.pattern), text)

    def _new_decoder(self) -> Decoder[Any, list[str]]:
        return _ItemsDecoder(self, _LineReader(self.pattern))


class _LineReader(ItemReader):
    """A reader of one line at a time, when it is complete."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._line: list[str] = []

    def feed(self, text: str) -> Iterable[str]:
        first, *rest = text.split("\n")
        self._line.append(first)
        for part in rest:
            yield from self.finish()
            self._line.append(part)

    def finish(self) -> Iterable[str]:
        line = "".join(self._line).rstrip("\r")
        self._line.clear()
        return [found[1] for found in self._pattern.finditer(line) if found[1] is not None]


class NumberedListOutputParser(_LinePatternParser, internal=True):
    """A parser of the items of a numbered list, one on a line; other lines are left out.

    Args:
        pattern: a regular expression for an item within a line, with one group.
        name: the parser's name in events.

    Raises:
        ConfigError: the pattern has no group.

    Example:
        >>> NumberedListOutputParser().invoke("Here they are:\\n1. red\\n2) green")
        ['red', 'green']
    """

    default_pattern: ClassVar[str] = r"^\s*\d+[.)]\s+(\S.*)$"

    def get_format_instructions(self) -> str:
        """Return the request to answer with a numbered list."""
        return (
            "Answer with a numbered list and nothing else, each item on a line of its own, for "
            "example:\n\n1. red\n2. green\n3. blue"
        )


class MarkdownListOutputParser(_LinePatternParser, internal=True):
    """A parser of the items of a Markdown list, one on a line; other lines are left out.

    Args:
        pattern: a regular expression for an item within a line, with one group.
        name: the parser's name in events.

    Raises:
        ConfigError: the pattern has no group.

    Example:
        >>> MarkdownListOutputParser().invoke("Here they are:\\n- red\\n* green")
        ['red', 'green']
    """

    default_pattern: ClassVar[str] = r"^\s*[-*+]\s+(\S.*)$"

    def get_format_instructions(self) -> str:
        """Return the request to answer with a Markdown list."""
        return (
            "Answer with a Markdown list and nothing else, each item on a line of its own, for "
            "example:\n\n- red\n- green\n- blue"
        )
