"""An example of tool calls as the messages of a conversation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runnables.errors import ConfigError
from runnables.messages.ai import AIMessage
from runnables.messages.roles import HumanMessage, ToolMessage
from runnables.messages.tool_calls import tool_call

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.messages.base import BaseMessage


def tool_example_to_messages(
    input: str,
    tool_calls: Sequence[BaseModel],
    tool_outputs: Sequence[str] | None = None,
    *,
    ai_response: str | None = None,
) -> list[BaseMessage]:
    """Return an example for a model: what was asked, its tool calls, and what they returned.

    Args:
        input: what the user wrote.
        tool_calls: an object for each call: its class is the tool, its fields are the arguments.
        tool_outputs: what each call returned; by default, that it was right.
        ai_response: the model's last answer, if the example has one.

    Raises:
        ConfigError: there are outputs, but not one for each call.

    Example:
        >>> from pydantic import BaseModel
        >>> class Person(BaseModel):
        ...     name: str
        >>> for message in tool_example_to_messages("Ada was here.", [Person(name="Ada")]):
        ...     print(message.type, message.text or message.tool_calls[0]["args"])
        human Ada was here.
        ai {'name': 'Ada'}
        tool You have correctly called this tool.
    """
    outputs = tool_outputs or ["You have correctly called this tool."] * len(tool_calls)
    if len(outputs) != len(tool_calls):
        raise ConfigError(
            f"{len(outputs)} tool_outputs for {len(tool_calls)} tool_calls: expected one for each."
        )
    calls = [
        tool_call(name=type(call).__name__, args=call.model_dump(mode="json"), id=str(uuid.uuid4()))
        for call in tool_calls
    ]
    results = [
        ToolMessage(output, tool_call_id=call["id"] or "", name=call["name"])
        for call, output in zip(calls, outputs, strict=True)
    ]
    last = [AIMessage(ai_response)] if ai_response else []
    return [HumanMessage(input), AIMessage("", tool_calls=calls), *results, *last]
