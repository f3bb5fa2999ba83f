"""Histories of both libraries, in each other's chains with a history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_classic.memory import ConversationBufferMemory as TheirMemory
from langchain_core.chat_history import BaseChatMessageHistory as TheirBaseHistory
from langchain_core.messages import HumanMessage as TheirHumanMessage
from langchain_core.prompts import (
    ChatPromptTemplate as TheirPrompt,
    MessagesPlaceholder as TheirPlaceholder,
)
from langchain_core.runnables.history import RunnableWithMessageHistory as TheirWithHistory

from runnables import (
    AIMessage,
    ConversationBufferMemory,
    HumanMessage,
    InMemoryChatMessageHistory,
    RunnableWithMessageHistory,
    from_langchain,
    to_langchain,
)
from runnables.history import SQLiteHistory
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.deprecation.LangChainDeprecationWarning"
)

ADA: Any = {"configurable": {"session_id": "ada"}}
SAID = ["I am Ada.", "Hello, Ada.", "Who am I?", "Ada."]


class TheirHistory(TheirBaseHistory):
    """A history of LangChain."""

    def __init__(self, messages: Any = ()) -> None:
        self.stored = list(messages)

    @property
    def messages(self) -> Any:
        return self.stored

    def add_messages(self, messages: Any) -> None:
        self.stored += messages

    def clear(self) -> None:
        self.stored = []


def _model() -> ScriptedChatModel:
    return ScriptedChatModel(["Hello, Ada.", "Ada."], cycle=True)


def test_a_history_of_langchain_serves_our_chain(call: Call) -> None:
    theirs = TheirHistory()
    chat = RunnableWithMessageHistory(_model(), lambda session_id: theirs)
    call.invoke(chat, "I am Ada.", ADA)
    call.invoke(chat, "Who am I?", ADA)
    assert [message.content for message in theirs.messages] == SAID
    assert type(theirs.messages[0]) is TheirHumanMessage


def test_our_model_gets_messages_of_ours_from_it(call: Call) -> None:
    model = _model()
    theirs = TheirHistory([TheirHumanMessage("I am Ada.")])
    chat = RunnableWithMessageHistory(model, lambda session_id: theirs)
    call.invoke(chat, "Who am I?", ADA)
    messages = model.calls[0].messages
    assert [type(message) for message in messages] == [HumanMessage, HumanMessage]


def test_histories_convert_back_to_the_same_object() -> None:
    theirs, ours = TheirHistory(), InMemoryChatMessageHistory()
    assert to_langchain(from_langchain(theirs)) is theirs
    assert from_langchain(to_langchain(ours)) is ours
    assert isinstance(to_langchain(ours), TheirBaseHistory)


def test_a_history_of_ours_serves_a_chain_of_langchain(call: Call, tmp_path: Path) -> None:
    ours = SQLiteHistory(tmp_path / "chats.db")("ada")
    prompt = TheirPrompt.from_messages([TheirPlaceholder("history"), ("human", "{input}")])
    model = _model()
    chat = TheirWithHistory(
        prompt | to_langchain(model),
        lambda session_id: to_langchain(ours),
        input_messages_key="input",
        history_messages_key="history",
    )
    call.invoke(chat, {"input": "I am Ada."}, ADA)
    call.invoke(chat, {"input": "Who am I?"}, ADA)
    assert [message.text for message in ours.get()] == SAID
    assert [message.text for message in model.calls[1].messages] == SAID[:3]


def test_a_memory_of_langchain_takes_a_history_of_ours() -> None:
    ours = InMemoryChatMessageHistory()
    memory = TheirMemory(chat_memory=to_langchain(ours), return_messages=True)
    memory.save_context({"input": "Hi"}, {"output": "Hello"})
    assert ours.messages == [HumanMessage("Hi"), AIMessage("Hello")]
    loaded = memory.load_memory_variables({})["history"]
    assert [message.content for message in loaded] == ["Hi", "Hello"]


def test_both_can_be_cleared(call: Call) -> None:
    theirs = TheirHistory([TheirHumanMessage("Hi")])
    ours = from_langchain(theirs)
    call.run(ours.clear, ours.aclear)
    assert theirs.messages == []
    own = InMemoryChatMessageHistory(messages=[HumanMessage("Hi")])
    converted = to_langchain(own)
    call.run(converted.clear, converted.aclear)
    assert own.messages == []


def test_a_memory_of_ours_takes_a_history_of_langchain() -> None:
    theirs: Any = TheirHistory()
    memory = ConversationBufferMemory(chat_memory=theirs, return_messages=True)
    memory.save_context({"input": "Hi"}, {"output": "Hello"})
    assert type(theirs.messages[0]) is TheirHumanMessage
    assert memory.load_memory_variables({})["history"] == [HumanMessage("Hi"), AIMessage("Hello")]
