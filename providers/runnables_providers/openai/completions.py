"""OpenAI's chat completions: requests, answers and events, as plain data.

https://platform.openai.com/docs/api-reference/chat describes them. Many services copy the
interface, and add to it: `reasoning_content` (DeepSeek, vLLM, llama.cpp), `reasoning` (OpenRouter,
Groq), lists as content (Mistral), signatures (Gemini). What is not known here is kept: fields of a
message in its `additional_kwargs`, those of a call in its `extras`, all others in the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from runnables.messages import AIMessage, AIMessageChunk, BaseMessage, text_chunk, text_message
from runnables.messages.merging import join_contents
from runnables.messages.tool_calls import parse_tool_calls
from runnables_providers._remote.chat import ApiCall
from runnables_providers._remote.json_values import object_of
from runnables_providers._remote.origins import ENDPOINT_KEY, rest_of
from runnables_providers.openai.completion_errors import completion_error, withheld_answer
from runnables_providers.openai.completion_messages import completion_messages
from runnables_providers.openai.completion_parts import (
    ContentReader,
    OtherChoices,
    StreamedCalls,
    StreamedFields,
    call_chunks,
    more_fields,
    other_choices,
)
from runnables_providers.openai.settings import CompletionOptions, SharedOptions
from runnables_providers.openai.usage import other_usage, read_usage

if TYPE_CHECKING:
    from runnables.messages.ai import AIFields
    from runnables.messages.blocks import Content
    from runnables_providers._remote.error_bodies import ServiceError

OPTIONS: Final = SharedOptions.__optional_keys__ | CompletionOptions.__optional_keys__
"""The names of the options that a call may have beyond those of every chat model."""


class Completion(ApiCall):
    """One chat completion.

    Args:
        messages: the conversation.
        options: the options of the call.
        provider: the provider that answers name in their metadata.
        limit: the service's name of `max_tokens`.
        usage: whether to ask for the usage of a stream.
        endpoint: the endpoint that answers name in their metadata.
        official: whether the service is OpenAI's own, which refuses what it does not know.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        options: Mapping[str, Any],
        *,
        provider: str,
        limit: str,
        usage: bool,
        endpoint: str = "",
        official: bool = False,
    ) -> None:
        self.messages = messages
        self.options = options
        self.provider = provider
        self.limit = limit
        self.usage = usage
        self.endpoint = endpoint
        self.official = official
        self._reason: str | None = None
        self._has_begun = False
        self._says_something = False
        self._usage: Mapping[str, Any] | None = None
        self._head: dict[str, Any] = {}
        self._is_noted = False
        self._choice: dict[str, Any] = {}

    @cached_property
    def _content(self) -> ContentReader:
        return ContentReader()

    @cached_property
    def _calls(self) -> StreamedCalls:
        return StreamedCalls(self.messages)

    @cached_property
    def _others(self) -> OtherChoices:
        return OtherChoices()

    @cached_property
    def _fields(self) -> StreamedFields:
        return StreamedFields()

    # -- the request

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request."""
        options = dict(self.options)
        if "max_tokens" in options:
            options[self.limit] = options.pop("max_tokens")
        if not options.get("tools"):
            for name in _TOOL_OPTIONS:  # an empty list is refused, and so is a choice without any
                options.pop(name, None)
        messages = completion_messages(
            self.messages,
            provider=self.provider,
            endpoint=self.endpoint,
            official=self.official,
        )
        request = {"messages": messages, **options}
        return {**request, **self._streaming()} if streamed else request

    def _streaming(self) -> dict[str, Any]:
        """Return the fields of a request that is streamed."""
        return {"stream": True, **({"stream_options": _WITH_USAGE} if self.usage else {})}

    # -- the answer

    def answer_error(self, body: Mapping[str, Any]) -> ServiceError | None:
        """Return the error in the body of a successful response; None if there is none."""
        return completion_error(body)

    def stream_error(self, event: Mapping[str, Any]) -> ServiceError | None:
        """Return the error that an event reports; None if it reports none."""
        return completion_error(event)

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the message of the first choice."""
        choice: Mapping[str, Any] = body["choices"][0]
        message: Mapping[str, Any] = choice["message"]
        usage = body.get("usage")
        metadata = {**self._metadata(body, headers), **_outcome(choice), **_more_of(choice)}
        metadata |= other_choices(body["choices"][1:])
        fields: AIFields = {
            "id": body.get("id"),
            "usage_metadata": read_usage(usage),
            "response_metadata": {**metadata, **other_usage(usage)},
        }
        if written_calls := message.get("tool_calls"):
            chunks = call_chunks(written_calls, self.messages)
            calls, invalid = parse_tool_calls(chunks, last=True)
            fields["tool_calls"], fields["invalid_tool_calls"] = calls, invalid
        more = more_fields(message)
        content: Content = message.get("content") or ""
        if not isinstance(content, str):
            content = join_contents([self._content.read(content)])
        if not (content or written_calls) and (withheld := withheld_answer(choice)):
            more.setdefault("refusal", withheld)
        if more:
            fields["additional_kwargs"] = more
        # Calls and lists hold values that the service may write with a wrong type.
        if written_calls or not isinstance(content, str):
            return AIMessage(content, **fields)
        return text_message(content, **fields)

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunks of an event.

        Of several choices (`n`), the first is the answer, as in a non-streamed one; the others go
        into the metadata. The usage comes with the last chunk: some services repeat the count so
        far in every event.
        """
        choices: Sequence[Mapping[str, Any]] = event.get("choices") or ()
        if event.get("usage") or not self._is_noted or not _REPEATED.issuperset(event):
            self._note(event)
        if len(choices) == 1:
            choice = choices[0]
            if (text := _text_alone(choice)) is not None:
                self._says_something = True
                return (text_chunk(text, event.get("id")),)
            if not choice.get("index"):
                return self._chunks(event, choice)
        chunks: list[AIMessageChunk] = []
        for choice in choices:
            if choice.get("index"):
                self._others.add(choice)
            else:
                chunks.extend(self._chunks(event, choice))
        return chunks

    def _note(self, event: Mapping[str, Any]) -> None:
        """Keep what an event says beside its choices."""
        of_groq = object_of(event.get("x_groq"))
        self._usage = event.get("usage") or of_groq.get("usage") or self._usage
        self._head |= {key: value for key, value in event.items() if value not in (None, "")}
        self._is_noted = "id" in self._head

    def _chunks(
        self, event: Mapping[str, Any], choice: Mapping[str, Any]
    ) -> Sequence[AIMessageChunk]:
        delta: Mapping[str, Any] = choice.get("delta") or {}
        self._has_begun = True
        if not _PLAIN_CHOICE.issuperset(choice):
            more_of_choice = _more_of(choice)
            self._choice |= {
                key: more_of_choice[key]
                for key in more_of_choice
                if more_of_choice[key] not in ({}, [])
            }
        fields: dict[str, Any] = {}
        if not _PLAIN.issuperset(delta) and (more := self._fields.read(delta)):
            fields["additional_kwargs"] = more
        if outcome := _outcome(choice):
            fields["response_metadata"] = outcome
            self._reason = outcome.get("finish_reason") or self._reason
        content: Content = delta.get("content") or ""
        if not isinstance(content, str):
            content = self._content.read(content, streamed=True)
        self._says_something = self._says_something or bool(content or delta.get("tool_calls"))
        if not fields:
            chunk = text_chunk(content, event.get("id")) if isinstance(content, str) else None
            chunk = chunk or AIMessageChunk(content, id=event.get("id"))
        else:
            chunk = AIMessageChunk(content, id=event.get("id"), **fields)
        if not (calls := delta.get("tool_calls")):
            return (chunk,)
        parts = [AIMessageChunk("", tool_call_chunks=[part]) for part in self._calls.read(calls)]
        return [chunk, *parts] if content or fields else parts

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunk; None where no event had a reason for the end, nor "[DONE]"."""
        if self._reason is None and not (self.done and (self._has_begun or self._says_something)):
            return None
        metadata = {**self._metadata(self._head, headers), **self._choice}
        metadata |= other_choices(self._others.finish())
        more = self._fields.finish()
        if not self._says_something:
            outcome = {**self._choice, "finish_reason": self._reason}
            if withheld := withheld_answer(outcome):
                more["refusal"] = withheld
        calls = [AIMessageChunk("", tool_call_chunks=[part]) for part in self._calls.finish()]
        last = AIMessageChunk(
            "",
            id=self._head.get("id"),
            usage_metadata=read_usage(self._usage),
            response_metadata={**metadata, **other_usage(self._usage)},
            additional_kwargs=more,
            chunk_position="last",
        )
        return [*calls, last]

    def _metadata(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        metadata = {
            "model_name": body.get("model") or self.options.get("model"),
            "model_provider": self.provider,
            ENDPOINT_KEY: self.endpoint,
            **rest_of(body, _READ),
        }
        if request_id := headers.get("x-request-id"):
            metadata["request_id"] = request_id
        return metadata


_WITH_USAGE: Final = {"include_usage": True}
_TOOL_OPTIONS: Final = ("tools", "tool_choice", "parallel_tool_calls")
_TEXT: Final = frozenset({"role", "content"})
_PLAIN: Final = frozenset({"role", "content", "tool_calls"})
"""The keys of a delta that has no more than text and tool calls."""
_PLAIN_CHOICE: Final = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "text"})
"""The keys of a choice that are read."""
_READ: Final = frozenset({"model", "object", "choices", "usage", "obfuscation"})
"""The keys of an answer that are read, or that say nothing."""
_REPEATED: Final = _READ | {"id", "created", "system_fingerprint", "service_tier", "provider"}
"""The keys of an event that are the same in all events of an answer."""


def _text_alone(choice: Mapping[str, Any]) -> str | None:
    """Return the text of a choice that has nothing else, as most have in a stream."""
    if (
        choice.get("index")
        or choice.get("finish_reason")
        or choice.get("logprobs")
        or not _PLAIN_CHOICE.issuperset(choice)
        or not (delta := choice.get("delta"))
        or not _TEXT.issuperset(delta)
    ):
        return None
    text = delta.get("content")
    return text if type(text) is str and text else None


def _outcome(choice: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if reason := choice.get("finish_reason"):
        found["finish_reason"] = reason
    if logprobs := choice.get("logprobs"):
        found["logprobs"] = logprobs
    return found


def _more_of(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {} if _PLAIN_CHOICE.issuperset(choice) else rest_of(choice, _PLAIN_CHOICE)
