"""OpenAI's chat completions: requests as conversations, parts as chunks.

The format is that of https://platform.openai.com/docs/api-reference/chat, as the official clients
read it in November 2026. Reasoning is `reasoning_content`, as servers of open models send it, and
what a service needs back with the next turn is a `reasoning_details` entry.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.messages.ai import AIMessage
from runnables.messages.convert import convert_to_message
from runnables.serving.failures import RequestError
from runnables.serving.packing import pack, unpack
from runnables.serving.parts import (
    Failure,
    Finish,
    MessageEnd,
    Part,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Value,
)
from runnables.serving.plain_text import PlainText
from runnables.serving.sse import DONE, HOLE, StringFrames, as_json, frame

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage
    from runnables.messages.usage import UsageMetadata

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_FIELDS: Final = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call")
"""The keys of a message that are read; clients add others, of which no service knows."""

_PACKED: Final = "runnables.message"
"""The type of the entry of `reasoning_details` that keeps a whole message."""


def read_messages(body: Mapping[str, Any]) -> list[BaseMessage]:
    """Return the conversation of a request.

    Raises:
        RequestError: it is none.
    """
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise RequestError("'messages' must be a list with at least one message.")
    return [_message(index, item) for index, item in enumerate(cast("Any", given))]


def _message(index: int, item: Any) -> BaseMessage:
    if not isinstance(item, dict):
        raise RequestError(f"messages[{index}] must be an object with 'role' and 'content'.")
    fields = cast("dict[str, Any]", item)
    if fields.get("role") not in _ROLES:
        raise RequestError(f"messages[{index}].role must be one of: {', '.join(_ROLES)}.")
    if not isinstance(fields.get("tool_call_id"), str | None):
        raise RequestError(f"messages[{index}].tool_call_id must be a string.")
    content = fields.get("content")
    if not isinstance(content, str | list | None):
        raise RequestError(f"messages[{index}].content must be a string or a list of parts.")
    if not all(isinstance(part, str | dict) for part in _list(content)):
        raise RequestError(f"messages[{index}].content has a part that cannot be read.")
    known = {key: fields[key] for key in _FIELDS if fields.get(key) is not None}
    known.setdefault("content", "")
    try:
        message = convert_to_message(known)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RequestError(f"messages[{index}] cannot be read as a message.") from None
    if not isinstance(message, AIMessage):
        return message
    calls = [str(call["id"]) for call in message.tool_calls]
    for detail in _list(fields.get("reasoning_details")):
        entry: Any = cast("Any", detail) if isinstance(detail, dict) else {}
        if entry.get("type") == _PACKED:
            return unpack(entry.get("data"), message.text, calls) or message
    if isinstance(reasoning := fields.get("reasoning_content"), str):
        message.additional_kwargs["reasoning_content"] = reasoning
    return message


def _list(value: Any) -> Sequence[Any]:
    return cast("Any", value) if isinstance(value, list) else ()


class _Answer:
    """The frame around the parts of one answer: its id, time and model."""

    def __init__(self, id: str, model: str) -> None:
        self._head = {"id": f"chatcmpl-{id}", "created": int(time.time()), "model": model}
        self._text = PlainText()


class ChatCompletionChunks(_Answer):
    """An encoder of a streamed answer.

    Args:
        id: the id of the run.
        model: the name of the chain.
        with_usage: whether a last chunk has the usage (`stream_options.include_usage`).
    """

    def __init__(self, id: str, model: str, *, with_usage: bool = False) -> None:
        super().__init__(id, model)
        self._with_usage = with_usage
        self._has_begun = False
        self._calls: dict[str, int] = {}
        self._deltas = StringFrames(self._value({"content": HOLE}))

    def encode(self, part: Part) -> bytes:
        """Return the bytes of a part; none for what this protocol does not show."""
        match part:
            case TextDelta():
                text = self._text.add(part.text)
                if self._has_begun:
                    return self._deltas.frame(text)
                return self._chunk({"content": text})
            case ReasoningDelta():
                return self._chunk({"reasoning_content": part.text})
            case ToolCallDelta() if not part.runs_here:
                return self._chunk({"tool_calls": [self._call(part)]})
            case MessageEnd():
                self._text.read(part)
                if (packed := pack(part.message)) is not None:
                    return self._chunk({"reasoning_details": [{"type": _PACKED, "data": packed}]})
                return b""
            case Value(is_whole=True):
                return self._chunk({"content": self._text.read(part)})
            case Finish():
                return self._end(part)
            case Failure():
                return frame({"error": error_body(part)}) + DONE
            case _:
                return b""

    def _call(self, part: ToolCallDelta) -> dict[str, Any]:
        index = self._calls.setdefault(part.id, len(self._calls))
        if not part.is_first:
            return {"index": index, "function": {"arguments": part.args}}
        function = {"name": part.name, "arguments": part.args}
        return {"index": index, "id": part.id, "type": "function", "function": function}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        first = b""
        if not self._has_begun:
            self._has_begun = True
            first = self._chunk({"role": "assistant", "content": ""})
        return first + frame(self._value(delta, reason))

    def _value(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        more = {"usage": None} if self._with_usage else {}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice], **more}

    def _end(self, part: Finish) -> bytes:
        end = self._chunk({}, _reason(part, self._calls))
        if self._with_usage:
            last: dict[str, Any] = {
                "object": "chat.completion.chunk",
                "choices": [],
                "usage": usage(part.usage),
            }
            end += frame({**self._head, **last})
        return end + DONE


class ChatCompletion(_Answer):
    """An encoder of an answer that is sent as a whole: its bytes come with the last part."""

    def __init__(self, id: str, model: str) -> None:
        super().__init__(id, model)
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[str, dict[str, Any]] = {}
        self._packed: list[dict[str, Any]] = []

    def encode(self, part: Part) -> bytes:
        """Return the whole answer at its end; nothing before."""
        match part:
            case TextDelta() | Value():
                self._content.append(self._text.read(part))
            case ReasoningDelta():
                self._reasoning.append(part.text)
            case ToolCallDelta() if not part.runs_here:
                empty: dict[str, Any] = {"name": part.name, "arguments": ""}
                call = {"id": part.id, "type": "function", "function": empty}
                self._calls.setdefault(part.id, call)["function"]["arguments"] += part.args
            case MessageEnd():
                self._text.read(part)
                if (packed := pack(part.message)) is not None:
                    self._packed.append({"type": _PACKED, "data": packed})
            case Finish():
                return as_json(self._body(part))
            case _:
                pass
        return b""

    def _body(self, part: Finish) -> dict[str, Any]:
        content = "".join(self._content)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": content if content or not self._calls else None,
            "refusal": None,
        }
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._packed:
            message["reasoning_details"] = self._packed
        if self._calls:
            message["tool_calls"] = list(self._calls.values())
        reason = _reason(part, self._calls)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        body = {**self._head, "object": "chat.completion", "choices": [choice]}
        return {**body, "usage": usage(part.usage)}


def _reason(part: Finish, calls: Mapping[str, Any]) -> str:
    """Return why an answer ended; the calls of an agent, which are not shown, are no reason."""
    if part.reason in ("stop", "tool_calls"):
        return "tool_calls" if calls else "stop"
    return part.reason


def usage(tokens: UsageMetadata | None) -> dict[str, Any]:
    """Return the tokens of an answer in OpenAI's form; zeros where no model reported any."""
    given: Mapping[str, Any] = tokens or {}
    read = int(given.get("input_tokens", 0))
    written = int(given.get("output_tokens", 0))
    inputs, outputs = given.get("input_token_details", {}), given.get("output_token_details", {})
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": inputs.get("cache_read", 0)},
        "completion_tokens_details": {"reasoning_tokens": outputs.get("reasoning", 0)},
    }


def error_body(failure: Failure) -> dict[str, Any]:
    """Return a failure in OpenAI's form."""
    kind = "server_error" if failure.status >= 500 else "invalid_request_error"
    return {"message": failure.message, "type": kind, "param": None, "code": failure.code}
