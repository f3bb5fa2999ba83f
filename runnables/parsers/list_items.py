"""Readers of the items of a list, in chunks: the same items, wherever chunks end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final


class ItemReader:
    """Base of readers that find the items in a string."""

    def feed(self, text: str) -> Iterable[str]:
        """Take the next part of the text; return the items that are complete now."""
        raise NotImplementedError

    def finish(self) -> Iterable[str]:
        """End the text; return the last items."""
        raise NotImplementedError


class LineReader(ItemReader):
    """Base of readers of one line at a time, when it is complete. Write `read`."""

    def __init__(self) -> None:
        self._line: list[str] = []

    def feed(self, text: str) -> Iterable[str]:
        """Take the next part of the text; return the items that are complete now."""
        first, *rest = text.split("\n")
        self._line.append(first)
        for part in rest:
            yield from self._end_line()
            self._line.append(part)

    def finish(self) -> Iterable[str]:
        """End the text; return the last items."""
        yield from self._end_line()
        yield from self.end()

    def read(self, line: str) -> Iterable[str]:
        """Take a line; return the items that are complete now."""
        raise NotImplementedError

    def end(self) -> Iterable[str]:
        """End the text, of which all lines were read."""
        return ()

    def _end_line(self) -> Iterable[str]:
        line = "".join(self._line).rstrip("\r")
        self._line.clear()
        return self.read(line)


# A mark is at the beginning of a line. "1.5" is none, and neither is "10:30".
_MARKS: Final = {
    "number": re.compile(
        r"\s*(?P<bold>\*\*|__)?(?:(?:Step|Item)\s|#|№\s?)?"
        r"(?:\(\d{1,4}\)|\[\d{1,4}\](?![(:])|[①-⑳]"
        r"|\d{1,4}(?:\\?[.)]{1,2}(?!\d)|[、\uff0e\uff09]|\s?[:\u2013\u2014-](?=\s)|\ufe0f?\u20e3))"
        r"(?P<closed>\*\*|__)?\s*"
    ),
    "letter": re.compile(
        r"\s*(?P<bold>\*\*|__)?\(?(?:[A-Za-z]|[ivxIVX]{2,5})(?:\)|\.(?=\s|\*\*|__))"
        r"(?P<closed>\*\*|__)?\s*"
    ),
    "bullet": re.compile(
        r"\s*(?P<bold>)(?P<closed>)(?:[-*+\u2013\u2014→](?:\s+|\Z)"
        r"|[•◦‣▪▫●○■□◆◇·∙\u2043➤➢►▶➜]\s*|(?=\[[ xX]\]\s|[☐☑✅❌✓✔✗]))"
    ),
}
_RULE: Final = re.compile(r"([-*_])(?:\s*\1){2,}\s*\Z")
_START_TAGS: Final = re.compile(r"\s*(?:<\w{1,20}>\s*)+")
_END_TAGS: Final = re.compile(r"</(\w{1,20})>(?:\s*</\w{1,20}>){0,4}\Z")
_NAMES: Final = re.compile(r"\w+")
_INVISIBLE: Final = "\ufeff\u200b\u2060"
_FIRST_MARK: Final = re.compile(
    r"[^:\uff1a]{0,200}[:\uff1a][*_]{0,2}\s+(?=\(?1(?:\.|\))\s|[-*+•]\s)"
)
_SECOND_MARK: Final = re.compile(r"\s*\(?2\D|\s*[-*+•]")
_FENCES: Final = ("```", "~~~")
_HEADING: Final = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*\Z|.*[:\uff1a]\s*\Z)")


class MarkedItems(LineReader):
    """A reader of items that begin with a mark, and go on in the lines below it.

    The first mark may be behind tags (`<answer>1. red`); or behind a colon, where the second one
    begins a line.

    The kind of mark of the list is its own kind, or, until one of these comes, the first one that
    there is. A mark of another kind within an item is a part of the item.

    Args:
        kind: the list's own kind of mark: "number" or "bullet".
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._own = kind
        self._kind: str | None = None
        self._item: list[str] | None = None  # the lines of the open item
        self._indent = 0  # of its mark
        self._offset = 0  # of its first line, without the mark
        self._blanks = 0  # the blank lines since
        self._loose: list[str] = []  # lines behind a blank one, not indented
        self._has_loose_items = False
        self._fence = ""  # "item" or "list": where a fenced block has been opened
        self._tags: list[str] = []  # that are open around the list
        self._first: list[str] = []  # what is an item if another one follows: "Here: 1. red"

    def read(self, line: str) -> Iterable[str]:
        """Take a line; return the items that are complete now."""
        if self._fence != "item":
            line = line.lstrip(_INVISIBLE)
        if self._item is None:
            line = self._without_tags(line)
        content = line.lstrip()
        if content.startswith(_FENCES):
            return self._read_fence(line)
        if self._fence == "item":
            self._append(line)
            return ()
        if not content or (content[0] in "-*_" and _RULE.match(content)):
            self._blanks += 1
            return ()
        indent = len(line) - len(content)
        found = self._mark(line, indent)
        if found is None:
            self._read_text(line, indent)
            return ()
        ended = self._take_first(line) or self._end_item(last=False)
        self._kind, self._indent, self._offset = found[0], indent, found[1].end()
        unclosed = found[1]["bold"] if found[1]["bold"] != found[1]["closed"] else ""
        self._item = [(unclosed or "") + line[self._offset :]]
        return ended

    def end(self) -> Iterable[str]:
        """End the text; return the last item."""
        return self._end_item(last=True)

    def _without_tags(self, line: str) -> str:
        """Return a line before the list without the tags around the list, which may open here."""
        found = _START_TAGS.match(line)
        if found is None:
            return line
        self._tags = _NAMES.findall(found[0])
        return line[found.end() :]

    def _take_first(self, line: str) -> Sequence[str]:
        """Return the item that is behind a colon, where the mark of this line is the next one."""
        first, self._first = self._first, []
        found = next((kind for kind in _MARKS if first and _MARKS[kind].match(first[0])), None)
        if found is None or not _SECOND_MARK.match(line) or not _MARKS[found].match(line):
            return ()
        mark = _MARKS[found].match(first[0])
        return ("\n".join([first[0][mark.end() if mark else 0 :], *first[1:]]).strip(),)

    def _mark(self, line: str, indent: int) -> tuple[str, re.Match[str]] | None:
        """Return the kind of the mark with which a new item begins, and the mark."""
        for kind in dict.fromkeys((self._own, *_MARKS)):
            if found := _MARKS[kind].match(line):
                is_first = self._kind is None or kind == self._kind
                is_better = kind == self._own and indent <= self._indent
                if is_first or is_better:
                    return kind, found
        return None

    def _read_fence(self, line: str) -> Iterable[str]:
        if self._fence == "list":
            self._fence = ""
            return self._end_item(last=True)
        if self._item is None:
            self._fence = "list"
        else:
            self._fence = "" if self._fence else "item"
            self._append(line)
        return ()

    def _read_text(self, line: str, indent: int) -> None:
        if self._item is None:  # before the first item
            if found := _FIRST_MARK.match(line):
                self._first = [line[found.end() :]]
            elif self._first:
                self._first.append(line)
            return
        if indent > self._indent or not (self._blanks or self._loose):
            self._append(line)
        else:
            self._loose += [*[""] * self._blanks, line]
            self._blanks = 0

    def _append(self, line: str) -> None:
        """Add a line to the open item, without the indentation of the item."""
        if self._item is not None:
            indent = len(line) - len(line.lstrip())
            self._item += [*self._loose, *[""] * self._blanks, line[min(indent, self._offset) :]]
        self._loose, self._blanks = [], 0

    def _end_item(self, *, last: bool) -> Sequence[str]:
        """End the open item, with the lines behind it if they are a part of it.

        They are where another item follows, unless they announce it; behind the last item, where
        they were behind others.
        """
        if self._item is None:
            return ()
        announces = bool(self._loose) and bool(_HEADING.match(self._loose[-1]))
        if self._loose and (self._has_loose_items if last else not announces):
            self._item += self._loose
            self._has_loose_items = True
        item = "\n".join(self._item).strip()
        end = _END_TAGS.search(item) if last else None
        if end and f"<{end[1]}" not in item:
            before = item[: end.start()].rstrip(" \t")
            if end[1] in self._tags or before.endswith("\n") or not before:
                item = before.strip()  # a tag around the list ends there, such as <answer>
        self._item, self._loose, self._blanks = None, [], 0
        return (item,) if item else ()
