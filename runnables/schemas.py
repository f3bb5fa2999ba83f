"""Types of inputs and outputs, read from annotations, as pydantic models."""

from __future__ import annotations

import collections.abc as abc
import inspect
import typing
from typing import Any, TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, RootModel, create_model
from pydantic.errors import PydanticUserError

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def types_of(cls: type) -> tuple[Any, Any]:
    """The two type arguments that a class gives to `Runnable`; Any where it gives none."""
    for base in inspect.getmro(cls):
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
    if not inspect.isroutine(function) and not inspect.isclass(function):
        target = getattr(function, "func", None) or getattr(type(function), "__call__", function)  # noqa: B004 - the method itself is wanted
    try:
        return typing.get_type_hints(target)
    except Exception:  # annotations are any code at all, also names that exist only for checkers
        return {}


def argument_type(function: Callable[..., Any]) -> Any:
    """The annotated type of a function's first parameter, else Any."""
    try:
        names = [name for name in inspect.signature(function).parameters if name != "self"]
    except (TypeError, ValueError):  # some built-in functions have no signature
        return Any
    return hints_of(function).get(names[0], Any) if names else Any


def result_type(function: Callable[..., Any]) -> Any:
    """The annotated type of what a function gives; of a generator, what it yields."""
    annotation = hints_of(function).get("return", Any)
    if get_origin(annotation) in _YIELDING:
        return get_args(annotation)[0]
    return annotation


_YIELDING = (
    abc.Iterator,
    abc.Iterable,
    abc.Generator,
    abc.AsyncIterator,
    abc.AsyncIterable,
    abc.AsyncGenerator,
)


def schema_of(annotation: Any, name: str) -> type[BaseModel]:
    """A pydantic model for a type: itself, one with its keys, or a RootModel of it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    try:
        return cast("type[BaseModel]", create_model(name, __base__=RootModel[annotation]))
    except (PydanticUserError, TypeError):  # a type that pydantic knows nothing of
        return create_model(name, __base__=RootModel[Any])


def fields_schema(name: str, fields: Mapping[str, Any]) -> type[BaseModel]:
    """A pydantic model with these fields: a type each, or a pair of type and default."""
    typed: dict[str, Any] = {
        key: value if isinstance(value, tuple) else (value, ...) for key, value in fields.items()
    }
    return create_model(name, **typed)


def configurable_schema(runnable: Any) -> type[BaseModel]:
    """A pydantic model of all configurable fields of a runnable and those inside it."""
    fields: dict[str, Any] = {}
    pending = [runnable]
    while pending:
        it = pending.pop(0)
        ids: Any = getattr(it, "configurable_ids", {})
        for field, default in ids.items():
            fields[field.id] = (field.annotation, default)
        pending.extend(it._inner())
    return fields_schema("Configurable", fields)
