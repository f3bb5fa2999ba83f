"""A till with a tool that needs approval, for the tests of agents that ask."""

from __future__ import annotations

from collections import Counter
from typing import Any

from runnables import AIMessage, ToolMessage, create_agent, tool, tool_call
from runnables_providers.scripted import ScriptedChatModel


class Till:
    """Tools that take note of what they have done.

    Attributes:
        ran: the amounts that were paid, in the order of the payments.
        pay: a tool that needs approval for more than 100 euros.
        look: a tool that needs none.
    """

    def __init__(self) -> None:
        self.ran: list[Any] = []

        @tool(needs_approval=lambda arguments: arguments["euros"] > 100)
        def pay(euros: int, to: str = "Ada") -> str:
            """Pay a bill."""
            self.ran.append(euros)
            return f"paid {euros} to {to}"

        @tool
        def look() -> str:
            """Look into the till."""
            self.ran.append("look")
            return "full"

        self.pay, self.look = pay, look

    def agent(self, *script: Any, **options: Any) -> Any:
        """Return an agent with both tools."""
        return create_agent(ScriptedChatModel(list(script)), [self.pay, self.look], **options)


def asks(**calls: Any) -> AIMessage:
    """Return an answer with calls by their ids: an amount to pay, or a look."""
    made = [
        tool_call(name="look", args={}, id=call_id)
        if euros == "look"
        else tool_call(name="pay", args={"euros": euros}, id=call_id)
        for call_id, euros in calls.items()
    ]
    return AIMessage(tool_calls=made)


def results(state: Any) -> dict[str, str]:
    """Return the results of tools by the ids of their calls, each of which has one."""
    found = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    assert max(Counter(message.tool_call_id for message in found).values(), default=1) == 1
    return {message.tool_call_id: message.text for message in found}


def open_ids(state: Any) -> list[str]:
    """Return the ids of the calls that wait."""
    return [request.call_id for request in state.get("approval_requests", [])]
