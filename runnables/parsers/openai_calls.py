"""Tool calls as OpenAI sends them, in a message that some other library has made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.messages.tool_calls import tool_call_chunk

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessage
    from runnables.messages.tool_calls import ToolCallChunk


def openai_calls(message: AIMessage) -> list[ToolCallChunk]:
    """Return the calls in `additional_kwargs["tool_calls"]`, where a message has none of its own.

    Args:
        message: a message, or a chunk of one.
    """
    found: Any = message.additional_kwargs.get("tool_calls")
    if message.tool_calls or message.invalid_tool_calls or not isinstance(found, list):
        return []
    calls: list[Any] = cast("Any", found)
    return [_chunk(call) for call in calls if _is_openai_call(call)]


def _is_openai_call(call: Any) -> bool:
    return isinstance(call, dict) and isinstance(cast("Any", call).get("function"), dict)


def _chunk(call: dict[str, Any]) -> ToolCallChunk:
    function: dict[str, Any] = call["function"]
    return tool_call_chunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        index=call.get("index"),
    )
