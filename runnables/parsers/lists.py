"""Parsers of lists of strings, item by item."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from runnables.engine.merging import DELTAS, RESET, Merge, Reset, merge_chunks
from runnables.errors import ConfigError
from runnables.parsers.base import BaseOutputParser, TextDecoder, unreadable
from runnables.parsers.list_items import ItemReader, LineReader, MarkedItems
from runnables.parsers.reasoning import AnswerText

if TYPE_CHECKING:
    from runnables.compose.non_blocking import Decoder


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


class _ItemsDecoder(TextDecoder[Any]):
    """A decoder that yields each item in a list of one; the empty list for an empty answer."""

    def __init__(self, parser: ListOutputParser, new_reader: Callable[[], ItemReader]) -> None:
        super().__init__(parser)
        self._answer = AnswerText()
        self._new_reader = new_reader
        self._reader = new_reader()
        self._has_emitted = False

    def read(self, text: str) -> list[Any]:
        return self._read(self._answer.feed(text))

    def end(self) -> list[Any]:
        chunks = [*self._read(self._answer.finish()), *self._in_lists(self._reader.finish())]
        if self._answer.is_open:
            raise unreadable("The answer ends within the model's reasoning.", self.text)
        if self._has_emitted:
            return chunks
        if self.text.strip():
            raise unreadable("The answer has no items of a list.", self.text)
        return [[]]

    def _read(self, parts: Iterable[str | Reset]) -> list[Any]:
        chunks: list[Any] = []
        for part in parts:
            if not isinstance(part, Reset):
                chunks += self._in_lists(self._reader.feed(part))
                continue
            self._reader = self._new_reader()
            if self._has_emitted:
                chunks, self._has_emitted = [RESET], False
        return chunks

    def _in_lists(self, items: Iterable[str]) -> list[list[str]]:
        chunks = [[item] for item in items]
        self._has_emitted = self._has_emitted or bool(chunks)
        return chunks


class _ItemsParser(ListOutputParser, internal=True):
    """Base of the parsers of items that a reader finds one by one."""

    def parse(self, text: str) -> list[str]:
        """Return the items.

        Raises:
            OutputParserException: there is text, but no items are in it.
        """
        decoder = _ItemsDecoder(self, self._new_reader)
        return cast("list[str]", merge_chunks([*decoder.feed(text), *decoder.finish()], DELTAS))

    def _new_decoder(self) -> Decoder[Any, list[str]]:
        return _ItemsDecoder(self, self._new_reader)

    def _new_reader(self) -> ItemReader:
        raise NotImplementedError


class CommaSeparatedListOutputParser(_ItemsParser, internal=True):
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

    def get_format_instructions(self) -> str:
        """Return the request to answer with items between commas."""
        return (
            "Answer with a list of values separated by commas and nothing else, for example: "
            "`red, green, blue`. Put a value that contains a comma in double quotes."
        )

    def _new_reader(self) -> ItemReader:
        return _CommaReader()


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


class _MarkedListParser(_ItemsParser, internal=True):
    """Base of parsers of items that begin with a mark, or that a pattern finds within lines.

    Attributes:
        pattern: the regular expression that is searched for in every line; its first group is the
            item. None: an item begins with a mark.
    """

    mark: ClassVar[str]

    def __init__(self, *, pattern: str | None = None, name: str | None = None) -> None:
        self.pattern = pattern
        self.name = name
        if pattern is not None and re.compile(pattern).groups < 1:
            raise ConfigError(
                f"{type(self).__name__}(pattern={pattern!r}) has no group: put parentheses "
                "around the item."
            )

    def _new_reader(self) -> ItemReader:
        return MarkedItems(self.mark) if self.pattern is None else _PatternItems(self.pattern)


class _PatternItems(LineReader):
    """A reader of the items that a pattern finds in a line."""

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self._pattern = re.compile(pattern)

    def read(self, line: str) -> Iterable[str]:
        return [found[1] for found in self._pattern.finditer(line) if found[1] is not None]


class NumberedListOutputParser(_MarkedListParser, internal=True):
    """A parser of the items of a numbered list: `1.`, `1)`, `(1)`, `**1.**`, `1:`, ...

    An item goes on in the lines below it that are no new item: to the next mark, or, where a blank
    line follows that no indented line continues, to that line. What is before the first item, and
    a closing remark after the last one, are left out. Where nothing is
    numbered, letters (`a)`) and other marks count.

    Args:
        pattern: a regular expression for an item within a line, with one group, instead.
        name: the parser's name in events.

    Raises:
        ConfigError: the pattern has no group.
        OutputParserException: when run, there is text, but no items are in it.

    Example:
        >>> NumberedListOutputParser().invoke("Here they are:\\n1. red\\n2) green")
        ['red', 'green']
    """

    mark: ClassVar[str] = "number"

    def __init__(self, *, pattern: str | None = None, name: str | None = None) -> None:
        super().__init__(pattern=pattern, name=name)  # written out for type checkers

    def get_format_instructions(self) -> str:
        """Return the request to answer with a numbered list."""
        return (
            "Answer with a numbered list and nothing else, each item on a line of its own, for "
            "example:\n\n1. red\n2. green\n3. blue"
        )


class MarkdownListOutputParser(_MarkedListParser, internal=True):
    """A parser of the items of a Markdown list: `-`, `*`, `+`, and other marks such as `•`.

    An item goes on in the lines below it that are no new item: to the next mark, or, where a blank
    line follows that no indented line continues, to that line. What is before the first item, and
    a closing remark after the last one, are left out. Where there are
    no such marks, numbers and letters count.

    Args:
        pattern: a regular expression for an item within a line, with one group, instead.
        name: the parser's name in events.

    Raises:
        ConfigError: the pattern has no group.
        OutputParserException: when run, there is text, but no items are in it.

    Example:
        >>> MarkdownListOutputParser().invoke("Here they are:\\n- red\\n* green")
        ['red', 'green']
    """

    mark: ClassVar[str] = "bullet"

    def __init__(self, *, pattern: str | None = None, name: str | None = None) -> None:
        super().__init__(pattern=pattern, name=name)  # written out for type checkers

    def get_format_instructions(self) -> str:
        """Return the request to answer with a Markdown list."""
        return (
            "Answer with a Markdown list and nothing else, each item on a line of its own, for "
            "example:\n\n- red\n- green\n- blue"
        )
