"""The parser of XML in a model's answer, while it is being written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from xml.parsers import expat

from runnables.engine.merging import SNAPSHOTS, Merge
from runnables.errors import ConfigError, OutputParserException
from runnables.messages.partial_json import MAX_DEPTH
from runnables.parsers.base import BaseOutputParser, TextDecoder
from runnables.parsers.json import SnapshotBudget

if TYPE_CHECKING:
    from runnables.compose.non_blocking import Decoder

Tree: TypeAlias = "dict[str, str | list[Any] | None]"
"""An element: its name, and its text, its children, or None where it is empty."""

_PARSERS: Final = ("defusedxml", "xml")
_START: Final = re.compile(r"<(?:[:_]|[^\W\d])|<!DOCTYPE", re.IGNORECASE)
_CUT_START: Final = re.compile(r"<(?:!(?:D(?:O(?:C(?:T(?:Y(?:P)?)?)?)?)?)?)?\Z", re.IGNORECASE)


class XMLOutputParser(BaseOutputParser[dict[str, Any]], internal=True):
    """A parser to the first XML element in a model's answer, as nested dicts.

    An element is `{name: text}`, or `{name: [child, ...]}` where it has children, or
    `{name: None}` where it is empty. Text between children is among them, unless it is blank.
    Attributes are left out. Prose, a declaration and Markdown fences around the element are
    ignored. Streamed, each chunk is the element so far.

    Documents with a document type declaration are refused. Without one, XML has no entities of
    its own: nothing can expand, and nothing is fetched.

    Args:
        tags: the names of the elements to request in the format instructions.
        parser: the name of a reader, as in LangChain. There is only one, which is safe: both names
            stand for it.
        name: the parser's name in events.

    Raises:
        ConfigError: another name of a reader.
        OutputParserException: when run, there is no element, or it is not complete.

    Example:
        >>> XMLOutputParser().invoke("Here: <sea><name>Baltic</name><salty/></sea>")
        {'sea': [{'name': 'Baltic'}, {'salty': None}]}
        >>> list(XMLOutputParser().transform(["<sea><name>Bal", "tic</name></sea>"]))
        [{'sea': [{'name': 'Bal'}]}, {'sea': [{'name': 'Baltic'}]}]
    """

    merge: Merge = SNAPSHOTS

    def __init__(
        self,
        tags: Sequence[str] | None = None,
        *,
        parser: Literal["defusedxml", "xml"] = "defusedxml",
        name: str | None = None,
    ) -> None:
        if parser not in _PARSERS:
            raise ConfigError(f"XMLOutputParser(parser={parser!r}): expected one of {_PARSERS}")
        self.tags = None if tags is None else list(tags)
        self.name = name

    def parse(self, text: str) -> dict[str, Any]:
        """Return the first element in a string.

        Raises:
            OutputParserException: there is none, or it is not complete.
        """
        reader = _XMLReader()
        reader.feed(text)
        reader.finish()
        if reader.error:
            raise OutputParserException(
                f"Failed to parse the answer as XML: {reader.error}.", llm_output=text
            )
        return reader.snapshot()

    def get_format_instructions(self) -> str:
        """Return the request to answer with XML, with the names of its elements."""
        elements = f" with the elements {', '.join(self.tags)}" if self.tags else ""
        return (
            f"Answer with XML{elements} and with nothing else. There is one outermost element, "
            "and every element is closed, for example: "
            "`<list><item>red</item><item>green</item></list>`"
        )

    def _new_decoder(self) -> Decoder[Any, dict[str, Any]]:
        return _XMLDecoder(self)


class _XMLDecoder(TextDecoder[dict[str, Any]]):
    parser: XMLOutputParser

    def __init__(self, parser: XMLOutputParser) -> None:
        super().__init__(parser)
        self._reader = _XMLReader()
        self._budget = SnapshotBudget()
        self._shown = 0

    def read(self, text: str) -> Iterable[dict[str, Any]]:
        reader = self._reader
        reader.feed(text)
        self._budget.earn(len(text))
        if reader.changes == self._shown or reader.error:
            return ()
        if not self._budget.spend(reader.cost()):
            return ()
        self._shown = reader.changes
        return (reader.snapshot(),)

    def end(self) -> Iterable[dict[str, Any]]:
        self._reader.finish()
        if self._reader.error:
            return (self.parser.parse(self.text),)  # raises the same error however it was cut
        value = self._reader.snapshot()
        return () if self._shown == self._reader.changes else (value,)


class _OpenElement:
    """An element that is not closed yet: its strings and finished children, in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: list[Any] = []
        self.has_children = False
        self._text = ""  # since the last child
        self._added: list[str] = []  # and what was not joined to it yet

    def add_text(self, text: str) -> bool:
        """Add text; tell whether a snapshot would show it."""
        self._added.append(text)
        return not text.isspace() or bool(self._text.strip())

    def end_text(self) -> None:
        """End the text before a child."""
        if text := self._shown_text():
            self.parts.append(text)
        self._text = ""
        self.has_children = True

    def cost(self) -> int:
        """Return about how many references `tree` copies."""
        return len(self.parts) + len(self._text) // 64 + 8

    def tree(self, last: Tree | None = None) -> Tree:
        """Return the element so far, with a child that is still open as its last part."""
        text = self._shown_text()
        if not self.has_children:
            return {self.name: text}
        return {self.name: [*self.parts, *(part for part in (text, last) if part is not None)]}

    def _shown_text(self) -> str | None:
        self._text += "".join(self._added)
        self._added.clear()
        return self._text if self._text.strip() else None


class _XMLReader:
    """A reader of one element in a string that comes in parts.

    Attributes:
        changes: a number that grows with everything that a snapshot would show; 0 where there is
            nothing to show yet.
        error: the error in the text; "" where there is none so far.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.error = ""
        self._held = ""
        self._started = False
        self._stack: list[_OpenElement] = []
        self._root: Tree | None = None
        self._expat = expat.ParserCreate()
        self._expat.StartElementHandler = self._on_start
        self._expat.EndElementHandler = self._on_end
        self._expat.CharacterDataHandler = self._on_text

    def feed(self, text: str) -> None:
        """Take the next part of the text; what follows the element is ignored."""
        if not self._started:
            text = self._find_start(self._held + text)
        if text:
            self._parse(text, False)

    def finish(self) -> None:
        """End the text; an incomplete element is an error."""
        if self._started:
            self._parse("", True)
        elif not self.error:
            self.error = "there is no XML element in the text"

    def cost(self) -> int:
        """Return about how many references a snapshot copies."""
        return sum(element.cost() for element in self._stack)

    def snapshot(self) -> Tree:
        """Return the element so far; it does not change when more is read."""
        if self._root is not None:
            return self._root
        tree: Tree | None = None
        for element in reversed(self._stack):
            tree = element.tree(tree)
        assert tree is not None
        return tree

    def _find_start(self, text: str) -> str:
        found = _START.search(text)
        if not found:
            cut = _CUT_START.search(text)
            self._held = cut[0] if cut else ""
            return ""
        if found[0].startswith("<!"):
            self.error = self.error or "document type declarations are refused"
        self._started = True
        return text[found.start() :]

    def _parse(self, text: str, last: bool) -> None:
        if self.error or self._root is not None:
            return
        try:
            self._expat.Parse(text, last)
        except (expat.ExpatError, ValueError) as error:  # ValueError: half a surrogate pair
            if self._root is None:  # else the error is in what follows the element
                self.error = str(error)

    def _on_start(self, name: str, _attributes: dict[str, str]) -> None:
        if self._root is not None:
            return
        if len(self._stack) == MAX_DEPTH:
            raise ValueError(f"elements nest deeper than {MAX_DEPTH} levels")
        if self._stack:
            self._stack[-1].end_text()
        self._stack.append(_OpenElement(name))
        self.changes += 1

    def _on_text(self, text: str) -> None:
        if self._root is None:
            self.changes += self._stack[-1].add_text(text)

    def _on_end(self, _name: str) -> None:
        tree = self._stack.pop().tree()
        if self._stack:
            self._stack[-1].parts.append(tree)
        else:
            self._root = tree
