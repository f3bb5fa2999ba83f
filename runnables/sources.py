"""The text of a lambda, for a repr that reads like the code."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator
    from types import CodeType

LONGEST = 80
"""Characters of a lambda that is shown whole."""


def lambda_text(function: Any) -> str | None:
    """A lambda as it is written, on one line; None where its source is not at hand.

    Python remembers where each instruction comes from, so the body is what they span. What is
    found there counts only if it uses the names that the code uses: the file may have changed.
    """
    import ast
    import inspect

    code: CodeType = function.__code__
    text = _body(code)
    try:
        body = ast.parse(f"({text}\n)", mode="eval").body
    except SyntaxError:
        return None
    if not text.strip() or not _names(body) <= set(_known(code)):
        return None
    parameters = str(inspect.signature(function))[1:-1]
    head = f"lambda {parameters}:" if parameters else "lambda:"
    shown = f"{head} {ast.unparse(body)}"
    return shown if len(shown) <= LONGEST else f"{head} ..."


def _body(code: CodeType) -> str:
    """What the instructions of a function without a name span, in the file they come from."""
    known = [it for it in code.co_positions() if None not in it]
    spans: Any = [it for it in known if it[2:] != (0, 0)]
    if known and not spans:  # CPython 3.12 forgets where a constant stands that is given back
        return repr(code.co_consts[-1])
    if not spans:  # Python was told to leave them out
        return ""
    first, start = min((line, column) for line, _, column, _ in spans)
    last, end = max((line, column) for _, line, _, column in spans)
    lines = [linecache.getline(code.co_filename, at).encode() for at in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"".join(lines).decode()


def _names(body: ast.expr) -> set[str]:
    import ast

    names = {it.id for it in ast.walk(body) if isinstance(it, ast.Name)}
    return names | {it.attr for it in ast.walk(body) if isinstance(it, ast.Attribute)}


def _known(code: CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _known(constant)
