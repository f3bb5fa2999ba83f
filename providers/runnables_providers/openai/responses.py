"""OpenAI's Responses: requests, answers and events, as plain data.

https://platform.openai.com/docs/api-reference/responses describes them. An answer is a list of
items: messages, reasoning, tool calls. A non-streamed answer is read as the chunks that its stream
would have had, so that both make the same message.

Responses have no stop sequences: the text is truncated here, while the service writes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from runnables.errors import ConfigError
from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    UsageMetadata,
    tool_call_chunk,
)
from runnables.models.calls import join_answer
from runnables.models.stop_sequences import StopSequenceFilter
from runnables_providers._remote.chat import ApiCall
from runnables_providers._remote.error_bodies import ServiceError, parse_error_body
from runnables_providers.openai.completions import details
from runnables_providers.openai.response_items import input_items
from runnables_providers.openai.settings import ResponseOptions, SharedOptions

OPTIONS: Final = SharedOptions.__optional_keys__ | ResponseOptions.__optional_keys__
"""The names of the options that a call may have beyond those of every chat model."""

_UNKNOWN: Final = ("seed",)
"""Options of other models that this interface does not have."""

_FACTS: Final = ("id", "created_at", "service_tier", "status", "incomplete_details")

_REASONS: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""Reasons for an incomplete answer, by the names that chat completions have for them."""


class Response(ApiCall):
    """One response.

    Args:
        messages: the conversation.
        options: the options of the call.
        provider: the provider that answers name in their metadata.
        full_items: whether earlier answers are sent back as full items; see `input_items`.

    Raises:
        ConfigError: Responses do not have an option.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        options: Mapping[str, Any],
        *,
        provider: str,
        full_items: bool = False,
    ) -> None:
        for name in _UNKNOWN:
            if name in options:
                raise ConfigError(
                    f"OpenAI's Responses have no {name!r}. Leave it out, or use chat completions "
                    "(use_responses_api=False)."
                )
        self.messages = messages
        self.options = options
        self.provider = provider
        self.full_items = full_items
        self._places: dict[str, int] = {}
        self._summarized: set[int] = set()
        self._has_calls = False
        self._filter = StopSequenceFilter(options.get("stop", ()))
        self._end: Mapping[str, Any] | None = None

    # -- the request

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request; it has no stop sequences, which Responses do not know."""
        options = dict(self.options)
        options.pop("stop", None)
        request: dict[str, Any] = {"input": input_items(self.messages, full_items=self.full_items)}
        if "max_tokens" in options:
            options["max_output_tokens"] = options.pop("max_tokens")
        if effort := options.pop("reasoning_effort", None):
            options["reasoning"] = {"effort": effort, **options.get("reasoning", {})}
        text = dict(options.pop("text", {}))
        if response_format := options.pop("response_format", None):
            text["format"] = _text_format(response_format)
        if verbosity := options.pop("verbosity", None):
            text["verbosity"] = verbosity
        tools = [_tool(tool) for tool in options.pop("tools", [])]
        choice = options.pop("tool_choice", None)
        request |= options
        request |= {"text": text} if text else {}
        request |= {"tools": tools} if tools else {}
        request |= {"tool_choice": _choice(choice)} if tools and choice is not None else {}
        return {**request, "stream": True} if streamed else request

    # -- the answer

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the message that all items make."""
        chunks = [
            chunk
            for place, item in enumerate(cast("Sequence[Mapping[str, Any]]", body["output"]))
            for chunk in self._chunks_of(place, item)
        ]
        self._end = body
        return join_answer([*chunks, *(self.finish(headers) or ())])

    def stream_error(self, event: Mapping[str, Any]) -> ServiceError | None:
        """Return the error of an event, which is one, or ends a failed answer."""
        if event.get("type") == "error":
            return parse_error_body({"error": event.get("error") or event})
        if event.get("type") == "response.failed":
            return parse_error_body({"error": event["response"].get("error") or "no reason given"})
        return None

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunks of an event; most events repeat what others had."""
        read = _EVENTS.get(event["type"])
        return read(self, event) if read else ()

    def _text(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return (AIMessageChunk(self._filter.feed(event["delta"])),)

    def _refusal(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return (AIMessageChunk("", additional_kwargs={"refusal": event["delta"]}),)

    def _summary(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return self._next_part(self._place(event))

    def _reasoning(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return (_reasoning_chunk(self._place(event), event["delta"]),)

    def _arguments(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return (_call_chunk(self._place(event), args=event["delta"]),)

    def _added(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return self._start_item(self._place(event), event["item"])

    def _done(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return self._end_item(self._place(event), event["item"])

    def _ended(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        self._end = event["response"]
        return ()

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunk, with the usage; None where the stream ended early."""
        if self._end is None:
            return None
        body = self._end
        metadata = {key: body[key] for key in _FACTS if body.get(key) is not None}
        metadata |= {"model_name": body.get("model"), "model_provider": self.provider}
        metadata["finish_reason"] = self._finish_reason(body)
        if request_id := headers.get("x-request-id"):
            metadata["request_id"] = request_id
        chunk = AIMessageChunk(
            self._filter.finish(),
            id=body.get("id"),
            usage_metadata=_usage(body.get("usage")),
            response_metadata=metadata,
            chunk_position="last",
        )
        return [chunk]

    def _finish_reason(self, body: Mapping[str, Any]) -> str:
        details: Mapping[str, Any] = body.get("incomplete_details") or {}
        if reason := details.get("reason"):
            return _REASONS.get(reason, str(reason))
        return "tool_calls" if self._has_calls else "stop"

    # -- items

    def _place(self, event: Mapping[str, Any]) -> int:
        """Return the index of the item of an event. Some servers name it only by its id."""
        if isinstance(place := event.get("output_index"), int):
            return place
        item: Mapping[str, Any] = event.get("item") or {}
        name = str(event.get("item_id") or item.get("id") or item.get("call_id"))
        return self._places.setdefault(name, len(self._places))

    def _start_item(self, place: int, item: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        if item.get("type") != "function_call":
            return ()
        self._has_calls = True
        call_id = item.get("call_id") or item.get("id")
        args = item.get("arguments") or ""
        return (_call_chunk(place, name=item.get("name"), id=call_id, args=args),)

    def _next_part(self, place: int) -> Sequence[AIMessageChunk]:
        """Separate the parts of a summary by an empty line."""
        is_next = place in self._summarized
        self._summarized.add(place)
        return (_reasoning_chunk(place, "\n\n"),) if is_next else ()

    def _end_item(self, place: int, item: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return what only the finished item has."""
        kind = item.get("type")
        if kind == "message":
            parts: Sequence[Mapping[str, Any]] = item.get("content") or ()
            notes = [note for part in parts for note in part.get("annotations") or ()]
            return (AIMessageChunk("", additional_kwargs={"annotations": notes}),) if notes else ()
        if kind == "reasoning":
            block = {"type": "reasoning", "id": item.get("id"), "index": place}
            if encrypted := item.get("encrypted_content"):
                block["extras"] = {"encrypted_content": encrypted}
            return (AIMessageChunk([block]),)
        if kind == "function_call":
            return ()
        return (AIMessageChunk([{"type": "non_standard", "value": dict(item), "index": place}]),)

    def _chunks_of(self, place: int, item: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunks that a stream of a finished item would have had."""
        chunks = list(self._start_item(place, item))
        parts: Sequence[Mapping[str, Any]] = item.get("content") or ()
        for part in item.get("summary") or ():
            chunks += [*self._next_part(place), _reasoning_chunk(place, part["text"])]
        for part in parts:
            match part:
                case {"type": "output_text", "text": str(text)}:
                    chunks.append(AIMessageChunk(self._filter.feed(text)))
                case {"type": "refusal", "refusal": str(text)}:
                    chunks.append(AIMessageChunk("", additional_kwargs={"refusal": text}))
                case {"type": "reasoning_text", "text": str(text)}:
                    chunks.append(_reasoning_chunk(place, text))
                case _:
                    pass
        return [*chunks, *self._end_item(place, item)]


_EVENTS: Final[Mapping[str, Callable[[Response, Mapping[str, Any]], Sequence[AIMessageChunk]]]] = {
    "response.output_text.delta": Response._text,
    "response.refusal.delta": Response._refusal,
    "response.reasoning_summary_part.added": Response._summary,
    "response.reasoning_summary_text.delta": Response._reasoning,
    "response.reasoning_text.delta": Response._reasoning,
    "response.output_item.added": Response._added,
    "response.function_call_arguments.delta": Response._arguments,
    "response.output_item.done": Response._done,
    "response.completed": Response._ended,
    "response.incomplete": Response._ended,
}


def _reasoning_chunk(place: int, text: str) -> AIMessageChunk:
    return AIMessageChunk([{"type": "reasoning", "reasoning": text, "index": place}])


def _call_chunk(place: int, **fields: Any) -> AIMessageChunk:
    fields = {"name": None, "id": None, "args": None, **fields}
    return AIMessageChunk("", tool_call_chunks=[tool_call_chunk(**fields, index=place)])


# -- options as Responses take them


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function without the wrapper of chat completions; another tool unchanged."""
    function: Mapping[str, Any] | None = tool.get("function")
    return dict(tool) if function is None else {"type": "function", **function}


def _choice(choice: Any) -> Any:
    if isinstance(choice, Mapping):
        named = cast("Mapping[str, Any]", choice)
        function: Mapping[str, Any] | None = named.get("function")
        return dict(named) if function is None else {"type": "function", "name": function["name"]}
    return choice


def _text_format(response_format: Mapping[str, Any]) -> dict[str, Any]:
    schema: Mapping[str, Any] | None = response_format.get("json_schema")
    return dict(response_format) if schema is None else {"type": "json_schema", **schema}


def _usage(usage: Mapping[str, Any] | None) -> UsageMetadata | None:
    if not usage:
        return None
    read, written = int(usage.get("input_tokens") or 0), int(usage.get("output_tokens") or 0)
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=int(usage.get("total_tokens") or read + written),
    )
    names = {"cached_tokens": "cache_read", "cache_write_tokens": "cache_creation"}
    if inputs := details(usage.get("input_tokens_details"), names):
        found["input_token_details"] = cast("Any", inputs)
    if outputs := details(usage.get("output_tokens_details"), {"reasoning_tokens": "reasoning"}):
        found["output_token_details"] = cast("Any", outputs)
    return found
