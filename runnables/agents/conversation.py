"""The state of a conversation between a model and its tools; nothing here waits or runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from runnables.agents.approvals import (
    LEFT_BEHIND,
    ApprovalRequest,
    Approvals,
    Gate,
    UntrustedApprovals,
    checked_answers,
    current_approvals,
    error_result,
)
from runnables.engine.merging import RESET, Accumulator
from runnables.engine.stream import merge_of
from runnables.errors import EmptyStream, StepLimitError, did_you_mean
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.call_ids import complete_calls, with_call_ids
from runnables.messages.convert import convert_to_messages
from runnables.messages.kinds import complete_message
from runnables.messages.normalize import ConversationError
from runnables.messages.roles import ToolMessage
from runnables.messages.tool_calls import InvalidToolCall, ToolCall
from runnables.models.calls import join_answer

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

ToolRequest: TypeAlias = ToolCall | InvalidToolCall
"""A tool call of a model, whose arguments may be no valid JSON."""

_KEYS = ("messages", "approvals", "approval_requests", "structured_response")


def read_input(value: Any) -> tuple[list[BaseMessage], Any]:
    """Return the input of an agent as complete messages, and its answers to requests for approval.

    Raises:
        ConversationError: a dict with other keys than those of an agent.
        ValueError: something that stands for no message.
    """
    messages: Any = value
    answers: Any = None
    if isinstance(value, Mapping) and not {"role", "type"} & value.keys():
        state = cast("Mapping[str, Any]", value)
        for key in state:
            if key not in _KEYS:
                raise ConversationError(
                    f"An agent takes no {key!r}.{did_you_mean(key, _KEYS)} Expected a dict with "
                    "'messages', a list of messages, or a string."
                )
        messages, answers = state.get("messages", []), state.get("approvals")
    complete = with_call_ids(list(map(complete_message, convert_to_messages(messages))))
    return with_all_results(complete), answers


def with_all_results(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a conversation whose calls have their results behind them, as services demand.

    A call without one gets a message that it was not run. Calls at the end are left open.
    """
    closed: list[BaseMessage] = []
    place = 0
    while place < len(messages):
        message = messages[place]
        end = place + 1
        while end < len(messages) and not isinstance(messages[end], AIMessage):
            end += 1
        after = list(messages[place + 1 : end])
        if isinstance(message, AIMessage) and (requests := requests_of(message)):
            is_open = end == len(messages) and all(isinstance(each, ToolMessage) for each in after)
            after = after if is_open else _with_results(requests, after)
        closed += [message, *after]
        place = end
    return closed


def _with_results(
    requests: Sequence[ToolRequest], after: Sequence[BaseMessage]
) -> list[BaseMessage]:
    """Return the messages after an answer with calls: first a result for each, then the others."""
    results = [message for message in after if isinstance(message, ToolMessage)]
    others = [message for message in after if not isinstance(message, ToolMessage)]
    answered = {message.tool_call_id for message in results}
    missing = [request for request in requests if (request["id"] or "") not in answered]
    return [*results, *(error_result(request, LEFT_BEHIND) for request in missing), *others]


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


def unanswered(messages: Sequence[BaseMessage]) -> list[ToolRequest]:
    """Return the calls at the end of a conversation that have no result yet."""
    requests, results = last_turn(messages)
    answered = {message.tool_call_id for message in results}
    return [request for request in requests if (request["id"] or "") not in answered]


def last_turn(messages: Sequence[BaseMessage]) -> tuple[list[ToolRequest], list[ToolMessage]]:
    """Return the calls of the answer at the end of a conversation, and the results behind it."""
    results: list[ToolMessage] = []
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            return requests_of(message), results[::-1]
        if not isinstance(message, ToolMessage):
            break
        results.append(message)
    return [], []


class Conversation:
    """The messages so far, and what comes next: tools, the model's answer, or the end.

    Args:
        messages: the conversation so far; calls at its end are answered first.
        answers: those to requests for approval of these calls.
        max_steps: how often the model may answer.
        name: the agent's name, for errors.

    Attributes:
        messages: the conversation.
        requests: the tool calls that run next; where there are none, the model answers.
        over: whether the run ends: the conversation is complete, or calls wait for approval.
        approval_requests: the calls that wait.

    Raises:
        ApprovalError: an answer to a call that is not open, or that does not count.
    """

    def __init__(
        self, messages: Sequence[BaseMessage], answers: Any, max_steps: int, name: str
    ) -> None:
        self.messages = list(messages)
        self.requests = unanswered(messages)
        self.over = False
        self.approval_requests: list[ApprovalRequest] = []
        around = current_approvals()
        if answers and not around.trusts_input:
            raise UntrustedApprovals(f"{name}: approvals in its input do not count here")
        own = checked_answers(name, answers, self.requests)
        self._approvals = Approvals({**around.answers, **own}, around.may_ask)
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
        if self.approval_requests:
            more["approval_requests"] = self.approval_requests
        return {"messages": list(self.messages), **more}

    def gate(self) -> Gate:
        """Return what decides which of the requests run."""
        return Gate(self._approvals, self.requests)

    def add_answer(self, answer: AIMessage) -> None:
        """Add an answer of the model.

        Raises:
            StepLimitError: the model has answered as often as it may, and still calls tools.
        """
        answer = complete_calls(answer, self.messages)
        self.messages.append(answer)
        self.requests = requests_of(answer)
        self._approvals = Approvals(may_ask=self._approvals.may_ask)  # services may repeat an id
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

    def add_results(
        self,
        results: Sequence[ToolMessage | ApprovalRequest],
        ends: Callable[[Sequence[ToolRequest], Sequence[ToolMessage]], bool],
    ) -> None:
        """Add the results of the tools, and take the calls that wait for approval.

        Args:
            results: for each call its result, or the request for approval.
            ends: tells whether these results of these calls end the conversation.
        """
        self.messages += [result for result in results if isinstance(result, ToolMessage)]
        self.approval_requests = [each for each in results if isinstance(each, ApprovalRequest)]
        self.requests = []
        self.over = bool(self.approval_requests) or ends(*last_turn(self.messages))


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
