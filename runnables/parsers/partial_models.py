"""Partial values of a type, from the beginning of a JSON text.

The rule: what is shown is of the declared type. Parts that are complete are validated one by one.
Of the parts that are still open, models, dataclasses, dicts, lists and plain strings show what they
have; everything else (numbers, dates, enums, unions of models, ...) waits until it is complete.
Parts that do not validate are not shown.

A `PartialValue` keeps an `_Open...` for each container that the reader has open. It validates each
part once, when it is complete, and builds a new object for each snapshot.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Iterable, Mapping, Sequence
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

Memo: TypeAlias = "dict[Any, Fields]"
"""The fields of the models met so far, by class: a model may contain itself."""


class PartialValue:
    """The value of a JSON reader so far, as an object of a type.

    Args:
        shape: the shape of the type.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._open: list[_Open] = []  # outermost first, as in the reader's stack

    def show(self, reader: JsonReader) -> Any:
        """Return the value so far; HIDDEN where nothing of it is new, or none can be shown."""
        reader._flush()
        new = self._follow_stack(reader)
        for depth, container in enumerate(self._open):
            last_is_open = depth + 1 < len(reader._stack) or reader._in_string
            new |= container.take(len(reader._stack[depth]) - last_is_open)
        part = self._open_string(reader)
        if not self._open or not (new or part is not HIDDEN):
            return HIDDEN
        for depth in reversed(range(len(self._open))):
            key = reader._keys[depth] if depth < len(reader._keys) else reader._open_key
            part = self._open[depth].build(key, part)
        return part

    def _follow_stack(self, reader: JsonReader) -> bool:
        """Match the open containers with the reader's; tell whether new ones can be shown."""
        known = self._open
        same = 0
        while same < min(len(known), len(reader._stack)) and (
            known[same].container is reader._stack[same]
        ):
            same += 1
        del known[same:]
        for depth in range(same, len(reader._stack)):
            shape = known[-1].part_shape(reader._keys[depth - 1]) if known else self._shape
            container = shape.open(reader._stack[depth]) if shape else None
            if container is None:
                break
            known.append(container)
        return len(known) > same

    def _open_string(self, reader: JsonReader) -> Any:
        if not reader._in_string or not self._open or len(self._open) < len(reader._stack):
            return HIDDEN
        shape = self._open[-1].part_shape(reader._open_key)
        container: Any = reader._stack[-1]
        return container[reader._open_key] if shape and shape.shows_open_strings else HIDDEN


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
        self._parameter: Shape | None = None
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

    def open(self, container: Any) -> _Open | None:
        """Return an open container of this type; None where it is not shown before its end."""
        if isinstance(container, list):
            return self._open_list(cast("list[object]", container))
        return self._open_dict(container)

    def _open_list(self, container: list[object]) -> _Open | None:
        if self._origin in (list, Sequence, Iterable, Any, object):
            return _OpenList(container, self._parameter_shape())
        return None

    def _open_dict(self, container: dict[str, Any]) -> _Open | None:
        if self._origin in (dict, Mapping, Any, object):
            return _OpenDict(container, self._parameter_shape())
        if _fields_class(self._origin) is not None:
            return self._fields().open(container)
        return None

    def _parameter_shape(self) -> Shape:
        """Return the shape of the items: the last type argument, of which `dict` has two."""
        if self._parameter is None:
            args = get_args(self._bare)
            self._parameter = Shape(args[-1] if args else Any, self._memo)
        return self._parameter

    def _fields(self) -> Fields:
        if self._bare not in self._memo:
            cls = _fields_class(self._origin)
            assert cls is not None
            self._memo[self._bare] = cls(self._bare, self._memo)
        return self._memo[self._bare]


class Fields:
    """Base of the fields of a model, a dataclass or a TypedDict."""

    by_key: Mapping[str, tuple[str, Shape]]
    """The name and shape of each field, by the keys that it may have in JSON."""

    def __init__(self, cls: Any, memo: Memo) -> None:
        raise NotImplementedError

    def open(self, container: dict[str, Any]) -> _Open:
        """Return an open object with these fields."""
        raise NotImplementedError


class _TypedDictFields(Fields):
    def __init__(self, cls: Any, memo: Memo) -> None:
        own: Any = get_origin(cls) or cls
        hints = get_type_hints(own, None, {own.__name__: own})  # it may be local to a function
        self.by_key = {key: (key, Shape(hint, memo)) for key, hint in hints.items()}

    def open(self, container: dict[str, Any]) -> _Open:
        return _OpenObject(container, self.by_key)


class _DataclassFields(Fields):
    def __init__(self, cls: Any, memo: Memo) -> None:
        self.cls: type = get_origin(cls) or cls
        hints = get_type_hints(self.cls, None, {self.cls.__name__: self.cls}, include_extras=True)
        # Pydantic's own dataclasses may have other names in JSON, and defaults.
        infos: Mapping[str, FieldInfo] = getattr(self.cls, "__pydantic_fields__", {})
        own = {field.name: field for field in dataclasses.fields(self.cls)}
        self.by_key = {
            key: (name, Shape(hints[name], memo))
            for name, field in own.items()
            if field.init
            for key in (keys_of(name, infos[name], False) if name in infos else [name])
        }
        self.fields = {name: infos.get(name, field) for name, field in own.items()}

    def open(self, container: dict[str, Any]) -> _Open:
        return _OpenDataclass(container, self.by_key, self.cls, self.fields)


class _ModelFields(Fields):
    def __init__(self, cls: type[BaseModel], memo: Memo) -> None:
        self.cls = cls
        by_name = cls.model_config.get("populate_by_name") or cls.model_config.get(
            "validate_by_name"
        )
        self.by_key = {
            key: (name, shape)
            for name, field in cls.model_fields.items()
            for shape in [Shape(field.rebuild_annotation(), memo)]
            for key in keys_of(name, field, bool(by_name))
        }

    def open(self, container: dict[str, Any]) -> _Open:
        return _OpenModel(container, self.by_key, self.cls)


class _Open:
    """Base of open containers: a list or dict of the reader, and the parts that can be shown."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self._taken = 0

    def take(self, count: int) -> bool:
        """Validate the first `count` parts, which are complete; tell whether there are new ones."""
        if count <= self._taken:
            return False
        self._take(islice(self.container, self._taken, count))
        self._taken = count
        return True

    def part_shape(self, key: Any) -> Shape | None:
        """Return the shape of a part; None where it is not to be shown."""
        raise NotImplementedError

    def build(self, key: Any, part: Any) -> Any:
        """Return a new object with all that can be shown, and with the part that is open."""
        raise NotImplementedError

    def _take(self, new: Iterable[Any]) -> None:
        raise NotImplementedError


class _OpenList(_Open):
    def __init__(self, container: list[object], item: Shape) -> None:
        super().__init__(container)
        self._item = item
        self._items: list[Any] = []

    def part_shape(self, key: Any) -> Shape | None:
        return self._item

    def build(self, key: Any, part: Any) -> list[Any]:
        return [*self._items, part] if part is not HIDDEN else self._items.copy()

    def _take(self, new: Iterable[Any]) -> None:
        items = (self._item.validate(value) for value in new)
        self._items.extend(item for item in items if item is not HIDDEN)


class _OpenDict(_Open):
    def __init__(self, container: dict[str, Any], value: Shape) -> None:
        super().__init__(container)
        self._value = value
        self._values: dict[str, Any] = {}

    def part_shape(self, key: Any) -> Shape | None:
        return self._value

    def build(self, key: Any, part: Any) -> dict[str, Any]:
        return self._values | ({key: part} if part is not HIDDEN else {})

    def _take(self, new: Iterable[str]) -> None:
        for key in new:
            value = self._value.validate(self.container[key])
            if value is not HIDDEN:
                self._values[key] = value


class _OpenObject(_Open):
    def __init__(self, container: dict[str, Any], by_key: Mapping[str, tuple[str, Shape]]) -> None:
        super().__init__(container)
        self._by_key = by_key
        self._values: dict[str, Any] = {}

    def part_shape(self, key: Any) -> Shape | None:
        return self._by_key[key][1] if key in self._by_key else None

    def build(self, key: Any, part: Any) -> Any:
        if part is HIDDEN:
            return self._values.copy()
        return self._values | {self._by_key[key][0]: part}

    def _take(self, new: Iterable[str]) -> None:
        for key in new:
            if key in self._by_key:
                name, shape = self._by_key[key]
                value = shape.validate(self.container[key])
                if value is not HIDDEN:
                    self._values[name] = value


class _OpenModel(_OpenObject):
    def __init__(
        self,
        container: dict[str, Any],
        by_key: Mapping[str, tuple[str, Shape]],
        cls: type[BaseModel],
    ) -> None:
        super().__init__(container, by_key)
        self._cls = cls
        self._defaults = {name: default_of(field) for name, field in cls.model_fields.items()}

    def build(self, key: Any, part: Any) -> BaseModel:
        return partial_model(self._cls, self._defaults, super().build(key, part))


class _OpenDataclass(_OpenObject):
    def __init__(
        self,
        container: dict[str, Any],
        by_key: Mapping[str, tuple[str, Shape]],
        cls: type,
        fields: Mapping[str, FieldInfo | dataclasses.Field[Any]],
    ) -> None:
        super().__init__(container, by_key)
        self._cls = cls
        self._defaults = {name: default_of(field) for name, field in fields.items()}

    def build(self, key: Any, part: Any) -> Any:
        return partial_dataclass(self._cls, self._defaults, super().build(key, part))


def _is_model(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, BaseModel) and not cls.__pydantic_root_model__


def _fields_class(cls: Any) -> type[Fields] | None:
    """Return the class for the fields of a type; None where it has none."""
    if _is_model(cls):
        return _ModelFields
    if is_typeddict(cls):
        return _TypedDictFields
    return _DataclassFields if isinstance(cls, type) and dataclasses.is_dataclass(cls) else None


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
