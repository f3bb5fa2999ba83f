"""Conversion of what `|` takes besides runnables: functions, generators, dicts of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard, cast

from runnables.compose.functions import RunnableLambda
from runnables.compose.generators import RunnableGenerator
from runnables.compose.runnable import Runnable
from runnables.core.foreign import from_foreign, is_foreign, is_foreign_runnable_class
from runnables.core.signatures import is_generator


def is_runnable(thing: object) -> TypeGuard[Runnable[Any, Any]]:
    """Tell whether a thing is a runnable; checkers know then that its types are any."""
    return isinstance(thing, Runnable)


def coerce_part(thing: Any, part: str) -> Runnable[Any, Any]:
    """Return `coerce_to_runnable(thing)`; an error says which part of something it is.

    Args:
        thing: what the user wrote.
        part: where: `branch "size"`.

    Raises:
        TypeError: it cannot become a runnable; names the part.
    """
    try:
        return coerce_to_runnable(thing)
    except TypeError as error:
        raise TypeError(f"{part}: {error}") from None


def coerce_to_runnable(thing: Any) -> Runnable[Any, Any]:
    """Return the runnable that `|` makes of a thing.

    Args:
        thing: a runnable, which is returned as it is, a function, a generator function, a dict of
            steps, or a runnable of LangChain.

    Raises:
        TypeError: anything else, a class of runnables too; names it, and what would do.

    Example:
        >>> coerce_to_runnable({"size": len, "text": str.upper}).invoke("abc")
        {'size': 3, 'text': 'ABC'}
    """
    if is_runnable(thing):
        return thing
    if is_foreign(thing):
        return _native(thing)
    if is_generator(thing):
        return RunnableGenerator(thing)
    if _is_class_of_runnables(thing):
        name = thing.__name__
        raise TypeError(f"{name} is a class of runnables, not a runnable: write {name}(...).")
    if callable(thing):
        return RunnableLambda(cast("Callable[[Any], Any]", thing))
    if isinstance(thing, Mapping):
        from runnables.compose.parallel import RunnableParallel  # it calls this function

        return RunnableParallel(cast("Mapping[str, Any]", thing))
    way_out = f"For a fixed value write lambda _: {thing!r}."
    if callable(getattr(thing, "as_retriever", None)):
        way_out = "Of a store, the retriever is a step: store.as_retriever()."
    raise TypeError(
        f"{thing!r} (of type {type(thing).__name__}) is not a runnable, and cannot become one: "
        f"expected a Runnable, a function, a generator function, or a dict of these. {way_out}"
    )


def _is_class_of_runnables(thing: Any) -> bool:
    if is_foreign_runnable_class(thing):
        return True
    return isinstance(thing, type) and issubclass(thing, Runnable)


def _native(thing: object) -> Runnable[Any, Any]:
    """Return the runnable that stands for an object of another library."""
    native = from_foreign(thing)
    if is_runnable(native):
        return native
    raise TypeError(
        f"{thing!r} (of type {type(thing).__name__}) is no step of a chain. Call it in a function."
    )
