"""Calls in OpenAI's first form: `functions` and `function_call`, before there were tools.

LangChain's classic chains and agents still bind them to a model. A model of ours has tools, so the
functions become tools, the call in the answer is in both forms, and a `FunctionMessage` becomes the
result of the call before it. There is one call in an answer of that form: others are left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, ToolMessage

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CALL: Final = "function_call"
_WORDS: Final = ("auto", "none")


def with_tools(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call with tools in place of functions.

    Raises:
        ConfigError: there are tools beside the functions, or the choice is none of them.
    """
    rest = {name: value for name, value in options.items() if name not in ("functions", _CALL)}
    functions, choice = options.get("functions"), options.get(_CALL)
    if functions is None:
        raise ConfigError(
            f"{_CALL}={choice!r} without functions=[...]. For tools, pass tool_choice=."
        )
    if "tools" in rest or "tool_choice" in rest:
        raise ConfigError(
            "functions=[...] beside tools: both name what the model may call. Bind one of them, "
            "best by bind_tools([...])."
        )
    rest["tools"] = [{"type": "function", "function": function} for function in functions]
    if choice is not None:
        rest["tool_choice"] = _chosen(choice)
    return rest


def _chosen(choice: Any) -> Any:
    match choice:
        case str() if choice in _WORDS:
            return choice
        case {"name": str(name)}:
            return name
        case _:
            raise ConfigError(
                f'{_CALL}={choice!r}: expected "auto", "none", or {{"name": ...}} with the name of '
                "a function."
            )


class FirstCall:
    """The first call of an answer in the old form, beside the new one; for one answer.

    An answer of that form has one call, so the others of an answer are left out.
    """

    def __init__(self) -> None:
        self._first: Mapping[str, Any] | None = None

    def show(self, message: Any) -> Any:
        """Return a message of LangChain with the call in both forms: the same one, changed."""
        chunks: list[Any] | None = getattr(message, "tool_call_chunks", None)
        old = self._of_answer(message) if chunks is None else self._of_chunk(message, chunks)
        if old is not None:
            message.additional_kwargs = {**message.additional_kwargs, _CALL: old}
        return message

    def _of_answer(self, message: Any) -> dict[str, str] | None:
        message.tool_calls = message.tool_calls[:1]
        invalid: list[Any] = [] if message.tool_calls else message.invalid_tool_calls[:1]
        message.invalid_tool_calls = invalid
        call: Any = next(iter([*message.tool_calls, *invalid]), None)
        if call is None:
            return None
        args = call["args"]
        text = args if isinstance(args, str) else json.dumps(args)
        return {"name": call["name"] or "", "arguments": text}

    def _of_chunk(self, message: Any, chunks: list[Any]) -> dict[str, str] | None:
        if chunks and self._first is None:
            self._first = chunks[0]
        kept = [chunk for chunk in chunks if self._is_of_first(chunk)]
        if len(kept) < len(chunks):
            ids = [chunk.get("id") for chunk in kept]
            message.tool_call_chunks = kept
            message.tool_calls = _of_ids(message.tool_calls, ids)
            message.invalid_tool_calls = _of_ids(message.invalid_tool_calls, ids)
        if not kept:
            return None
        part = {"arguments": kept[0].get("args") or ""}  # LangChain joins the strings
        return {"name": kept[0]["name"], **part} if kept[0].get("name") else part

    def _is_of_first(self, chunk: Mapping[str, Any]) -> bool:
        first = self._first or chunk
        same_id = chunk.get("id") in (None, first.get("id"))
        return same_id and chunk.get("index") == first.get("index")


def _of_ids(calls: Sequence[Any], ids: Sequence[str | None]) -> list[Any]:
    return [call for call in calls if call["id"] in ids]


def with_results(messages: Sequence[Any]) -> list[Any]:
    """Return a conversation of LangChain in which calls and results of the old form are of tools.

    Args:
        messages: the messages, which stay as they are.
    """
    if not any(map(_is_old, messages)):
        return list(messages)
    made: list[Any] = []
    open_calls: dict[str, str] = {}
    for number, message in enumerate(messages):
        if message.type == "function":
            call_id = open_calls.get(message.name) or f"function_{number}"
            made.append(ToolMessage(message.content, name=message.name, tool_call_id=call_id))
            continue
        renewed = _with_tool_call(message, f"function_{number}")
        if isinstance(renewed, AIMessage):
            calls: list[Any] = [*renewed.tool_calls, *renewed.invalid_tool_calls]
            open_calls = {call["name"]: call["id"] for call in calls}
        made.append(renewed)
    return made


def _is_old(message: Any) -> bool:
    return message.type == "function" or _CALL in message.additional_kwargs


def _with_tool_call(message: Any, call_id: str) -> Any:
    """Return a message without a call of the old form, which is among its tool calls."""
    if _CALL not in message.additional_kwargs:
        return message
    rest = {key: value for key, value in message.additional_kwargs.items() if key != _CALL}
    update: dict[str, Any] = {"additional_kwargs": rest}
    if not message.tool_calls and not message.invalid_tool_calls:
        update |= _parsed(message.additional_kwargs[_CALL], call_id)
    return message.model_copy(update=update)


def _parsed(old: Mapping[str, Any], call_id: str) -> dict[str, Any]:
    call = {"name": old.get("name") or "", "id": call_id}
    text = old.get("arguments") or "{}"
    try:
        return {
            "tool_calls": [{**call, "args": json.loads(text, strict=False), "type": "tool_call"}]
        }
    except ValueError as error:
        invalid = {**call, "args": text, "error": str(error), "type": "invalid_tool_call"}
        return {"invalid_tool_calls": [invalid]}
