"""TypedDicts as pydantic takes them: below Python 3.12, those of typing_extensions only."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    TypeAlias,
    Union,
    cast,
    get_args,
    get_origin,
)

import typing_extensions
from pydantic import TypeAdapter

Rebuilt: TypeAlias = dict[Any, Any]
"""What was made of each TypedDict so far: they may contain themselves."""

_UNION: Final[Any] = Union
_GENERIC: Final[Any] = Generic
_TAKES_ALL: Final = sys.version_info >= (3, 12)


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """What validates values of a type; also of one with `typing.TypedDict` in it.

    Raises:
        PydanticUserError: pydantic knows nothing of it.
    """
    return TypeAdapter(for_pydantic(annotation))


def for_pydantic(annotation: Any, rebuilt: Rebuilt | None = None) -> Any:
    """A type with each `typing.TypedDict` in it as one of typing_extensions, where that matters.

    Not looked into: classes with fields of their own (dataclasses, named tuples), aliases with a
    name.

    Args:
        annotation: the type.
        rebuilt: shared by types that end in the same schema.
    """
    return annotation if _TAKES_ALL else _walked(annotation, {} if rebuilt is None else rebuilt)


def _walked(annotation: Any, rebuilt: Rebuilt) -> Any:
    if typing_extensions.is_typeddict(annotation):
        return _class(annotation, rebuilt) if _is_plain(annotation) else annotation
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None or origin in (Literal, Callable):
        return annotation
    if origin is Annotated:
        inner = _walked(args[0], rebuilt)
        return annotation if inner is args[0] else Annotated[inner, *args[1:]]
    inside = tuple(_walked(it, rebuilt) for it in args)
    base = _walked(origin, rebuilt)
    if base is origin and all(map(_is, inside, args)):
        return annotation
    if isinstance(annotation, types.UnionType):
        return _UNION[inside]
    if base is origin and hasattr(annotation, "copy_with"):  # List[...], Union[...], Required[...]
        return annotation.copy_with(inside)
    return base[inside]


def _is(one: object, other: object) -> bool:
    return one is other


def _is_plain(typed_dict: Any) -> bool:
    return type(typed_dict).__module__ == "typing"


def _class(typed_dict: Any, rebuilt: Rebuilt) -> Any:
    """The same keys, made with typing_extensions; filled after it is known, for recursive ones."""
    if typed_dict in rebuilt:
        return rebuilt[typed_dict]
    parameters = getattr(typed_dict, "__parameters__", ())
    made: Any = types.new_class(
        typed_dict.__name__,
        (cast("Any", typing_extensions.TypedDict), *([_GENERIC[parameters]] if parameters else [])),
    )
    rebuilt[typed_dict] = made
    for name in _KEPT:
        if name in vars(typed_dict):
            setattr(made, name, getattr(typed_dict, name))
    made.__annotations__ = {key: _walked(it, rebuilt) for key, it in _hints_of(typed_dict).items()}
    return made


def _hints_of(typed_dict: Any) -> dict[str, Any]:
    names = {typed_dict.__name__: typed_dict}
    try:
        return typing_extensions.get_type_hints(typed_dict, None, names, include_extras=True)
    except NameError:  # pydantic says which name
        return dict(typed_dict.__annotations__)


_KEPT: Final = (
    *("__doc__", "__module__", "__qualname__", "__total__"),
    *("__required_keys__", "__optional_keys__", "__pydantic_config__"),
)
