"""Memories of ours in LangChain's classic chains."""

from __future__ import annotations

import pytest
from langchain_classic.chains import ConversationChain

from runnables import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ParrotFakeChatModel,
    from_langchain,
    to_langchain,
)
from runnables.interop.langchain.values import from_value
from tests.both_modes import Call

pytestmark = pytest.mark.filterwarnings("ignore:The class `ConversationChain` was deprecated")


@pytest.mark.parametrize("messages", [False, True], ids=["string", "messages"])
def test_a_chain_remembers_in_a_memory_of_ours(messages: bool, call: Call) -> None:
    """It loads it before a call, and saves the turn after it."""
    memory = ConversationBufferMemory(return_messages=messages)
    parrot = to_langchain(ParrotFakeChatModel())
    chain = ConversationChain(llm=parrot, memory=to_langchain(memory))
    call.invoke(chain, {"input": "I am Ada."})
    answer = call.invoke(chain, {"input": "Who am I?"})["response"]
    assert "I am Ada." in answer
    assert [m.text for m in memory.buffer_as_messages][-2:] == ["Who am I?", answer]
    made = to_langchain(memory)
    assert from_value(made.buffer) == memory.buffer
    call.run(made.clear, made.aclear)
    assert not memory.buffer


def test_a_kind_of_memory_of_ours_is_one_there() -> None:
    """Those that load less do so there, too."""
    memory = ConversationBufferWindowMemory(k=0)
    memory.save_context({"input": "a"}, {"output": "b"})
    theirs = to_langchain(memory)
    assert theirs.load_memory_variables({}) == {"history": ""}
    assert from_langchain(theirs) is memory
