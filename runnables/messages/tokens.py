"""An estimate of the tokens of a conversation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runnables.messages.ai import AIMessage
from runnables.messages.convert import MessagesLike, convert_to_messages
from runnables.messages.kinds import role_of
from runnables.messages.normalize import items_of
from runnables.messages.roles import ToolMessage

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage


def count_tokens_approximately(
    messages: MessagesLike,
    *,
    chars_per_token: float = 4.0,
    extra_tokens_per_message: float = 3.0,
    count_name: bool = True,
    tokens_per_image: int = 85,
    tools: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Estimate how many tokens a conversation takes, from the number of its characters.

    Args:
        messages: the conversation, as `convert_to_messages` reads it.
        chars_per_token: the characters that make a token.
        extra_tokens_per_message: the tokens of a message apart from its text.
        count_name: True counts the `name` of messages, which some models see.
        tokens_per_image: the tokens of an image, whatever its size.
        tools: the definitions of tools that are sent along, as dicts.

    Returns:
        The sum over the messages, each rounded up, so that the counts of parts add up to the
        count of the whole.

    Example:
        >>> count_tokens_approximately([HumanMessage("How are you?")])
        7
    """
    total = float(sum(_tokens(len(json.dumps(tool)), chars_per_token) for tool in tools))
    for message in convert_to_messages(messages):
        chars = _message_chars(message) + (len(message.name or "") if count_name else 0)
        total += _tokens(chars, chars_per_token) + extra_tokens_per_message
        total += tokens_per_image * sum(map(_is_image, items_of(message.content)))
    return math.ceil(total)


def _tokens(chars: int, chars_per_token: float) -> int:
    return math.ceil(chars / chars_per_token)


def _message_chars(message: BaseMessage) -> int:
    chars = sum(map(_item_chars, items_of(message.content)))
    chars += len(role_of(message))
    if isinstance(message, AIMessage) and isinstance(message.content, str):
        chars += sum(len(repr(call)) for call in message.tool_calls)
    if isinstance(message, ToolMessage):
        chars += len(message.tool_call_id)
    return chars


def _item_chars(item: str | Mapping[str, Any]) -> int:
    if isinstance(item, str):
        return len(item)
    if _is_image(item):
        return 0
    text = item.get("text") if item.get("type") == "text" else None
    return len(text) if isinstance(text, str) else len(repr(item))


def _is_image(item: str | Mapping[str, Any]) -> bool:
    return not isinstance(item, str) and item.get("type") in {"image", "image_url", "input_image"}
