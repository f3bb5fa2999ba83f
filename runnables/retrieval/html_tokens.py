"""The tags and strings of an HTML page, in a time that grows with its length, whatever is in it.

It reads as browsers do, by the rules of https://html.spec.whatwg.org/#tokenization, as far as text
depends on them. The time of Python's own parser grows with the square of the length, for some pages
that were made for it.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME: Final = re.compile(r"[a-zA-Z][^ \t\n\r\f/>]*")
_BETWEEN: Final = re.compile(r"[ \t\n\r\f/]*")
_ATTRIBUTE: Final = re.compile(r"=?[^ \t\n\r\f/>=]*[ \t\n\r\f]*(=[ \t\n\r\f]*)?")
_UNQUOTED: Final = re.compile(r"[^ \t\n\r\f>]*")
_COMMENT_END: Final = re.compile(r"--!?>")
_ZEROS: Final = re.compile(r"(?<=&#)0+(?=[0-9])|(?<=&#[xX])0+(?=[0-9a-fA-F])")
_LONG_NUMBER: Final = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")
"""A reference to a character that there is not, whose number may be too long to read."""
_WITHOUT_TAGS: Final = {
    name: re.compile(rf"</{name}(?=[ \t\n\r\f/>])", re.IGNORECASE)
    for name in ("script", "style", "iframe", "title", "textarea")
}
"""Elements that have no tags in them, and where they end."""
_CODE: Final = frozenset({"script", "style", "iframe"})


class Token(NamedTuple):
    """A string of a page, with its references resolved, or a tag.

    Attributes:
        kind: "text", a tag that is opened ("start") or closed ("end"), or both at once ("empty").
        value: the string, or the name of the tag in lower case.
    """

    kind: Literal["text", "start", "end", "empty"]
    value: str


def read_tokens(html: str) -> Iterator[Token]:
    """Yield the strings and tags of a page, without comments, declarations and code.

    Example:
        >>> from runnables.retrieval.html_tokens import read_tokens
        >>> [token.value for token in read_tokens("<p title='a > b'>Sea &amp; land<br/>")]
        ['p', 'Sea & land', 'br']
    """
    begin = place = 0
    quotes = True
    while (place := html.find("<", place)) >= 0:
        if html.startswith("<!--", place):
            found = _COMMENT_END.search(html, place + 2)
            yield _text(html[begin:place])
            begin = place = found.end() if found else len(html)
            continue
        is_end = html.startswith("/", place + 1)
        name = _NAME.match(html, place + 1 + is_end)
        if name is None and html[place + 1 : place + 2] not in ("!", "?", "/"):
            place += 1  # a sign for "less than"
            continue
        after = -1
        if name is not None and quotes:
            after = _tag_end(html, name.end())
            quotes = after >= 0  # a quote is open to the end: from here on, none counts
        if after < 0:
            after = html.find(">", place) + 1
        if not after:
            break
        yield _text(html[begin:place])
        begin = place
        place = after
        if name is not None:
            tag = name[0].lower()
            is_empty = html.startswith("/>", after - 2)
            yield Token("end" if is_end else "empty" if is_empty else "start", tag)
            if tag in _WITHOUT_TAGS and not is_end and not is_empty:
                found = _WITHOUT_TAGS[tag].search(html, after)
                place = found.start() if found else len(html)
                if tag not in _CODE:
                    yield _text(html[after:place])
        begin = place
    yield _text(html[begin:])


def _tag_end(html: str, place: int) -> int:
    """Return where a tag ends whose attributes begin here; -1 where it has no end."""
    while True:
        place = _end(_BETWEEN, html, place)
        if html.startswith(">", place):
            return place + 1
        if place == len(html):
            return -1
        attribute = _ATTRIBUTE.match(html, place)
        assert attribute is not None, "all its parts may be empty"
        place = attribute.end()
        if attribute[1] is None:
            continue
        if html.startswith(('"', "'"), place):
            place = html.find(html[place], place + 1) + 1
            if not place:
                return -1
        else:
            place = _end(_UNQUOTED, html, place)


def _end(pattern: re.Pattern[str], html: str, place: int) -> int:
    """Return where a match that may be empty ends."""
    found = pattern.match(html, place)
    return found.end() if found else place


def _text(html: str) -> Token:
    if "&#" in html:
        html = _LONG_NUMBER.sub("\N{REPLACEMENT CHARACTER}", _ZEROS.sub("", html))
    return Token("text", unescape(html))
