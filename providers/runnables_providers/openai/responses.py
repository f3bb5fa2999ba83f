"""OpenAI's Responses: requests, answers and events, as plain data.

https://platform.openai.com/docs/api-reference/responses describes them. An answer is a list of
items: messages, reasoning, tool calls. A non-streamed answer is read as the chunks that its stream
would have had, so that both make the same message.

Responses have no stop sequences: the text is truncated here, while the service writes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

from runnables.errors import ConfigError
from runnables.messages import AIMessage, AIMessageChunk, BaseMessage
from runnables.models.calls import join_answer
from runnables.models.stop_sequences import StopSequenceFilter
from runnables_providers._remote.chat import ApiCall
from runnables_providers._remote.error_bodies import (
    ServiceError,
    error_in,
    parse_error_body,
    unnamed_error,
)
from runnables_providers._remote.origins import ENDPOINT_KEY, rest_of
from runnables_providers._remote.tool_calls import invented_id
from runnables_providers.openai.background import PENDING
from runnables_providers.openai.completion_errors import WITHHELD
from runnables_providers.openai.response_items import input_items
from runnables_providers.openai.response_parts import ItemReader
from runnables_providers.openai.settings import ResponseOptions, SharedOptions
from runnables_providers.openai.usage import other_usage, read_usage

OPTIONS: Final = SharedOptions.__optional_keys__ | ResponseOptions.__optional_keys__
"""The names of the options that a call may have beyond those of every chat model."""

_UNKNOWN: Final = ("seed",)
"""Options of other models that this interface does not have."""

_READ: Final = frozenset(
    "object output output_text model usage error billing "
    # what the request said
    "tools tool_choice text instructions input temperature top_p top_logprobs max_output_tokens "
    "max_tool_calls parallel_tool_calls reasoning truncation metadata user background prompt "
    "prompt_cache_key prompt_cache_retention safety_identifier presence_penalty "
    "frequency_penalty".split()
)
"""The keys of an answer that are read, or repeat the request. All others are metadata."""

ENCRYPTED: Final = "reasoning.encrypted_content"
"""What to include in an answer, so that its reasoning can be sent back though it is not stored."""

_REASONS: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""Reasons for an incomplete answer, by the names that chat completions have for them."""


class Response(ApiCall):
    """One response.

    Args:
        messages: the conversation.
        options: the options of the call.
        provider: the provider that answers name in their metadata.
        endpoint: the endpoint that answers name in their metadata.
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
        endpoint: str = "",
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
        self.endpoint = endpoint
        self.full_items = full_items
        self._places: dict[str, tuple[int, Any]] = {}
        """The index and the type of each item that the events had, by its id."""
        stop = StopSequenceFilter(options.get("stop", ()))
        self._items = ItemReader(stop, lambda place: invented_id(messages or "", place))
        self._end: Mapping[str, Any] | None = None

    # -- the request

    def body(self, *, streamed: bool) -> Mapping[str, Any]:
        """Return the request; it has no stop sequences, which Responses do not know."""
        options = dict(self.options)
        options.pop("stop", None)
        items = input_items(
            self.messages,
            provider=self.provider,
            endpoint=self.endpoint,
            full_items=self.full_items,
            stored=options.get("store") is not False,
        )
        request: dict[str, Any] = {"input": items}
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
        if not tools:
            for name in ("parallel_tool_calls", "max_tool_calls"):
                options.pop(name, None)
        if options.get("store") is False and _may_reason(options.get("model")):
            # the service keeps no reasoning then: it has to be sent back, encrypted
            options["include"] = list(dict.fromkeys([*options.get("include", ()), ENCRYPTED]))
        request |= options
        request |= {"text": text} if text else {}
        request |= {"tools": tools} if tools else {}
        request |= {"tool_choice": _choice(choice)} if tools and choice is not None else {}
        return {**request, "stream": True} if streamed else request

    # -- the answer

    def answer_error(self, body: Mapping[str, Any]) -> ServiceError | None:
        """Return the error of an answer that failed or was cancelled; None of any other."""
        if not isinstance(cast("object", body), Mapping):
            return error_in(body)
        status = body.get("status")
        if body.get("error") or "output" not in body:
            return error_in(body) or unnamed_error(body)
        if status in ("failed", "cancelled"):
            codes = ("409",) if status == "cancelled" else ()  # another try would begin it again
            return ServiceError(f"the answer has the status {status!r}", codes, body)
        return None

    def stream_error(self, event: Mapping[str, Any]) -> ServiceError | None:
        """Return the error of an event, which is one, or ends a failed answer."""
        kind = event.get("type")
        if kind == "response.cancelled":
            return self.answer_error({"output": (), "status": "cancelled"})
        if kind == "response.failed":
            return parse_error_body({"error": event["response"].get("error") or "no reason given"})
        if kind in _ENDS:
            return self.answer_error({"output": (), **event["response"]})
        return error_in(event)

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> AIMessage:
        """Return the message that all items make."""
        chunks = self._ended({"response": {"output": body["output"], **body}})
        return join_answer([*chunks, *(self.finish(headers) or ())])

    def feed(self, event: Mapping[str, Any]) -> Sequence[AIMessageChunk]:
        """Return the chunks of an event; most events repeat what others had."""
        read = _EVENTS.get(event["type"])
        return list(read(self, event)) if read else ()

    def _part(self, event: Mapping[str, Any], kind: str) -> Iterator[AIMessageChunk]:
        """Yield the chunks of a part of a string, or of the whole string that ends its parts."""
        place = self._place(event)
        number = event.get("summary_index" if kind == "summary" else "content_index") or 0
        if "delta" not in event:
            whole = event.get(_WHOLES.get(kind, "text"))
            yield from self._items.whole(place, kind, number, whole)
            return
        delta: str = event["delta"]
        match kind:
            case "text":
                yield from self._items.text(place, number, delta)
            case "refusal":
                yield from self._items.refusal(place, number, delta)
            case "arguments":
                yield from self._items.arguments(place, delta)
            case _:
                yield from self._items.reasoning(place, kind, number, delta)

    def _added(self, event: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        yield from self._items.start_call(self._place(event), event["item"])

    def _done(self, event: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        yield from self._items.complete(self._place(event), event["item"])

    def _ended(self, event: Mapping[str, Any]) -> Iterator[AIMessageChunk]:
        """Yield what only the whole answer has."""
        self._end = event["response"]
        output: Sequence[Mapping[str, Any]] = event["response"].get("output") or ()
        names = {_name_of(item, place) for place, item in enumerate(output)}
        renamed = {place: kind for name, (place, kind) in self._places.items() if name not in names}
        places: list[int] = []
        for place, item in enumerate(output):
            known = self._places.get(_name_of(item, place))
            if known is not None:
                number = known[0]
            elif renamed.get(place) == item.get("type"):
                number = place
            else:  # no event had it: it needs a number of its own
                taken = {number for number, _ in self._places.values()}
                number = max(taken) + 1 + place if place in taken else place
            places.append(number)
            yield from self._items.complete(number, item)
        yield from self._items.order(places)

    def finish(self, headers: Mapping[str, str]) -> Sequence[AIMessageChunk] | None:
        """Return the last chunk, with the usage; None where the stream ended early."""
        if self._end is None and not (self.done and self._items.has_begun):
            return None
        body = self._end or {}
        metadata = rest_of(body, _READ)
        metadata |= {
            "model_name": body.get("model") or self.options.get("model"),
            "model_provider": self.provider,
            ENDPOINT_KEY: self.endpoint,
            "finish_reason": self._finish_reason(body),
            **other_usage(body.get("usage")),
        }
        if request_id := headers.get("x-request-id"):
            metadata["request_id"] = request_id
        is_withheld = metadata["finish_reason"] == "content_filter" and not self._items.has_begun
        last = AIMessageChunk(
            [{"type": "refusal", "refusal": WITHHELD}] if is_withheld else "",
            id=body.get("id"),
            usage_metadata=read_usage(body.get("usage")),
            response_metadata=metadata,
            chunk_position="last",
        )
        return [*self._items.held_text(), last]

    def _finish_reason(self, body: Mapping[str, Any]) -> str:
        details: Mapping[str, Any] = body.get("incomplete_details") or {}
        if reason := details.get("reason"):
            return _REASONS.get(reason, str(reason))
        if (status := body.get("status")) in PENDING:
            return str(status)
        return "tool_calls" if self._items.has_calls else "stop"

    def _place(self, event: Mapping[str, Any]) -> int:
        """Return the index of the item of an event. Some servers name it only by its id."""
        item: Mapping[str, Any] = event.get("item") or {}
        known: Any = event.get("output_index")
        name = str(event.get("item_id") or _name_of(item, known))
        place, kind = self._places.get(name, (len(self._places), item.get("type")))
        self._places[name] = (known if isinstance(known, int) else place, kind)
        return self._places[name][0]


def _name_of(item: Mapping[str, Any], place: Any) -> str:
    """Return the id of an item; its place, where a server gives none."""
    return str(item.get("id") or item.get("call_id") or f"at {place}")


_ENDS: Final = ("response.completed", "response.incomplete")
_WHOLES: Final = {"arguments": "arguments", "refusal": "refusal"}
"""The keys of the whole strings that events of these kinds have; others have "text"."""

_EVENTS: Final[Mapping[str, Callable[[Response, Mapping[str, Any]], Iterator[AIMessageChunk]]]] = {
    **{
        f"response.{name}.{step}": partial(Response._part, kind=kind)
        for name, kind in {
            "output_text": "text",
            "refusal": "refusal",
            "reasoning_summary_text": "summary",
            "reasoning_text": "content",
            "function_call_arguments": "arguments",
        }.items()
        for step in ("delta", "done")
    },
    "response.output_item.added": Response._added,
    "response.output_item.done": Response._done,
    **dict.fromkeys(_ENDS, Response._ended),
}


def _may_reason(model: Any) -> bool:
    """Tell whether a model may reason: the service refuses to seal the reasoning of one that does
    not."""
    return not str(model).startswith(("gpt-3", "gpt-4", "chatgpt-4", "gpt-5-chat"))


# -- options as Responses take them


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function without the wrapper of chat completions; another tool unchanged."""
    function: Mapping[str, Any] | None = tool.get("function")
    if function is None:
        return dict(tool)
    return {"type": "function", **rest_of(tool, ("function",)), **function}


def _choice(choice: Any) -> Any:
    if isinstance(choice, Mapping):
        named = cast("Mapping[str, Any]", choice)
        function: Mapping[str, Any] | None = named.get("function")
        return dict(named) if function is None else {"type": "function", "name": function["name"]}
    return choice


def _text_format(response_format: Mapping[str, Any]) -> dict[str, Any]:
    schema: Mapping[str, Any] | None = response_format.get("json_schema")
    return dict(response_format) if schema is None else {"type": "json_schema", **schema}
