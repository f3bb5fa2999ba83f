"""One answer in a cache: as text, by the type that is declared, and back."""

from __future__ import annotations

import json
import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pydantic import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import PydanticSerializationError

from runnables.core.schemas import adapter_of
from runnables.messages.base import BaseMessage
from runnables.messages.convert import message_from_dict, message_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import TypeAdapter

    from runnables.cache.stores import BaseCache

_log = logging.getLogger("runnables")

NOT_CACHED: Final = object()
"""Stands for an answer that is not there."""


class Codec:
    """How the values of one runnable are written as text, and read.

    JSON values and messages are written as they are, at any depth; others by the declared type,
    with pydantic. Nothing that is written names a class, so nothing that is read makes one that
    was not declared.

    Args:
        owner: whose values they are, for the errors.
        declared: their type; Any: JSON values and messages only.
    """

    def __init__(self, owner: object, info: Callable[[], Any]) -> None:
        self._owner = owner
        self._declared = info

    @cached_property
    def _adapter(self) -> TypeAdapter[Any] | None:
        info = self._declared()
        try:
            return None if info is Any else adapter_of(info)
        except (PydanticSchemaGenerationError, PydanticUserError):
            return None

    def write(self, value: Any) -> str:
        """A value as text.

        Raises:
            TypeError: what would be read from it would be something else.
        """
        text = _json(value) or self._typed(value)
        if text is None or self.read(text) != value:
            raise TypeError(
                f"{self._owner!r} gave {value!r}, which the cache cannot keep: it keeps messages, "
                "JSON values, and what pydantic can write and read back by the declared type, "
                f"which is {self._declared()!r}. Declare it before with_cache, with "
                "with_types(output_type=...), or put the cache around a step that gives one of "
                "these."
            )
        return text

    def read(self, text: str) -> Any:
        """The value of a text; MISSING where it is not of the form, or no longer."""
        try:
            ((form, told),) = json.loads(text).items()
            if form == "json":
                return _read(told)
            if form == "typed" and self._adapter is not None:
                return self._adapter.validate_json(told)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            pass
        return NOT_CACHED

    def _typed(self, value: Any) -> str | None:
        if self._adapter is None:
            return None
        try:
            told = self._adapter.dump_json(value, warnings="error").decode()
        except PydanticSerializationError:
            return None
        return json.dumps({"typed": told})


def _json(value: Any) -> str | None:
    try:
        return json.dumps({"json": _to_json(value)})
    except _NotPlain:
        return None


class _NotPlain(TypeError):
    """A value that is neither of JSON nor a message."""


def _to_json(value: Any) -> Any:
    kind = value.__class__
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [_to_json(it) for it in value]
    if kind is dict and all(type(key) is str for key in value):
        return {"dict": {key: _to_json(it) for key, it in value.items()}}
    if isinstance(value, BaseMessage):
        return {"message": message_to_dict(value)}
    raise _NotPlain


def _read(told: Any) -> Any:
    kind = told.__class__
    if kind is list:
        return [_read(it) for it in told]
    if kind is not dict:
        return told
    ((form, inside),) = told.items()
    if form == "message":
        return message_from_dict(inside)
    if form == "dict":
        return {key: _read(it) for key, it in inside.items()}
    raise ValueError(form)


class CacheEntry:
    """The place of one answer in a cache.

    Args:
        cache: where.
        key: under which key.
        form: how it is written.
    """

    def __init__(self, cache: BaseCache, key: str, form: Codec) -> None:
        self._cache = cache
        self.key = key
        self._form = form

    def get(self) -> Any:
        """The answer, or MISSING."""
        return self._read(self._cache.get(self.key))

    async def aget(self) -> Any:
        """The answer, or MISSING."""
        return self._read(await self._cache.aget(self.key))

    def set(self, value: Any) -> None:
        """Keep an answer. Where the cache fails, the answer counts more: that is only logged.

        Raises:
            TypeError: it cannot be kept.
        """
        text = self._form.write(value)
        try:
            self._cache.set(self.key, text)
        except Exception as error:
            self._not_kept(error)

    async def aset(self, value: Any) -> None:
        """Keep an answer. Where the cache fails, the answer counts more: that is only logged.

        Raises:
            TypeError: it cannot be kept.
        """
        text = self._form.write(value)
        try:
            await self._cache.aset(self.key, text)
        except Exception as error:
            self._not_kept(error)

    def _not_kept(self, error: Exception) -> None:
        _log.warning("%r did not keep an answer: %r", self._cache, error)

    def _read(self, text: str | None) -> Any:
        return NOT_CACHED if text is None else self._form.read(text)
