"""Schemas of inputs, outputs and configs: pydantic models, made from types and other schemas.

This module imports pydantic, so it is imported where a schema is requested.
"""

from __future__ import annotations

import operator
import sys
import types
from collections.abc import Callable
from typing import (
    TYPE_CHECKING,
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
from pydantic import BaseModel, Field, RootModel, TypeAdapter, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from runnables.core.signatures import is_function
from runnables.core.values import show
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema


Schema = type[BaseModel]


def schema_of(annotation: Any, name: str) -> Schema:
    """Return a pydantic model for a type: the type itself, its keys as fields, or a RootModel."""
    root: Any = annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    try:
        if typing_extensions.is_typeddict(root):
            return fields_schema(name, dict(_keys_of(root)))
        root = Annotated[for_pydantic(root), _Described()]
        return cast("Schema", create_model(name, __base__=RootModel[root]))
    except (PydanticUserError, TypeError, NameError):  # a type that pydantic does not know
        return create_model(name, __base__=RootModel[Any])


class _Described:
    """Marks a type whose JSON schema is for readers: it is any value where no JSON is one.

    A runnable, for one, is known to pydantic as an object of its class.
    """

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        try:
            return handler(core_schema)
        except PydanticInvalidForJsonSchema:
            return {}


def _keys_of(typed_dict: Any) -> Iterable[tuple[str, Any]]:
    """Yield the keys of a TypedDict, each with its type and its default."""
    for key, annotation in typing_extensions.get_type_hints(typed_dict).items():
        yield key, (annotation, ... if key in typed_dict.__required_keys__ else None)


def fields_schema(name: str, fields: Mapping[str, Any], *, needs_json: bool = False) -> Schema:
    """Return a pydantic model with these fields.

    Args:
        name: the name of the model.
        fields: for each field its type, or a pair of type and default.
        needs_json: whether a field that no JSON describes makes the JSON schema an error; by
            default it is any value.
    """
    typed: dict[str, Any] = {}
    rebuilt: Rebuilt = {}
    for key, field in fields.items():
        annotation, default = cast("Any", field) if isinstance(field, tuple) else (field, ...)
        annotation = for_pydantic(annotation, rebuilt)
        annotation = annotation if needs_json else Annotated[annotation, _Described()]
        plain = key.isidentifier() and not key.startswith("_") and not hasattr(BaseModel, key)
        if plain and key not in typed:
            typed[key] = (annotation, default)
        else:  # pydantic keeps some names to itself
            typed[f"field{len(typed)}"] = (annotation, _aliased(key, default))
    return create_model(name, **typed)


def _aliased(key: str, default: Any) -> Any:
    info = default if hasattr(default, "alias") else Field(default)
    return Field(info.default, alias=key, title=info.title, description=info.description)


def fields_in(schema: Schema | None) -> dict[str, Any]:
    """Return the fields of a model by their names in data, as pairs of type and FieldInfo."""
    if schema is None or is_whole(schema):
        return {}
    return {info.alias or key: (info.annotation, info) for key, info in schema.model_fields.items()}


def is_whole(schema: Schema) -> bool:
    """Tell whether a schema describes a whole value, not one with named fields."""
    return issubclass(schema, RootModel)


def type_in(schema: Schema) -> Any:
    """Return the type that a schema was made of: the root of a RootModel, else the model."""
    return schema.model_fields["root"].annotation if is_whole(schema) else schema


def says_nothing(schema: Schema) -> bool:
    """Tell whether a schema accepts any value."""
    return type_in(schema) is Any


def joined(name: str, schemas: Sequence[Schema], otherwise: Any) -> Schema:
    """Return one model with the fields of all schemas, or one of `otherwise`.

    A schema that accepts any value adds no fields. Where one describes a whole value, there is no
    dict that satisfies them all, and the result is a schema of `otherwise`.
    """
    specific = [schema for schema in schemas if not says_nothing(schema)]
    if not specific or any(map(is_whole, specific)):
        return schema_of(otherwise, name)
    fields: dict[str, Any] = {}
    for schema in specific:
        fields = with_fields(fields, fields_in(schema))
    return fields_schema(name, fields)


def with_fields(fields: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Return both sets of fields; of two with the same name, the first that has a type."""
    typed = {key for key, (annotation, _) in fields.items() if annotation is not Any}
    return {**fields, **{key: field for key, field in added.items() if key not in typed}}


def picked(name: str, schema: Schema, keys: str | Sequence[str]) -> Schema:
    """Return the schema of what is picked from a value with this schema."""
    fields = fields_in(schema)
    if isinstance(keys, str):
        return schema_of(fields[keys][0] if keys in fields else Any, name)
    if not fields:
        return schema_of(dict[str, Any], name)
    return fields_schema(name, {key: fields[key] for key in keys if key in fields})


def config_schema(
    name: str, configurable: Iterable[tuple[Any, Any]], include: Sequence[str]
) -> Schema:
    """Return a pydantic model of a config.

    Args:
        name: the name of the model.
        configurable: the configurable fields, each with its default.
        include: more keys of the config to show.
    """
    fields: dict[str, Any] = {}
    settings = {field.id: _configurable(field, default) for field, default in configurable}
    if settings:
        fields["configurable"] = (fields_schema("Configurable", settings), None)
    fields.update({key: (_CONFIG_TYPES[key], None) for key in include if key in _CONFIG_TYPES})
    return fields_schema(name, fields)


def _configurable(field: Any, default: Any) -> tuple[Any, Any]:
    info = Field(default, title=field.name, description=field.description)
    return _annotation(field, default), info


def _annotation(field: Any, default: Any) -> Any:
    """Return the type of a field; without one, that of its default, if it is a plain type."""
    if field.annotation is not None:
        return field.annotation
    return next((plain for plain in (bool, int, float, str) if type(default) is plain), Any)


_CONFIG_TYPES = {
    "tags": list[str],
    "metadata": dict[str, Any],
    "callbacks": Any,
    "run_name": str | None,
    "run_id": str | None,
    "max_concurrency": int | None,
    "recursion_limit": int,
}


Rebuilt: TypeAlias = dict[Any, Any]
"""The class that was made of each TypedDict so far; a TypedDict may contain itself."""

_UNION: Final[Any] = Union
_GENERIC: Final[Any] = Generic
_TAKES_TYPING: Final = sys.version_info >= (3, 12)
"""Whether pydantic takes `typing.TypedDict`; before Python 3.12 it refuses it."""


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """Return a validator for values of a type, which may contain `typing.TypedDict`.

    Raises:
        PydanticUserError: pydantic does not know the type.
        ConfigError: a function.
    """
    return TypeAdapter(for_pydantic(annotation))


def for_pydantic(annotation: Any, rebuilt: Rebuilt | None = None) -> Any:
    """Return a type with each `typing.TypedDict` in it replaced, where pydantic needs that.

    The replacement is the same class, made with typing_extensions. Classes with fields of their own
    (dataclasses, named tuples) and aliases with a name stay as they are.

    Args:
        annotation: the type.
        rebuilt: the classes made so far; types that end in the same schema share it.

    Raises:
        ConfigError: a function, which pydantic would call with the value.
    """
    if is_function(annotation):
        raise ConfigError(
            f"{show(annotation)} is a function, and no type. A value would not be checked by it, "
            "but passed to it. Annotate with a type."
        )
    return (
        annotation if _TAKES_TYPING else _replaced(annotation, {} if rebuilt is None else rebuilt)
    )


def _replaced(annotation: Any, rebuilt: Rebuilt) -> Any:
    if typing_extensions.is_typeddict(annotation):
        return _rebuild(annotation, rebuilt) if _is_from_typing(annotation) else annotation
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None or origin in (Literal, Callable):
        return annotation
    if origin is Annotated:
        inner = _replaced(args[0], rebuilt)
        return annotation if inner is args[0] else Annotated[inner, *args[1:]]
    new_args = tuple(_replaced(arg, rebuilt) for arg in args)
    base = _replaced(origin, rebuilt)
    if base is origin and all(map(operator.is_, new_args, args)):
        return annotation
    if isinstance(annotation, types.UnionType):
        return _UNION[new_args]
    if base is origin and hasattr(annotation, "copy_with"):  # List[...], Union[...], Required[...]
        return annotation.copy_with(new_args)
    return base[new_args]


def _is_from_typing(typed_dict: Any) -> bool:
    return type(typed_dict).__module__ == "typing"


def _rebuild(typed_dict: Any, rebuilt: Rebuilt) -> Any:
    """Return the same class, made with typing_extensions.

    It is entered into `rebuilt` before its keys are read, because they may contain it.
    """
    if typed_dict in rebuilt:
        return rebuilt[typed_dict]
    parameters = getattr(typed_dict, "__parameters__", ())
    new_class: Any = types.new_class(
        typed_dict.__name__,
        (cast("Any", typing_extensions.TypedDict), *([_GENERIC[parameters]] if parameters else [])),
    )
    rebuilt[typed_dict] = new_class
    for name in _COPIED:
        if name in vars(typed_dict):
            setattr(new_class, name, getattr(typed_dict, name))
    hints = _hints_of(typed_dict)
    new_class.__annotations__ = {key: _replaced(hint, rebuilt) for key, hint in hints.items()}
    return new_class


def _hints_of(typed_dict: Any) -> dict[str, Any]:
    """Return the annotations of a TypedDict, resolved where all their names are known."""
    names = {typed_dict.__name__: typed_dict}
    try:
        return typing_extensions.get_type_hints(typed_dict, None, names, include_extras=True)
    except NameError:  # pydantic will say which name
        return dict(typed_dict.__annotations__)


_COPIED: Final = (
    *("__doc__", "__module__", "__qualname__", "__total__"),
    *("__required_keys__", "__optional_keys__", "__pydantic_config__"),
)
