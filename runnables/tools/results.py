"""What a tool's result is to a model: the content of a ToolMessage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic_core import PydanticSerializationError, to_jsonable_python

from runnables.messages import Content, ToolMessage

BLOCKS: Final = frozenset(
    """
    text image image_url audio video file document text-plain json search_result input_audio
    custom_tool_call_output non_standard
    """.split()
)
"""The types of the blocks, canonical and of providers, of which a tool's answer may consist."""


def as_content(result: Any) -> Content:
    """A text as it is, blocks as they are, anything else as JSON, or as its `str`.

    A list is a list of blocks where one of its items is, and all others are that or text.
    """
    if isinstance(result, str):
        return result
    if isinstance(result, (list, tuple)):
        items: list[Any] = list(cast("Any", result))
        if any(map(_is_block, items)) and all(isinstance(it, str) or _is_block(it) for it in items):
            return items
    return as_text(result)


def as_text(value: Any) -> str:
    """A value as JSON, or as its `str` where it has none."""
    try:
        return json.dumps(value, ensure_ascii=False, default=to_jsonable_python)
    except (TypeError, ValueError, PydanticSerializationError, RecursionError):
        return str(value)


def _is_block(item: Any) -> bool:
    return isinstance(item, dict) and cast("Any", item).get("type") in BLOCKS


class ToolInvocation:
    """What a tool was given: arguments, or a tool call with its arguments.

    Attributes:
        given: the arguments, in whatever form.
        is_call: whether it was a tool call, which is answered by a message.
        id: the id of the call.
    """

    def __init__(self, value: Any) -> None:
        call: dict[str, Any] = {}
        if isinstance(value, Mapping):
            call.update(cast("Mapping[str, Any]", value))
        self.is_call: bool = call.get("type") == "tool_call" and "args" in call
        self.given: Any = call["args"] if self.is_call else value
        self.id: str | None = call.get("id") if self.is_call else None

    def answer(self, result: Any, name: str, *, artifact: Any = None, failed: bool = False) -> Any:
        """The result as it is; for a tool call, the message that answers it."""
        if not self.is_call or isinstance(result, ToolMessage):
            return result
        return ToolMessage(
            as_content(result),
            tool_call_id=self.id or "",
            name=name,
            artifact=artifact,
            status="error" if failed else "success",
        )
