"""The same question has the same key: what a value consists of, as text, and the digest of it."""

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

VERSION: Final = 1
"""Part of every key; another one forgets what was kept in another form."""


def digest(*parts: Any) -> str:
    """A key for these values: equal ones have the same, in every process.

    Functions count by their code, defaults and closure, not by what they call; secrets not at
    all.

    Raises:
        TypeError: a value that cannot be told from others, such as an open connection.
    """
    told = _Reader().read([VERSION, *parts])
    return hashlib.sha256(_text(told).encode()).hexdigest()


def _text(told: Any) -> str:
    return json.dumps(told, separators=(",", ":"))


def _path(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class _Reader:
    """Says what values consist of, in lists, texts and numbers."""

    def __init__(self) -> None:
        self._within: set[int] = set()

    def read(self, value: Any) -> Any:
        if value is None or type(value) in (bool, int, float, str):
            return value
        if id(value) in self._within:
            raise TypeError(f"a {type(value).__name__} that contains itself")
        self._within.add(id(value))
        try:
            told = self._told(value)
        finally:
            self._within.discard(id(value))
        if told is None:
            raise TypeError(f"{value!r}, for which there is no key")
        return [_path(type(value)), *told]

    def _told(self, value: Any) -> Iterable[Any] | None:
        for kinds, tell in _TOLD:
            if isinstance(value, kinds):
                return tell(self, value)
        kind: Any = value.__class__
        if is_dataclass(kind):
            return self._pairs((it.name, getattr(value, it.name)) for it in fields(kind))
        if _is_plain_object(kind):
            return self._pairs(value.__dict__.items())
        return None

    def _items(self, items: Iterable[Any]) -> list[Any]:
        return [self.read(it) for it in items]

    def _unordered(self, items: Iterable[Any]) -> list[Any]:
        return sorted(self._items(items), key=_text)

    def _pairs(self, pairs: Iterable[tuple[Any, Any]]) -> list[Any]:
        return sorted(([self.read(key), self.read(it)] for key, it in pairs), key=_text)

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
        return [str(function.__module__), function.__qualname__, self.read(bound)]


@functools.lru_cache(maxsize=256)
def _schema(kind: type[BaseModel]) -> Any:
    """What the fields of a class are; it takes milliseconds to say."""
    try:
        return _Reader().read(kind.model_json_schema())
    except PydanticUserError:  # fields of which JSON knows nothing
        return {name: repr(field) for name, field in kind.model_fields.items()}


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the variable has no value yet
        return ...


def _is_plain_object(kind: type) -> bool:
    """Whether instances are all in their `__dict__`: no state of C code, no slots."""
    return "__dict__" in dir(kind) and all(
        base is object or (base.__flags__ & _IN_PYTHON and not vars(base).get("__slots__"))
        for base in kind.__mro__
    )


_IN_PYTHON: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: classes that were made by a class statement

_READ: Final = _Reader
_TOLD: Final[Sequence[tuple[Any, Callable[[Any, Any], Iterable[Any] | None]]]] = (
    ((SecretStr, SecretBytes, Secret), lambda _, value: ()),
    (Value, _READ._value),
    (BaseModel, _READ._model),
    (Enum, lambda _, value: [value.name]),
    ((bytes, bytearray), lambda _, value: [value.hex()]),
    ((str, int, float), lambda reader, value: [repr(value), *_own(reader, value)]),
    (Mapping, lambda reader, value: reader._pairs(value.items())),
    (AbstractSet, _READ._unordered),
    (Sequence, _READ._items),
    ((date, time, timedelta, Decimal, UUID, PurePath, complex), lambda _, value: [repr(value)]),
    (re.Pattern, lambda reader, value: reader._items([value.pattern, value.flags])),
    ((types.GenericAlias, types.UnionType), lambda _, value: [repr(value)]),
    (type, _READ._class),
    (types.FunctionType, _READ._function),
    (types.CodeType, _READ._code),
    (types.MethodType, _READ._method),
    (types.BuiltinFunctionType, _READ._builtin),
    (functools.partial, _READ._partial),
    (types.MethodDescriptorType, lambda _, value: [_path(value.__objclass__), value.__name__]),
    (
        (operator.itemgetter, operator.attrgetter, operator.methodcaller),
        lambda reader, value: reader._items(value.__reduce__()),
    ),
    (types.ModuleType, lambda _, value: [value.__name__]),
    (types.EllipsisType, lambda _, value: ()),
    (BaseException, lambda reader, value: reader._items(value.args)),
    (Iterator, lambda _, value: None),
)


def _own(reader: _Reader, value: object) -> list[Any]:
    """What a subclass of a plain type has beside."""
    return reader._pairs(cast("dict[str, Any]", getattr(value, "__dict__", {})).items())
