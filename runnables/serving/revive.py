"""The values of JSON bodies as the inputs that chains take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, RootModel, ValidationError

from runnables.messages.base import BaseMessage
from runnables.messages.convert import convert_to_message
from runnables.serving.failures import RequestError
from runnables.serving.values import revive

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable

_ROLES: Final = ("user", "human", "assistant", "ai", "system", "developer", "tool")
_KINDS: Final = ("human", "ai", "system", "tool", "HumanMessageChunk", "AIMessageChunk",
                 "SystemMessageChunk", "ToolMessageChunk")  # fmt: skip


def input_of(chain: Runnable[Any, Any], value: Any) -> Any:
    """Return the input of a chain for a value of a JSON body.

    Messages are made of the dicts that stand for them; a type that the chain declares is made of
    its JSON form.

    Raises:
        RequestError: the chain does not take it; the text says where and why.
    """
    value = _with_messages(revive(value))
    try:
        given: Any = chain.get_input_schema().model_validate(value)
    except ValidationError as error:
        raise RequestError(_words(error), 422, "invalid_input") from None
    if isinstance(given, RootModel):
        return cast("Any", given).root
    return given if type(given) is chain.InputType else _with_validated(value, given)


def _with_validated(value: Any, given: Any) -> Any:
    """Return a value with the messages that its validation has made of dicts."""
    if isinstance(given, BaseMessage):
        return given
    if isinstance(given, BaseModel):
        given = vars(given)
    if isinstance(value, list) and isinstance(given, list):
        items, others = cast("Any", value), cast("Any", given)
        if len(items) == len(others):
            return [_with_validated(*pair) for pair in zip(items, others, strict=True)]
    if isinstance(value, dict) and isinstance(given, dict):
        fields, known = cast("dict[str, Any]", value), cast("dict[str, Any]", given)
        return {key: _with_validated(field, known.get(key)) for key, field in fields.items()}
    return cast("Any", value)


def _with_messages(value: Any) -> Any:
    """Return a value in which the dicts of a conversation are messages."""
    if isinstance(value, list):
        items = cast("Any", value)
        if items and all(map(_is_message, items)):
            return [_message(item) for item in items]
        return [_with_messages(item) for item in items]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {key: _with_messages(field) for key, field in fields.items()}
    return value


def _is_message(item: Any) -> bool:
    if not isinstance(item, Mapping):
        return isinstance(item, BaseMessage)
    fields = cast("Mapping[str, Any]", item)
    if not isinstance(fields.get("content"), (str, list)):
        return False
    return fields.get("role") in _ROLES or fields.get("type") in _KINDS


def _message(item: Any) -> Any:
    try:
        return convert_to_message(item)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RequestError("A message of the input cannot be read.", 422, "invalid_input") from None


def _words(error: ValidationError) -> str:
    """Return what is wrong with an input, without the input itself."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{'.'.join(map(str, each['loc'])) or 'input'}: {each['msg']}" for each in found[:5]]
    return "The input does not fit. " + "; ".join(lines)
