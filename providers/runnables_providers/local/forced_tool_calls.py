"""Tool calls that a model has to make, and models whose chat template has no place for tools.

A model without such a place, as the default one, cannot choose whether to call a tool. Any model
can be made to call one: the grammar lets it write nothing but the call, and a system message
describes the tools.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from runnables.errors import InvalidRequestError
from runnables.messages import ToolCallChunk, tool_call_chunk


class ForcedCall(Protocol):
    """A tool call that the model must make: its request, and how the answer is read."""

    def added_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the request, in which the model must write the call."""
        ...

    def feed(self, text: str) -> list[ToolCallChunk]:
        """Return the chunks of the call that a chunk of the text completes."""
        ...

    def finish(self) -> list[ToolCallChunk]:
        """Return the chunks that need the complete text."""
        ...


def forced_call(tools: Sequence[Mapping[str, Any]], choice: Any) -> ForcedCall | None:
    """Return the call that a model must make; None where it need not make any.

    Raises:
        InvalidRequestError: the choice names a tool that there is not.
    """
    if not tools or choice in ("auto", "none"):
        return None
    functions = [tool["function"] for tool in tools if tool.get("type") == "function"]
    if isinstance(choice, Mapping):
        named = cast("Mapping[str, Any]", choice)["function"]["name"]
        functions = [function for function in functions if function["name"] == named]
        if not functions:
            raise InvalidRequestError(
                f"tool_choice names {named!r}, which is none of the tools.", provider="local"
            )
    return OneTool(functions[0]) if len(functions) == 1 else AnyTool(functions)


def cannot_choose() -> InvalidRequestError:
    """Return the error for a model that cannot choose whether to call a tool."""
    return InvalidRequestError(
        "The chat template of this model has no place for tools, so that it cannot choose "
        "whether to call one. Make it call one with tool_choice='any' or the name of a tool, "
        "or use a model file whose template has tools.",
        provider="local",
        status=400,
    )


class OneTool:
    """A call of one certain tool: the text is its arguments, which stream as they are written."""

    def __init__(self, function: Mapping[str, Any]) -> None:
        self._function = function
        self._started = False

    def added_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the request, in which the model must write the arguments."""
        name, description = self._function["name"], self._function.get("description") or ""
        prompt = f"Write the arguments for the function {name} as JSON. {description}".strip()
        return _instructed(request, prompt, self._function["parameters"])

    def feed(self, text: str) -> list[ToolCallChunk]:
        """Return the text as a chunk of the arguments."""
        if self._started:
            return [tool_call_chunk(args=text, index=0)]
        self._started = True
        return [tool_call_chunk(name=self._function["name"], args=text, id=_new_id(), index=0)]

    def finish(self) -> list[ToolCallChunk]:
        """Return nothing: all chunks were returned by `feed`."""
        return []


class AnyTool:
    """A call of one of several tools: the text is an object with its name and arguments."""

    def __init__(self, functions: Sequence[Mapping[str, Any]]) -> None:
        self._functions = functions
        self._text: list[str] = []

    def added_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the request, in which the model must write the object."""
        lines = [
            f"{function['name']}: {function.get('description') or ''}".strip()
            for function in self._functions
        ]
        prompt = "Call the function that helps, as JSON. The functions:\n" + "\n".join(lines)
        schemas = [self._schema(function) for function in self._functions]
        return _instructed(request, prompt, {"anyOf": schemas})

    def _schema(self, function: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                "name": {"const": function["name"]},
                "arguments": function["parameters"],
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }

    def feed(self, text: str) -> list[ToolCallChunk]:
        """Return nothing: the call needs the complete text."""
        self._text.append(text)
        return []

    def finish(self) -> list[ToolCallChunk]:
        """Return the complete call, or an incomplete one as an invalid call."""
        text = "".join(self._text)
        try:
            call = json.loads(text)
        except ValueError:
            return [tool_call_chunk(args=text, id=_new_id(), index=0)]
        args = json.dumps(call["arguments"], ensure_ascii=False)
        return [tool_call_chunk(name=call["name"], args=args, id=_new_id(), index=0)]


def _instructed(request: dict[str, Any], text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request with a system message before the conversation, and a schema."""
    first, *rest = request["messages"]
    if first["role"] == "system":
        text, messages = f"{first['content']}\n{text}", rest
    else:
        messages = [first, *rest]
    json_schema = {"name": "call", "schema": dict(schema)}
    return {
        **request,
        "messages": [{"role": "system", "content": text}, *messages],
        "response_format": {"type": "json_schema", "json_schema": json_schema},
    }


def without_tools(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return OpenAI's messages with calls and results of tools as plain text."""
    names = {
        call["id"]: call["function"]["name"]
        for message in messages
        for call in message.get("tool_calls", ())
    }
    return [_as_text(message, names) for message in messages]


def _as_text(message: dict[str, Any], names: Mapping[Any, str]) -> dict[str, Any]:
    if message["role"] == "tool":
        name = names.get(message.get("tool_call_id"), message.get("name") or "The function")
        return {"role": "user", "content": f"{name} returned: {message['content']}"}
    if calls := message.get("tool_calls"):
        functions = [call["function"] for call in calls]
        lines = [f"{function['name']}({function['arguments']})" for function in functions]
        text = "\n".join([*filter(None, [message.get("content")]), *lines])
        return {"role": "assistant", "content": text}
    return message


def _new_id() -> str:
    return f"call_{secrets.token_hex(8)}"
