"""Requests to the runtime and its answers, as plain data. Nothing here waits for anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

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
from runnables_providers.local.forced_tool_calls import (
    ForcedCall,
    cannot_choose,
    forced_call,
    without_tools,
)

if TYPE_CHECKING:
    from runnables_providers.local.runtime import Abilities, Server

SAMPLING: Final = frozenset({"top_k", "min_p", "repeat_penalty"})
"""Options beyond those of every chat model, in the words of llama.cpp."""

EMBEDDED_SYSTEM: Final = "You are a helpful assistant who gives short and correct answers."
"""What the embedded model is told where the conversation has no system message.

Its template would say "You are a helpful AI assistant named SmolLM, trained by Hugging Face".
Told that, it answered 20 of 32 easy questions ("What is the capital of France?" with a page of
broken French); told this, 27. A penalty for repetition, in any of llama.cpp's ways, made it worse.
"""


class ChatRequest:
    """One call of a model: what to send, and how to read what comes back.

    Args:
        messages: the conversation.
        options: the options of the call.
        context: how many tokens the model may hold.
        embedded: whether it goes to the embedded model.

    Raises:
        ConfigError: an option is out of its range.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        options: Mapping[str, Any],
        *,
        context: int,
        embedded: bool,
    ) -> None:
        check_numbers("LocalChatModel", options, RANGES)
        self.messages = list(messages)
        self.options = {"max_tokens": context, **options}
        self.embedded = embedded
        self._forced: ForcedCall | None = None

    @property
    def alone(self) -> bool:
        """Whether it needs the model for itself: only so, the same seed gives the same text."""
        return "seed" in self.options

    def run(self, server: Server, abilities: Abilities, emit: Callable[[Any], bool]) -> None:
        """Put the call to the runtime, in whatever thread, and pass on what it says."""
        server.handle_chat_completions(self.request(abilities), emit)

    # -- the request

    def request(self, abilities: Abilities) -> dict[str, Any]:
        """What to send to the runtime.

        Raises:
            InvalidRequestError: tools, for a model that can choose none.
        """
        request = {
            **self.options,
            "messages": self._conversation(abilities),
            "stream": True,
            "stream_options": {"include_usage": True},
            # Tells how far a long prompt is read; at each such event the call can be stopped.
            "return_progress": True,
        }
        request.pop("model", None)
        if self.alone:
            request["cache_prompt"] = False  # read from the cache, a prompt gives other roundings
        return self._with_tools(request, abilities) if "tools" in request else request

    def _conversation(self, abilities: Abilities) -> list[dict[str, Any]]:
        messages = convert_to_openai_messages(self._told())
        return messages if abilities.tools else without_tools(messages)

    def _told(self) -> list[BaseMessage]:
        if self.embedded and not isinstance(self.messages[0], SystemMessage):
            return [SystemMessage(EMBEDDED_SYSTEM), *self.messages]
        return self.messages

    def _with_tools(self, request: dict[str, Any], abilities: Abilities) -> dict[str, Any]:
        """The request, in which the model may or has to call a tool.

        Where it has to, the grammar is ours, whatever the template has: the runtime's own lets
        the model talk first, for as long as it likes, and does not know tools by name.
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
        """The chunks that an event of the runtime stands for."""
        choices: Sequence[Mapping[str, Any]] = event.get("choices") or ()
        found = [chunk for choice in choices for chunk in self._of_choice(event, choice)]
        return [*found, self._last(event)] if "usage" in event else found

    def _of_choice(
        self, event: Mapping[str, Any], choice: Mapping[str, Any]
    ) -> Sequence[AIMessageChunk]:
        delta: Mapping[str, Any] = choice.get("delta") or {}
        fields: dict[str, Any] = {}
        text = delta.get("content") or ""
        pieces = [_tool_call_piece(call) for call in delta.get("tool_calls") or ()]
        if self._forced is not None and text:
            text, pieces = "", self._forced.feed(text)
        if pieces:
            fields["tool_call_chunks"] = pieces
        if thought := delta.get("reasoning_content"):
            fields["additional_kwargs"] = {"reasoning_content": thought}
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


def _tool_call_piece(call: Mapping[str, Any]) -> ToolCallChunk:
    function: Mapping[str, Any] = call.get("function") or {}
    return tool_call_chunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        index=call.get("index"),
    )


def _timings(timings: Mapping[str, Any]) -> dict[str, float]:
    """How long reading and writing took."""
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


# -- the ranges of options, which the runtime does not look at

RANGES: Final[Ranges] = {
    **NUMBERS,
    "min_p": (0, 1, False),
    "top_k": (0, sys.float_info.max, True),
    "repeat_penalty": (0, sys.float_info.max, False),
    "max_tokens": (1, sys.float_info.max, True),
    "seed": (0, 2**32 - 2, True),  # llama.cpp takes one more for "choose one"
}
