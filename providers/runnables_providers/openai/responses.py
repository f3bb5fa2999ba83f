"""OpenAI's Responses: requests, answers and events, as plain data.

The form is that of https://platform.openai.com/docs/api-reference/responses. An answer is a list
of items: messages, thoughts, calls of tools. A whole answer is read as the pieces that a stream
of it would have been, so that both give the same message.

Responses know no stop sequences: the text is cut here, while the service writes on.
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

OPTIONS: Final = frozenset(
    "background conversation include instructions max_tool_calls metadata parallel_tool_calls "
    "previous_response_id prompt prompt_cache_key prompt_cache_retention reasoning "
    "reasoning_effort safety_identifier service_tier store text top_logprobs truncation user "
    "verbosity".split()
)
"""What a call may say beyond what any model is asked for, in OpenAI's words."""

_UNKNOWN: Final = ("seed",)
"""What other models may be asked for, and this interface has no word for."""

_FACTS: Final = ("id", "created_at", "service_tier", "status", "incomplete_details")

_REASONS: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""Why an answer is incomplete, in the words of chat completions."""


class Response(ApiCall):
    """One response.

    Args:
        messages: the conversation.
        options: the options of the call.
        provider: what the answers say that they came from.
        whole: whether former answers go back as whole items; see `input_items`.

    Raises:
        ConfigError: an option that Responses do not have.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        options: Mapping[str, Any],
        *,
        provider: str,
        whole: bool = False,
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
        self.whole = whole
        self._places: dict[str, int] = {}
        self._thoughts: set[int] = set()
        self._calls = False
        self._cutter = StopSequenceFilter(options.get("stop", ()))
        self._end: Mapping[str, Any] | None = None

    # -- the request

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """The request, in the form of Responses, which know no stop sequences."""
        options = dict(self.options)
        options.pop("stop", None)
        request: dict[str, Any] = {"input": input_items(self.messages, whole=self.whole)}
        if "max_tokens" in options:
            options["max_output_tokens"] = options.pop("max_tokens")
        if effort := options.pop("reasoning_effort", None):
            options["reasoning"] = {"effort": effort, **options.get("reasoning", {})}
        text = dict(options.pop("text", {}))
        if form := options.pop("response_format", None):
            text["format"] = _text_format(form)
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
        """The message that all items make."""
        pieces = [
            piece
            for place, item in enumerate(cast("Sequence[Mapping[str, Any]]", body["output"]))
            for piece in self._whole(place, item)
        ]
        self._end = body
        return join_answer([*pieces, *(self.finish(headers) or ())])

    def fault(self, event: Mapping[str, Any]) -> ServiceError | None:
        """What went wrong, in an event of its own or as the outcome."""
        if event.get("type") == "error":
            return parse_error_body({"error": event.get("error") or event})
        if event.get("type") == "response.failed":
            return parse_error_body({"error": event["response"].get("error") or "no reason given"})
        return None

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """The chunks of an event; most events say again what others said."""
        read = _EVENTS.get(event["type"])
        return read(self, event) if read else ()

    def _text(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return (AIMessageChunk(self._cutter.feed(event["delta"])),)

    def _refusal(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return (AIMessageChunk("", additional_kwargs={"refusal": event["delta"]}),)

    def _summary(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return self._next_thought(self._place(event))

    def _reasoning(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return (_thought(self._place(event), event["delta"]),)

    def _arguments(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return (_call(self._place(event), args=event["delta"]),)

    def _added(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return self._begun(self._place(event), event["item"])

    def _item(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        return self._done(self._place(event), event["item"])

    def _ended(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        self._end = event["response"]
        return ()

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """The end, with the usage."""
        if self._end is None:
            return None
        told = self._end
        facts = {key: told[key] for key in _FACTS if told.get(key) is not None}
        facts |= {"model_name": told.get("model"), "model_provider": self.provider}
        facts["finish_reason"] = self._reason(told)
        if name := headers.get("x-request-id"):
            facts["request_id"] = name
        chunk = AIMessageChunk(
            self._cutter.finish(),
            id=told.get("id"),
            usage_metadata=_usage(told.get("usage")),
            response_metadata=facts,
            chunk_position="last",
        )
        return [chunk]

    def _reason(self, told: Mapping[str, Any]) -> str:
        details: Mapping[str, Any] = told.get("incomplete_details") or {}
        if why := details.get("reason"):
            return _REASONS.get(why, str(why))
        return "tool_calls" if self._calls else "stop"

    # -- items

    def _place(self, event: Mapping[str, Any]) -> int:
        """Which item it is about. Some servers name it only by its id."""
        if isinstance(place := event.get("output_index"), int):
            return place
        item: Mapping[str, Any] = event.get("item") or {}
        name = str(event.get("item_id") or item.get("id") or item.get("call_id"))
        return self._places.setdefault(name, len(self._places))

    def _begun(self, place: int, item: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        if item.get("type") != "function_call":
            return ()
        self._calls = True
        name = item.get("call_id") or item.get("id")
        return (_call(place, name=item.get("name"), id=name, args=item.get("arguments") or ""),)

    def _next_thought(self, place: int) -> Sequence[AIMessageChunk]:
        """The parts of a summary are told apart by an empty line."""
        is_next = place in self._thoughts
        self._thoughts.add(place)
        return (_thought(place, "\n\n"),) if is_next else ()

    def _done(self, place: int, item: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """What only the finished item tells."""
        kind = item.get("type")
        if kind == "message":
            parts: Sequence[Mapping[str, Any]] = item.get("content") or ()
            notes = [note for part in parts for note in part.get("annotations") or ()]
            return (AIMessageChunk("", additional_kwargs={"annotations": notes}),) if notes else ()
        if kind == "reasoning":
            sealed = item.get("encrypted_content")
            block = {"type": "reasoning", "id": item.get("id"), "index": place}
            return (
                AIMessageChunk(
                    [block | ({"extras": {"encrypted_content": sealed}} if sealed else {})]
                ),
            )
        if kind == "function_call":
            return ()
        return (AIMessageChunk([{"type": "non_standard", "value": dict(item), "index": place}]),)

    def _whole(self, place: int, item: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """A finished item, as the pieces that it would have come in."""
        pieces = list(self._begun(place, item))
        parts: Sequence[Mapping[str, Any]] = item.get("content") or ()
        for part in item.get("summary") or ():
            pieces += [*self._next_thought(place), _thought(place, part["text"])]
        for part in parts:
            match part:
                case {"type": "output_text", "text": str(text)}:
                    pieces.append(AIMessageChunk(self._cutter.feed(text)))
                case {"type": "refusal", "refusal": str(text)}:
                    pieces.append(AIMessageChunk("", additional_kwargs={"refusal": text}))
                case {"type": "reasoning_text", "text": str(text)}:
                    pieces.append(_thought(place, text))
                case _:
                    pass
        return [*pieces, *self._done(place, item)]


_EVENTS: Final[Mapping[str, Callable[[Response, Mapping[str, Any]], Sequence[AIMessageChunk]]]] = {
    "response.output_text.delta": Response._text,
    "response.refusal.delta": Response._refusal,
    "response.reasoning_summary_part.added": Response._summary,
    "response.reasoning_summary_text.delta": Response._reasoning,
    "response.reasoning_text.delta": Response._reasoning,
    "response.output_item.added": Response._added,
    "response.function_call_arguments.delta": Response._arguments,
    "response.output_item.done": Response._item,
    "response.completed": Response._ended,
    "response.incomplete": Response._ended,
}


def _thought(place: int, text: str) -> AIMessageChunk:
    return AIMessageChunk([{"type": "reasoning", "reasoning": text, "index": place}])


def _call(place: int, **piece: Any) -> AIMessageChunk:
    given = {"name": None, "id": None, "args": None, **piece}
    return AIMessageChunk("", tool_call_chunks=[tool_call_chunk(**given, index=place)])


# -- options in the words of Responses


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A function without the wrapping that chat completions have; another tool as it is."""
    function: Mapping[str, Any] | None = tool.get("function")
    return dict(tool) if function is None else {"type": "function", **function}


def _choice(choice: Any) -> Any:
    if isinstance(choice, Mapping):
        named = cast("Mapping[str, Any]", choice)
        function: Mapping[str, Any] | None = named.get("function")
        return dict(named) if function is None else {"type": "function", "name": function["name"]}
    return choice


def _text_format(form: Mapping[str, Any]) -> dict[str, Any]:
    schema: Mapping[str, Any] | None = form.get("json_schema")
    return dict(form) if schema is None else {"type": "json_schema", **schema}


def _usage(usage: Any) -> UsageMetadata | None:
    if not usage:
        return None
    told = cast("Mapping[str, Any]", usage)
    read, written = int(told.get("input_tokens") or 0), int(told.get("output_tokens") or 0)
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=int(told.get("total_tokens") or read + written),
    )
    names = {"cached_tokens": "cache_read", "cache_write_tokens": "cache_creation"}
    if into := details(told.get("input_tokens_details"), names):
        found["input_token_details"] = cast("Any", into)
    if out := details(told.get("output_tokens_details"), {"reasoning_tokens": "reasoning"}):
        found["output_token_details"] = cast("Any", out)
    return found
