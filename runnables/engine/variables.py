"""Context variables: what was set between two moments, how a value is taken away again, and whether
two contexts have the same values."""

from __future__ import annotations

import contextvars
from operator import is_
from typing import Any, Final

Variable = contextvars.ContextVar[Any]
Tokens = dict[Variable, contextvars.Token[Any]]

UNSET: Final = object()
"""The value of a variable that is not set."""

_PLAIN: Final = frozenset({str, bytes, int, float, complex, bool})
"""Types whose values never change; subclasses may."""

_OF_CALLS: Final[set[Variable]] = set()


def let_differ(variable: Variable) -> None:
    """Let contexts agree whatever this variable is: the library sets it anew for each call."""
    _OF_CALLS.add(variable)


def agree(one: contextvars.Context, other: contextvars.Context) -> bool:
    """Tell whether code finds the same in two contexts, so that one may stand for the other."""
    for variable, value in one.items():
        if variable not in _OF_CALLS and not is_same_value(value, _value_in(other, variable)):
            return False
    return all(
        variable in one or variable in _OF_CALLS or is_same_value(value, _value_in(one, variable))
        for variable, value in other.items()
    )


def is_same_value(one: Any, other: Any) -> bool:
    """Tell whether two values are one object, or equal and of a type whose values never change.

    Two lists that are equal now are not the same: one row may add to its own.
    """
    if one is other:
        return True
    kind = _type_of(one)
    if kind is not _type_of(other):
        return False
    if kind is tuple:
        return len(one) == len(other) and all(map(is_same_value, one, other))
    if kind in _PLAIN:
        return bool(one == other)
    return kind.__module__ == "decimal" and _are_same_decimals(one, other)


def _type_of(value: object) -> type[Any]:
    return type(value)


def _are_same_decimals(one: Any, other: Any) -> bool:
    """Tell whether two contexts of `decimal` compute alike: the first sum in a row makes one."""
    names = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps")
    return all(getattr(one, name, one) == getattr(other, name, other) for name in names)


def _value_in(context: contextvars.Context, variable: Variable) -> Any:
    """Return the value of a variable in a context: its default, where it is not set."""
    if variable in context:
        return context[variable]
    try:
        return contextvars.Context().run(variable.get)
    except LookupError:
        return UNSET


def is_same(one: contextvars.Context, other: contextvars.Context) -> bool:
    """Tell whether nothing was set; by identity, as some values cannot be compared."""
    return len(one) == len(other) and all(map(is_, one.values(), other.values()))


def changed_between(before: contextvars.Context, after: contextvars.Context) -> dict[Variable, Any]:
    """Return the variables whose value is another one, with the new value."""
    changes = {
        variable: value
        for variable, value in after.items()
        if before.get(variable, UNSET) is not value
    }
    if len(after) - len(before) < len(changes):  # a few may be gone
        changes.update({variable: UNSET for variable in before if variable not in after})
    return changes


def put(variable: Variable, value: Any, tokens: Tokens) -> bool:
    """Set a variable, or take its value away, for which there is a token if it was set here.

    Where there is none, it gets its default. One without a default can only be reset by the code
    that has set it; return False then.
    """
    if value is not UNSET:
        token = variable.set(value)
        if token.old_value is contextvars.Token.MISSING:
            tokens[variable] = token
        return True
    known = tokens.pop(variable, None)
    return _set_default(variable) if known is None else reset(variable, known, UNSET)


def reset(variable: Variable, token: contextvars.Token[Any], otherwise: Any) -> bool:
    """Reset a variable; where its token is another context's, set it to another value.

    Return False where that is UNSET, and the variable has no default.
    """
    try:
        variable.reset(token)
    except ValueError:  # it was set in another context than this one
        if otherwise is UNSET:
            return _set_default(variable)
        variable.set(otherwise)
    return True


def _set_default(variable: Variable) -> bool:
    try:
        default = contextvars.Context().run(variable.get)
    except LookupError:
        return False
    variable.set(default)
    return True
