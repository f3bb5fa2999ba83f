"""Keys of a cache: equal values have equal keys, in every process.

A value is encoded as nested lists of JSON, by its type and what it consists of; its key is the
digest of that.
"""

from __future__ import annotations

import functools
import hashlib
import json
import operator
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, cast
from uuid import UUID

from pydantic import BaseModel, PydanticUserError, Secret, SecretBytes, SecretStr

from runnables.core.values import Value
from runnables.core.weak_cache import weak_cache

VERSION: Final = 1
"""Part of every key: a new one makes all entries unreachable that were written in an old format."""


def digest(*parts: Any) -> str:
    """Return the key of these values, in hexadecimal: equal ones have the same in every process.

    Functions count by their code, defaults and closure, not by what they call; secrets do not
    count at all.

    Raises:
        TypeError: a value without a key, such as an open connection; the message names it.
    """
    encoded = _Encoder().encode([VERSION, *parts])
    return hashlib.sha256(_to_text(encoded).encode()).hexdigest()


def _to_text(encoded: Any) -> str:
    return json.dumps(encoded, separators=(",", ":"))


def _path(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class _Encoder:
    """The encoding of values as lists, strings and numbers."""

    def __init__(self) -> None:
        self._parents: set[int] = set()  # of the value that is encoded now, by id

    def encode(self, value: Any) -> Any:
        if value is None or type(value) in (bool, int, float, str):
            return value
        if id(value) in self._parents:
            raise TypeError(f"a {type(value).__name__} that contains itself")
        self._parents.add(id(value))
        try:
            contents = self._contents(value)
        finally:
            self._parents.discard(id(value))
        if contents is None:
            raise TypeError(f"{value!r}, for which there is no key")
        return [_path(type(value)), *contents]

    def _contents(self, value: Any) -> Iterable[Any] | None:
        """Return the encoded contents of a value; None where it has no key."""
        for classes, contents_of in _BY_TYPE:
            if isinstance(value, classes):
                return contents_of(self, value)
        kind: Any = value.__class__
        if is_dataclass(kind):
            return self._pairs((field.name, getattr(value, field.name)) for field in fields(kind))
        if _is_plain_object(kind):
            return self._pairs(value.__dict__.items())
        return None

    def _items(self, items: Iterable[Any]) -> list[Any]:
        return [self.encode(item) for item in items]

    def _unordered(self, items: Iterable[Any]) -> list[Any]:
        return sorted(self._items(items), key=_to_text)

    def _pairs(self, pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
        return sorted(
            ([self.encode(key), self.encode(value)] for key, value in pairs), key=_to_text
        )

    def _value(self, value: Value) -> list[Any]:
        return self._pairs(value._identity().items())

    def _model(self, model: BaseModel) -> list[Any]:
        extra = model.model_extra or {}
        own = ((name, getattr(model, name)) for name in type(model).model_fields)
        return self._pairs([*own, *extra.items()])

    def _class(self, kind: type) -> list[Any]:
        return [_path(kind), _schema(kind) if issubclass(kind, BaseModel) else None]

    def _function(self, function: types.FunctionType) -> list[Any]:
        defaults = [function.__defaults__, function.__kwdefaults__]
        closure = [_content(cell) for cell in function.__closure__ or ()]
        return [function.__module__, *self._items([function.__code__, defaults, closure])]

    def _code(self, code: types.CodeType) -> list[Any]:
        return self._items([code.co_code, code.co_consts, code.co_names, code.co_varnames])

    def _partial(self, partial: functools.partial[Any]) -> list[Any]:
        return self._items([partial.func, partial.args, partial.keywords])

    def _method(self, method: types.MethodType) -> list[Any]:
        return self._items([method.__func__, method.__self__])

    def _builtin(self, function: types.BuiltinFunctionType) -> list[Any]:
        owner: object = function.__self__
        bound = None if owner is None or isinstance(owner, types.ModuleType) else owner
        return [str(function.__module__), function.__qualname__, self.encode(bound)]


@weak_cache
def _schema(kind: type[BaseModel]) -> Any:
    """Return the encoded fields of a class, which take milliseconds to encode."""
    try:
        return _Encoder().encode(kind.model_json_schema())
    except PydanticUserError:  # fields of which JSON knows nothing
        return {name: repr(field) for name, field in kind.model_fields.items()}


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the variable has no value yet
        return ...


def _is_plain_object(kind: type) -> bool:
    """Tell whether instances are all in their `__dict__`: no state of C code, no slots."""
    return "__dict__" in dir(kind) and all(
        base is object or (base.__flags__ & _HEAP_TYPE and not vars(base).get("__slots__"))
        for base in kind.__mro__
    )


_HEAP_TYPE: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: classes that were made by a class statement

_BY_TYPE: Final[Sequence[tuple[Any, Callable[[Any, Any], Iterable[Any] | None]]]] = (
    ((SecretStr, SecretBytes, Secret), lambda _, value: ()),
    (Value, _Encoder._value),
    (BaseModel, _Encoder._model),
    (Enum, lambda _, value: [value.name]),
    ((bytes, bytearray), lambda _, value: [value.hex()]),
    ((str, int, float), lambda encoder, value: [repr(value), *_attributes(encoder, value)]),
    (Mapping, lambda encoder, value: encoder._pairs(value.items())),
    (AbstractSet, _Encoder._unordered),
    (Sequence, _Encoder._items),
    ((date, time, timedelta, Decimal, UUID, PurePath, complex), lambda _, value: [repr(value)]),
    (re.Pattern, lambda encoder, value: encoder._items([value.pattern, value.flags])),
    ((types.GenericAlias, types.UnionType), lambda _, value: [repr(value)]),
    (type, _Encoder._class),
    (types.FunctionType, _Encoder._function),
    (types.CodeType, _Encoder._code),
    (types.MethodType, _Encoder._method),
    (types.BuiltinFunctionType, _Encoder._builtin),
    (functools.partial, _Encoder._partial),
    (types.MethodDescriptorType, lambda _, value: [_path(value.__objclass__), value.__name__]),
    (
        (operator.itemgetter, operator.attrgetter, operator.methodcaller),
        lambda encoder, value: encoder._items(value.__reduce__()),
    ),
    (types.ModuleType, lambda _, value: [value.__name__]),
    (types.EllipsisType, lambda _, value: ()),
    (BaseException, lambda encoder, value: encoder._items(value.args)),
    (Iterator, lambda _, value: None),
)
"""The encoding of a value's contents, by its type; the first type that fits counts."""


def _attributes(encoder: _Encoder, value: object) -> list[Any]:
    """Return the encoded attributes of an instance of a subclass of str, int or float."""
    return encoder._pairs(cast("dict[str, Any]", getattr(value, "__dict__", {})).items())
