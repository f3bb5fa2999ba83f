"""Chains with a history, for the registry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from hypothesis import strategies as st

from runnables import (
    AIMessage,
    BaseMessage,
    ChatPromptTemplate,
    HumanMessage,
    InMemoryChatMessageHistory,
    ParrotFakeChatModel,
    RunnableLambda,
    StrOutputParser,
    SummarizeHistory,
    with_history,
)
from tests.laws import steps
from tests.laws.specimens import ANY, DICTS, INTS, STRINGS, Specimen, specimen


def new_session() -> InMemoryChatMessageHistory:
    return InMemoryChatMessageHistory([HumanMessage("Hi"), AIMessage("Hello")])


def letters(messages: list[BaseMessage]) -> Iterator[str]:
    yield from messages[-1].text or [""]


async def aletters(messages: list[BaseMessage]) -> AsyncIterator[str]:
    for letter in messages[-1].text or [""]:
        yield letter


def growing(messages: list[BaseMessage]) -> Iterator[str]:
    yield from steps.growing(messages[-1].text)


def count(messages: list[BaseMessage]) -> str:
    return str(len(messages))


def stumble(messages: list[BaseMessage]) -> Iterator[str]:
    yield from steps.stumble(messages[-1].text)


def histories() -> Iterator[Specimen]:
    many = STRINGS | ANY  # the simplest is a string
    yield specimen("history", lambda: with_history(RunnableLambda(count), new_session), many)
    yield specimen(
        "history: one session",
        lambda: with_history(RunnableLambda(count)).with_config(configurable={"session_id": "a"}),
        STRINGS,
        remembers=True,
    )
    yield specimen(
        "history: chunks",
        lambda: with_history(RunnableLambda(letters), new_session) | steps.shout,
        STRINGS,
    )
    yield specimen(
        "history: chunks, async",
        lambda: with_history(RunnableLambda(aletters), new_session),
        STRINGS,
        sync=False,
    )
    yield specimen(
        "history: snapshots",
        lambda: with_history(RunnableLambda(growing, merge="last"), new_session),
        STRINGS,
    )
    yield specimen(
        "history: fails midway", lambda: with_history(RunnableLambda(stumble), new_session), STRINGS
    )
    yield specimen("history: no session", lambda: with_history(RunnableLambda(count)), STRINGS)
    yield specimen(
        "history: prompt and model",
        lambda: (
            with_history(
                ChatPromptTemplate([("placeholder", "{history}"), ("human", "{text}{number}")])
                | ParrotFakeChatModel(),
                new_session,
                input_key="text",
                history_key="history",
            )
            | StrOutputParser()
        ),
        DICTS | INTS,
    )
    yield specimen(
        "history: summary",
        lambda: SummarizeHistory(ParrotFakeChatModel(), max_tokens=20, keep=1) | contents_of,
        st.lists(STRINGS, max_size=5) | INTS,
    )


def contents_of(messages: Any) -> list[str]:
    return [message.text for message in messages]
