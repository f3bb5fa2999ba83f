"""Requests to the runtime and its answers, as plain data, without I/O."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.messages import (
    AIMessageChunk,
    BaseMessage,
    SystemMessage,
    ToolCallChunk,
    UsageMetadata,
    convert_to_openai_messages,
    tool_call_chunk,
)
from runnables.models.options import NUMBERS, Ranges, check_numbers
from runnables_providers.local.continuation import Continuation
from runnables_providers.local.forced_tool_calls import (
    ForcedCall,
    cannot_choose,
    forced_call,
    without_tools,
)

if TYPE_CHECKING:
    from runnables_providers.local.runtime import Abilities, Server

SAMPLING: Final = frozenset({"top_k", "min_p", "repeat_penalty"})
"""Options beyond those of every chat model, by llama.cpp's names."""

DEFAULT_SYSTEM_MESSAGE: Final = "You are a helpful assistant who gives short and correct answers."
"""The system message of the default model where the conversation has none.

Its template would say "You are a helpful AI assistant named SmolLM, trained by Hugging Face".
With that, it answered 20 of 32 easy questions ("What is the capital of France?" with a page of
broken French); with this, 27. A penalty for repetition, in any of llama.cpp's ways, made it worse.
"""


_JSON_STARTS: Final = frozenset('{["-0123456789')


class ChatRequest:
    """One call of a model: its request, and how its answer is read.

    Args:
        messages: the conversation.
        options: the options of the call.
        context: how many tokens the model may hold.
        is_default: whether it is for the default model.

    Raises:
        ConfigError: an option is out of range.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        options: Mapping[str, Any],
        *,
        context: int,
        is_default: bool,
    ) -> None:
        check_numbers("LocalChatModel", options, RANGES)
        self.messages = list(messages)
        self.options: dict[str, Any] = {"max_tokens": context, **options}
        self.is_default = is_default
        self._forced: ForcedCall | None = None
        in_words = "tools" not in options and options.get("response_format") is None
        self._continuation = Continuation(
            max_tokens=int(self.options["max_tokens"]), anew=self.exclusive, pausable=in_words
        )

    @property
    def exclusive(self) -> bool:
        """Tell whether it must run by itself: only then, one seed always returns one text."""
        return "seed" in self.options

    def run(self, server: Server, abilities: Abilities, emit: Callable[[Any], bool]) -> None:
        """Send the request to the runtime, in any thread, and pass on its events.

        After a pause, it is called again, and sends what is left of the request.
        """
        written = self._continuation
        request = written.next_request(self.request(abilities))
        server.handle_chat_completions(request, lambda event: emit(written.take(event)))

    def can_pause(self, event: Any) -> bool:
        """Tell whether the answer can be paused after an event, and go on later."""
        return self._continuation.can_pause(event)

    # -- the request

    def request(self, abilities: Abilities) -> dict[str, Any]:
        """Return what to send to the runtime.

        Raises:
            InvalidRequestError: there are tools, and the model cannot choose one.
        """
        request = {
            **self.options,
            "messages": self._conversation(abilities),
            "stream": True,
            "stream_options": {"include_usage": True},
            # An event for each step of a long prompt: at each of them the call can be stopped.
            "return_progress": True,
        }
        request.pop("model", None)
        if self.exclusive:
            request["cache_prompt"] = False  # a prompt from the cache has other rounding errors
        response_format: Any = self.options.get("response_format")
        if grammar := _grammar_of_members(response_format):
            del request["response_format"]
            request["grammar"] = grammar
        return self._with_tools(request, abilities) if "tools" in request else request

    def _conversation(self, abilities: Abilities) -> list[dict[str, Any]]:
        messages = self.messages
        if self.is_default and not isinstance(messages[0], SystemMessage):
            messages = [SystemMessage(DEFAULT_SYSTEM_MESSAGE), *messages]
        written = convert_to_openai_messages(messages)
        return written if abilities.tools else without_tools(written)

    def _with_tools(self, request: dict[str, Any], abilities: Abilities) -> dict[str, Any]:
        """Return the request, in which the model may or must call a tool.

        Where it must, the grammar is ours, whatever the template has: the runtime's own lets the
        model write text first, of any length, and cannot require a tool by name.
        """
        choice = request.pop("tool_choice", "auto")
        self._forced = forced_call(request["tools"], choice)
        if self._forced is not None:
            del request["tools"]
            return self._forced.added_to(request)
        if choice == "none":
            del request["tools"]
        elif request["tools"] and not abilities.tools:
            raise cannot_choose()
        return request

    # -- the answer

    def read(self, event: Mapping[str, Any]) -> list[AIMessageChunk]:
        """Return the chunks of an event of the runtime."""
        choices: Sequence[Mapping[str, Any]] = event.get("choices") or ()
        found = [chunk for choice in choices for chunk in self._of_choice(event, choice)]
        return [*found, self._last(event)] if "usage" in event else found

    def _of_choice(
        self, event: Mapping[str, Any], choice: Mapping[str, Any]
    ) -> Sequence[AIMessageChunk]:
        delta: Mapping[str, Any] = choice.get("delta") or {}
        fields: dict[str, Any] = {}
        text = delta.get("content") or ""
        calls = [_tool_call_chunk(call) for call in delta.get("tool_calls") or ()]
        if self._forced is not None and text:
            text, calls = "", self._forced.feed(text)
        if calls:
            fields["tool_call_chunks"] = calls
        if reasoning := delta.get("reasoning_content"):
            fields["additional_kwargs"] = {"reasoning_content": reasoning}
        if reason := choice.get("finish_reason"):
            fields["response_metadata"] = {"finish_reason": self._reason(reason)}
        if not text and not fields:
            return ()
        return (AIMessageChunk(text, id=event.get("id"), **fields),)

    def _reason(self, reason: str) -> str:
        return "tool_calls" if self._forced is not None and reason == "stop" else reason

    def _last(self, event: Mapping[str, Any]) -> AIMessageChunk:
        rest: list[ToolCallChunk] = self._forced.finish() if self._forced else []
        return AIMessageChunk(
            "",
            id=event.get("id"),
            tool_call_chunks=rest,
            usage_metadata=_usage(event["usage"]),
            response_metadata={
                "model_name": event.get("model"),
                "model_provider": "local",
                "timings": _timings(event.get("timings") or {}),
            },
            chunk_position="last",
        )


def _grammar_of_members(response_format: Mapping[str, Any] | None) -> str | None:
    """Return the grammar for a member of an enum, in the quotes of JSON or without them.

    The runtime's own lets the model write quotes only. Where the examples in a prompt have none, a
    small model then takes a wrong turn after the first quote. None: it is no enum of strings.
    """
    described: Mapping[str, Any] = (response_format or {}).get("json_schema") or {}
    schema: Mapping[str, Any] = described.get("schema") or {}
    listed = cast("Sequence[object]", schema.get("enum") or [schema.get("const")])
    members = [member for member in listed if isinstance(member, str) and member.strip()]
    if len(members) < len(listed):
        return None
    quoted = [json.dumps(member, ensure_ascii=False) for member in members]
    bare = [member for member in members if _is_plain(member)]
    return "root ::= " + " | ".join(_literal(answer) for answer in (*quoted, *bare))


def _is_plain(member: str) -> bool:
    """Tell whether a member reads the same without the quotes of JSON."""
    return member == member.strip() and member[0] not in _JSON_STARTS


def _literal(text: str) -> str:
    """Return a string as the runtime's grammars have it."""
    escaped = (
        text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n").replace("\r", r"\r")
    )
    return f'"{escaped}"'


def _tool_call_chunk(call: Mapping[str, Any]) -> ToolCallChunk:
    function: Mapping[str, Any] = call.get("function") or {}
    return tool_call_chunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        index=call.get("index"),
    )


def _timings(timings: Mapping[str, Any]) -> dict[str, float]:
    """Return how long reading and writing took, in milliseconds."""
    return {name: timings[name] for name in ("prompt_ms", "predicted_ms") if name in timings}


def _usage(usage: Mapping[str, Any]) -> UsageMetadata:
    read, written = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
    details: Mapping[str, Any] = usage.get("prompt_tokens_details") or {}
    return UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        input_token_details={"cache_read": int(details.get("cached_tokens") or 0)},
    )


# -- the ranges of options, which the runtime does not check

RANGES: Final[Ranges] = {
    **NUMBERS,
    "min_p": (0, 1, False),
    "top_k": (0, sys.float_info.max, True),
    "repeat_penalty": (0, sys.float_info.max, False),
    "max_tokens": (1, sys.float_info.max, True),
    "seed": (0, 2**32 - 2, True),  # llama.cpp takes one more for "choose one"
}
