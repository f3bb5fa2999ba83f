"""XML from a model's answer, while it is being written."""

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
"""An element: its name, and what is in it."""

_PARSERS: Final = ("defusedxml", "xml")
_START: Final = re.compile(r"<(?:[:_]|[^\W\d])|<!DOCTYPE", re.IGNORECASE)
_CUT_START: Final = re.compile(r"<(?:!(?:D(?:O(?:C(?:T(?:Y(?:P)?)?)?)?)?)?)?\Z", re.IGNORECASE)


class XMLOutputParser(BaseOutputParser[dict[str, Any]], internal=True):
    """An XML element as nested dicts; while it is being written, what is there of it.

    An element is `{name: text}`, or `{name: [child, ...]}` where it has children, or
    `{name: None}` where it is empty. Text between children stands among them, unless it is
    blank. Attributes are left out. Prose, a declaration and Markdown fences around the element
    are ignored; each piece of the stream is the whole element so far.

    Documents that bring a type declaration are refused, and without one XML has no entities of
    its own: nothing can expand, and nothing is fetched.

    Args:
        tags: the names of elements to ask the model for.
        parser: what LangChain calls its readers. There is one here, and it is safe: both names
            mean it.
        name: what observers call the parser.
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
        """The first element in the text.

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
        """To answer with XML, and with which elements."""
        elements = f" with the elements {', '.join(self.tags)}" if self.tags else ""
        return (
            f"Answer with XML{elements} and with nothing else. There is one outermost element, "
            "and every element is closed, for example: "
            "`<list><item>red</item><item>green</item></list>`"
        )

    def _piecewise(self) -> Decoder[Any, dict[str, Any]]:
        return _XMLDecoder(self)


class _XMLDecoder(TextDecoder[dict[str, Any]]):
    parser: XMLOutputParser

    def __init__(self, parser: XMLOutputParser) -> None:
        super().__init__(parser)
        self._reader = _XMLReader()
        self._pace = SnapshotBudget()
        self._unpaid = 0
        self._shown = 0

    def read(self, text: str) -> Iterable[dict[str, Any]]:
        reader = self._reader
        reader.feed(text)
        self._unpaid += len(text)
        if reader.changes == self._shown or reader.error:
            return ()
        paid, self._unpaid = self._unpaid, 0
        if not self._pace.allows(paid, reader.cost()):
            return ()
        self._shown = reader.changes
        return (reader.snapshot(),)

    def end(self) -> Iterable[dict[str, Any]]:
        self._reader.finish()
        if self._reader.error:
            return (self.parser.parse(self.text),)  # raises, whatever the cuts were
        value = self._reader.snapshot()
        return () if self._shown == self._reader.changes else (value,)


class _Open:
    """An element that is not closed yet: its texts and finished children, in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: list[Any] = []
        self.has_children = False
        self._text = ""  # since the last child
        self._pieces: list[str] = []  # and what came of it since it was last asked for

    def add_text(self, piece: str) -> bool:
        """Take more text; whether it shows."""
        self._pieces.append(piece)
        return not piece.isspace() or bool(self._text.strip())

    def end_text(self) -> None:
        """A child begins."""
        if text := self._shown_text():
            self.parts.append(text)
        self._text = ""
        self.has_children = True

    def cost(self) -> int:
        """How many references `tree` would copy, about."""
        return len(self.parts) + len(self._text) // 64 + 8

    def tree(self, last: Tree | None = None) -> Tree:
        """The element as it stands, with a child that is still open as its last part."""
        text = self._shown_text()
        if not self.has_children:
            return {self.name: text}
        return {self.name: [*self.parts, *(it for it in (text, last) if it is not None)]}

    def _shown_text(self) -> str | None:
        self._text += "".join(self._pieces)
        self._pieces.clear()
        return self._text if self._text.strip() else None


class _XMLReader:
    """Reads one element, however it is cut into pieces.

    Attributes:
        changes: grows with everything that a snapshot would show; 0: nothing to show yet.
        error: what is wrong with the text; "" while nothing is.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.error = ""
        self._held = ""
        self._started = False
        self._stack: list[_Open] = []
        self._root: Tree | None = None
        self._expat = expat.ParserCreate()
        self._expat.StartElementHandler = self._on_start
        self._expat.EndElementHandler = self._on_end
        self._expat.CharacterDataHandler = self._on_text

    def feed(self, text: str) -> None:
        """Read on; what follows the element is ignored."""
        if not self._started:
            text = self._find_start(self._held + text)
        if text:
            self._parse(text, False)

    def finish(self) -> None:
        """The text is over."""
        if self._started:
            self._parse("", True)
        elif not self.error:
            self.error = "there is no XML element in the text"

    def cost(self) -> int:
        """How many references a snapshot would copy, about."""
        return sum(element.cost() for element in self._stack)

    def snapshot(self) -> Tree:
        """The element so far; it does not change when more is read."""
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
            if self._root is None:  # else it is about what follows the element
                self.error = str(error)

    def _on_start(self, name: str, _attributes: dict[str, str]) -> None:
        if self._root is not None:
            return
        if len(self._stack) == MAX_DEPTH:
            raise ValueError(f"elements nest deeper than {MAX_DEPTH} levels")
        if self._stack:
            self._stack[-1].end_text()
        self._stack.append(_Open(name))
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
