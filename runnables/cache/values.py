"""One value in a cache: written as a string, by its declared type, and read again."""

from __future__ import annotations

import json
import logging
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pydantic import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import PydanticSerializationError

from runnables.core.schemas import adapter_of
from runnables.messages.base import BaseMessage
from runnables.messages.convert import message_from_dict, message_to_dict
from runnables.messages.text_answer import TextAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import TypeAdapter

    from runnables.cache.stores import BaseCache

_log = logging.getLogger("runnables")

NOT_CACHED: Final = object()
"""Stands for a value that is not in the cache."""


class Codec:
    """The format of one runnable's values in a cache.

    A value is a JSON object with one key. Under "json" are JSON values, messages and documents, at
    any depth; under "typed" any other value, as pydantic writes it by the declared type. No class
    is named, so reading makes no object of another class that was not declared.

    Args:
        owner: the runnable whose values they are, for errors.
        declared: returns their type; Any: JSON values, messages and documents only.
    """

    def __init__(self, owner: object, declared: Callable[[], Any]) -> None:
        self._owner = owner
        self._declared = declared

    @cached_property
    def _adapter(self) -> TypeAdapter[Any] | None:
        declared = self._declared()
        try:
            return None if declared is Any else adapter_of(declared)
        except (PydanticSchemaGenerationError, PydanticUserError):
            return None

    def write(self, value: Any) -> str:
        """Return a value as a string.

        Raises:
            TypeError: reading that string would return another value.
        """
        text = _write_json(value) or self._write_typed(value)
        if text is None or self.read(text) != value:
            raise TypeError(
                f"{self._owner!r} returned {value!r}, which cannot be cached: a cache holds "
                "messages, documents, JSON values, and what pydantic can write and read back by "
                f"the declared type, which is {self._declared()!r}. Declare it before with_cache, "
                "with with_types(output_type=...), or put the cache around a step that returns one "
                "of these."
            )
        return text

    def read(self, text: str) -> Any:
        """Return the value of a string; NOT_CACHED where it is damaged, or of another type."""
        try:
            ((tag, content),) = json.loads(text).items()
            if tag == "json":
                return _from_json(content)
            if tag == "typed" and self._adapter is not None:
                return self._adapter.validate_json(content)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            pass
        return NOT_CACHED

    def _write_typed(self, value: Any) -> str | None:
        if self._adapter is None:
            return None
        try:
            content = self._adapter.dump_json(value, warnings="error").decode()
        except PydanticSerializationError:
            return None
        return json.dumps({"typed": content})


def _write_json(value: Any) -> str | None:
    try:
        return json.dumps({"json": _to_json(value)})
    except _NotJsonError:
        return None


_HIGHER: Final = {"document": ("runnables.retrieval.documents", "Document")}
"""Classes in folders above this one whose objects may be in a value, by what stands for each there.
They are written by their fields. A module is loaded when a value is read that needs it."""
_TAGS: Final = {place: tag for tag, place in _HIGHER.items()}


class _NotJsonError(TypeError):
    """A value that is neither JSON nor an object of a class that is known here."""


def _to_json(value: Any) -> Any:
    kind = value.__class__
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is TextAnswer:  # its usage is that of the call that made it
        return str(value)
    if kind is list:
        return [_to_json(item) for item in value]
    if kind is dict and all(type(key) is str for key in value):
        return {"dict": {key: _to_json(item) for key, item in value.items()}}
    if isinstance(value, BaseMessage):
        return {"message": message_to_dict(value)}
    if (tag := _TAGS.get((kind.__module__, kind.__qualname__))) is not None:
        fields: dict[str, Any] = value.__dict__
        return {tag: {name: _to_json(field) for name, field in fields.items()}}
    raise _NotJsonError


def _from_json(encoded: Any) -> Any:
    kind = encoded.__class__
    if kind is list:
        return [_from_json(item) for item in encoded]
    if kind is not dict:
        return encoded
    ((tag, content),) = encoded.items()
    if tag == "message":
        return message_from_dict(content)
    if tag == "dict":
        return {key: _from_json(item) for key, item in content.items()}
    if tag in _HIGHER:
        module, name = _HIGHER[tag]
        cls: Any = getattr(import_module(module), name)
        return cls(**{name: _from_json(field) for name, field in content.items()})
    raise ValueError(tag)


class CacheEntry:
    """One entry of a cache, whether it holds a value yet or not.

    Args:
        cache: the store.
        key: the key of the entry.
        codec: writes and reads the value.
    """

    def __init__(self, cache: BaseCache, key: str, codec: Codec) -> None:
        self._cache = cache
        self.key = key
        self._codec = codec

    def get(self) -> Any:
        """Return the value, or NOT_CACHED."""
        return self._read(self._cache.get(self.key))

    async def aget(self) -> Any:
        """Return the value, or NOT_CACHED."""
        return self._read(await self._cache.aget(self.key))

    def set(self, value: Any) -> None:
        """Store a value; log an error of the store, as the caller has the value already.

        Raises:
            TypeError: the value cannot be cached.
        """
        text = self._codec.write(value)
        try:
            self._cache.set(self.key, text)
        except Exception as error:
            self._log_failure(error)

    async def aset(self, value: Any) -> None:
        """Store a value; log an error of the store, as the caller has the value already.

        Raises:
            TypeError: the value cannot be cached.
        """
        text = self._codec.write(value)
        try:
            await self._cache.aset(self.key, text)
        except Exception as error:
            self._log_failure(error)

    def _log_failure(self, error: Exception) -> None:
        _log.warning("%r did not store an output: %r", self._cache, error)

    def _read(self, text: str | None) -> Any:
        return NOT_CACHED if text is None else self._codec.read(text)
