"""Messages and documents in JSON, and JSON as what it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from runnables.messages.base import BaseMessage
from runnables.messages.convert import message_from_dict
from runnables.messages.kinds import ALL_KINDS
from runnables.messages.prompt_values import ChatPromptValue, StringPromptValue

_FIELDS: Final = frozenset({"type", "content", "additional_kwargs", "response_metadata"})
"""The fields that every message has in JSON; a dict without one of them is a user's own."""

_OF_DOCUMENTS: Final = frozenset({"type", "page_content", "metadata", "id"})
_OF_SCORED: Final = _OF_DOCUMENTS | {"score"}
"""The fields of a document; LangChain's servers send no score."""


def as_plain(value: Any) -> Any:
    """Return a value whose messages are dicts with all their fields."""
    if isinstance(value, BaseMessage):
        return value.model_dump()
    if isinstance(value, Mapping):
        fields: Any = cast("Any", value)
        return {key: as_plain(field) for key, field in fields.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(item) for item in cast("Any", value)]
    return value


def as_input(value: Any) -> Any:
    """Return the input of a served chain as JSON has it: a prompt value is what it stands for."""
    if isinstance(value, StringPromptValue):
        return value.text
    if isinstance(value, ChatPromptValue):
        return as_plain(value.to_messages())
    return as_plain(value)


def revive(value: Any) -> Any:
    """Return a value of JSON in which the dicts of messages, prompts and documents are objects.

    Only a dict with all the fields that such an object always has becomes one. What cannot be read
    as one stays a dict.

    Example:
        >>> from runnables.serving.values import revive
        >>> fields = {"additional_kwargs": {}, "response_metadata": {}}
        >>> revive([{"type": "human", "content": "Hi", **fields}, {"type": "human"}])
        [HumanMessage('Hi'), {'type': 'human'}]
    """
    if isinstance(value, list):
        return [revive(item) for item in cast("Any", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    kind = fields.get("type")
    if isinstance(kind, str):
        if kind in ALL_KINDS and fields.keys() >= _FIELDS:
            return _message(kind, fields)
        if kind == "Document" and _OF_DOCUMENTS <= fields.keys() <= _OF_SCORED:
            return _document(fields)
        if kind == "chat" and fields.keys() == {"type", "messages"}:
            return _prompt(fields)
    return {key: revive(field) for key, field in fields.items()}


def _message(kind: str, fields: dict[str, Any]) -> Any:
    try:
        return message_from_dict({"type": kind, "data": fields})
    except (ValueError, TypeError, KeyError, AttributeError):
        return fields


def _document(fields: dict[str, Any]) -> Any:
    from runnables.retrieval.documents import Document  # most chains have none

    try:
        return Document(**fields)
    except (ValueError, TypeError):
        return fields


def _prompt(fields: dict[str, Any]) -> Any:
    messages: list[Any] = revive(fields["messages"])
    if type(messages) is not list or not all(map(_is_message, messages)):
        return fields
    return ChatPromptValue(messages=messages)


def _is_message(value: object) -> bool:
    return isinstance(value, BaseMessage)
