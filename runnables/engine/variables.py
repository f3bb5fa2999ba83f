"""Context variables: what was set between two moments, and how a value is taken away again."""

from __future__ import annotations

import contextvars
from operator import is_
from typing import Any, Final

Variable = contextvars.ContextVar[Any]
Tokens = dict[Variable, contextvars.Token[Any]]

UNSET: Final = object()
"""The value of a variable that is not set."""


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
