"""Classes whose fields are annotations, as pydantic's are: `class X(Base): key: str = "default"`.

The class itself stays a plain one. Beside it there is a pydantic model of the same fields, with the
validators of the class, through which the keywords of its constructor go. This module imports
pydantic, so it is imported where such a class is written.
"""

from __future__ import annotations

import copy
import inspect
import sys
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.fields import ModelPrivateAttr
from pydantic_core import PydanticUndefined

from runnables.core.signatures import local_names
from runnables.errors import ConfigError, did_you_mean

Fields = Mapping[str, tuple[Any, Any]]
"""For each field its type and its default, `...` where it is required."""

_CONFIG: Final = frozenset(
    {"extra", "populate_by_name", "validate_by_name", "str_strip_whitespace"}
)
"""What counts of a `model_config`, or of a `class Config`; the rest is about pydantic's models."""


def declare_fields(cls: type) -> None:
    """Read the annotations of a class while the function around it, if any, still runs.

    Call it in `__init_subclass__`.
    """
    own: dict[str, Any] = {}
    annotations: Mapping[str, Any] = inspect.get_annotations(cls)
    module = vars(sys.modules.get(cls.__module__, typing))
    local = {**(local_names(cls, module) or {}), cls.__name__: cls}
    for name, annotation in annotations.items():
        holder: Any = type("Field", (), {"__annotations__": {name: annotation}})
        try:
            own |= typing.get_type_hints(holder, module, local, include_extras=True)
        except Exception:  # annotations are any code at all; what cannot be read is not checked
            own[name] = ClassVar[Any] if "ClassVar" in str(annotation) else Any
    cast("Any", cls)._annotated = {
        name: hint for name, hint in own.items() if ClassVar not in (hint, get_origin(hint))
    }


def fields_of(cls: type, base: type, known: Fields) -> type[BaseModel]:
    """Return a pydantic model of the fields of a class.

    Args:
        cls: the class.
        base: a base class of it; fields of the classes between them count.
        known: the fields that `base` has. Their types stay what they are; their defaults may be
            class attributes without an annotation, too.

    Raises:
        ConfigError: a field of a type that pydantic does not know.
    """
    made: type[BaseModel] | None = vars(cls).get("_model_of_fields")
    if made is None:
        made = _make_model(cls, base, known)
        cast("Any", cls)._model_of_fields = made
    return made


def _make_model(cls: type, base: type, known: Fields) -> type[BaseModel]:
    annotations: dict[str, Any] = {name: hint for name, (hint, _) in known.items()}
    members: dict[str, Any] = {
        name: default for name, (_, default) in known.items() if default is not ...
    }
    config: dict[str, Any] = {"extra": "forbid", "populate_by_name": True}
    for owner in reversed(cls.__mro__):
        if not issubclass(owner, base) or owner is base:
            continue
        hints: Mapping[str, Any] = vars(owner).get("_annotated", {})
        annotations |= {name: hint for name, hint in hints.items() if name not in known}
        members |= {
            name: member
            for name, member in {**vars(owner), **vars(owner).get("_hidden", {})}.items()
            if name in annotations or isinstance(member, ModelPrivateAttr) or _helps(name, member)
        }
        config |= _config_in(owner)
    for name in known:
        if isinstance(members.get(name), property):  # computed by the class
            del annotations[name], members[name]
    settings: Any = {"arbitrary_types_allowed": True, "protected_namespaces": (), **config}
    namespace = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__annotations__": annotations,
        "model_config": settings,
    }
    try:
        make: Any = type(BaseModel)
        made: type[BaseModel] = make(cls.__name__, (BaseModel,), {**members, **namespace})
    except (PydanticUserError, NameError, TypeError) as error:
        raise ConfigError(f"The fields of {cls.__name__} cannot be read: {error}") from error
    return made


def _helps(name: str, member: Any) -> bool:
    """Tell whether this member of a class is a validator of values, or what one may use."""
    if name.startswith("__") or _is_last(member):
        return False
    is_validator = "Validator" in type(getattr(member, "decorator_info", None)).__name__
    return is_validator or isinstance(member, (staticmethod, classmethod))


def _is_last(member: Any) -> bool:
    """Tell whether this is a `model_validator(mode="after")`, which checks the whole object."""
    info: Any = getattr(member, "decorator_info", None)
    return type(info).__name__ == "ModelValidatorDecoratorInfo" and info.mode == "after"


def _config_in(owner: type) -> dict[str, Any]:
    """Return the settings in a class's `model_config`, or in its `class Config`."""
    own: Mapping[str, Any] = vars(owner)
    inner = cast("object", own.get("Config"))
    written: dict[str, Any] = dict(getattr(inner, "__dict__", {}))
    written |= own.get("model_config", {})
    return {key: value for key, value in written.items() if key in _CONFIG}


def field_values(cls: type, model: type[BaseModel], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all fields, and of the private attributes with a default.

    Args:
        cls: the class, for errors.
        model: the model of its fields.
        settings: the keywords of the constructor.

    Raises:
        ConfigError: a required field is not given, a keyword is no field, or a value does not fit.
    """
    for name, field in model.model_fields.items():
        if field.alias not in (None, name) and {name, field.alias} <= settings.keys():
            raise ConfigError(
                f"{cls.__name__}: {name!r} and {field.alias!r} are one field. Give one."
            )
    try:
        values = model(**settings)
    except ValidationError as error:
        reasons = [_reason(model, cast("Any", detail)) for detail in error.errors()]
        raise ConfigError(f"{cls.__name__}: {'; '.join(reasons)}") from error
    return {**vars(values), **(values.model_extra or {}), **_private(values)}


def finish(thing: Any) -> None:
    """Run what checks a whole object: its validators with `mode="after"`, and `model_post_init`.

    They get the object itself, with all of its methods, not the model of its fields.

    Raises:
        ConfigError: a validator has raised ValueError or AssertionError.
    """
    kind: type[object] = thing.__class__
    members = [pair for owner in reversed(kind.__mro__) for pair in vars(owner).items()]
    for name in dict.fromkeys(name for name, member in members if _is_last(member)):
        try:
            getattr(thing, name)()
        except (ValueError, AssertionError) as error:
            raise ConfigError(f"{kind.__name__}: {error}") from error
    if hasattr(thing, "model_post_init"):
        thing.model_post_init(None)


def private_defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Return the defaults of the private attributes."""
    values: dict[str, Any] = {}
    for name, attribute in model.__private_attributes__.items():
        if attribute.default_factory is not None:
            values[name] = cast("Any", attribute.default_factory)()
        elif attribute.default is not PydanticUndefined:
            values[name] = copy.deepcopy(attribute.default)
    return values


def _private(values: BaseModel) -> dict[str, Any]:
    return dict(values.__pydantic_private__ or {})


def _reason(model: type[BaseModel], detail: Mapping[str, Any]) -> str:
    """Return an error of pydantic in words: the field and what is wrong with it."""
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f"{name!r} must be given, or have a default in the class"
    if detail["type"] == "extra_forbidden":
        return f"there is no field {name!r}.{did_you_mean(name, model.model_fields)}"
    return f"{name}: {detail['msg']}" if name else str(detail["msg"])
