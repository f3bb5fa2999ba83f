"""The text of an HTML page, with Python's own parser.

Headings become Markdown's, so that a splitter finds them, and list items begin with a dash.
Scripts, styles and what else no reader sees are left out. Broken HTML is read as far as it goes.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final, NamedTuple

_UNSEEN: Final = frozenset({"script", "style", "template", "noscript", "iframe", "svg", "title"})
_HEADINGS: Final = {f"h{level}": "#" * level for level in range(1, 7)}
_PARAGRAPHS: Final = frozenset(
    "address article aside blockquote body details dialog div dl fieldset figcaption figure footer "
    "form header hr html main nav ol p pre section summary table ul".split()
) | frozenset(_HEADINGS)
_LINES: Final = frozenset("br caption dd dt legend li option tr".split())
_CELLS: Final = frozenset({"td", "th"})
_WHITESPACE: Final = re.compile(r"[ \t\n\r\f]+")
_BREAKS: Final = re.compile(r"[ \t]*\n(?:[ \t]*\n)+")
_LINE_END: Final = re.compile(r"[ \t]+$", re.MULTILINE)


class Page(NamedTuple):
    """What a page says, and its title; "" where it has none."""

    text: str
    title: str


def read_html(html: str) -> Page:
    """Return the text and the title of a page; the first heading, where it has no title."""
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except AssertionError:  # how the parser refuses some declarations that are not well formed
        reader.add(html[_offset(html, reader) :])
    text = _BREAKS.sub("\n\n", _LINE_END.sub("", "".join(reader.parts))).strip("\n")
    title = _WHITESPACE.sub(" ", "".join(reader.title)).strip()
    return Page(text, title or reader.first_heading)


def _offset(html: str, reader: HTMLParser) -> int:
    """Return where the parser stands."""
    line, column = reader.getpos()
    start = 0
    for _ in range(line - 1):
        start = html.index("\n", start) + 1
    return start + column


class _Reader(HTMLParser):
    """A parser that collects the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title: list[str] = []
        self.first_heading = ""
        self._unseen: list[str] = []
        self._preformatted = 0
        self._heading: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen.append(tag)
        if self._unseen:
            return
        self._break(tag)
        if tag == "pre":
            self._preformatted += 1
        elif tag == "li":
            self.parts.append("- ")
        elif tag in _HEADINGS:
            self.parts.append(f"{_HEADINGS[tag]} ")
            self._heading = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSEEN and not self._unseen:
            self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:  # those inside it, which were never closed, end as well
            del self._unseen[self._unseen.index(tag) :]
            return
        if self._unseen:
            return
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        if tag in _HEADINGS and self._heading is not None:
            heading = _WHITESPACE.sub(" ", "".join(self._heading)).strip()
            self.first_heading, self._heading = self.first_heading or heading, None
        if tag in _CELLS:
            self.parts.append(" ")
        elif tag in _PARAGRAPHS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            if self._unseen == ["title"] and not self.parts_have_text():
                self.title.append(data)
            return
        self.add(data)

    def add(self, data: str) -> None:
        """Add text that a reader sees."""
        if self._heading is not None:
            self._heading.append(data)
        if self._preformatted:
            self.parts.append(data)
            return
        words = _WHITESPACE.sub(" ", data)
        if words.startswith(" ") and (not self.parts or self.parts[-1][-1:] in ("\n", " ")):
            words = words[1:]
        if words:
            self.parts.append(words)

    def parts_have_text(self) -> bool:
        """Tell whether the page has begun to say something."""
        return any(part.strip() for part in self.parts)

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n")
