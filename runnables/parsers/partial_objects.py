"""Objects of which not all fields are there yet, made without calling their own code."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices, BaseModel
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def partial_model(
    cls: type[BaseModel], defaults: Mapping[str, Any], values: dict[str, Any]
) -> BaseModel:
    """Return an instance that was not validated.

    `model_construct` would run the model's `model_post_init`, which may rely on missing fields.
    """
    instance = cls.__new__(cls)
    private = {name: own.get_default() for name, own in cls.__private_attributes__.items()}
    known = {name: value for name, value in private.items() if value is not PydanticUndefined}
    extra: dict[str, Any] | None = {} if cls.model_config.get("extra") == "allow" else None
    object.__setattr__(instance, "__dict__", {**defaults, **values})
    object.__setattr__(instance, "__pydantic_fields_set__", set(values))
    object.__setattr__(instance, "__pydantic_extra__", extra)
    object.__setattr__(instance, "__pydantic_private__", known if private else None)
    return instance


def partial_dataclass(cls: Any, defaults: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """Return an instance without running its `__init__`, which may require missing fields."""
    instance = cls.__new__(cls)
    for name, value in {**defaults, **values}.items():
        object.__setattr__(instance, name, value)  # it may be frozen
    return instance


def default_of(field: FieldInfo | dataclasses.Field[Any]) -> Any:
    """Return the default of a field; None where there is none, or it depends on other fields."""
    if isinstance(field, dataclasses.Field):
        if field.default_factory is not dataclasses.MISSING:
            return field.default_factory()
        return None if field.default is dataclasses.MISSING else field.default
    if field.is_required() or field.default_factory_takes_validated_data:
        return None
    return field.get_default(call_default_factory=True)


def keys_of(name: str, field: FieldInfo, by_name: bool) -> Iterable[str]:
    """Return the keys that a field may have in JSON."""
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    keys = [choice for choice in choices if isinstance(choice, str)]
    return [*keys, name] if by_name or alias is None else keys
