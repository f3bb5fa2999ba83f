"""A runnable is a value: it prints as the code that makes it, compares, hashes and pickles.

The rule: **public attributes are configuration, underscored attributes are state.** Only the
configuration is compared, printed and pickled; clients, locks and loaded models are state, made
when they are first needed, in each process anew.
"""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from runnables.sources import lambda_text

if TYPE_CHECKING:
    from collections.abc import Mapping


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
