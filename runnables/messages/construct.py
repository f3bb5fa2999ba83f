"""Models made without a look at their values, where those are known to be right.

Streams make a message for every token, and a call over HTTP makes three: a check takes up to half
of the time that it takes to make one. (pydantic's own `model_construct` takes longer than checks.)
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

M = TypeVar("M", bound=BaseModel)


def construct_with_defaults(cls: type[M], values: dict[str, Any]) -> M:
    """`cls(**values)` without its checks, for a class with no hook of its own after them.

    Args:
        values: by the names of the fields, each of the type that its field has; every field that
            has no default is among them. They are not copied.
    """
    plain, made = _defaults(cls)
    fields = plain.copy()  # in the order of the fields, in which they are written as JSON
    for name, make in made:
        fields[name] = make()
    fields.update(values)
    return construct_from_fields(cls, fields, set(values))


def construct_from_fields(cls: type[M], fields: dict[str, Any], given: set[str]) -> M:
    """A model with these fields, all of them and in their order.

    Args:
        given: the names of those that do not come by default.
    """
    model = cls.__new__(cls)
    # what model_construct sets, too
    _set_fields(model, fields)
    _set_fields_set(model, given)
    _set_extra(model, None)
    _set_private(model, None)
    return model


def _setter(name: str) -> Callable[[BaseModel, Any], None]:
    """Sets one of the slots of all models, in half the time of `object.__setattr__`."""
    setter: Callable[[BaseModel, Any], None] = vars(BaseModel)[name].__set__
    return setter


_set_fields: Final = _setter("__dict__")
_set_fields_set: Final = _setter("__pydantic_fields_set__")
_set_extra: Final = _setter("__pydantic_extra__")
_set_private: Final = _setter("__pydantic_private__")


@cache
def _defaults(
    cls: type[BaseModel],
) -> tuple[dict[str, Any], tuple[tuple[str, Callable[[], Any]], ...]]:
    """The fields in order, with their defaults; and the makers of those that are made anew."""
    fields: Mapping[str, Any] = cls.model_fields
    plain = {name: field.default for name, field in fields.items()}
    made: dict[str, Any] = {name: field.default_factory for name, field in fields.items()}
    return plain, tuple((name, make) for name, make in made.items() if make is not None)
