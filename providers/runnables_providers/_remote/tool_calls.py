"""Tool calls of services that give them no names of their own, or that want a tool's name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2s
from typing import Any, Final, cast

from runnables.errors import ConfigError
from runnables.messages import AIMessage, BaseMessage, ContentBlock, ToolMessage

_MADE: Final = "made_"


def invented_id(answered: str | Sequence[BaseMessage], *of: object) -> str:
    """A name for a call, which depends on nothing but the arguments.

    So a stream and a whole answer give the same call the same name, and another call of a
    conversation gets another one: each result repeats the name of its call, so that the names
    that are made after it differ from those before.

    Args:
        answered: the service's name for the answer with the call, or the messages it is to.
        *of: what tells the call from others in the same answer.
    """
    if not isinstance(answered, str):
        last = answered[-1]
        named = getattr(last, "tool_call_id", None)
        answered = json.dumps([len(answered), last.type, last.text, named])
    text = json.dumps([answered, *of], default=str)
    return _MADE + blake2s(text.encode(), digest_size=10).hexdigest()


def service_id(name: str | None) -> str | None:
    """The name of a call as a service gave it; None where it was made here."""
    return None if name is None or name.startswith(_MADE) else name


def with_only_tool(options: dict[str, Any]) -> dict[str, Any]:
    """Options, with "required" in place of the name of the only tool, which means the same.

    Not every server that speaks as others do knows a choice by name, and takes it for none.
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
    """Which tool each call of a conversation was for; the messages are given in their order."""

    def __init__(self) -> None:
        self._tools: dict[str, str] = {}

    def note(self, message: BaseMessage) -> None:
        """Take the calls of a message."""
        if isinstance(message, AIMessage):
            for block in calls_of(message.content_blocks):
                if block.get("id") and block.get("name"):
                    self._tools[block["id"]] = block["name"]

    def find(self, message: ToolMessage) -> str | None:
        """The tool that a result is of, where anything says so."""
        return self._tools.get(message.tool_call_id) or message.name

    def tool_of(self, message: ToolMessage) -> str:
        """The tool that a result is of.

        Raises:
            ConfigError: the conversation has no such call, and the message does not say.
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
    """The tool calls among the blocks of an answer, also those that could not be read."""
    kinds = ("tool_call", "invalid_tool_call")
    return [cast("Mapping[str, Any]", it) for it in blocks if it["type"] in kinds]


def arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call as an object; a text that is none stands in one."""
    args = call["args"]
    if isinstance(args, Mapping):
        return dict(cast("Mapping[str, Any]", args))
    return {"invalid_arguments": args} if args else {}
