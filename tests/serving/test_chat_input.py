"""What a chain is given of a conversation, by what it declares to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from runnables import (
    AIMessage,
    BaseMessage,
    ChatPromptTemplate,
    ConfigError,
    HumanMessage,
    RunnableLambda,
)
from runnables.serving.chat_input import conversation_to_input
from runnables.serving.failures import RequestError
from tests.serving.chains import chains

TURNS: list[HumanMessage | AIMessage] = [HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
CONVERSATION: list[BaseMessage] = [*TURNS]


class Question(BaseModel):
    """An input with a type."""

    text: Annotated[str, Field(max_length=3)]
    times: int = 1


@dataclass
class Note:
    """Another one."""

    text: str


class Tagged(BaseModel):
    """An input with a list that holds no messages."""

    tags: list[str]


class Search(BaseModel):
    """A question, with lists that hold no messages."""

    text: str
    words: list[str] = []
    near: list[Question] | None = None


class Chat(BaseModel):
    """A conversation, with a list of something else."""

    turns: Sequence[HumanMessage | AIMessage]
    tags: list[str] = []


def of_model(question: Question) -> None: ...
def of_dataclass(note: Note) -> None: ...
def of_tagged(tagged: Tagged) -> None: ...
def of_search(search: Search) -> None: ...
def of_chat(chat: Chat) -> None: ...
def of_messages(messages: list[BaseMessage]) -> None: ...
def of_string(text: str) -> None: ...
def of_number(number: int) -> None: ...
def of_strings(strings: list[str]) -> None: ...
def of_dict(values: dict[str, int]) -> None: ...


PLACEHOLDER = ChatPromptTemplate.from_messages([("placeholder", "{history}"), ("human", "{q}")])


@pytest.mark.parametrize(
    ("chain", "value"),
    [
        (RunnableLambda(of_model), Question(text="c")),
        (RunnableLambda(of_dataclass), Note("c")),
        (RunnableLambda(of_search), Search(text="c")),
        (RunnableLambda(of_chat), Chat(turns=TURNS)),
        (RunnableLambda(of_messages), CONVERSATION),
        (RunnableLambda(of_string), "c"),
        (RunnableLambda(lambda value: value), "c"),
        (chains()["words"], CONVERSATION),
        (chains()["agent"], {"messages": CONVERSATION}),
        (chains()["prompt"], {"what": "c"}),
        (PLACEHOLDER, {"history": CONVERSATION[:-1], "q": "c"}),
    ],
    ids=str,
)
def test_a_chain_gets_what_it_takes(chain: Any, value: Any) -> None:
    """Messages, text, or an object of the class that it declares."""
    assert conversation_to_input(chain)(CONVERSATION) == value


@pytest.mark.parametrize("function", [of_number, of_strings, of_dict, of_tagged])
def test_a_chain_of_neither_text_nor_messages_takes_no_conversation(function: Any) -> None:
    """It is said before anything runs, and what to do about it."""
    with pytest.raises(ConfigError, match="to_input="):
        conversation_to_input(RunnableLambda(function))


def test_a_text_that_does_not_fit_is_the_clients_error() -> None:
    """Its limits count for conversations as they do for REST."""
    with pytest.raises(RequestError, match="at most 3 characters"):
        conversation_to_input(RunnableLambda(of_model))([HumanMessage("long")])
