"""Runnables as values: they print as the code that makes them, compare, hash and pickle.

The rule: **public attributes are configuration, underscored attributes are state.** Only the
configuration is compared, printed and pickled. Clients, locks and loaded models are state: each
process makes its own when they are first needed.
"""

from __future__ import annotations

import copy
import inspect
import linecache
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator, Mapping
    from types import CodeType

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class Value:
    """A base class that compares, hashes, prints and pickles by public attributes."""

    def _settings(self) -> dict[str, Any]:
        """Return the configuration: the public attributes by name."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def _identity(self) -> dict[str, Any]:
        """Return the part of the configuration that decides the output; it is a cache's key."""
        return self._settings()

    def _with_changes(self, changes: Mapping[str, Any]) -> Any:
        """Return a copy with some public attributes changed, without the state of this one."""
        changed = copy.copy(self)  # through __getstate__, which leaves the state out
        vars(changed).update(changes)
        return changed

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Value) or type(other) is not type(self):
            return NotImplemented
        return self._settings() == other._settings()

    def __hash__(self) -> int:
        return hash((type(self), *_hashable(self._settings().values())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({show_settings(self._settings())})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a field in a user's pydantic model: an object of this class."""
        if hasattr(super(), "__get_pydantic_core_schema__"):  # the class is a pydantic model, too
            return handler(source)
        from pydantic_core.core_schema import is_instance_schema  # most programs need none

        return is_instance_schema(cls)

    def __getstate__(self) -> dict[str, Any]:
        return self._settings()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def show_settings(settings: Mapping[Any, Any]) -> str:
    """Return the settings that are set as the keywords of a call, without the secrets in them."""
    from runnables.redaction import hide, hide_in_text, secrets_in  # most programs print none

    shown = (
        f"{key}={hide(value, str(key))!r}" for key, value in settings.items() if value is not None
    )
    return hide_in_text(", ".join(shown), secrets_in(settings))


AnyValue = TypeVar("AnyValue", bound=Value)


def with_settings(value: AnyValue, changes: Mapping[str, Any]) -> AnyValue:
    """Return a copy with some public attributes changed, without the state of the original."""
    return cast("AnyValue", value._with_changes(changes))


def _hashable(values: Any) -> list[int]:
    """Return the hashes of values, 0 for one that has none; equal values have equal lists."""
    hashes: list[int] = []
    for value in values:
        try:
            hashes.append(hash(value))
        except TypeError:
            hashes.append(0)
    return hashes


def show(thing: object) -> str:
    """Return the source of a lambda, the name of another function, or the repr of anything else;
    without the secrets in it."""
    name = getattr(thing, "__name__", None)
    is_lambda = name == "<lambda>" and inspect.isfunction(thing)
    if isinstance(name, str) and callable(thing) and not is_lambda:
        return name
    from runnables.redaction import hide, hide_in_text  # here, as most programs print none

    return hide_in_text((lambda_text(thing) or "<lambda>") if is_lambda else repr(hide(thing)))


MAX_LAMBDA_LENGTH = 80
"""How many characters of a lambda are shown; the body of a longer one is left out."""


def lambda_text(function: Any) -> str | None:
    """Return a lambda as it is written, on one line; None where its source is not available.

    Python records which columns of the file each instruction comes from; the body is what they
    span. It counts only if it uses no other names than the code: the file may have changed.
    """
    import ast

    code: CodeType = function.__code__
    source = _body_source(code)
    try:
        body = ast.parse(f"({source}\n)", mode="eval").body
    except SyntaxError:
        return None
    if not source.strip() or not _names_in(body) <= set(_code_names(code)):
        return None
    parameters = str(inspect.signature(function))[1:-1]
    head = f"lambda {parameters}:" if parameters else "lambda:"
    shown = f"{head} {ast.unparse(body)}"
    return shown if len(shown) <= MAX_LAMBDA_LENGTH else f"{head} ..."


def _body_source(code: CodeType) -> str:
    """Return the part of its file that the instructions of a lambda span."""
    positions = [position for position in code.co_positions() if None not in position]
    spans: Any = [position for position in positions if position[2:] != (0, 0)]
    if positions and not spans:  # CPython 3.12 has no position for a constant that is returned
        return repr(code.co_consts[-1])
    if not spans:  # Python runs with -X no_debug_ranges
        return ""
    first, start = min((line, column) for line, _, column, _ in spans)
    last, end = max((line, column) for _, line, _, column in spans)
    numbers = range(first, last + 1)
    lines = [linecache.getline(code.co_filename, number).encode() for number in numbers]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"".join(lines).decode()


def _names_in(body: ast.expr) -> set[str]:
    import ast

    names = {node.id for node in ast.walk(body) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(body) if isinstance(node, ast.Attribute)}


def _code_names(code: CodeType) -> Iterator[str]:
    """Yield the names that a code object uses, also within functions inside it."""
    yield from (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _code_names(constant)
