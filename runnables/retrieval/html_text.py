"""The text of an HTML page.

Headings become Markdown's, so that a splitter finds them, and list items begin with a dash.
Scripts, styles and what else no reader sees are left out. Broken HTML is read as far as it goes.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from runnables.retrieval.html_tokens import read_tokens

_UNSEEN: Final = frozenset({"script", "style", "template", "noscript", "iframe", "svg", "title"})
_HEADINGS: Final = {f"h{level}": "#" * level for level in range(1, 7)}
_PARAGRAPHS: Final = frozenset(
    "address article aside blockquote body details dialog div dl fieldset figcaption figure footer "
    "form header hr html main nav ol p pre section summary table ul".split()
) | frozenset(_HEADINGS)
_LINES: Final = frozenset("br caption dd dt legend li option tr".split())
_CELLS: Final = frozenset({"td", "th"})
_WHITESPACE: Final = re.compile(r"[ \t\n\r\f]+")
_LINE_END: Final = re.compile(r"(?<![ \t])[ \t]+$", re.MULTILINE)
_BREAKS: Final = re.compile(r"\n{3,}")


class Page(NamedTuple):
    """What a page says, and its title; "" where it has none."""

    text: str
    title: str


def read_html(html: str) -> Page:
    """Return the text and the title of a page; the first heading, where it has no title."""
    reader = _Reader()
    for kind, value in read_tokens(html):
        if kind == "text":
            reader.read_string(value)
        elif kind == "start":
            reader.open_tag(value)
        elif kind == "end":
            reader.close_tag(value)
        else:
            reader.read_empty_tag(value)
    text = _BREAKS.sub("\n\n", _LINE_END.sub("", "".join(reader.parts))).strip("\n")
    title = _WHITESPACE.sub(" ", "".join(reader.title)).strip()
    return Page(text, title or reader.first_heading)


class _Reader:
    """Collects the text that a reader sees."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.title: list[str] = []
        self.first_heading = ""
        self._unseen: list[str] = []
        self._first: dict[str, int] = {}  # the place of each in this list
        self._has_text = False
        self._preformatted = 0
        self._heading: list[str] | None = None

    def open_tag(self, tag: str) -> None:
        """Read a tag that is opened."""
        if tag in _UNSEEN:
            self._first.setdefault(tag, len(self._unseen))
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

    def read_empty_tag(self, tag: str) -> None:
        """Read a tag that is closed at once."""
        if tag not in _UNSEEN and not self._unseen:
            self._break(tag)

    def close_tag(self, tag: str) -> None:
        """Read a tag that is closed."""
        if tag in self._first:  # those inside it, which were never closed, end as well
            place = self._first[tag]
            del self._unseen[place:]
            self._first = {name: at for name, at in self._first.items() if at < place}
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

    def read_string(self, data: str) -> None:
        """Read a string, which a reader may see."""
        if self._unseen:
            if self._unseen == ["title"] and not self._has_text:
                self.title.append(data)
            return
        self._has_text = self._has_text or bool(data.strip())
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

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n")
