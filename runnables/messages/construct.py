"""Construction of pydantic models without validation, for values that are known to be right.

A stream makes a message for every token, and a call over HTTP makes three. Validation takes up to
half of the time that it takes to make one. (pydantic's own `model_construct` takes longer than
validation.)
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

M = TypeVar("M", bound=BaseModel)


def construct_with_defaults(cls: type[M], values: dict[str, Any]) -> M:
    """Return `cls(**values)` without validation, for a class with no hook of its own after it.

    Args:
        values: by field name, each of the type of its field. Every field without a default is
            among them. They are not copied.
    """
    defaults, factories = _defaults(cls)
    fields = defaults.copy()  # in the order of the fields, in which they are written as JSON
    for name, make in factories:
        fields[name] = make()
    fields.update(values)
    return construct_from_fields(cls, fields, set(values))


def construct_from_fields(cls: type[M], fields: dict[str, Any], fields_set: set[str]) -> M:
    """Return a model with these values for its fields, without validation.

    Args:
        fields: the values of all fields, in the order of the fields.
        fields_set: the names of the fields that are not defaults, as in `model_fields_set`.
    """
    model = cls.__new__(cls)
    # These four are what pydantic's `model_construct` sets.
    _set_fields(model, fields)
    _set_fields_set(model, fields_set)
    _set_extra(model, None)
    _set_private(model, None)
    return model


def _setter(name: str) -> Callable[[BaseModel, Any], None]:
    """Return the setter of a slot of all models; it takes half the time of `object.__setattr__`."""
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
    """Return the fields in order with their defaults, and the factories of those that have one."""
    fields: Mapping[str, Any] = cls.model_fields
    defaults = {name: field.default for name, field in fields.items()}
    factories: dict[str, Any] = {name: field.default_factory for name, field in fields.items()}
    return defaults, tuple((name, make) for name, make in factories.items() if make is not None)
