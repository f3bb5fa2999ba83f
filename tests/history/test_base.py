"""The history of one session: what a user's class writes, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel, Field

from runnables import (
    AIMessage,
    BaseChatMessageHistory,
    BaseMessage,
    ChatMessageHistory,
    History,
    HumanMessage,
    InMemoryChatMessageHistory,
    InMemoryHistory,
    SystemMessage,
)
from tests.both_modes import Call
from tests.history.helpers import contents


class OneByOne(BaseChatMessageHistory):
    """Writes `add_message` alone, and reads its messages through a property."""

    def __init__(self) -> None:
        self._stored: list[BaseMessage] = []

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # as users write it
        return self._stored

    def add_message(self, message: BaseMessage) -> None:
        self._stored.append(message)

    def clear(self) -> None:
        self._stored.clear()


class Bulk(BaseChatMessageHistory, BaseModel):
    """A pydantic model, as LangChain's documentation has it."""

    messages: list[BaseMessage] = Field(default_factory=list)

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self.messages.extend(messages)

    def clear(self) -> None:
        self.messages = []


@pytest.mark.parametrize("make", [OneByOne, Bulk, InMemoryChatMessageHistory])
def test_all_methods_follow_from_those_that_are_written(make: Any, call: Call) -> None:
    """Sync and async, one message and many, as LangChain's history and as a `History`."""
    history = make()
    assert isinstance(history, History)
    history.add_user_message("a")
    history.add_ai_message("b")
    history.add_message(SystemMessage("c"))
    more: list[BaseMessage] = [HumanMessage("d"), AIMessage("e")]
    call.run(lambda: history.add_messages(more), lambda: history.aadd_messages(more))
    call.run(lambda: history.append(more), lambda: history.aappend(more))
    assert contents(call.run(lambda: history.messages, history.aget_messages)) == list("abcdede")
    got = call.run(history.get, history.aget)
    assert contents(got) == list("abcdede")
    got.clear()
    assert str(history).splitlines()[:3] == ["Human: a", "AI: b", "System: c"]
    call.run(history.clear, history.aclear)
    assert history.messages == []


def test_a_class_that_stores_nothing_says_so() -> None:
    """The error names the methods to write."""

    class Neither(BaseChatMessageHistory):
        def clear(self) -> None:
            pass

    with pytest.raises(NotImplementedError, match=r"Neither.*add_messages"):
        Neither().add_user_message("a")


def test_a_history_in_memory_compares_by_its_messages() -> None:
    """It can be made with some; LangChain's other name is the same class."""
    assert ChatMessageHistory is InMemoryChatMessageHistory
    history = ChatMessageHistory(messages=[HumanMessage("a")])
    assert history == ChatMessageHistory([HumanMessage("a")])
    assert history != ChatMessageHistory()


def test_sessions_in_memory_are_kept_until_they_are_cleared() -> None:
    """Those that have no messages are not listed."""
    sessions = InMemoryHistory()
    assert sessions("ada") is sessions("ada")
    sessions("bob").add_user_message("a")
    assert sessions.sessions() == ["bob"]
    sessions.clear()
    assert sessions.sessions() == []
