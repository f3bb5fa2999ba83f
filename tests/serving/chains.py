"""The chains that clients are tried on: an agent, bare models, a prompt, and what fails."""

from __future__ import annotations

from typing import Any

from runnables import (
    AIMessage,
    ChatPromptTemplate,
    RateLimitError,
    StrOutputParser,
    create_agent,
    tool,
    tool_call,
)
from runnables_providers.scripted import Delay, ScriptedChatModel

USAGE: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
SIGNED: Any = {"type": "reasoning", "reasoning": "Hm, sums.", "extras": {"signature": "sig=="}}
SECRET = "sk-do-not-tell-0123456789abcdef"


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def asks() -> AIMessage:
    """Return an answer with reasoning, text and a call, all of which a service needs back."""
    call = tool_call(name="add", args={"a": 1, "b": 2}, id="call_1")
    text: Any = {"type": "text", "text": "Let me add."}
    return AIMessage([SIGNED, text], tool_calls=[call], id="msg_7")


def chains() -> dict[str, Any]:
    """Return the chains, each with a script that never ends."""
    words = ScriptedChatModel(["One two three."], cycle=True, usage=USAGE)
    return {
        "agent": create_agent(ScriptedChatModel([asks(), "It is 3."], cycle=True), [add]),
        "caller": ScriptedChatModel([asks()], cycle=True, usage=USAGE),
        "words": words,
        "prompt": ChatPromptTemplate.from_template("Say {what}.") | words | StrOutputParser(),
        "refused": ScriptedChatModel([RateLimitError(SECRET, retry_after=7)], cycle=True),
        "broken": ScriptedChatModel([["One", ValueError(SECRET)]], cycle=True),
        "endless": ScriptedChatModel([["One", Delay(1000)]], cycle=True),
    }
