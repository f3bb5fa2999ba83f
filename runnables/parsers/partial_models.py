"""Partial values of a type, from the beginning of a JSON text.

The rule: what is shown is of the declared type. Parts that are complete are validated one by one.
Of the parts that are still open, models, dataclasses, dicts, lists and plain strings show what they
have; everything else (numbers, dates, enums, unions of models, ...) waits until it is complete.
Parts that do not validate are not shown.

A `PartialValue` builds the object from the JSON so far, from the outside in along what is open. It
remembers the complete parts of each open container, and so validates each of them once.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    TypeAlias,
    Union,
    cast,
    get_args,
    get_origin,
)

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from typing_extensions import TypeAliasType, get_type_hints, is_typeddict

from runnables.parsers.partial_objects import (
    default_of,
    keys_of,
    partial_dataclass,
    partial_model,
)

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from runnables.messages.partial_json import JsonReader

HIDDEN: Final[Any] = object()
"""Stands for a value of which nothing can be shown."""

Memo: TypeAlias = "dict[Any, Parts]"
"""The parts of the models met so far, by class: a model may contain itself."""

Builder: TypeAlias = Callable[[dict[Any, Any], dict[Any, Any]], Any]
"""Returns an object of the parts that can be shown, by their names: the complete ones, and that
which is open, if any."""


class PartialValue:
    """The value of a JSON reader so far, as an object of a type.

    Args:
        shape: the shape of the type.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._open: list[_Open] = []  # what is known of the open containers, outermost first
        self._path: list[str | int] = []
        self._is_new = False

    def show(self, reader: JsonReader) -> Any:
        """Return the value so far; HIDDEN where nothing of it is new, or none can be shown."""
        if not reader._stack:
            return HIDDEN
        self._path = [*reader._keys, *([reader._open_key] if reader._in_string else [])]
        self._is_new = False
        reader._flush()
        value = self._build(self._shape, reader._stack[0], 0)
        return value if self._is_new else HIDDEN

    def _build(self, shape: Shape, container: Any, depth: int) -> Any:
        """Return the object of an open container."""
        if depth == len(self._open):
            parts = shape.parts_of(container)
            if parts is None:
                return HIDDEN
            self._open.append(_Open(parts))
            self._is_new = True
        known = self._open[depth]
        has_open = depth < len(self._path)
        if known.take(container, len(container) - has_open):
            self._is_new = True
            del self._open[depth + 1 :]
        part: Any = HIDDEN
        named = known.parts.named(self._path[depth], known.count) if has_open else None
        if named:
            part = self._open_part(named[1], container[self._path[depth]], depth + 1)
        return known.build(known.values, {} if part is HIDDEN or not named else {named[0]: part})

    def _open_part(self, shape: Shape, part: Any, depth: int) -> Any:
        if not isinstance(part, str):
            return self._build(shape, part, depth)
        if not shape.shows_open_strings:
            return HIDDEN
        self._is_new = True
        return part


class _Open:
    """What is known of an open container: its parts that are complete, and can be shown."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.build = parts.builder()
        self.values: dict[Any, Any] = {}
        self.count = 0  # of those that were taken, also of those that are not shown

    def take(self, container: Any, count: int) -> bool:
        """Validate the first `count` parts, which are complete; tell whether there are new ones."""
        if count <= self.count:
            return False
        new: Iterable[Any] = range(self.count, count)
        if isinstance(container, dict):
            new = islice(cast("dict[str, Any]", container), self.count, count)
        for key in new:
            if named := self.parts.named(key, key):
                value = named[1].validate(container[key])
                if value is not HIDDEN:
                    self.values[named[0]] = value
        self.count = count
        return True


class Parts:
    """The parts that a type has: items, values by key, or fields.

    Args:
        each: the shape of the items or values; None for fields.
        fields: the name and shape of each field, by the keys that it may have in JSON.
        builder: returns a new function that builds objects.
    """

    def __init__(
        self,
        builder: Callable[[], Builder],
        each: Shape | None = None,
        fields: Mapping[str, tuple[str, Shape]] | None = None,
    ) -> None:
        self.builder = builder
        self._each = each
        self._fields = fields or {}

    def named(self, key: Any, index: Any) -> tuple[Any, Shape] | None:
        """Return the name and the shape of the part under a key; None for an unknown field.

        Args:
            key: the key; -1 for the last item of a list.
            index: the name of an item.
        """
        if self._each is not None:
            return (key if isinstance(key, str) else index), self._each
        return self._fields.get(key)


class Shape:
    """The structure of a type, as far as it takes to show the beginning of its values.

    Args:
        annotation: the type, as pydantic takes it.
        memo: the memo of all shapes of one root.

    Attributes:
        shows_open_strings: whether a string is shown before it is complete.
    """

    def __init__(self, annotation: Any, memo: Memo | None = None) -> None:
        self._annotation = annotation
        self._memo: Memo = {} if memo is None else memo
        self._bare = _bare(annotation)
        self._origin = get_origin(self._bare) or self._bare
        self._adapter: TypeAdapter[Any] | None = None
        self.shows_open_strings = self._bare in (str, Any, object)

    def validate(self, value: Any) -> Any:
        """Return a complete JSON value as one of this type; HIDDEN where it does not fit."""
        if self._annotation in (Any, object) or (self._annotation is str and type(value) is str):
            return value
        try:
            self._adapter = self._adapter or TypeAdapter(self._annotation)
            return self._adapter.validate_json(json.dumps(value))
        except (ValidationError, PydanticUserError):
            return HIDDEN

    def parts_of(self, container: Any) -> Parts | None:
        """Return the parts of an open container; None where it is not shown before its end."""
        if isinstance(container, list):
            is_shown = self._origin in (list, Sequence, Iterable, Any, object)
            return self._known_parts(_list_parts) if is_shown else None
        if self._origin in (dict, Mapping, Any, object):
            return self._known_parts(_dict_parts)
        parts = _fields_of(self._origin)
        return self._known_parts(parts) if parts else None

    def _known_parts(self, make: Callable[[Any, Memo], Parts]) -> Parts:
        key = (make, self._bare)
        if key not in self._memo:
            self._memo[key] = make(self._bare, self._memo)
        return self._memo[key]


def _list_parts(annotation: Any, memo: Memo) -> Parts:
    return Parts(lambda: _build_list, _last_argument(annotation, memo))


def _dict_parts(annotation: Any, memo: Memo) -> Parts:
    return Parts(lambda: _build_dict, _last_argument(annotation, memo))


def _build_list(values: dict[Any, Any], part: dict[Any, Any]) -> list[Any]:
    return [*values.values(), *part.values()]


def _build_dict(values: dict[Any, Any], part: dict[Any, Any]) -> dict[Any, Any]:
    return values | part


def _last_argument(annotation: Any, memo: Memo) -> Shape:
    """Return the shape of the items: the last type argument, of which `dict` has two."""
    args = get_args(annotation)
    return Shape(args[-1] if args else Any, memo)


def _typed_dict_parts(annotation: Any, memo: Memo) -> Parts:
    own: Any = get_origin(annotation) or annotation
    hints = get_type_hints(own, None, {own.__name__: own})  # it may be local to a function
    fields = {key: (key, Shape(hint, memo)) for key, hint in hints.items()}
    return Parts(lambda: _build_dict, fields=fields)


def _dataclass_parts(annotation: Any, memo: Memo) -> Parts:
    cls: Any = get_origin(annotation) or annotation
    hints = get_type_hints(cls, None, {cls.__name__: cls}, include_extras=True)
    # Pydantic's own dataclasses may have other names in JSON, and defaults.
    infos: Mapping[str, FieldInfo] = getattr(cls, "__pydantic_fields__", {})
    own = {field.name: field for field in dataclasses.fields(cls)}
    by_key = {
        key: (name, Shape(hints[name], memo))
        for name, field in own.items()
        if field.init
        for key in (keys_of(name, infos[name], False) if name in infos else [name])
    }
    fields = {name: infos.get(name, field) for name, field in own.items()}
    return Parts(
        lambda: partial(_build_object, partial_dataclass, cls, _defaults(fields)), fields=by_key
    )


def _model_parts(cls: type[BaseModel], memo: Memo) -> Parts:
    config = cls.model_config
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    by_key = {
        key: (name, shape)
        for name, field in cls.model_fields.items()
        for shape in [Shape(field.rebuild_annotation(), memo)]
        for key in keys_of(name, field, bool(by_name))
    }
    return Parts(
        lambda: partial(_build_object, partial_model, cls, _defaults(cls.model_fields)),
        fields=by_key,
    )


def _build_object(
    make: Callable[[Any, Mapping[str, Any], dict[str, Any]], Any],
    cls: Any,
    defaults: Mapping[str, Any],
    values: dict[Any, Any],
    part: dict[Any, Any],
) -> Any:
    return make(cls, defaults, values | part)


def _defaults(fields: Mapping[str, FieldInfo | dataclasses.Field[Any]]) -> dict[str, Any]:
    return {name: default_of(field) for name, field in fields.items()}


def _fields_of(cls: Any) -> Callable[[Any, Memo], Parts] | None:
    """Return what makes the parts of a type with fields; None where it has none."""
    if is_typeddict(cls):
        return _typed_dict_parts
    if isinstance(cls, type) and issubclass(cls, BaseModel):
        return None if cls.__pydantic_root_model__ else _model_parts
    return _dataclass_parts if isinstance(cls, type) and dataclasses.is_dataclass(cls) else None


def _bare(annotation: Any) -> Any:
    """Return the type inside of `Annotated`, named aliases, qualifiers and "or None"."""
    while True:
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
            continue
        origin = get_origin(annotation)
        if origin in (Union, types.UnionType):
            others = [member for member in get_args(annotation) if member is not type(None)]
            if len(others) != 1:
                return annotation
            annotation = others[0]
        elif origin is Annotated or str(origin) in _QUALIFIERS:
            annotation = get_args(annotation)[0]
        else:
            return annotation


_QUALIFIERS: Final = frozenset(
    f"{module}.{name}"
    for module in ("typing", "typing_extensions")
    for name in ("Required", "NotRequired", "ReadOnly", "Final")
)
