"""Ollama's chats: requests, answers and lines, as plain data.

The form is that of https://docs.ollama.com/api/chat. A line of a stream has the form of an
answer, with what is new of it; the last one says "done", and counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

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
from runnables.messages.normalize import base64_of, check_place
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

_SAMPLING: Final = ModelOptions.__optional_keys__
_BESIDE: Final = RequestOptions.__optional_keys__
_COMMON: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop": "stop",
    "max_tokens": "num_predict",
}

OPTIONS: Final = _SAMPLING | _BESIDE
"""The names of the options that a call may have beyond those of every chat model."""

_FACTS: Final = (
    *("created_at", "remote_model", "remote_host"),
    *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
)
"""What the last line tells of the answer that is passed on as it stands; times in ns."""


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
        self._end: Mapping[str, Any] | None = None

    # -- the request

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """The request."""
        request: dict[str, Any] = {
            "model": checked_model(self.options.get("model")),
            "messages": ollama_messages(self.messages),
            "stream": streamed,
            **{name: self.options[name] for name in self.options if name in _BESIDE},
        }
        if tools := self._tools():
            request["tools"] = tools
        if (form := _format(self.options.get("response_format"))) is not None:
            request["format"] = form
        if sampling := self._sampling():
            request["options"] = sampling
        return request

    def _sampling(self) -> dict[str, Any]:
        given = self.options
        common = {theirs: given[ours] for ours, theirs in _COMMON.items() if ours in given}
        return {**common, **{name: given[name] for name in given if name in _SAMPLING}}

    def _tools(self) -> list[Any]:
        if self.options.get("tool_choice") == "none":
            return []
        tools: list[Any] = list(self.options.get("tools") or ())
        for tool in tools:
            if tool.get("type") != "function":
                raise ConfigError(f"Ollama has no tool of type {tool.get('type')!r}.")
        return tools

    # -- the answer

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """The message, read as the only line of a stream."""
        chunks = [self._chunk(body["message"], body), self._last(body)]
        joined = AIMessageChunk.merge_chunks(chunks)
        return cast("AIMessage", message_chunk_to_message(joined))

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """The chunk of a line."""
        if event.get("done"):
            self._end = event
        elif "message" not in event:
            raise ValueError("a line of another form")  # of /api/generate, from a wrong server
        return [self._chunk(event["message"], event)] if event.get("message", {}) != {} else []

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """The end, which there is only after a line that says so."""
        return None if self._end is None else [self._last(self._end)]

    def _chunk(self, said: Mapping[str, Any], event: Mapping[str, Any]) -> AIMessageChunk:
        fields: dict[str, Any] = {}
        if calls := said.get("tool_calls"):
            fields["tool_call_chunks"] = [self._piece(call) for call in calls]
        if thought := said.get("thinking"):
            fields["additional_kwargs"] = {"reasoning_content": _checked(thought, str)}
        if logprobs := event.get("logprobs"):
            fields["response_metadata"] = {"logprobs": _checked(logprobs, list)}
        return AIMessageChunk(said.get("content") or "", **fields)

    def _piece(self, call: Mapping[str, Any]) -> ToolCallChunk:
        """A whole call; where the server gives it no name of its own, one is made."""
        place, self._calls = self._calls, self._calls + 1
        function: Mapping[str, Any] = call["function"]
        name, args = function.get("name"), function.get("arguments")
        text = args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False)
        made = invented_id(self.messages, place, name, text)
        return tool_call_chunk(name=name, args=text, id=call.get("id") or made, index=place)

    def _last(self, event: Mapping[str, Any]) -> AIMessageChunk:
        facts = {key: event[key] for key in _FACTS if event.get(key) is not None}
        name = event.get("model") or self.options.get("model")
        return AIMessageChunk(
            "",
            usage_metadata=_usage(event),
            response_metadata={
                "model_name": name,
                "model_provider": OLLAMA.name,
                "finish_reason": event.get("done_reason") or "stop",
                **facts,
            },
            chunk_position="last",
        )


def ollama_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Messages in Ollama's form: texts, with pictures and calls beside them.

    Names of people have no place in it.

    Raises:
        ConfigError: a block that is neither a text nor a picture, or a picture by its address.
    """
    tools = CalledTools()
    found: list[dict[str, Any]] = []
    for each in messages:
        message = message_chunk_to_message(each)
        tools.note(message)
        found.append(_written(message, tools))
    return found


def _written(message: BaseMessage, tools: CalledTools) -> dict[str, Any]:
    blocks = [cast("Mapping[str, Any]", it) for it in message.content_blocks]
    if isinstance(message, AIMessage):
        return _said(message, blocks)
    texts = [it["text"] for it in blocks if "text" in it]
    written: dict[str, Any] = {"role": role_of(message), "content": "\n".join(texts)}
    if images := [_image(it) for it in blocks if "text" not in it]:
        written["images"] = images
    if isinstance(message, ToolMessage):
        named = service_id(message.tool_call_id)
        tool = tools.find(message)
        written |= {"tool_name": tool} if tool else {}
        written |= {"tool_call_id": named} if named else {}
    return written


def _said(message: AIMessage, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the model said. Its thoughts go back; those of others, and blocks that only their
    makers understand, do not."""
    written: dict[str, Any] = {
        "role": "assistant",
        "content": message.text or message.refusal or "",
    }
    own = message.response_metadata.get("model_provider") == OLLAMA.name
    thoughts = [it.get("reasoning", "") for it in blocks if it["type"] == "reasoning"]
    if own and thoughts:
        written["thinking"] = "".join(thoughts)
    if images := [_image(it) for it in blocks if it["type"] == "image"]:
        written["images"] = images
    if calls := [_call(it) for it in calls_of(cast("Any", blocks))]:
        written["tool_calls"] = calls
    return written


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call.get("name") or "", "arguments": arguments(call)}
    name = service_id(call.get("id"))
    return {"id": name, "function": function} if name else {"function": function}


def _image(block: Mapping[str, Any]) -> str:
    if block["type"] == "image" and "base64" in block:
        return base64_of(block)
    check_place(block)
    kind = (block.get("value") or block).get("type")
    if kind == "image":
        raise ConfigError(
            "Ollama takes pictures as base64 only, and this one has an address: "
            f"{block.get('url') or block.get('file_id')!r}. Fetch it, and give its bytes."
        )
    raise ConfigError(
        f"Ollama takes texts and pictures, no block of type {kind!r}. Leave it out of the message."
    )


def _format(form: Any) -> Any:
    """`response_format`, which is in OpenAI's words, in those of Ollama."""
    match form:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return "json"
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            found: Any = schema
            return found
        case _:
            raise ConfigError(
                f"response_format={form!r}: expected OpenAI's form, a dict whose 'type' is "
                "'json_schema', 'json_object' or 'text'."
            )


def _checked(value: Any, kind: type) -> Any:
    """A value that will be put together with those of other lines."""
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not of the form of Ollama")
    return value


def _usage(event: Mapping[str, Any]) -> UsageMetadata | None:
    """The counts of the last line; a prompt that the server knew already may have none."""
    if "eval_count" not in event and "prompt_eval_count" not in event:
        return None
    read, written = int(event.get("prompt_eval_count") or 0), int(event.get("eval_count") or 0)
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
