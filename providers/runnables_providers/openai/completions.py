"""OpenAI's chat completions: requests, answers and events, as plain data.

The form is that of https://platform.openai.com/docs/api-reference/chat, with what compatible
servers add to it: `reasoning_content` (DeepSeek, vLLM, llama.cpp) or `reasoning` (OpenRouter).
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

if TYPE_CHECKING:
    from runnables.messages.ai import AIFields

OPTIONS: Final = frozenset(
    "frequency_penalty presence_penalty logit_bias logprobs top_logprobs parallel_tool_calls "
    "reasoning_effort verbosity service_tier store metadata modalities audio prediction "
    "web_search_options user safety_identifier prompt_cache_key prompt_cache_retention n".split()
)
"""What a call may say beyond what any model is asked for, in OpenAI's words."""

_FACTS: Final = ("id", "created", "service_tier", "system_fingerprint")
"""What an answer tells of itself that is passed on as it stands."""


class Completion(ApiCall):
    """One chat completion.

    Args:
        messages: the conversation.
        options: the options of the call.
        provider: what the answers say that they came from.
        limit: what the service calls `max_tokens`.
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
        """The request, in the form of chat completions."""
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
        """The message of the first choice."""
        choice: Mapping[str, Any] = body["choices"][0]
        said: Mapping[str, Any] = choice["message"]
        fields: AIFields = {
            "id": body.get("id"),
            "usage_metadata": _usage(body.get("usage")),
            "response_metadata": {**self._facts(body, headers), **_outcome(choice)},
        }
        if asked := said.get("tool_calls"):
            calls, invalid = parse_tool_calls([_piece(call) for call in asked], last=True)
            fields["tool_calls"], fields["invalid_tool_calls"] = calls, invalid
        if beside := _beside(said):
            fields["additional_kwargs"] = beside
        # of all fields, calls alone have values in them that the service may write of another type
        make = AIMessage if asked else text_message
        return make(said.get("content") or "", **fields)

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """The chunks of an event; the one with the usage has no choice.

        Of several choices (`n`), the first is the answer, as it is of a whole one.
        """
        chunks: list[AIMessageChunk] = []
        for choice in event.get("choices") or ():
            if not choice.get("index"):
                chunks.append(self._chunk(event, choice))  # noqa: PERF401  (slower for one)
        if (usage := _usage(event.get("usage"))) is not None:
            facts = self._facts(event, {})
            chunks.append(
                AIMessageChunk(
                    "", id=event.get("id"), usage_metadata=usage, response_metadata=facts
                )
            )
        return chunks

    def _chunk(self, event: Mapping[str, Any], choice: Mapping[str, Any]) -> AIMessageChunk:
        delta: Mapping[str, Any] = choice.get("delta") or {}
        fields: dict[str, Any] = {}
        if calls := delta.get("tool_calls"):
            fields["tool_call_chunks"] = [_piece(call) for call in calls]
        if not _PLAIN.issuperset(delta) and (beside := _beside(delta)):
            fields["additional_kwargs"] = beside
        if outcome := _outcome(choice):
            fields["response_metadata"] = outcome
            self._finished = self._finished or "finish_reason" in outcome
        text = delta.get("content") or ""
        if not fields:
            return text_chunk(text, event.get("id"))
        return AIMessageChunk(text, id=event.get("id"), **fields)

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """The end, which there is only after a reason for it."""
        if not self._finished:
            return None
        facts = {"model_provider": self.provider, **_named(headers)}
        return [AIMessageChunk("", response_metadata=facts, chunk_position="last")]

    def _facts(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        told = {key: body[key] for key in _FACTS if body.get(key) is not None}
        name = body.get("model") or self.options.get("model")
        return {"model_name": name, "model_provider": self.provider, **told, **_named(headers)}


def openai_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Messages in the form of chat completions, without what only other services understand.

    Raises:
        ConfigError: a medium that chat completions have no form for.
    """
    return openai_dicts([_sendable(message) for message in messages])


def _sendable(message: BaseMessage) -> BaseMessage:
    """A message without its reasoning, which chat completions have no place for."""
    if isinstance(message.content, str):
        return message
    check_media(message.content)
    if not isinstance(message, AIMessage):
        return message
    kept = [it for it in message.content if isinstance(it, str) or it.get("type") not in _THOUGHTS]
    return message.model_copy(update={"content": kept or ""})


_PLAIN: Final = frozenset({"role", "content", "tool_calls"})
"""The keys of a delta that say nothing beside the text."""
_THOUGHTS: Final = {"reasoning", "thinking", "redacted_thinking"}


def _piece(call: Mapping[str, Any]) -> ToolCallChunk:
    function: Mapping[str, Any] = call.get("function") or {}
    return tool_call_chunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        index=call.get("index"),
    )


def _beside(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said beside the text."""
    found = {key: said[key] for key in ("refusal", "audio", "annotations") if said.get(key)}
    if thought := said.get("reasoning_content") or said.get("reasoning"):
        found["reasoning_content"] = thought
    return found


def _outcome(choice: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if reason := choice.get("finish_reason"):
        found["finish_reason"] = reason
    if logprobs := choice.get("logprobs"):
        found["logprobs"] = logprobs
    return found


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    name = headers.get("x-request-id")
    return {"request_id": name} if name else {}


def _usage(usage: Any) -> UsageMetadata | None:
    if not usage:
        return None
    told = cast("Mapping[str, Any]", usage)
    read, written = int(told.get("prompt_tokens") or 0), int(told.get("completion_tokens") or 0)
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=int(told.get("total_tokens") or read + written),
    )
    if into := details(told.get("prompt_tokens_details"), _READ):
        found["input_token_details"] = cast("Any", into)
    if out := details(told.get("completion_tokens_details"), _WRITTEN):
        found["output_token_details"] = cast("Any", out)
    return found


_READ: Final = {"cached_tokens": "cache_read", "audio_tokens": "audio"}
_WRITTEN: Final = {"reasoning_tokens": "reasoning", "audio_tokens": "audio"}


def details(told: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, int]:
    """The kinds of tokens that are told of, by our names for them."""
    if not told:
        return {}
    return {ours: int(told[theirs]) for theirs, ours in names.items() if told.get(theirs)}
