"""The check of a pipe's types: can what one step returns be what the next one takes?

A pipe is refused only where no value could be both. Whatever is uncertain fits: Any, type
variables, protocols and abstract classes, annotations that cannot be read, functions that a
decorator may have changed. Of a union, one member that fits is enough; of `list[int]`, the
list counts. Types that act alike fit each other: an int is taken for a float, a tuple for a
list, a path for a str.
"""

from __future__ import annotations

import collections
import collections.abc as abc
import inspect
import numbers
import os
import types
import typing
from typing import Any, Final, get_args, get_origin

from runnables.compose.functions import RunnableLambda
from runnables.compose.parallel import RunnableParallel
from runnables.core.signatures import one_value_lacks
from runnables.errors import nearest

if typing.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnables.core.description import Keys


def explain_mismatch(before: Any, after: Any, keys: Keys = None) -> str | None:
    """Return why one runnable cannot come before another, in words; None: it can.

    Args:
        before: the runnable whose output it is.
        after: the runnable whose input it is.
        keys: the keys of the dict between them, where they are known.
    """
    return (
        _explain_types(before, after)
        or _explain_keys(before, after, keys)
        or _explain_arguments(before, after)
    )


def _explain_arguments(before: Any, after: Any) -> str | None:
    """Return why a function cannot be called with one value; options reach the first step only."""
    for step in after.branches.values() if isinstance(after, RunnableParallel) else (after,):
        if type(step) is RunnableLambda and (names := one_value_lacks(step.func or step.afunc)):
            return (
                f"{before.get_name()} | {after.get_name()}: {step!r} cannot be called with one "
                f"value, the output of the step before it: it takes {names}. Write a function of "
                "one value that calls it, such as lambda x: f(x, ...), or lambda d: f(**d) where "
                "the value is a dict with all of them."
            )
    return None


def _explain_keys(before: Any, after: Any, keys: Keys) -> str | None:
    missing = sorted(after._missing_keys(keys)) if keys is not None else ()
    if not missing:
        return None
    given = ", ".join(map(repr, sorted(keys or ()))) or "no key"
    return (
        f"{before.get_name()} | {after.get_name()}: {after!r} needs "
        f"{', '.join(map(repr, missing))}, and is given {given}."
        f"{_typo_hint(missing[0], keys or ())}"
    )


def _typo_hint(needed: str, given: Iterable[str]) -> str:
    found = nearest(needed, given)
    return "" if found is None else f" Did you mean {needed!r} by {found!r}?"


def _explain_types(before: Any, after: Any) -> str | None:
    if _is_decorated(before) or _is_decorated(after):
        return None
    given, wanted = _declared(before, "OutputType"), _declared(after, "_accepted_type")
    if is_compatible(given, wanted):
        return None
    return (
        f"{before.get_name()} | {after.get_name()}: {before!r} gives {_shown(given)}, and "
        f"{after!r} takes {_shown(wanted)}. Put a step between them, or, where a declared type "
        "is not the true one, say so: .with_types(output_type=...) or input_type=..."
    )


def _declared(runnable: Any, side: str) -> Any:
    """Return a type that a runnable declares; Any where it cannot tell."""
    try:
        return getattr(runnable, side)
    except Exception:  # it may be a user's own property
        return Any


def _is_decorated(runnable: Any) -> bool:
    """Tell whether a decorator wraps its function: the annotations may be of the inner one."""
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    return hasattr(function, "__wrapped__")


def is_compatible(given: Any, wanted: Any) -> bool:
    """Tell whether a value of the one type can be a value of the other, for all that is known."""
    if given is Any or wanted is Any:
        return True
    sources, targets = _classes(given), _classes(wanted)
    if sources is None or targets is None:
        return True
    return any(_can_be(source, target) for source in sources for target in targets)


def _classes(annotation: Any) -> list[type] | None:
    """Return the classes that an annotation stands for; None where they are not known."""
    found: list[type] = []
    for member in _members(annotation):
        if member is None:
            found.append(types.NoneType)
        elif typing.is_typeddict(member) or hasattr(member, "__required_keys__"):
            found.append(dict)
        elif inspect.isclass(member) and not _is_open(member):
            found.append(member)
        else:
            return None
    return found


def _members(annotation: Any) -> Iterator[Any]:
    """Yield annotations without their wrapping: members of unions, origins of generics."""
    origin = get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    elif origin is typing.Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin is typing.Literal:
        yield from {type(value) for value in get_args(annotation)}
    elif hasattr(annotation, "__supertype__"):  # a NewType
        yield from _members(annotation.__supertype__)
    else:
        yield annotation if origin is None else origin


def _is_open(cls: type) -> bool:
    """Tell whether values may be instances of it though their classes do not derive from it."""
    if cls is object or getattr(cls, "_is_protocol", False):
        return True
    metaclasses = inspect.getmro(type(cls))
    checks = next(kind.__module__ for kind in metaclasses if "__instancecheck__" in vars(kind))
    if checks.partition(".")[0] not in _PLAIN_CHECKS:
        return True
    hook = next(base for base in inspect.getmro(cls) if "__subclasshook__" in vars(base))
    return hook is not object and hook.__module__ != "collections.abc" and _family(cls) is None


def _can_be(given: type, wanted: type) -> bool:
    """Tell whether a value of the one class may be of the other, or act like it."""
    if issubclass(given, wanted) or issubclass(wanted, given) or wanted is types.NoneType:
        return True
    source, target = _family(given), _family(wanted)
    if source is not None and source == target:
        return True
    if source is None and (target is None and wanted.__module__ == "collections.abc"):
        return True
    if source is None and any(hasattr(given, name) for name in _METHODS.get(target or "", ())):
        return True
    return bool(_subclasses(given) & _subclasses(wanted))


def _family(cls: type) -> str | None:
    """Return the family of built-in types that a class belongs to; None: it is in none."""
    return next((name for name, members in _FAMILIES.items() if issubclass(cls, members)), None)


def _subclasses(cls: type) -> set[type]:
    """Return all classes that derive from one, as far as there are any yet."""
    found: set[type] = set()
    pending = [cls]
    while pending:
        new: set[type] = set(type.__subclasses__(pending.pop())) - found
        found |= new
        pending.extend(new)
    return found


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


_PLAIN_CHECKS: Final = ("builtins", "abc", "pydantic")
_FAMILIES: Final[dict[str, tuple[type, ...]]] = {
    "none": (types.NoneType,),
    "text": (str, collections.UserString, os.PathLike),
    "bytes": (bytes, bytearray, memoryview),
    "number": (numbers.Number,),
    "mapping": (abc.Mapping,),
    "collection": (abc.Sequence, abc.Set, abc.Iterator, abc.AsyncIterator, abc.ValuesView),
}
"""Families of types that act alike; a class belongs to the first that fits."""

_METHODS: Final[dict[str, tuple[str, ...]]] = {
    "bytes": ("__bytes__", "__buffer__"),
    "number": ("__float__", "__int__", "__index__"),
    "mapping": ("__getitem__",),
    "collection": ("__iter__", "__getitem__"),
}
"""Methods by which a user's class acts like one of a family."""
