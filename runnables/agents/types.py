"""The types of an agent's input and output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, NotRequired, TypeAlias, TypeVar

from typing_extensions import TypedDict

from runnables.agents.approvals import ApprovalAnswer, ApprovalRequest  # noqa: TC001 - hints are read
from runnables.messages import BaseMessage, MessageLikeRepresentation, PromptValue

T = TypeVar("T")
State = TypeVar("State", covariant=True)


class AgentMessages(TypedDict):
    """The input of an agent, as a dict.

    Attributes:
        messages: the conversation so far.
        approvals: answers to the requests for approval of calls at its end, by their ids: True;
            or False, or a string with the reason, for a denial.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> question: AgentMessages = {"messages": [("human", "Hello")]}
        >>> state = create_agent(ScriptedChatModel(["Ahoy!"])).invoke(question)
        >>> [message.text for message in state["messages"]]
        ['Hello', 'Ahoy!']
    """

    messages: Sequence[MessageLikeRepresentation]
    approvals: NotRequired[Mapping[str, ApprovalAnswer]]


class AgentState(TypedDict):
    """The output of an agent: the complete conversation.

    Attributes:
        messages: the conversation.
        approval_requests: the calls at its end that wait for approval, where there are some.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> agent = create_agent(ScriptedChatModel(["Ahoy!"]))
        >>> state: AgentState = agent.invoke("Hello")
        >>> [message.text for message in state["messages"]]
        ['Hello', 'Ahoy!']
    """

    messages: list[BaseMessage]
    approval_requests: NotRequired[list[ApprovalRequest]]


class AgentAnswer(AgentState, Generic[T]):
    """The output of an agent with a `response_format`: the conversation, and the structured answer.

    Example:
        >>> from pydantic import BaseModel
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> class Total(BaseModel):
        ...     total: int
        >>> model = ScriptedChatModel(["It is 3.", '{"total": 3}'])
        >>> answer: AgentAnswer[Total] = create_agent(model, response_format=Total).invoke("1 + 2?")
        >>> answer["structured_response"]
        Total(total=3)
    """

    structured_response: T


AgentInput: TypeAlias = (
    str | Sequence[MessageLikeRepresentation] | PromptValue | AgentMessages | AgentState
)
"""The input of an agent: a conversation, as a dict with "messages" or by itself, or a string."""
