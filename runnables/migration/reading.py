"""What is read from code before it is changed: imports, uses of names, calls.

Python's own parser reads the code; its positions are made offsets into the text.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from runnables.errors import RunnablesError
from runnables.migration.answers import is_theirs

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
_WORD: Final = re.compile(r"[^\W\d]\w*")


ImportStatement: TypeAlias = ast.Import | ast.ImportFrom


class UnreadableCode(RunnablesError):
    """Code that is not changed, as it cannot be read; its text says why, after a name."""


HAS_PLACES_IN_F_STRINGS: Final = sys.version_info >= (3, 12)
"""Whether Python's parser says where the parts of an f-string are; older ones say something wrong.

Without places, names in an f-string are not changed, so what they are bound to stays.
"""


@dataclass(frozen=True)
class Dotted:
    """A name with attributes, such as `langchain_core.prompts.ChatPromptTemplate`.

    Attributes:
        parts: the names in it.
        spans: the offsets where each of them begins, with all that it is read from, and ends.
        line: its line.
    """

    parts: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    line: int


@dataclass(frozen=True)
class Call:
    """A call of a name, with its keywords.

    Attributes:
        called: the name.
        keywords: the keywords, with the offset of each, and its line.
    """

    called: tuple[str, ...]
    keywords: tuple[tuple[str, int, int], ...]


@dataclass
class Code:
    """Code, and what is in it.

    Attributes:
        text: the code.
        imports: its import statements that name LangChain.
        dotted: names with their attributes, each the longest at its place; also names alone.
        calls: its calls.
        bound: the names that it binds otherwise than by those imports.
        words: words in parts of it that are not read as Python.
        strings: strings in it, with the line of each.
        other_star: whether it has a star import of another package.
        tree: the code as Python's parser reads it.
        unplaced: the ids of the parts of it whose places are not known.
    """

    text: str
    imports: list[ImportStatement] = field(default_factory=list[ImportStatement])
    dotted: list[Dotted] = field(default_factory=list[Dotted])
    calls: list[Call] = field(default_factory=list[Call])
    bound: set[str] = field(default_factory=set[str])
    words: set[str] = field(default_factory=set[str])
    strings: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    other_star: bool = False
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []))
    unplaced: set[int] = field(default_factory=set[int])
    _starts: list[int] = field(default_factory=list[int])
    _lines: list[str] = field(default_factory=list[str])

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a position of Python's parser, whose columns are bytes of UTF-8."""
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        if not text.isascii():
            column = len(text.encode()[:column].decode())
        return (self._starts[line - 1] if line <= len(self._starts) else len(self.text)) + column

    def offset_of(self, line: int, column: int) -> int:
        """Return the offset of a position in characters, as the module `tokenize` gives them."""
        return (self._starts[line - 1] if line <= len(self._starts) else len(self.text)) + column

    @property
    def lines(self) -> list[str]:
        """The lines, each with `\\n` at its end."""
        return [f"{line.rstrip(chr(13) + chr(10))}\n" for line in self._lines]

    @property
    def newline(self) -> str:
        """What its lines end with."""
        found = _NEWLINE.search(self.text)
        return found[0] if found else "\n"

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """Return the offsets where a part of the code begins and ends."""
        end_line, end_column = node.end_lineno, node.end_col_offset
        assert end_line is not None
        assert end_column is not None
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)

    def line_of(self, offset: int) -> tuple[str, str]:
        """Return what is before and after an offset, on its line."""
        start = max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1
        ends = (self.text.find(mark, offset) for mark in "\r\n")
        end = min((end for end in ends if end >= 0), default=len(self.text))
        return self.text[start:offset], self.text[offset:end]


def read(text: str, opaque: str = "") -> Code:
    """Read code.

    Args:
        text: the code.
        opaque: parts that were taken out of it, as they are no Python.

    Raises:
        UnreadableCode: it does not parse, or is nested too deeply for Python's parser.
    """
    code = Code(text, words=set(_WORD.findall(opaque)))
    for found in _LINE.finditer(text):
        code._starts.append(found.start())
        code._lines.append(found[0])
    inside: set[int] = set()
    code.tree = _parsed(text)
    for node in ast.walk(code.tree):
        if isinstance(node, ast.JoinedStr) and not HAS_PLACES_IN_F_STRINGS:
            parts = [*ast.walk(node)]
            code.unplaced.update(map(id, parts))
            code.words.update(part.id for part in parts if isinstance(part, ast.Name))
        if id(node) not in code.unplaced:
            _read_node(code, node, inside)
    return code


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        where = "" if error.lineno is None else f", line {error.lineno}"
        raise UnreadableCode(f"does not parse: {error.msg}{where}") from None
    except ValueError as error:  # it has null bytes, say
        raise UnreadableCode(f"does not parse: {error}") from None
    except (RecursionError, MemoryError):
        raise UnreadableCode("is nested too deeply to be read") from None


def _read_node(code: Code, node: ast.AST, inside: set[int]) -> None:
    match node:
        case ast.Import() | ast.ImportFrom():
            _read_import(code, node)
        case ast.Attribute() | ast.Name():
            _read_dotted(code, node, inside)
        case ast.Call(func=func, keywords=keywords):
            if (called := _parts(func)) is not None:
                named = [(k.arg, code.offset(k.lineno, k.col_offset), k.lineno)
                         for k in keywords if k.arg is not None]  # fmt: skip
                code.calls.append(Call(tuple(part for part, _ in called), tuple(named)))
        case ast.Constant(value=str(value)):
            code.strings.append((value, node.lineno))
        case _:
            code.bound.update(_bound(node))


def _read_import(code: Code, node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.ImportFrom):
        if not node.level and is_theirs(node.module or ""):
            code.imports.append(node)
            return
        code.other_star |= any(alias.name == "*" for alias in node.names)
        code.bound.update(alias.asname or alias.name for alias in node.names)
        return
    if any(is_theirs(alias.name) for alias in node.names):
        code.imports.append(node)
    others = (alias for alias in node.names if not is_theirs(alias.name))
    code.bound.update(alias.asname or alias.name.partition(".")[0] for alias in others)


def _read_dotted(code: Code, node: ast.Attribute | ast.Name, inside: set[int]) -> None:
    if id(node) in inside:
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        code.bound.add(node.id)
        return
    parts = _parts(node, inside)
    if parts is None:
        return
    names = tuple(part for part, _ in parts)
    spans = [code.span(part) for _, part in parts]
    code.dotted.append(Dotted(names, tuple(spans), node.lineno))


def _parts(
    node: ast.expr, inside: set[int] | None = None
) -> list[tuple[str, ast.Attribute | ast.Name]] | None:
    """Return the names in a dotted name, the first first; None if it begins with something else."""
    parts: list[tuple[str, ast.Attribute | ast.Name]] = []
    while isinstance(node, ast.Attribute):
        parts.append((node.attr, node))
        node = node.value
        if inside is not None:
            inside.add(id(node))
    if not isinstance(node, ast.Name):
        if inside is not None:
            inside.discard(id(node))
        return None
    return [*reversed([*parts, (node.id, node)])]


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a part of the syntax binds, other than by an assignment or an import."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.arg(arg=name) | ast.MatchMapping(rest=str(name)):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)):
            yield name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            yield from names
        case _:
            return
