"""Notebooks: the code of their cells, and the text of the file with other code in its place.

All of the file but the lines that change stays as it is written, byte for byte: a notebook is
saved by many programs, each with its own way of writing JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from runnables.migration.reading import Code, UnreadableCode, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_JSON: Final = json.JSONDecoder()
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_OTHER_LANGUAGE: Final = re.compile(r"\s*%%(?!time|timeit|capture|prun)\w+")
_MAGIC: Final = re.compile(
    r"[ \t]*(%{1,2}[a-zA-Z]|!|\?)"
    r"|[ \t]*[\w.]+[ \t]*=[ \t]*(!|%[a-zA-Z])"
    r"|(ls|cd|cat|cp|mv|rm|mkdir|rmdir|pwd|pip|conda|man|less|more)([ \t]+[-\w./~*][^=(]*)?$"
    r"|[^#'\"]*\?\s*$"
)
"""Lines that are a magic, a shell command, a command that needs no mark, or a question."""
_IMPORT_IN_MAGIC: Final = re.compile(r"%\w+\s.*\b(?:from|import)\s+lang(?:chain|serve)", re.DOTALL)
_ASSIGNED: Final = re.compile(r"[ \t]*[\w.]+[ \t]*=[ \t]*")
_INDENT: Final = re.compile(r"[ \t]*")
_TOKEN: Final = "runnables_magic_line_{}_"
_INDENTED: Final = "if True:  # runnables_indented_cell\n"


@dataclass(frozen=True)
class Cell:
    """A cell of code in the text of a notebook.

    Attributes:
        number: its place among all cells, from 1.
        start: the offset where its source begins, a JSON value.
        end: the offset behind it.
        source: its code.
    """

    number: int
    start: int
    end: int
    source: str


def cells(text: str) -> list[Cell]:
    """Return the cells of code of a notebook.

    Args:
        text: the file.

    Raises:
        UnreadableCode: it is no notebook.
    """
    try:
        notebook = json.loads(text)
        spans = list(_spans(text))
    except (ValueError, RecursionError) as error:
        raise UnreadableCode(f"does not parse as JSON: {error}") from None
    kinds = _kinds(notebook)
    if len(kinds) != len(spans):
        raise UnreadableCode("is no notebook of version 4: it has no list of cells")
    return [
        Cell(number, *span, source)
        for number, (span, source) in enumerate(zip(spans, kinds, strict=True), start=1)
        if source is not None and span is not None
    ]


def _kinds(notebook: Any) -> list[str | None]:
    """Return the code of each cell; None for those of text."""
    found = notebook.get("cells") if _is_dict(notebook) else None
    if not _is_list(found):
        raise UnreadableCode("is no notebook of version 4: it has no list of cells")
    return [_source(cell) for cell in found]


def _is_dict(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _source(cell: Any) -> str | None:
    if not _is_dict(cell) or cell.get("cell_type") != "code":
        return None
    source = cell.get("source")
    if _is_list(source) and all(isinstance(line, str) for line in source):
        return "".join(source)
    return source if isinstance(source, str) else None


def _spans(text: str) -> Iterator[tuple[int, int] | None]:
    """Yield where the source of each cell is in the text of a notebook."""
    for key, start, _ in _members(text, _skip(text, 0)):
        if key == "cells":
            for cell in _items(text, start):
                found = [span for name, *span in _members(text, cell) if name == "source"]
                yield (found[-1][0], found[-1][1]) if found else None


def _skip(text: str, index: int) -> int:
    found = _SPACE.match(text, index)
    assert found is not None
    return found.end()


def _members(text: str, index: int) -> Iterator[tuple[str, int, int]]:
    """Yield the name of each member of an object, and where its value begins and ends."""
    if not text.startswith("{", index):
        return
    index = _skip(text, index + 1)
    while text.startswith('"', index):
        key, index = _JSON.raw_decode(text, index)
        start = _skip(text, _skip(text, index) + 1)
        _, end = _JSON.raw_decode(text, start)
        yield key, start, end
        index = _skip(text, _skip(text, end) + 1)


def _items(text: str, index: int) -> Iterator[int]:
    """Yield where each item of an array begins."""
    if not text.startswith("[", index):
        return
    index = _skip(text, index + 1)
    while not text.startswith("]", index):
        yield index
        _, end = _JSON.raw_decode(text, index)
        index = _skip(text, end)
        if text.startswith(",", index):
            index = _skip(text, index + 1)


def with_sources(text: str, changed: Sequence[tuple[Cell, str]]) -> str:
    """Return the text of a notebook with other code in some cells.

    Args:
        text: the file.
        changed: the cells, in order, each with its new code.

    Raises:
        UnreadableCode: the file is written in a way that cannot be kept.
    """
    new = text
    for cell, source in reversed(changed):
        new = new[: cell.start] + _written(text[cell.start : cell.end], source) + new[cell.end :]
    known = {cell.number: source for cell, source in changed}
    if [known.get(c.number, c.source) for c in cells(text)] != [c.source for c in cells(new)]:
        raise UnreadableCode("cannot be changed: its JSON is written in an unusual way")
    return new


def _written(value: str, source: str) -> str:
    """Return a JSON value for code, written as the older one."""
    if value.startswith('"') or '"' not in value:
        return _string(source, value)
    raw = {json.loads(item): item for item in _strings(value)}
    lines = [found[0] for found in _LINE.finditer(source)]
    first = value[: value.find('"')]
    spans = _string_spans(value)
    between = value[spans[0][1] : spans[1][0]] if len(spans) > 1 else ", "
    if len(spans) == 1 and "\n" in first:
        between = "," + first[1:]
    last = value[spans[-1][1] :]
    return first + between.join(raw.get(line) or _string(line, value) for line in lines) + last


def _string(line: str, like: str) -> str:
    return json.dumps(line, ensure_ascii=like.isascii() and "\\u" in like and not line.isascii())


def _strings(value: str) -> list[str]:
    return [value[start:end] for start, end in _string_spans(value)]


def _string_spans(value: str) -> list[tuple[int, int]]:
    """Return where the strings of an array of strings are."""
    spans: list[tuple[int, int]] = []
    for start in _items(value, 0):
        _, end = _JSON.raw_decode(value, start)
        spans.append((start, end))
    return spans


def read_cell(source: str) -> tuple[Code, list[str]] | None:
    """Read the code of a cell; None if it is of another language, or has no code.

    Args:
        source: the cell.

    Returns:
        The code, in which a name stands for each magic and shell command, and these.

    Raises:
        UnreadableCode: it does not parse.
    """
    if _OTHER_LANGUAGE.match(source) or not source.strip():
        return None
    try:
        return read(source), []
    except UnreadableCode as error:
        text, magics = without_magics(source)
        if text.lstrip("\r\n")[:1] in (" ", "\t"):
            text = _INDENTED + text  # notebooks take a cell that is indented as a whole
        elif not magics:
            raise error from None
        return read(text, "\n".join(magics)), magics


def line_in_cell(code: Code, line: int) -> int:
    """Return the line of a cell for a line of its code as it was read."""
    return line - code.text.startswith(_INDENTED)


def imports_in_magics(code: Code, magics: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the magics of a cell that import from LangChain, with the line of each."""
    for number, magic in enumerate(magics):
        if _IMPORT_IN_MAGIC.match(magic):
            before = code.text[: code.text.index(_TOKEN.format(number))]
            yield line_in_cell(code, len(_LINE.findall(f"{before}_"))), magic


def without_magics(source: str) -> tuple[str, list[str]]:
    """Return a cell with a name in the place of each magic and shell command, and these.

    What looks like one inside a string is taken out, too: `with_magics` puts all of them back.

    Args:
        source: the cell.
    """
    lines: list[str] = []
    magics: list[str] = []
    taken = ""
    for found in _LINE.finditer(source):
        line = found[0]
        body = line.rstrip("\r\n")
        if not taken and not _MAGIC.match(body):
            lines.append(line)
            continue
        taken += line
        if body.endswith("\\"):
            continue
        kept = _ASSIGNED.match(taken) or _INDENT.match(taken)
        assert kept is not None
        end = len(taken) - len(taken.rstrip("\r\n"))
        stop = len(taken) - end
        lines.append(f"{kept[0]}{_TOKEN.format(len(magics))}{taken[stop:]}")
        magics.append(taken[kept.end() : stop])
        taken = ""
    return "".join(lines) + taken, magics


def with_magics(text: str, magics: Sequence[str]) -> str:
    """Return a cell with its magics and shell commands back in their places.

    Args:
        text: the code as it was read, with the names that `without_magics` has put there.
        magics: what it has taken out.
    """
    text = text.removeprefix(_INDENTED)
    for number, magic in enumerate(magics):
        text = text.replace(_TOKEN.format(number), magic, 1)
    return text
