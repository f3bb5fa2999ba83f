"""A runnable is a value: it prints as the code that makes it, compares, hashes and pickles.

The rule: **public attributes are configuration, underscored attributes are state.** Only the
configuration is compared, printed and pickled; clients, locks and loaded models are state, made
when they are first needed, in each process anew.
"""

from __future__ import annotations

import copy
import inspect
import linecache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator, Mapping
    from types import CodeType


class Value:
    """Equality, hash, repr and pickling by public attributes."""

    def _settings(self) -> dict[str, Any]:
        """The configuration, by name."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def _identity(self) -> dict[str, Any]:
        """The part of the configuration that decides what it gives; caches go by it."""
        return self._settings()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Value) or type(other) is not type(self):
            return NotImplemented
        return self._settings() == other._settings()

    def __hash__(self) -> int:
        return hash((type(self), *_hashable(self._settings().values())))

    def __repr__(self) -> str:
        shown = (f"{key}={value!r}" for key, value in self._settings().items() if value is not None)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __getstate__(self) -> dict[str, Any]:
        return self._settings()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


Made = TypeVar("Made", bound=Value)


def with_settings(value: Made, changes: Mapping[str, Any]) -> Made:
    """A copy with other values for some of its public attributes, without the state of the old."""
    changed = copy.copy(value)  # by __getstate__: without the state of the original
    vars(changed).update(changes)
    return changed


def _hashable(values: Any) -> list[int]:
    """The hashes of those values that have one; equal values have equal lists."""
    hashes: list[int] = []
    for value in values:
        try:
            hashes.append(hash(value))
        except TypeError:
            hashes.append(0)
    return hashes


def show(thing: object) -> str:
    """A lambda by its text, another function by its name, anything else by its repr."""
    name = getattr(thing, "__name__", None)
    if name == "<lambda>" and inspect.isfunction(thing):
        return lambda_text(thing) or name
    return name if isinstance(name, str) and callable(thing) else repr(thing)


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
