"""Messages of a model as opaque strings, which a client keeps and sends back.

Services demand their own ids, signatures and encrypted reasoning back with the next turn, and the
protocols of pages have no field for most of that. So a message that has any of it travels beside
its text, as a whole, in the field that each protocol has for opaque data.
"""

from __future__ import annotations

import base64
import json
from typing import Any, cast

from runnables.messages.ai import AIMessage
from runnables.messages.convert import message_from_dict, message_to_dict

_VERSION = "r1."


def pack(message: AIMessage) -> str | None:
    """Return a message as an opaque string; None where its text and calls are all that it has."""
    if isinstance(message.content, str) and not message.additional_kwargs and not message.id:
        if not any(call.get("extras") for call in message.tool_calls):
            return None
    try:
        stored = message_to_dict(message.model_copy(update={"usage_metadata": None}))
    except TypeError:  # it holds what has no form in JSON
        return None
    text = json.dumps(stored, ensure_ascii=False, separators=(",", ":"))
    return _VERSION + base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()


def unpack(packed: object, text: str, call_ids: list[str]) -> AIMessage | None:
    """Return the message that `pack` has packed; None where it is no longer what is shown.

    A page may let its reader edit an answer; then the edited text counts, without the rest.

    Args:
        packed: what the client has sent back; anything that is no packed message is None.
        text: the text of the message that the client has sent beside it.
        call_ids: the ids of its tool calls.
    """
    if not isinstance(packed, str) or not packed.startswith(_VERSION):
        return None
    try:
        stored: Any = json.loads(base64.urlsafe_b64decode(packed[len(_VERSION) :]))
        message = message_from_dict(stored)
        is_shown = message.text == text
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not isinstance(message, AIMessage) or not is_shown:
        return None
    ids = [call["id"] for call in message.tool_calls]
    return message if ids == cast("Any", call_ids) else None
