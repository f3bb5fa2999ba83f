"""Ids of tool calls for services without ids, and names of tools for their results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2s
from typing import Any, Final, cast

from runnables.errors import ConfigError
from runnables.messages import AIMessage, BaseMessage, ContentBlock, ToolMessage

_GENERATED_PREFIX: Final = "made_"


def invented_id(answered: str | Sequence[BaseMessage], *of: object) -> str:
    """Return an id for a tool call; equal arguments have equal ids.

    So a call has the same id whether its answer was streamed or not. Other calls of the
    conversation have other ids: each result repeats the id of its call, so the messages before a
    later call differ.

    Args:
        answered: the service's id of the answer with the call, or the messages before the answer.
        *of: values that distinguish the call from others in the same answer.
    """
    if not isinstance(answered, str):
        last = answered[-1]
        call_id = getattr(last, "tool_call_id", None)
        answered = json.dumps([len(answered), last.type, last.text, call_id])
    text = json.dumps([answered, *of], default=str)
    return _GENERATED_PREFIX + blake2s(text.encode(), digest_size=10).hexdigest()


def service_id(name: str | None) -> str | None:
    """Return the id of a call that comes from the service; None if it was generated here."""
    return None if name is None or name.startswith(_GENERATED_PREFIX) else name


def with_only_tool(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with `tool_choice` "required" instead of the name of the only tool.

    Both mean the same, but some compatible servers ignore a choice by name.
    """
    match options:
        case {
            "tools": [{"function": {"name": str(name)}}],
            "tool_choice": {"function": {"name": str(chosen)}},
        } if name == chosen:
            return {**options, "tool_choice": "required"}
        case _:
            return options


class CalledTools:
    """Names of the tools by call id, collected from the messages of a conversation, in order."""

    def __init__(self) -> None:
        self._tools: dict[str, str] = {}

    def note(self, message: BaseMessage) -> None:
        """Add the tool calls of a message."""
        if isinstance(message, AIMessage):
            for block in calls_of(message.content_blocks):
                if block.get("id") and block.get("name"):
                    self._tools[block["id"]] = block["name"]

    def find(self, message: ToolMessage) -> str | None:
        """Return the name of the tool that a result is of; None if it is unknown."""
        return self._tools.get(message.tool_call_id) or message.name

    def tool_of(self, message: ToolMessage) -> str:
        """Return the name of the tool that a result is of.

        Raises:
            ConfigError: no earlier message has the call, and the message has no name.
        """
        name = self.find(message)
        if name is None:
            raise ConfigError(
                f"A ToolMessage answers the call {message.tool_call_id!r}, which no message "
                "before it makes. Keep the AIMessage with that call in the conversation, or give "
                "the ToolMessage the name= of the tool."
            )
        return name


def calls_of(blocks: Sequence[ContentBlock]) -> list[Mapping[str, Any]]:
    """Return the tool calls among the blocks of an answer, with the invalid ones."""
    kinds = ("tool_call", "invalid_tool_call")
    return [cast("Mapping[str, Any]", block) for block in blocks if block["type"] in kinds]


def arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call as an object; an unparsed string is put into one."""
    args = call["args"]
    if isinstance(args, Mapping):
        return dict(cast("Mapping[str, Any]", args))
    return {"invalid_arguments": args} if args else {}
