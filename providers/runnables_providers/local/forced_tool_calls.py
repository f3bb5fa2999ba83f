"""Tool calls that a model has to make, and models whose chat template has no place for tools.

A model without such a place, as the embedded one, cannot choose whether to call a tool. Told to
call one, any model can: the grammar lets it write nothing but the call, and the conversation says
in words what the tools are.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from runnables.errors import InvalidRequestError
from runnables.messages import ToolCallChunk, tool_call_chunk


class ForcedCall(Protocol):
    """How a call is asked for as a text of a form, and read back from it."""

    def added_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request, in which the model has to write the call."""
        ...

    def feed(self, text: str) -> list[ToolCallChunk]:
        """The pieces of the call that a piece of the text gives."""
        ...

    def finish(self) -> list[ToolCallChunk]:
        """The pieces that only the whole text gives."""
        ...


def forced_call(tools: Sequence[Mapping[str, Any]], choice: Any) -> ForcedCall | None:
    """How to make a model call one of the tools; None where it need not call any.

    Raises:
        InvalidRequestError: the choice names a tool that is not there.
    """
    if not tools or choice in ("auto", "none"):
        return None
    functions = [tool["function"] for tool in tools if tool.get("type") == "function"]
    if isinstance(choice, Mapping):
        named = cast("Mapping[str, Any]", choice)["function"]["name"]
        functions = [it for it in functions if it["name"] == named]
        if not functions:
            raise InvalidRequestError(
                f"tool_choice names {named!r}, which is none of the tools.", provider="local"
            )
    return OneTool(functions[0]) if len(functions) == 1 else AnyTool(functions)


def cannot_choose() -> InvalidRequestError:
    """The error where a call is left to a model that cannot choose."""
    return InvalidRequestError(
        "The chat template of this model has no place for tools, so that it cannot choose "
        "whether to call one. Make it call one with tool_choice='any' or the name of a tool, "
        "or use a model file whose template has tools.",
        provider="local",
        status=400,
    )


class OneTool:
    """A call of a certain tool: the text is its arguments, which stream as they are written."""

    def __init__(self, function: Mapping[str, Any]) -> None:
        self._function = function
        self._begun = False

    def added_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request, in which the model has to write the arguments."""
        name, about = self._function["name"], self._function.get("description") or ""
        told = f"Write the arguments for the function {name} as JSON. {about}".strip()
        return _told(request, told, self._function["parameters"])

    def feed(self, text: str) -> list[ToolCallChunk]:
        """The text, as a piece of the arguments."""
        if self._begun:
            return [tool_call_chunk(args=text, index=0)]
        self._begun = True
        return [tool_call_chunk(name=self._function["name"], args=text, id=_new_id(), index=0)]

    def finish(self) -> list[ToolCallChunk]:
        """Nothing more."""
        return []


class AnyTool:
    """A call of one of several tools: the text is an object with its name and arguments."""

    def __init__(self, functions: Sequence[Mapping[str, Any]]) -> None:
        self._functions = functions
        self._text: list[str] = []

    def added_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """The request, in which the model has to write the object."""
        about = [f"{it['name']}: {it.get('description') or ''}".strip() for it in self._functions]
        told = "Call the function that helps, as JSON. The functions:\n" + "\n".join(about)
        return _told(request, told, {"anyOf": [self._form(it) for it in self._functions]})

    def _form(self, function: Mapping[str, Any]) -> dict[str, Any]:
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
        """Nothing yet."""
        self._text.append(text)
        return []

    def finish(self) -> list[ToolCallChunk]:
        """The whole call, or what there is of it as an invalid one."""
        text = "".join(self._text)
        try:
            call = json.loads(text)
        except ValueError:
            return [tool_call_chunk(args=text, id=_new_id(), index=0)]
        args = json.dumps(call["arguments"], ensure_ascii=False)
        return [tool_call_chunk(name=call["name"], args=args, id=_new_id(), index=0)]


def _told(request: dict[str, Any], text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The request with an instruction before the conversation, and a form for the answer."""
    first, *rest = request["messages"]
    if first["role"] == "system":
        text, messages = f"{first['content']}\n{text}", rest
    else:
        messages = [first, *rest]
    form = {"type": "json_schema", "json_schema": {"name": "call", "schema": dict(schema)}}
    system = {"role": "system", "content": text}
    return {**request, "messages": [system, *messages], "response_format": form}


def without_tools(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A conversation in OpenAI's form with calls and results of tools told as plain text."""
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
        told = [f"{it['function']['name']}({it['function']['arguments']})" for it in calls]
        text = "\n".join([*filter(None, [message.get("content")]), *told])
        return {"role": "assistant", "content": text}
    return message


def _new_id() -> str:
    return f"call_{secrets.token_hex(8)}"
