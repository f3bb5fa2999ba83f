"""What a message carries for the other library says nothing else than the message itself."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage as TheirAIMessage

from runnables import AIMessage, from_langchain, to_langchain
from runnables.interop.langchain.messages import FROM_LANGCHAIN, FROM_RUNNABLES

SAYS = {"type": "human", "content": "no", "tool_calls": [{"name": "f", "args": {}, "id": "1"}]}


@pytest.mark.parametrize("carried", [SAYS, "text", 5, [SAYS], None], ids=str)
def test_what_a_message_carries_says_nothing_else_than_the_message(carried: Any) -> None:
    """A client of a served chain may write any additional keyword."""
    message = AIMessage("yes", additional_kwargs={FROM_LANGCHAIN: carried})
    theirs = to_langchain(message)
    assert (theirs.type, theirs.content, theirs.tool_calls) == ("ai", "yes", [])


ENTRIES = [
    *("text", 5, ["x"], {"tool_calls": 5}, {"tool_calls": [5, {}]}),
    {"tool_calls": [{"id": None, "position": -1, "more": {"a": 1}}]},
    {"tool_calls": [{"id": None, "position": "0", "more": {"a": 1}}]},
    {"tool_calls": [{"id": "1", "more": {"name": "other", "args": {"all": True}}}]},
]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_what_a_message_of_langchain_carries_changes_no_call(entry: Any) -> None:
    """Only keys are put back that LangChain's calls do not have, and only what we have written."""
    calls: Any = [{"name": "f", "args": {}, "id": "1", "type": "tool_call"}]
    message = TheirAIMessage("", tool_calls=calls, additional_kwargs={FROM_RUNNABLES: entry})
    assert from_langchain(message).tool_calls == calls
