"""What goes in and comes out, as pydantic models; loaded when somebody asks for a schema."""

from __future__ import annotations

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
from pydantic.errors import PydanticUserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


Schema = type[BaseModel]


def schema_of(annotation: Any, name: str) -> Schema:
    """A pydantic model for a type: itself, one with its keys, or a RootModel of it."""
    kind: Any = annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    try:
        if typing_extensions.is_typeddict(kind):
            return fields_schema(name, dict(_keys_of(kind)))
        kind = for_pydantic(kind)
        return cast("Schema", create_model(name, __base__=RootModel[kind]))
    except (PydanticUserError, TypeError, NameError):  # a type that pydantic knows nothing of
        return create_model(name, __base__=RootModel[Any])


def _keys_of(typed_dict: Any) -> Iterable[tuple[str, Any]]:
    for key, annotation in typing_extensions.get_type_hints(typed_dict).items():
        given = (annotation, ...) if key in typed_dict.__required_keys__ else (annotation, None)
        yield key, given


def fields_schema(name: str, fields: Mapping[str, Any]) -> Schema:
    """A pydantic model with these fields: a type each, or a pair of type and default."""
    typed: dict[str, Any] = {}
    rebuilt: Rebuilt = {}
    for key, said in fields.items():
        kind, default = cast("Any", said) if isinstance(said, tuple) else (said, ...)
        given = (for_pydantic(kind, rebuilt), default)
        plain = key.isidentifier() and not key.startswith("_") and not hasattr(BaseModel, key)
        if plain and key not in typed:
            typed[key] = given
        else:  # pydantic keeps some names to itself
            typed[f"field{len(typed)}"] = (given[0], _aliased(key, given[1]))
    return create_model(name, **typed)


def _aliased(key: str, default: Any) -> Any:
    info = default if hasattr(default, "alias") else Field(default)
    return Field(info.default, alias=key, title=info.title, description=info.description)


def fields_in(schema: Schema | None) -> dict[str, Any]:
    """The fields of a model by the names that data has, as pairs of type and FieldInfo."""
    if schema is None or is_whole(schema):
        return {}
    return {info.alias or key: (info.annotation, info) for key, info in schema.model_fields.items()}


def is_whole(schema: Schema) -> bool:
    """Whether it says one value as it is, not one with named fields."""
    return issubclass(schema, RootModel)


def type_in(schema: Schema) -> Any:
    """The type that a schema was made of: of a RootModel its root, else the model itself."""
    return schema.model_fields["root"].annotation if is_whole(schema) else schema


def says_nothing(schema: Schema) -> bool:
    """Whether anything would fit."""
    return type_in(schema) is Any


def joined(name: str, schemas: Sequence[Schema], otherwise: Any) -> Schema:
    """One model with the fields of all of them; of the other type where they have none.

    Schemas that take anything say nothing; one that takes something without named fields means
    that there is no such mapping.
    """
    telling = [it for it in schemas if not says_nothing(it)]
    if not telling or any(map(is_whole, telling)):
        return schema_of(otherwise, name)
    fields: dict[str, Any] = {}
    for one in telling:
        fields = with_fields(fields, fields_in(one))
    return fields_schema(name, fields)


def with_fields(fields: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
    """Fields and further ones; of two with the same name, one that says a type goes first."""
    known = {key for key, (annotation, _) in fields.items() if annotation is not Any}
    added = {key: it for key, it in further.items() if key not in known}
    return {**fields, **added}


def picked(name: str, schema: Schema, keys: str | Sequence[str]) -> Schema:
    """The schema of what is picked from something with this one."""
    fields = fields_in(schema)
    if isinstance(keys, str):
        return schema_of(fields[keys][0] if keys in fields else Any, name)
    if not fields:
        return schema_of(dict[str, Any], name)
    return fields_schema(name, {key: fields[key] for key in keys if key in fields})


def config_schema(
    name: str, configurable: Iterable[tuple[Any, Any]], include: Sequence[str]
) -> Schema:
    """A pydantic model of a config, from configurable fields with their defaults, and keys."""
    fields: dict[str, Any] = {}
    inside = {field.id: _configurable(field, default) for field, default in configurable}
    if inside:
        fields["configurable"] = (fields_schema("Configurable", inside), None)
    fields.update({key: (_CONFIG[key], None) for key in include if key in _CONFIG})
    return fields_schema(name, fields)


def _configurable(field: Any, default: Any) -> tuple[Any, Any]:
    said = Field(default, title=field.name, description=field.description)
    return _annotation(field, default), said


def _annotation(field: Any, default: Any) -> Any:
    """As the field says; else the type of the default, where that tells something."""
    if field.annotation is not None:
        return field.annotation
    return next((it for it in (bool, int, float, str) if type(default) is it), Any)


_CONFIG = {
    "tags": list[str],
    "metadata": dict[str, Any],
    "callbacks": Any,
    "run_name": str | None,
    "run_id": str | None,
    "max_concurrency": int | None,
    "recursion_limit": int,
}


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
