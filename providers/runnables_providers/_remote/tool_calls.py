"""Ids of tool calls for services without ids, and names of tools for their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.errors import ConfigError
from runnables.messages import AIMessage, BaseMessage, ContentBlock, ToolMessage
from runnables.messages.call_ids import made_id, service_id

__all__ = [
    "CalledTools",
    "arguments",
    "calls_of",
    "invented_id",
    "service_id",
    "with_only_tool",
]

invented_id: Final = made_id


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
