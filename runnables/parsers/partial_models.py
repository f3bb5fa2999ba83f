"""What the beginning of a JSON text says about a value of a given type.

The rule: what is shown is of the type that was declared. Parts that are complete are validated
one by one; of those that are open, models, dataclasses, dicts, lists and plain texts show what they
have. Everything else (numbers, dates, enums, unions of models, ...) waits until it is complete, and
parts that do not validate are not shown.
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
"""Nothing to show."""

Memo: TypeAlias = "dict[Any, Fields]"
"""What is known of the models met so far: they may contain themselves."""


class PartialValue:
    """Shows the value of a reader, again and again, as an object of a type.

    Args:
        shape: of the type.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._levels: list[_Level] = []

    def show(self, reader: JsonReader) -> Any:
        """The value so far; HIDDEN where nothing of it is new, or none can be shown."""
        reader._flush()
        new = self._open_levels(reader)
        for at, level in enumerate(self._levels):
            last_is_open = at + 1 < len(reader._stack) or reader._in_string
            new |= level.take(len(reader._stack[at]) - last_is_open)
        part = self._open_text(reader)
        if not self._levels or not (new or part is not HIDDEN):
            return HIDDEN
        for at in reversed(range(len(self._levels))):
            key = reader._keys[at] if at < len(reader._keys) else reader._open_key
            part = self._levels[at].built(key, part)
        return part

    def _open_levels(self, reader: JsonReader) -> bool:
        """Have a level for each open container that can be shown; whether there are new ones."""
        levels = self._levels
        same = 0
        while same < min(len(levels), len(reader._stack)) and (
            levels[same].container is reader._stack[same]
        ):
            same += 1
        del levels[same:]
        for at in range(same, len(reader._stack)):
            shape = levels[-1].child(reader._keys[at - 1]) if levels else self._shape
            level = shape.level(reader._stack[at]) if shape else None
            if level is None:
                break
            levels.append(level)
        return len(levels) > same

    def _open_text(self, reader: JsonReader) -> Any:
        if not reader._in_string or not self._levels or len(self._levels) < len(reader._stack):
            return HIDDEN
        shape = self._levels[-1].child(reader._open_key)
        container: Any = reader._stack[-1]
        return container[reader._open_key] if shape and shape.shows_text else HIDDEN


class Shape:
    """What there is to know of a type, to show the beginning of its values.

    Args:
        annotation: the type, as pydantic takes it.
        memo: shared by all shapes of one root.
    """

    def __init__(self, annotation: Any, memo: Memo | None = None) -> None:
        self._annotation = annotation
        self._memo: Memo = {} if memo is None else memo
        self._bare = _bare(annotation)
        self._origin = get_origin(self._bare) or self._bare
        self._adapter: TypeAdapter[Any] | None = None
        self._parameter: Shape | None = None
        self.shows_text = self._bare in (str, Any, object)

    def whole(self, value: Any) -> Any:
        """A complete JSON value as one of this type; HIDDEN where it is none."""
        if self._annotation in (Any, object) or (self._annotation is str and type(value) is str):
            return value
        try:
            self._adapter = self._adapter or TypeAdapter(self._annotation)
            return self._adapter.validate_json(json.dumps(value))
        except (ValidationError, PydanticUserError):
            return HIDDEN

    def level(self, container: Any) -> _Level | None:
        """How to show an open container; None where the type does not tell."""
        if isinstance(container, list):
            return self._list_level(cast("list[object]", container))
        return self._dict_level(container)

    def _list_level(self, container: list[object]) -> _Level | None:
        if self._origin in (list, Sequence, Iterable, Any, object):
            return _ListLevel(container, self._parameter_shape())
        return None

    def _dict_level(self, container: dict[str, Any]) -> _Level | None:
        if self._origin in (dict, Mapping, Any, object):
            return _DictLevel(container, self._parameter_shape())
        if _kind_of_fields(self._origin) is not None:
            return self._fields().level(container)
        return None

    def _parameter_shape(self) -> Shape:
        """The shape of items: the last type argument, of which `dict` has two."""
        if self._parameter is None:
            args = get_args(self._bare)
            self._parameter = Shape(args[-1] if args else Any, self._memo)
        return self._parameter

    def _fields(self) -> Fields:
        if self._bare not in self._memo:
            kind = _kind_of_fields(self._origin)
            assert kind is not None
            self._memo[self._bare] = kind(self._bare, self._memo)
        return self._memo[self._bare]


class Fields:
    """The fields of a model, a dataclass or a TypedDict, by the keys that they have in JSON."""

    by_key: Mapping[str, tuple[str, Shape]]

    def __init__(self, cls: Any, memo: Memo) -> None:
        raise NotImplementedError

    def level(self, container: dict[str, Any]) -> _Level:
        """A level for an open object with these fields."""
        raise NotImplementedError


class _KeyFields(Fields):
    def __init__(self, cls: Any, memo: Memo) -> None:
        own: Any = get_origin(cls) or cls
        hints = get_type_hints(own, None, {own.__name__: own})  # it may be local to a function
        self.by_key = {key: (key, Shape(hint, memo)) for key, hint in hints.items()}

    def level(self, container: dict[str, Any]) -> _Level:
        return _FieldsLevel(container, self.by_key)


class _DataclassFields(Fields):
    def __init__(self, cls: Any, memo: Memo) -> None:
        self.cls: type = get_origin(cls) or cls
        hints = get_type_hints(self.cls, None, {self.cls.__name__: self.cls}, include_extras=True)
        # What pydantic knows of its own dataclasses: names in JSON, and defaults.
        infos: Mapping[str, FieldInfo] = getattr(self.cls, "__pydantic_fields__", {})
        self.by_key = {
            key: (it.name, Shape(hints[it.name], memo))
            for it in dataclasses.fields(self.cls)
            if it.init
            for key in (keys_of(it.name, infos[it.name], False) if it.name in infos else [it.name])
        }
        self.fields = {it.name: infos.get(it.name, it) for it in dataclasses.fields(self.cls)}

    def level(self, container: dict[str, Any]) -> _Level:
        return _DataclassLevel(container, self.by_key, self.cls, self.fields)


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

    def level(self, container: dict[str, Any]) -> _Level:
        return _ModelLevel(container, self.by_key, self.cls)


class _Level:
    """An open container and what of it can be shown."""

    def __init__(self, container: Any) -> None:
        self.container = container
        self._taken = 0

    def take(self, count: int) -> bool:
        """Validate the parts that are complete, `count` of them; whether there are new ones."""
        if count <= self._taken:
            return False
        self._take(islice(self.container, self._taken, count))
        self._taken = count
        return True

    def child(self, key: Any) -> Shape | None:
        """The shape of a part; None: it is not to be shown."""
        raise NotImplementedError

    def built(self, key: Any, part: Any) -> Any:
        """A new object with all that can be shown, and with the part that is open."""
        raise NotImplementedError

    def _take(self, new: Iterable[Any]) -> None:
        raise NotImplementedError


class _ListLevel(_Level):
    def __init__(self, container: list[object], item: Shape) -> None:
        super().__init__(container)
        self._item = item
        self._items: list[Any] = []

    def child(self, key: Any) -> Shape | None:
        return self._item

    def built(self, key: Any, part: Any) -> list[Any]:
        return [*self._items, part] if part is not HIDDEN else self._items.copy()

    def _take(self, new: Iterable[Any]) -> None:
        built = (self._item.whole(value) for value in new)
        self._items.extend(value for value in built if value is not HIDDEN)


class _DictLevel(_Level):
    def __init__(self, container: dict[str, Any], value: Shape) -> None:
        super().__init__(container)
        self._value = value
        self._built: dict[str, Any] = {}

    def child(self, key: Any) -> Shape | None:
        return self._value

    def built(self, key: Any, part: Any) -> dict[str, Any]:
        return self._built | ({key: part} if part is not HIDDEN else {})

    def _take(self, new: Iterable[str]) -> None:
        for key in new:
            built = self._value.whole(self.container[key])
            if built is not HIDDEN:
                self._built[key] = built


class _FieldsLevel(_Level):
    def __init__(self, container: dict[str, Any], by_key: Mapping[str, tuple[str, Shape]]) -> None:
        super().__init__(container)
        self._by_key = by_key
        self._values: dict[str, Any] = {}

    def child(self, key: Any) -> Shape | None:
        return self._by_key[key][1] if key in self._by_key else None

    def built(self, key: Any, part: Any) -> Any:
        if part is HIDDEN:
            return self._values.copy()
        return self._values | {self._by_key[key][0]: part}

    def _take(self, new: Iterable[str]) -> None:
        for key in new:
            if key in self._by_key:
                name, shape = self._by_key[key]
                value = shape.whole(self.container[key])
                if value is not HIDDEN:
                    self._values[name] = value


class _ModelLevel(_FieldsLevel):
    def __init__(
        self,
        container: dict[str, Any],
        by_key: Mapping[str, tuple[str, Shape]],
        cls: type[BaseModel],
    ) -> None:
        super().__init__(container, by_key)
        self._cls = cls
        self._defaults = {name: default_of(field) for name, field in cls.model_fields.items()}

    def built(self, key: Any, part: Any) -> BaseModel:
        return partial_model(self._cls, self._defaults, super().built(key, part))


class _DataclassLevel(_FieldsLevel):
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

    def built(self, key: Any, part: Any) -> Any:
        return partial_dataclass(self._cls, self._defaults, super().built(key, part))


def _is_model(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, BaseModel) and not cls.__pydantic_root_model__


def _kind_of_fields(cls: Any) -> type[Fields] | None:
    """What says of a class which fields its values have; None where it has none."""
    if _is_model(cls):
        return _ModelFields
    if is_typeddict(cls):
        return _KeyFields
    return _DataclassFields if isinstance(cls, type) and dataclasses.is_dataclass(cls) else None


def _bare(annotation: Any) -> Any:
    """The type behind `Annotated`, named aliases and "or None"."""
    while True:
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
            continue
        origin = get_origin(annotation)
        if origin in (Union, types.UnionType):
            some = [it for it in get_args(annotation) if it is not type(None)]
            if len(some) != 1:
                return annotation
            annotation = some[0]
        elif origin is Annotated or str(origin) in _QUALIFIERS:
            annotation = get_args(annotation)[0]
        else:
            return annotation


_QUALIFIERS: Final = frozenset(
    f"{module}.{name}"
    for module in ("typing", "typing_extensions")
    for name in ("Required", "NotRequired", "ReadOnly", "Final")
)
