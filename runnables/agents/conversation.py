"""The state of a conversation between a model and its tools; nothing here waits or runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from runnables.engine.merging import RESET, Accumulator
from runnables.engine.stream import merge_of
from runnables.errors import ConfigError, EmptyStream, StepLimitError, did_you_mean
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.call_ids import complete_calls, with_call_ids
from runnables.messages.convert import convert_to_messages
from runnables.messages.kinds import complete_message
from runnables.messages.roles import ToolMessage
from runnables.messages.tool_calls import InvalidToolCall, ToolCall
from runnables.models.calls import join_answer

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

ToolRequest: TypeAlias = ToolCall | InvalidToolCall
"""A tool call of a model, whose arguments may be no valid JSON."""

_KEYS = ("messages", "structured_response")


def input_messages(value: Any) -> list[BaseMessage]:
    """Return the input of an agent as complete messages.

    Raises:
        ConfigError: a dict with other keys than those of an agent.
        ValueError: something that stands for no message.
    """
    messages: Any = value
    if isinstance(value, Mapping) and not {"role", "type"} & value.keys():
        state = cast("Mapping[str, Any]", value)
        for key in state:
            if key not in _KEYS:
                raise ConfigError(
                    f"An agent takes no {key!r}.{did_you_mean(key, _KEYS)} Expected a dict with "
                    "'messages', a list of messages, or a string."
                )
        messages = state.get("messages", [])
    return with_call_ids(list(map(complete_message, convert_to_messages(messages))))


def join_conversation(parts: Sequence[Sequence[BaseMessage]]) -> list[BaseMessage]:
    """Return all messages in their order, with consecutive chunks of an answer as one message."""
    messages = [message for part in parts for message in part]
    joined: list[BaseMessage] = []
    for are_chunks, group in groupby(messages, lambda item: isinstance(item, AIMessageChunk)):
        if are_chunks:
            joined.append(join_answer(cast("list[AIMessageChunk]", list(group))))
        else:
            joined += group
    return with_call_ids(joined)


def requests_of(answer: AIMessage) -> list[ToolRequest]:
    """Return the tool calls of an answer, in their order, and then the invalid ones."""
    return [*answer.tool_calls, *answer.invalid_tool_calls]


def _unanswered(messages: Sequence[BaseMessage]) -> list[ToolRequest]:
    """Return the calls at the end of a conversation that have no result yet."""
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            requests = requests_of(message)
            return [request for request in requests if (request["id"] or "") not in answered]
        if not isinstance(message, ToolMessage):
            break
        answered.add(message.tool_call_id)
    return []


class Conversation:
    """The messages so far, and what comes next: tools, the model's answer, or the end.

    Args:
        messages: the conversation so far; calls at its end are answered first.
        max_steps: how often the model may answer.
        name: the agent's name, for errors.

    Attributes:
        messages: the conversation.
        requests: the tool calls that run next; where there are none, the model answers.
        over: whether the conversation is complete.
    """

    def __init__(self, messages: Sequence[BaseMessage], max_steps: int, name: str) -> None:
        self.messages = list(messages)
        self.requests = _unanswered(messages)
        self.over = False
        self._steps = 0
        self._max_steps = max_steps
        self._name = name
        self._parts: Accumulator | None = None

    @property
    def step(self) -> str:
        """Return the name of the current step, for error notes and tags."""
        return f"step {self._steps + (not self.requests)}"

    def state(self, **more: Any) -> dict[str, Any]:
        """Return the output of an agent."""
        return {"messages": list(self.messages), **more}

    def add_answer(self, answer: AIMessage) -> None:
        """Add an answer of the model.

        Raises:
            StepLimitError: the model has answered as often as it may, and still calls tools.
        """
        answer = complete_calls(answer, self.messages)
        self.messages.append(answer)
        self.requests = requests_of(answer)
        self.over = not self.requests
        self._steps += 1
        if self.requests and self._steps >= self._max_steps:
            names = ", ".join(dict.fromkeys(str(request["name"]) for request in self.requests))
            raise StepLimitError(
                f"{self._name}: the model has answered {self._steps} times, and still calls tools "
                f"({names}). Raise max_steps, or let it go on: invoke the agent with the "
                "`messages` of this error.",
                self.messages,
            )

    def add_chunk(self, chunk: Any, chunks: object) -> Iterable[dict[str, Any]]:
        """Add a chunk of the model's answer; return the chunks of the agent's stream."""
        if chunk is RESET:
            self._parts = None
            return {"messages": RESET}, self.state()
        self._parts = self._parts or merge_of(chunks).accumulator()
        self._parts.add(chunk)
        return ({"messages": [chunk]},)

    def end_answer(self, chunks: object) -> None:
        """End the model's answer, of which all chunks were added.

        Raises:
            EmptyStream: there was no chunk.
        """
        parts, self._parts = self._parts, None
        if parts is None or parts.empty:
            raise EmptyStream(getattr(chunks, "producer", None) or chunks)
        self.add_answer(parts.value())

    def add_results(self, results: Sequence[ToolMessage], *, last: bool) -> None:
        """Add the results of the tools; with `last`, they end the conversation."""
        self.messages += results
        self.requests = []
        self.over = last


class ResultOrder:
    """The results of several tools, put in order as they come.

    Attributes:
        all: the results so far, in their order, up to the first that is missing.
    """

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._early: dict[int, Any] = {}

    def add(self, index: int, result: Any) -> Iterable[Any]:
        """Add a result; return it, and those that waited for it, if none before it is missing."""
        self._early[index] = result
        before = len(self.all)
        while len(self.all) in self._early:
            self.all.append(self._early.pop(len(self.all)))
        return self.all[before:]
