"""A conversation of a model with tools, step by step; it waits for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count, groupby
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from runnables.engine.merging import RESET, Accumulator
from runnables.engine.stream import merge_of
from runnables.errors import ConfigError, EmptyStream, StepLimitError, did_you_mean
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.convert import convert_to_messages
from runnables.messages.kinds import message_chunk_to_message
from runnables.messages.roles import ToolMessage
from runnables.messages.tool_calls import InvalidToolCall, ToolCall
from runnables.models.calls import join_answer

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

ToolRequest: TypeAlias = ToolCall | InvalidToolCall
"""What a model asks a tool for; it may have written it wrongly."""

_KEYS = ("messages", "structured_response")

_NAMELESS: Final = "unnamed"
"""What a call is called that names no tool: services refuse to hear of an empty name again."""


def messages_in(value: Any) -> list[BaseMessage]:
    """The conversation that an agent is given, as whole messages.

    Raises:
        ConfigError: a dict with other keys than those of an agent.
        ValueError: something that stands for no message.
    """
    said: Any = value
    if isinstance(value, Mapping) and not {"role", "type"} & value.keys():
        given = cast("Mapping[str, Any]", value)
        for key in given:
            if key not in _KEYS:
                raise ConfigError(
                    f"An agent takes no {key!r}.{did_you_mean(key, _KEYS)} Expected a dict with "
                    "'messages', a list of messages, or a text."
                )
        said = given.get("messages", [])
    return named([message_chunk_to_message(it) for it in convert_to_messages(said)])


def join_conversation(parts: Sequence[Sequence[BaseMessage]]) -> list[BaseMessage]:
    """Messages in the order of their arrival; neighbouring pieces of an answer are one message."""
    said = [message for part in parts for message in part]
    joined: list[BaseMessage] = []
    for is_piece, group in groupby(said, lambda it: isinstance(it, AIMessageChunk)):
        if is_piece:
            joined.append(join_answer(cast("list[AIMessageChunk]", list(group))))
        else:
            joined += group
    return named(joined)


def named(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """A conversation whose calls of tools all have an id and a name, made here where need be.

    An id follows from the place of its call, so that a stream and a whole answer have the same.
    """
    return [
        _with_names(it, at) if isinstance(it, AIMessage) and not _is_answered(messages, at) else it
        for at, it in enumerate(messages)
    ]


def _is_answered(messages: Sequence[BaseMessage], at: int) -> bool:
    """Whether a message is followed by the result of a call without an id."""
    after = messages[at + 1] if at + 1 < len(messages) else None
    return isinstance(after, ToolMessage) and not after.tool_call_id


def _with_names(answer: AIMessage, place: int) -> AIMessage:
    if all(it["id"] and it["name"] for it in requests_of(answer)):
        return answer
    number = count()

    def whole(call: Any) -> Any:
        made = f"made_{place}_{next(number)}"
        return {**call, "id": call["id"] or made, "name": call["name"] or _NAMELESS}

    update = {
        "tool_calls": [whole(call) for call in answer.tool_calls],
        "invalid_tool_calls": [whole(call) for call in answer.invalid_tool_calls],
    }
    return answer.model_copy(update=update)


def requests_of(answer: AIMessage) -> list[ToolRequest]:
    """What an answer asks tools for, in order; what cannot be read comes last."""
    return [*answer.tool_calls, *answer.invalid_tool_calls]


def _unanswered(messages: Sequence[BaseMessage]) -> list[ToolRequest]:
    """The calls at the end of a conversation that no tool has answered yet."""
    answered: set[str] = set()
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            return [it for it in requests_of(message) if (it["id"] or "") not in answered]
        if not isinstance(message, ToolMessage):
            break
        answered.add(message.tool_call_id)
    return []


class Conversation:
    """What has been said, and what comes next.

    Args:
        messages: the conversation so far; calls at its end are answered first.
        max_steps: how often the model may answer.
        name: the agent's name, for errors.

    Attributes:
        messages: the conversation.
        requests: what the tools are asked for now; where nothing is, it is the model's turn.
        over: whether the last word is spoken.
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
    def where(self) -> str:
        """The step that is taken now, for error notes and observers."""
        return f"step {self._steps + (not self.requests)}"

    def state(self, **more: Any) -> dict[str, Any]:
        """The conversation as an agent gives it."""
        return {"messages": list(self.messages), **more}

    def add_answer(self, answer: AIMessage) -> None:
        """The model has answered.

        Raises:
            StepLimitError: it has done so as often as it may, and still calls tools.
        """
        answer = _with_names(answer, len(self.messages))
        self.messages.append(answer)
        self.requests = requests_of(answer)
        self.over = not self.requests
        self._steps += 1
        if self.requests and self._steps >= self._max_steps:
            names = ", ".join(dict.fromkeys(str(it["name"]) for it in self.requests))
            raise StepLimitError(
                f"{self._name}: the model has answered {self._steps} times, and still calls tools "
                f"({names}). Raise max_steps, or let it go on: invoke the agent with the "
                "`messages` of this error.",
                self.messages,
            )

    def add_chunk(self, chunk: Any, chunks: object) -> Iterable[dict[str, Any]]:
        """A piece of the model's answer has come; gives what leaves for the agent's consumer."""
        if chunk is RESET:
            self._parts = None
            return {"messages": RESET}, self.state()
        self._parts = self._parts or merge_of(chunks).accumulator()
        self._parts.add(chunk)
        return ({"messages": [chunk]},)

    def end_answer(self, chunks: object) -> None:
        """The last piece of the model's answer was the last."""
        parts, self._parts = self._parts, None
        if parts is None or parts.empty:
            raise EmptyStream(getattr(chunks, "source", None) or chunks)
        self.add_answer(parts.value())

    def answered(self, answers: Sequence[ToolMessage], *, last: bool) -> None:
        """The tools have answered; `last` says that nobody asks the model again."""
        self.messages += answers
        self.requests = []
        self.over = last


class InOrder:
    """Puts results that come with their index in order, and gives each when its turn comes."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._early: dict[int, Any] = {}

    def add(self, index: int, result: Any) -> Iterable[Any]:
        """Take one; give those whose turn it is now."""
        self._early[index] = result
        before = len(self.all)
        while len(self.all) in self._early:
            self.all.append(self._early.pop(len(self.all)))
        return self.all[before:]
