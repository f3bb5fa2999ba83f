"""What a docstring says: what a function is for, and what its arguments mean.

Three styles are read, also mixed in one docstring:

    Args:                     Parameters              :param city: Its name.
        city (str): Its       ----------              :type city: str
            name.             city : str
                                  Its name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

_ARGUMENTS: Final = frozenset(
    {
        *("args", "arguments", "parameters", "params"),
        *("keyword args", "keyword arguments", "other parameters", "other args"),
    }
)
"""The titles of the sections that describe arguments, in small letters."""

_GOOGLE_TITLE: Final = re.compile(r"([A-Z]\w*|(?:Keyword|Other) [A-Z]\w*):")
_UNDERLINE: Final = re.compile(r"-{3,}|={3,}")
_FIELD: Final = re.compile(r"[:@](\w+)(?:\s+([^:]*?))?\s*:\s*(.*)")
_FIELDS: Final = frozenset(
    """
    param parameter arg argument key keyword kwarg type return returns rtype raise raises except
    exception yield yields ytype var ivar cvar vartype meta
    """.split()
)
_PARAMETER_FIELDS: Final = frozenset("param parameter arg argument key keyword kwarg".split())
_GOOGLE_ENTRY: Final = re.compile(
    r"\s*[*\\]{0,4}(\w+)(?:\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?\s*:\s*(.*)"
)
_NUMPY_ENTRY: Final = re.compile(r"[*\\]{0,4}\w+(?:\s*,\s*[*\\]{0,4}\w+)*(?:\s*:.*)?")


class _Section(NamedTuple):
    """A section of a docstring: the lines from `start` on are its body."""

    begin: int
    start: int
    title: str
    style: str


def read_docstring(function: Any) -> tuple[str, dict[str, str]]:
    """Return the text before the first section, and the description of each argument."""
    lines = (inspect.getdoc(function) or "").splitlines()
    sections = list(_sections(lines))
    about = "\n".join(lines[: sections[0].begin if sections else len(lines)]).strip()
    arguments: dict[str, str] = {}
    ends = [*(section.begin for section in sections[1:]), len(lines)]
    for section, end in zip(sections, ends, strict=False):
        body = lines[section.start : end]
        if section.style == "sphinx":
            arguments |= _sphinx_entry(body)
        elif section.title in _ARGUMENTS:
            read = _numpy_entries if section.style == "numpy" else _google_entries
            arguments |= read(body)
    return about, arguments


def whole_docstring(function: Any) -> str:
    """Return the docstring, without its indentation."""
    return (inspect.getdoc(function) or "").strip()


def _sections(lines: Sequence[str]) -> Iterator[_Section]:
    """Yield the sections, in order; a field of Sphinx is one of its own."""
    for index, line in enumerate(lines):
        below = lines[index + 1].strip() if index + 1 < len(lines) else ""
        if _UNDERLINE.fullmatch(below) and line and not line[0].isspace():
            yield _Section(index, index + 2, line.strip().rstrip(":").lower(), "numpy")
        elif title := _GOOGLE_TITLE.fullmatch(line.rstrip()):
            yield _Section(index, index + 1, title[1].lower(), "google")
        elif (field := _FIELD.fullmatch(line.rstrip())) and field[1] in _FIELDS:
            yield _Section(index, index, field[1], "sphinx")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _google_entries(lines: Sequence[str]) -> dict[str, str]:
    """Return the entries of an `Args:` section; a line with more indentation continues one."""
    entries: dict[str, str] = {}
    filled = [line for line in lines if line.strip()]
    indent = _indentation(filled[0]) if filled else 0
    last = ""
    for line in filled:
        entry = _GOOGLE_ENTRY.fullmatch(line) if _indentation(line) <= indent else None
        if entry:
            last = entry[1]
            entries[last] = entry[2].strip()
        elif last:
            entries[last] = f"{entries[last]} {line.strip()}".strip()
    return entries


def _numpy_entries(lines: Sequence[str]) -> dict[str, str]:
    """Return the entries of a `Parameters` section: names without indentation, then their text."""
    entries: dict[str, str] = {}
    names: list[str] = []
    for line in filter(str.strip, lines):
        if not line[0].isspace():
            is_entry = _NUMPY_ENTRY.fullmatch(line.strip())
            names = re.findall(r"\w+", line.partition(":")[0]) if is_entry else []
            entries |= dict.fromkeys(names, "")
        else:
            entries |= {name: f"{entries[name]} {line.strip()}".strip() for name in names}
    return entries


def _sphinx_entry(lines: Sequence[str]) -> dict[str, str]:
    """Return the argument that a field describes: `:param int count: How many.`"""
    field = _FIELD.fullmatch(lines[0].strip())
    assert field is not None, "its first line made it a field"
    names = re.findall(r"\w+", field[2] or "")
    if field[1] not in _PARAMETER_FIELDS or not names:
        return {}
    text = [field[3]]
    for before, line in pairwise(lines):
        if line.strip() and not line[0].isspace() and not before.strip():
            break  # a paragraph of its own
        text.append(line.strip())
    return {names[-1]: " ".join(filter(None, text))}
