"""What a function's docstring says to a model, in Google's form."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any, Final

_ARGUMENT: Final = re.compile(r"\s*\*{0,2}(\w+)(?:\s*\([^)]*\))?\s*:\s*(.*)")
_HEADS: Final = ("Args:", "Arguments:", "Parameters:")


def read_docstring(function: Any) -> tuple[str, dict[str, str]]:
    """The text before the first section, and what is said of each argument."""
    lines = (inspect.getdoc(function) or "").splitlines()
    heads = [at for at, line in enumerate(lines) if re.fullmatch(r"[A-Z]\w*:", line.strip())]
    about = "\n".join(lines[: heads[0] if heads else len(lines)]).strip()
    arguments: dict[str, str] = {}
    for at in heads:
        if lines[at].strip() in _HEADS:
            arguments = _entries(lines[at + 1 : next((h for h in heads if h > at), None)])
    return about, arguments


def whole_docstring(function: Any) -> str:
    """The docstring as it stands, without its indentation."""
    return (inspect.getdoc(function) or "").strip()


def _entries(lines: Sequence[str]) -> dict[str, str]:
    """The entries of an `Args:` section; a line that is indented further goes on with the last."""
    found: dict[str, str] = {}
    indent = next((len(line) - len(line.lstrip()) for line in lines if line.strip()), 0)
    last = ""
    for line in filter(str.strip, lines):
        entry = _ARGUMENT.fullmatch(line) if len(line) - len(line.lstrip()) <= indent else None
        if entry:
            last = entry[1]
            found[last] = entry[2].strip()
        elif last:
            found[last] = f"{found[last]} {line.strip()}".strip()
    return found
