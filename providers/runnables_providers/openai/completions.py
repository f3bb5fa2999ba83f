"""OpenAI's chat completions: requests, answers and events, as plain data.

https://platform.openai.com/docs/api-reference/chat describes them. Compatible servers add
`reasoning_content` (DeepSeek, vLLM, llama.cpp) or `reasoning` (OpenRouter).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ToolCallChunk,
    UsageMetadata,
    text_chunk,
    text_message,
    tool_call_chunk,
)
from runnables.messages.openai import openai_dicts
from runnables.messages.tool_calls import parse_tool_calls
from runnables_providers._remote.chat import ApiCall
from runnables_providers.openai.media import check_media
from runnables_providers.openai.settings import CompletionOptions, SharedOptions

if TYPE_CHECKING:
    from runnables.messages.ai import AIFields

OPTIONS: Final = SharedOptions.__optional_keys__ | CompletionOptions.__optional_keys__
"""The names of the options that a call may have beyond those of every chat model."""

_FACTS: Final = ("id", "created", "service_tier", "system_fingerprint")
"""Keys of an answer that go into the metadata of the message unchanged."""


class Completion(ApiCall):
    """One chat completion.

    Args:
        messages: the conversation.
        options: the options of the call.
        provider: the provider that answers name in their metadata.
        limit: the service's name of `max_tokens`.
        usage: whether to ask for the usage of a stream.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        options: Mapping[str, Any],
        *,
        provider: str,
        limit: str,
        usage: bool,
    ) -> None:
        self.messages = messages
        self.options = options
        self.provider = provider
        self.limit = limit
        self.usage = usage
        self._finished = False

    # -- the request

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request."""
        options = dict(self.options)
        if "max_tokens" in options:
            options[self.limit] = options.pop("max_tokens")
        if not options.get("tools"):
            options.pop("tools", None)  # an empty list is refused, and so is a choice without any
            options.pop("tool_choice", None)
        request = {"messages": openai_messages(self.messages), **options}
        if streamed:
            request["stream"] = True
            if self.usage:
                request["stream_options"] = {"include_usage": True}
        return request

    # -- the answer

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the message of the first choice."""
        choice: Mapping[str, Any] = body["choices"][0]
        message: Mapping[str, Any] = choice["message"]
        fields: AIFields = {
            "id": body.get("id"),
            "usage_metadata": _usage(body.get("usage")),
            "response_metadata": {**self._metadata(body, headers), **_outcome(choice)},
        }
        if written_calls := message.get("tool_calls"):
            chunks = [_tool_call_chunk(call) for call in written_calls]
            calls, invalid = parse_tool_calls(chunks, last=True)
            fields["tool_calls"], fields["invalid_tool_calls"] = calls, invalid
        if more := _additional(message):
            fields["additional_kwargs"] = more
        # Only calls hold values that the service may write with a wrong type: they are validated.
        make = AIMessage if written_calls else text_message
        return make(message.get("content") or "", **fields)

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunks of an event; the one with the usage has no choice.

        Of several choices (`n`), the first is the answer, as in a non-streamed one.
        """
        chunks: list[AIMessageChunk] = []
        for choice in event.get("choices") or ():
            if not choice.get("index"):
                chunks.append(self._chunk(event, choice))  # noqa: PERF401  (slower for one)
        if (usage := _usage(event.get("usage"))) is not None:
            metadata = self._metadata(event, {})
            chunks.append(
                AIMessageChunk(
                    "", id=event.get("id"), usage_metadata=usage, response_metadata=metadata
                )
            )
        return chunks

    def _chunk(self, event: Mapping[str, Any], choice: Mapping[str, Any]) -> AIMessageChunk:
        delta: Mapping[str, Any] = choice.get("delta") or {}
        fields: dict[str, Any] = {}
        if calls := delta.get("tool_calls"):
            fields["tool_call_chunks"] = [_tool_call_chunk(call) for call in calls]
        if not _PLAIN.issuperset(delta) and (more := _additional(delta)):
            fields["additional_kwargs"] = more
        if outcome := _outcome(choice):
            fields["response_metadata"] = outcome
            self._finished = self._finished or "finish_reason" in outcome
        text = delta.get("content") or ""
        if not fields:
            return text_chunk(text, event.get("id"))
        return AIMessageChunk(text, id=event.get("id"), **fields)

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunk; None where no event had a reason for the end."""
        if not self._finished:
            return None
        metadata = {"model_provider": self.provider, **_request_id(headers)}
        return [AIMessageChunk("", response_metadata=metadata, chunk_position="last")]

    def _metadata(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        return {
            "model_name": body.get("model") or self.options.get("model"),
            "model_provider": self.provider,
            **{key: body[key] for key in _FACTS if body.get(key) is not None},
            **_request_id(headers),
        }


def openai_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return messages as chat completions take them, without what only other services read.

    Raises:
        ConfigError: chat completions have no type for a medium.
    """
    return openai_dicts([_sendable(message) for message in messages])


def _sendable(message: BaseMessage) -> BaseMessage:
    """Return a message without its reasoning, which chat completions have no place for."""
    if isinstance(message.content, str):
        return message
    check_media(message.content)
    if not isinstance(message, AIMessage):
        return message
    content = [
        block
        for block in message.content
        if isinstance(block, str) or block.get("type") not in _REASONING
    ]
    return message.model_copy(update={"content": content or ""})


_PLAIN: Final = frozenset({"role", "content", "tool_calls"})
"""The keys of a delta that has no more than text and tool calls."""
_REASONING: Final = {"reasoning", "thinking", "redacted_thinking"}


def _tool_call_chunk(call: Mapping[str, Any]) -> ToolCallChunk:
    function: Mapping[str, Any] = call.get("function") or {}
    return tool_call_chunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        index=call.get("index"),
    )


def _additional(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message, or a delta of one, has besides text and tool calls."""
    found = {key: message[key] for key in ("refusal", "audio", "annotations") if message.get(key)}
    if reasoning := message.get("reasoning_content") or message.get("reasoning"):
        found["reasoning_content"] = reasoning
    return found


def _outcome(choice: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if reason := choice.get("finish_reason"):
        found["finish_reason"] = reason
    if logprobs := choice.get("logprobs"):
        found["logprobs"] = logprobs
    return found


def _request_id(headers: Mapping[str, str]) -> dict[str, str]:
    name = headers.get("x-request-id")
    return {"request_id": name} if name else {}


def _usage(usage: Mapping[str, Any] | None) -> UsageMetadata | None:
    if not usage:
        return None
    read, written = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=int(usage.get("total_tokens") or read + written),
    )
    if inputs := details(usage.get("prompt_tokens_details"), _READ):
        found["input_token_details"] = cast("Any", inputs)
    if outputs := details(usage.get("completion_tokens_details"), _WRITTEN):
        found["output_token_details"] = cast("Any", outputs)
    return found


_READ: Final = {"cached_tokens": "cache_read", "audio_tokens": "audio"}
_WRITTEN: Final = {"reasoning_tokens": "reasoning", "audio_tokens": "audio"}


def details(counts: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, int]:
    """Return the counts of kinds of tokens; `names` has our names by the service's."""
    if not counts:
        return {}
    return {ours: int(counts[theirs]) for theirs, ours in names.items() if counts.get(theirs)}
