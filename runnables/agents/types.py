"""What an agent takes and returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeAlias, TypeVar

from typing_extensions import TypedDict

from runnables.messages import BaseMessage, MessageLikeRepresentation, PromptValue

T = TypeVar("T")
State = TypeVar("State", covariant=True)


class AgentMessages(TypedDict):
    """What an agent takes."""

    messages: Sequence[MessageLikeRepresentation]


class AgentState(TypedDict):
    """What an agent gives: the whole conversation."""

    messages: list[BaseMessage]


class AgentAnswer(AgentState, Generic[T]):
    """What an agent with a `response_format` gives: also the answer in its form."""

    structured_response: T


AgentInput: TypeAlias = (
    str | Sequence[MessageLikeRepresentation] | PromptValue | AgentMessages | AgentState
)
"""What an agent takes: a conversation, as a dict with "messages" or by itself, or a text."""
