"""Ollama's chats: requests, answers and lines, as plain data.

https://docs.ollama.com/api/chat describes them. A line of a stream has the structure of an answer,
with the new part of it; the last one has "done", and the token counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.errors import ConfigError
from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ToolCallChunk,
    ToolMessage,
    UsageMetadata,
    message_chunk_to_message,
    tool_call_chunk,
)
from runnables.messages.kinds import role_of
from runnables.messages.normalize import ConversationError, base64_of, check_place
from runnables_providers._remote.chat import ApiCall
from runnables_providers._remote.tool_calls import (
    CalledTools,
    arguments,
    calls_of,
    invented_id,
    service_id,
)
from runnables_providers.ollama.service import OLLAMA, checked_model
from runnables_providers.ollama.settings import ModelOptions, RequestOptions

if TYPE_CHECKING:
    from runnables_providers._remote.error_bodies import ServiceError

_SAMPLING: Final = ModelOptions.__optional_keys__
_TOP_LEVEL: Final = RequestOptions.__optional_keys__
_COMMON: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop": "stop",
    "max_tokens": "num_predict",
}

OPTIONS: Final = _SAMPLING | _TOP_LEVEL
"""The names of the options that a call may have beyond those of every chat model."""

_READ: Final = frozenset(
    "model message done done_reason eval_count prompt_eval_count logprobs error".split()
)
"""Keys of a line that are read; all others go into the metadata unchanged. Durations are in
nanoseconds."""

_MESSAGE: Final = frozenset("role content thinking tool_calls images".split())
"""Keys of a message that are read; all others go into `OTHERS`, and back."""

OTHERS: Final = "ollama"
"""The key of a message's `additional_kwargs` for what has no place elsewhere."""

_CODES: Final = (
    (re.compile(r"not found|no such model", re.IGNORECASE), "404"),
    (re.compile(r"unauthorized", re.IGNORECASE), "401"),
    (re.compile(r"does not support|invalid|exceed_context_size", re.IGNORECASE), "400"),
    (re.compile(r"busy|too many requests|overloaded", re.IGNORECASE), "503"),
)
"""The status that Ollama sends with these words, where a line of a stream has them without one."""


class OllamaChat(ApiCall):
    """One answer of a model of an Ollama server.

    Args:
        messages: the conversation.
        options: the options of the call.
    """

    def __init__(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> None:
        self.messages = messages
        self.options = options
        self._calls = 0
        self._others: dict[str, Any] = {}
        self._metadata: dict[str, Any] = {}
        self._end: Mapping[str, Any] | None = None

    # -- the request

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request."""
        request: dict[str, Any] = {
            "model": checked_model(self.options.get("model")),
            "messages": ollama_messages(self.messages),
            "stream": streamed,
            **{name: self.options[name] for name in self.options if name in _TOP_LEVEL},
        }
        if tools := self._tools():
            request["tools"] = tools
        if (output_format := _format(self.options.get("response_format"))) is not None:
            request["format"] = output_format
        if sampling := self._sampling():
            request["options"] = sampling
        return request

    def _sampling(self) -> dict[str, Any]:
        options = self.options
        common = {theirs: options[ours] for ours, theirs in _COMMON.items() if ours in options}
        return {**common, **{name: options[name] for name in options if name in _SAMPLING}}

    def _tools(self) -> list[Any]:
        if self.options.get("tool_choice") == "none":
            return []
        tools: list[Any] = list(self.options.get("tools") or ())
        for tool in tools:
            if tool.get("type") != "function":
                raise ConfigError(f"Ollama has no tool of type {tool.get('type')!r}.")
        return tools

    # -- the answer

    def stream_error(self, event: Mapping[str, Any]) -> ServiceError | None:
        """Return the error of a line; it has a message only, which tells its kind."""
        error = super().stream_error(event)
        if error is None or error.codes:
            return error
        status = event.get("status_code") or next(
            (code for words, code in _CODES if words.search(error.message)), None
        )
        return replace(error, codes=(str(status),)) if status else error

    def answer_error(self, body: Mapping[str, Any]) -> ServiceError | None:
        """Return the error in a response; see `stream_error`."""
        return self.stream_error(body)

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the message, read as the only line of a stream."""
        self._take_metadata(body)
        chunk = self._chunk(body["message"], body)
        joined = AIMessageChunk.merge_chunks([chunk, self._last(body)])
        return cast("AIMessage", message_chunk_to_message(joined))

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunk of a line."""
        if event.get("done"):
            self._end = event
        elif "message" not in event:
            raise ValueError("a line without a message")  # of /api/generate, from a wrong server
        self._take_metadata(event)
        return [self._chunk(event["message"], event)] if event.get("message", {}) != {} else []

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunk; None where no line was the last."""
        return None if self._end is None else [self._last(self._end)]

    def _take_metadata(self, event: Mapping[str, Any]) -> None:
        for key, value in event.items():
            if key not in _READ and value is not None:
                self._metadata[key] = value

    def _chunk(self, message: Mapping[str, Any], event: Mapping[str, Any]) -> AIMessageChunk:
        fields: dict[str, Any] = {}
        more: dict[str, Any] = {}
        if calls := message.get("tool_calls"):
            fields["tool_call_chunks"] = [self._tool_call_chunk(call) for call in calls]
        if reasoning := message.get("thinking"):
            more["reasoning_content"] = _checked(reasoning, str)
        if others := {key: message[key] for key in message if key not in _MESSAGE}:
            self._others |= others
        if more:
            fields["additional_kwargs"] = more
        if logprobs := event.get("logprobs"):
            fields["response_metadata"] = {"logprobs": _checked(logprobs, list)}
        text: str = message.get("content") or ""
        images: list[Any] = [
            {"type": "image", "base64": _checked(image, str)}
            for image in message.get("images") or ()
        ]
        content: Any = [*([text] if text else []), *images] if images else text
        return AIMessageChunk(content, **fields)

    def _tool_call_chunk(self, call: Mapping[str, Any]) -> ToolCallChunk:
        """Return a complete call; a call without an id gets one."""
        place, self._calls = self._calls, self._calls + 1
        function: Mapping[str, Any] = call["function"]
        name, args = function.get("name"), function.get("arguments")
        text = args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False)
        made = invented_id(self.messages, place, name, text)
        chunk = tool_call_chunk(name=name, args=text, id=call.get("id") or made, index=place)
        extras = {key: call[key] for key in call if key not in ("id", "function")}
        if more := {key: function[key] for key in function if key not in ("name", "arguments")}:
            extras["function"] = more
        return {**chunk, "extras": extras} if extras else chunk

    def _last(self, event: Mapping[str, Any]) -> AIMessageChunk:
        return AIMessageChunk(
            "",
            usage_metadata=_usage(event),
            additional_kwargs={OTHERS: self._others} if self._others else {},
            response_metadata={
                **self._metadata,
                "model_name": event.get("model") or self.options.get("model"),
                "model_provider": OLLAMA.name,
                "finish_reason": event.get("done_reason") or "stop",
            },
            chunk_position="last",
        )


def ollama_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return messages as Ollama takes them: strings, with lists of images and of calls.

    Names of messages are not sent.

    Raises:
        ConversationError: a block is neither text nor an image, or an image has no base64.
    """
    tools = CalledTools()
    found: list[dict[str, Any]] = []
    for message in map(message_chunk_to_message, messages):
        tools.note(message)
        found.append(_message(message, tools))
    return found


def _message(message: BaseMessage, tools: CalledTools) -> dict[str, Any]:
    blocks = [cast("Mapping[str, Any]", block) for block in message.content_blocks]
    if isinstance(message, AIMessage):
        return _answer(message, blocks)
    strings = [block["text"] for block in blocks if "text" in block]
    found: dict[str, Any] = {"role": role_of(message), "content": "\n".join(strings)}
    if images := [_image(block) for block in blocks if "text" not in block]:
        found["images"] = images
    if isinstance(message, ToolMessage):
        call_id = service_id(message.tool_call_id)
        tool = tools.find(message)
        found |= {"tool_name": tool} if tool else {}
        found |= {"tool_call_id": call_id} if call_id else {}
    return found


def _answer(message: AIMessage, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an answer of the model, with its reasoning; reasoning of other providers, and blocks
    that only their providers read, are left out."""
    own = message.response_metadata.get("model_provider") == OLLAMA.name
    others: dict[str, Any] = message.additional_kwargs.get(OTHERS) or {} if own else {}
    found = {**others, "role": "assistant", "content": message.text or message.refusal or ""}
    reasoning = [block.get("reasoning", "") for block in blocks if block["type"] == "reasoning"]
    if own and reasoning:
        found["thinking"] = "".join(reasoning)
    if images := [_image(block) for block in blocks if _is_sent_back(block, own)]:
        found["images"] = images
    if calls := [_call(call, own) for call in calls_of(cast("Any", blocks))]:
        found["tool_calls"] = calls
    return found


def _is_sent_back(block: Mapping[str, Any], own: bool) -> bool:
    """Tell whether a block is an image that the model can see; those of other services may be an
    address or an id."""
    return block["type"] == "image" and (own or "base64" in block)


def _call(call: Mapping[str, Any], own: bool) -> dict[str, Any]:
    """Return a call; one that Ollama sent gets back all that it had."""
    extras: Mapping[str, Any] = (call.get("extras") or {}) if own else {}
    more: Mapping[str, Any] = extras.get("function") or {}
    # a call without a name would be refused
    function = {**more, "name": call.get("name") or "unknown", "arguments": arguments(call)}
    call_id = service_id(call.get("id"))
    return {**extras, **({"id": call_id} if call_id else {}), "function": function}


def _image(block: Mapping[str, Any]) -> str:
    if block["type"] == "image" and "base64" in block:
        return base64_of(block)
    check_place(block)
    kind = (block.get("value") or block).get("type")
    if kind == "image":
        raise ConversationError(
            "Ollama takes images as base64 only, and this one has a URL or an id: "
            f"{block.get('url') or block.get('file_id')!r}. Fetch it, and pass its bytes."
        )
    raise ConversationError(
        f"Ollama takes text and images, no block of type {kind!r}. Leave it out of the message."
    )


def _format(response_format: Any) -> Any:
    """Return OpenAI's `response_format`, or Ollama's own `format`, as Ollama's `format`."""
    match response_format:
        case None | {"type": "text"}:
            return None
        case "json" | {"type": "json_object"}:
            return "json"
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            found: Any = schema
            return found
        case {"type": "object"} | {"$ref": _} | {"anyOf": _}:  # a schema, as Ollama takes it
            own: Any = response_format
            return own
        case _:
            raise ConfigError(
                f"response_format={response_format!r}: expected OpenAI's dict, whose 'type' is "
                "'json_schema', 'json_object' or 'text'."
            )


def _checked(value: Any, kind: type) -> Any:
    """Refuse a value of the wrong type, which could not be joined with those of other lines."""
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is of another type than Ollama's")
    return value


def _usage(event: Mapping[str, Any]) -> UsageMetadata | None:
    """Return the counts of the last line; a prompt in the server's cache may have none."""
    if "eval_count" not in event and "prompt_eval_count" not in event:
        return None
    read, written = int(event.get("prompt_eval_count") or 0), int(event.get("eval_count") or 0)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
