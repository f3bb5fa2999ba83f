"""Types of inputs and outputs, read from annotations."""

from __future__ import annotations

import collections.abc as abc
import inspect
import typing
from typing import Any, TypeVar, get_args, get_origin

from runnables.callables import is_generator

if typing.TYPE_CHECKING:
    from collections.abc import Callable


def types_of(runnable: object) -> tuple[Any, Any]:
    """The two type arguments of a runnable: `RunnableBranch[int, str](...)`, or its class's.

    Any where there are none.
    """
    called = get_args(getattr(runnable, "__orig_class__", None))
    if len(called) == 2:
        return _known(called[0]), _known(called[1])
    for base in inspect.getmro(type(runnable)):
        for generic in getattr(base, "__orig_bases__", ()):
            given = get_args(generic)
            origin = get_origin(generic)
            if len(given) == 2 and getattr(origin, "run_type", None) is not None:
                return _known(given[0]), _known(given[1])
    return Any, Any


def _known(annotation: Any) -> Any:
    return Any if isinstance(annotation, (TypeVar, str)) else annotation


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, as far as they can be read; never an error."""
    target: Any = function
    if inspect.isclass(function):
        target = function.__init__
    elif not inspect.isroutine(function):
        target = getattr(function, "func", None) or getattr(type(function), "__call__", function)  # noqa: B004 - the method itself is wanted
    if not getattr(target, "__annotations__", None):
        return {}
    try:
        return typing.get_type_hints(target)
    except Exception:  # annotations are any code at all, also names that exist only for checkers
        return {}


def argument_type(function: Callable[..., Any]) -> Any:
    """The annotated type of a function's first parameter, else Any."""
    hints = hints_of(function)
    if not hints:
        return Any
    try:
        names = [name for name in inspect.signature(function).parameters if name != "self"]
    except (TypeError, ValueError):  # some built-in functions have no signature
        return Any
    return hints.get(names[0], Any) if names else Any


def result_type(function: Callable[..., Any]) -> Any:
    """The annotated type of what a function gives, whole; of a generator, what it yields.

    Of an awaitable, or of a runnable that it returns to be run, it is what comes out of that.
    """
    annotation = hints_of(function).get("return", Any)
    if inspect.isclass(function):
        return Any
    origin, arguments = get_origin(annotation), get_args(annotation)
    if is_generator(function):
        return piece_type(annotation)
    if origin in _AWAITED or hasattr(origin or annotation, "run_type"):
        return _known(arguments[-1]) if arguments else Any
    return annotation


def piece_type(annotation: Any) -> Any:
    """Of an annotated iterator, of either colour, what it gives; else Any."""
    arguments = get_args(annotation) if get_origin(annotation) in _YIELDING else ()
    return _known(arguments[0]) if arguments else Any


_YIELDING = (
    abc.Iterator,
    abc.Iterable,
    abc.Generator,
    abc.AsyncIterator,
    abc.AsyncIterable,
    abc.AsyncGenerator,
)
_AWAITED = (abc.Awaitable, abc.Coroutine)
