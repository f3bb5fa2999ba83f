"""The parser of XML in a model's answer, while it is being written."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from xml.parsers import expat

from runnables.engine.addable import AddableDict
from runnables.engine.merging import RESET, CustomMerge, Merge
from runnables.errors import ConfigError
from runnables.messages.partial_json import MAX_DEPTH
from runnables.parsers.base import BaseOutputParser, TextDecoder, unreadable
from runnables.parsers.reasoning import TAG_START, ReasoningBlock, Tags, find_cut
from runnables.parsers.xml_elements import XMLChildren, join_elements

if TYPE_CHECKING:
    from runnables.compose.non_blocking import Decoder

Tree: TypeAlias = "dict[str, str | list[Any] | None]"
"""An element: its name, and its text, its children, or None where it is empty."""

_PARSERS: Final = ("defusedxml", "xml")
_START: Final = re.compile(rf"(?i:<!DOCTYPE)|<!--|{TAG_START}")
_ELEMENT: Final = re.compile(r"<(?:[:_]|[^\W\d])")
_CUT_START: Final = re.compile(r"<(?:!(?:-|D(?:O(?:C(?:T(?:Y(?:P)?)?)?)?)?)?)?\Z", re.IGNORECASE)
_LONE_TAG: Final = re.compile(
    r"<[\w:.-]{1,64}(?:\s[^<>]{0,80}?)?(?P<empty>/?)(?P<end>>[`'\"]|>?\Z)"
)


class XMLOutputParser(BaseOutputParser[dict[str, Any]], internal=True):
    """A parser to the XML in a model's answer, as nested dicts.

    An element is `{name: text}`, or `{name: [child, ...]}` where it has children, or
    `{name: None}` where it is empty. Text between children is among them, unless it is blank.
    Attributes are left out. Prose, comments, a declaration, Markdown fences and reasoning around
    the element are ignored. Several outermost elements of different names are in one dict.
    Streamed, each chunk is an element that is finished and has no others in it, within those around
    it; the chunks add up with `+` to the value.

    Documents with a document type declaration are refused. Without one, XML has no entities of
    its own: nothing can expand, and nothing is fetched.

    Args:
        tags: the names of the elements to request in the format instructions. An element that open
            models write their reasoning into, such as `thinking`, is read if it is one of them.
        parser: the name of a reader, as in LangChain. There is only one, which is safe: both names
            stand for it.
        name: the parser's name in events.

    Raises:
        ConfigError: another name of a reader.
        OutputParserException: when run, there is no element, one is not complete, or there are
            several outermost elements of one name.

    Example:
        >>> XMLOutputParser().invoke("Here: <sea><name>Baltic</name><salty/></sea>")
        {'sea': [{'name': 'Baltic'}, {'salty': None}]}
        >>> list(XMLOutputParser().transform(["<sea><name>Bal", "tic</name><salty/></sea>"]))
        [{'sea': [{'name': 'Baltic'}]}, {'sea': [{'salty': None}]}]
    """

    merge: Merge = CustomMerge(join_elements, in_parts=True)

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
        """Return the elements in a string.

        Raises:
            OutputParserException: there is none, one is not complete, or one name comes twice.
        """
        reader = _XMLReader(self.tags)
        reader.feed(text)
        reader.finish()
        if reader.error:
            raise unreadable(
                f"Failed to parse the answer as XML{self._named()}: {reader.error}.", text
            )
        return reader.elements

    def _named(self) -> str:
        return f" with the elements {', '.join(self.tags)}" if self.tags else ""

    def get_format_instructions(self) -> str:
        """Return the request to answer with XML, with the names of its elements."""
        return (
            f"Answer with XML{self._named()} and with nothing else. There is one outermost "
            "element, and every element is closed, for example: "
            "`<list><item>red</item><item>green</item></list>`"
        )

    def _new_decoder(self) -> Decoder[Any, dict[str, Any]]:
        return _XMLDecoder(self)


class _XMLDecoder(TextDecoder[Any]):
    parser: XMLOutputParser

    def __init__(self, parser: XMLOutputParser) -> None:
        super().__init__(parser)
        self._reader = _XMLReader(parser.tags)
        self._has_emitted = False

    def read(self, text: str) -> Iterable[Any]:
        self._reader.feed(text)
        return self._take()

    def end(self) -> Iterable[Any]:
        self._reader.finish()
        if self._reader.error:
            return (self.parser.parse(self.text),)  # raises the same error however it was cut
        return self._take()

    def _take(self) -> Iterable[Any]:
        chunks, starts_over = self._reader.take_finished()
        if starts_over and self._has_emitted:
            chunks, self._has_emitted = [RESET, *chunks], False
        self._has_emitted = self._has_emitted or bool(chunks)
        return chunks


class _OpenElement:
    """An element that is not closed yet: its strings and finished children, in order.

    Attributes:
        place: its place among the parts of the element around it.
    """

    def __init__(self, name: str, place: int) -> None:
        self.name = name
        self.place = place
        self.parts: list[Any] = []
        self.has_children = False
        self._text: list[str] = []  # since the last child

    def add_text(self, text: str) -> None:
        """Add text."""
        self._text.append(text)

    def take_text(self) -> str | None:
        """End the text before a child, or before the end; return it, unless it is blank."""
        text = "".join(self._text)
        self._text.clear()
        return text if text.strip() else None


class _XMLReader:
    """A reader of the outermost elements in a string that comes in parts.

    Args:
        tags: the names that are no reasoning.

    Attributes:
        elements: the outermost elements that are finished.
        error: the error in the text; "" where there is none so far.
    """

    def __init__(self, tags: Sequence[str] | None = None) -> None:
        self.elements: Tree = {}
        self.error = ""
        self._kept = frozenset(tag.lower() for tag in tags or ())
        self._stage: Callable[[str], str] = self._find_start
        self._held = ""
        self._ended = False
        self._block: ReasoningBlock | None = None
        self._tags = Tags()
        self._stack: list[_OpenElement] = []
        self._finished: list[Any] = []
        self._starts_over = False
        self._expat = expat.ParserCreate("utf-8")
        self._fed: deque[tuple[int, bytes]] = deque()  # what expat may still read, by its end
        self._size = 0  # of all that it was fed
        self._end: int | None = None  # of the element, in what it was fed

    def feed(self, text: str) -> None:
        """Take the next part of the text."""
        while text and not self.error:
            stage, text = self._stage, self._stage(text)
            if stage != self._stage:
                self._tags.begin()

    def finish(self) -> None:
        """End the text; an incomplete element is an error."""
        self._ended = True
        self.feed(self._take_held())
        if self._stage == self._read and not self.error:
            self._read("")
        if self._block is not None:
            self.error = self.error or "it ends within the model's reasoning"
        elif not self.elements:
            self.error = self.error or "there is no XML element in the text"

    def take_finished(self) -> tuple[list[Any], bool]:
        """Return the elements that were finished since, and whether they are the first ones again.

        That is so where those before were a draft in the model's reasoning.
        """
        taken = self._finished, self._starts_over
        self._finished, self._starts_over = [], False
        return taken

    def _take_held(self) -> str:
        held, self._held = self._held, ""
        return held

    # The stages. Each takes the text that comes next and returns what is left for the next one.

    def _find_start(self, text: str) -> str:
        """Read prose, up to an element or reasoning."""
        text = self._take_held() + text
        cut = len(text) if self._ended else min(find_cut(text), _find_cut_start(text))
        for found in _START.finditer(text):
            start = found.start()
            if start >= cut:
                break
            tag = self._tags.read(text, start)
            if tag and tag[0].strip("</>").lower() not in self._kept:
                return self._skip_tag(tag, text[tag.end() :])
            if found[0] == "<!--":
                self._stage = self._skip_comment
                return text[found.end() :]
            if found[0].startswith("<!"):
                self.error = "document type declarations are refused"
                return ""
            if not _ELEMENT.match(text, start):
                continue
            mentioned = _LONE_TAG.match(text, start) if self._tags.is_mention(text, start) else None
            if mentioned and len(mentioned["end"]) < 2 and not self._ended:
                cut = max(0, start - 2)
                break
            if not mentioned or (mentioned["empty"] and not self.elements):
                self._begin_element()
                return text[start:]
        self._tags.pass_on(text[:cut])
        self._held = text[cut:]
        return ""

    def _skip_comment(self, text: str) -> str:
        text = self._take_held() + text
        end = text.find("-->")
        if end < 0:
            self._held = text[-2:]
            return ""
        self._stage = self._find_start
        return text[end + 3 :]

    def _skip_tag(self, tag: re.Match[str], rest: str) -> str:
        self._tags.begin()
        if tag.lastgroup == "open":
            self._block, self._stage = ReasoningBlock(tag[0]), self._skip_reasoning
        elif tag.lastgroup == "close":
            self._start_over()
        return rest

    def _skip_reasoning(self, text: str) -> str:
        assert self._block
        rest = self._block.feed(text)
        if rest is None:
            return ""
        if self._block.is_answer:
            self._start_over()
        self._block, self._stage = None, self._find_start
        return rest

    def _start_over(self) -> None:
        self.elements = {}
        self._finished.clear()
        self._starts_over = True

    def _begin_element(self) -> None:
        self._stage = self._read
        self._expat = expat.ParserCreate("utf-8")
        self._expat.StartElementHandler = self._on_start
        self._expat.EndElementHandler = self._on_end
        self._expat.CharacterDataHandler = self._on_text
        self._size, self._end = 0, None
        self._fed.clear()

    def _read(self, text: str) -> str:
        """Read an element; return what follows it."""
        try:
            data = text.encode()
            self._size += len(data)
            self._fed.append((self._size, data))
            self._expat.Parse(data, self._ended)
        except (expat.ExpatError, ValueError) as error:  # ValueError: half a surrogate pair
            if self._end is None:  # else the error is in what follows the element
                self.error = str(error)
                return ""
        if self._end is not None:
            return self._end_element(self._end)
        while self._fed and self._fed[0][0] <= self._expat.CurrentByteIndex:
            self._fed.popleft()
        return ""

    def _end_element(self, end: int) -> str:
        """End an element; return what follows its last tag.

        The index is where that tag begins; but where it ends, if the tag is `<name/>`.
        """
        data = b"".join(part for _, part in self._fed)
        start = max(0, end - self._size + len(data))
        self._stage = self._find_start
        is_behind = data[:start].endswith(b"/>") and not data.startswith(b"</", start)
        return (data[start:] if is_behind else data[start:].partition(b">")[2]).decode()

    def _on_start(self, name: str, _attributes: dict[str, str]) -> None:
        if self._end is not None:
            return
        if len(self._stack) == MAX_DEPTH:
            raise ValueError(f"elements nest deeper than {MAX_DEPTH} levels")
        if self._stack:
            self._end_text()
        elif name in self.elements:
            raise ValueError(f"there are several outermost elements {name!r}: put one around them")
        place = len(self._stack[-1].parts) if self._stack else 0
        self._stack.append(_OpenElement(name, place))

    def _on_text(self, text: str) -> None:
        if self._end is None:
            self._stack[-1].add_text(text)

    def _on_end(self, _name: str) -> None:
        if self._end is not None:
            return
        element = self._stack[-1]
        if element.has_children:
            self._end_text()
        self._stack.pop()
        tree: Tree = {element.name: element.parts if element.has_children else element.take_text()}
        if not element.has_children:
            self._show(tree, element.place)
        if self._stack:
            self._stack[-1].parts.append(tree)
        else:
            self.elements = self.elements | tree
            self._end = self._expat.CurrentByteIndex

    def _end_text(self) -> None:
        """End the text before or after a child."""
        element = self._stack[-1]
        element.has_children = True
        if (text := element.take_text()) is not None:
            self._show(text, len(element.parts))
            element.parts.append(text)

    def _show(self, part: Any, place: int) -> None:
        """Add a finished part to those that a stream yields, within the elements around it."""
        for element in reversed(self._stack):
            part = {element.name: XMLChildren([part], [place])}
            place = element.place
        self._finished.append(AddableDict(part))


def _find_cut_start(text: str) -> int:
    found = _CUT_START.search(text, max(0, len(text) - len("<!DOCTYPE")))
    return found.start() if found else len(text)
