"""The input of a tool, and the messages that answer tool calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic_core import PydanticSerializationError, to_jsonable_python

from runnables.core.foreign import from_foreign, is_foreign
from runnables.messages.roles import ToolMessage

if TYPE_CHECKING:
    from runnables.messages.blocks import Content

BLOCKS: Final = frozenset(
    """
    text image image_url audio video file document text-plain json search_result input_audio
    custom_tool_call_output non_standard
    """.split()
)
"""The types of the content blocks, canonical and of providers, that a tool's answer may have."""


def as_content(result: Any) -> Content:
    """Return a result as the content of a message: strings and blocks as they are, others as JSON.

    A list is one of blocks if it has a block, and all other items are blocks or strings.
    """
    if isinstance(result, str):
        return result
    if isinstance(result, (list, tuple)):
        items: list[Any] = list(cast("Any", result))
        is_content = all(isinstance(item, str) or _is_block(item) for item in items)
        if is_content and any(map(_is_block, items)):
            return items
    return as_text(result)


def as_text(value: Any) -> str:
    """Return a value as JSON, or as its `str` where JSON cannot hold it."""
    try:
        return json.dumps(value, ensure_ascii=False, default=to_jsonable_python)
    except (TypeError, ValueError, PydanticSerializationError, RecursionError):
        return str(value)


def _is_block(item: Any) -> bool:
    return isinstance(item, dict) and cast("Any", item).get("type") in BLOCKS


def split_pair(tool: str, result: Any) -> tuple[Any, Any]:
    """Return the content and the artifact of a tool that returns pairs.

    Raises:
        ValueError: it has returned something else.
    """
    pair: Any = result
    if not isinstance(result, tuple) or len(pair) != 2:
        raise ValueError(
            f"The tool {tool!r} returned {result!r}: with "
            "response_format='content_and_artifact' it returns a pair, the content for "
            "the model and the artifact for the program."
        )
    return pair[0], pair[1]


class ToolInvocation:
    """The input of a tool: arguments, or a tool call with its arguments.

    Attributes:
        arguments: the arguments, of any type.
        is_call: whether it is a tool call, which is answered by a message.
        id: the id of the call.
    """

    def __init__(self, value: Any) -> None:
        call: dict[str, Any] = {}
        if isinstance(value, Mapping):
            call.update(cast("Mapping[str, Any]", value))
        self.is_call: bool = call.get("type") == "tool_call" and "args" in call
        self.arguments: Any = call["args"] if self.is_call else value
        self.id: str | None = call.get("id") if self.is_call else None

    def answer(self, result: Any, name: str, *, artifact: Any = None, failed: bool = False) -> Any:
        """Return the result as it is; for a tool call, the message that answers it."""
        if not self.is_call or isinstance(result, ToolMessage):
            return result
        if is_foreign_answer(result):
            return _from_foreign_answer(result)
        return ToolMessage(
            as_content(result),
            tool_call_id=self.id or "",
            name=name,
            artifact=artifact,
            status="error" if failed else "success",
        )


def is_foreign_answer(result: Any) -> bool:
    """Tell whether a result is an answer of LangChain's: a message, a command, a list of them."""
    if isinstance(result, list):
        answers: list[Any] = cast("Any", result)
        return bool(answers) and all(map(is_foreign_answer, answers))
    return is_foreign(result) and "ToolOutputMixin" in _names_of_bases(result)


def _from_foreign_answer(result: Any) -> Any:
    """Return a message as ours; a command to a graph, and a list with one, stays as it is."""
    return from_foreign(result) if "ToolMessage" in _names_of_bases(result) else result


def _names_of_bases(value: object) -> set[str]:
    return {base.__name__ for base in type(value).__mro__}
