"""The text of a message, which may be called, and sums of messages."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatPromptTemplate,
    HumanMessage,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
    StrOutputParser,
    SystemMessage,
    ToolMessage,
)

MESSAGES: list[BaseMessage] = [
    HumanMessage("Ahoy"),
    AIMessage([{"type": "text", "text": "Ah"}, {"type": "text", "text": "oy"}]),
    AIMessageChunk("Ahoy"),
    ToolMessage("Ahoy", tool_call_id="1"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_the_text_is_a_string_that_may_be_called(message: BaseMessage) -> None:
    """`message.text` and `message.text()` are equal."""
    assert message.text == message.text() == "Ahoy"
    assert type(message.text()) is str
    assert isinstance(message.text, str)


def test_what_is_made_of_the_text_is_a_plain_string() -> None:
    """Copies, pickles, JSON, fields of models and the like have no trace of the other class."""

    class Note(BaseModel):
        text: str

    text = HumanMessage("Ahoy").text
    copies: list[Any] = [copy.copy(text), copy.deepcopy(text), pickle.loads(pickle.dumps(text))]
    made: list[Any] = [text + "!", text[1:], text.upper(), f"{text}", "".join([text]), str(text)]
    for string in [*copies, *made, Note(text=text).text, HumanMessage(text).content]:
        assert type(string) is str
    assert json.dumps({"text": text}) == '{"text": "Ahoy"}'
    assert repr(text) == "'Ahoy'"
    assert {text: 1} == {"Ahoy": 1}


def test_steps_pass_plain_strings_on() -> None:
    """A parser and a prompt do not make the string that may be called."""
    message = HumanMessage("Ahoy")
    assert type(StrOutputParser().invoke(message)) is str
    assert type(PromptTemplate("{x}").format(x=message)) is str
    messages = ChatPromptTemplate(["{x}"]).format_messages(x=message.text)
    assert type(messages[0].content) is str


@pytest.mark.parametrize(
    "other",
    [
        AIMessage("b"),
        "{b}",
        ("ai", "{b}"),
        [HumanMessage("b"), "{c}"],
        HumanMessagePromptTemplate.from_template("{b}"),
        MessagesPlaceholder("b"),
        ChatPromptTemplate([("human", "{b}")], partial_variables={"b": "x"}),
    ],
    ids=["message", "string", "pair", "list", "template", "placeholder", "chat prompt"],
)
def test_a_message_and_another_part_make_a_chat_prompt(other: Any) -> None:
    """They are the prompt of the message, with the other part added."""
    message = SystemMessage("a {not a variable}")
    assert message + other == ChatPromptTemplate([message]) + other
    assert isinstance(message + other, ChatPromptTemplate)


def test_sums_go_on() -> None:
    """As in LangChain's guide to prompts that are put together."""
    prompt = SystemMessage("Be brief.") + HumanMessage("Hi") + AIMessage("What?") + "{input}"
    assert prompt.input_variables == ["input"]
    assert prompt.format_messages(input="I said hi")[2:] == [
        AIMessage("What?"),
        HumanMessage("I said hi"),
    ]
    assert HumanMessage("a") + ChatMessage("b", role="critic") == ChatPromptTemplate(
        [HumanMessage("a"), ChatMessage("b", role="critic")]
    )


def test_chunks_are_still_added_to_a_chunk() -> None:
    """They are parts of one message; a message and its chunk have no sum."""
    assert AIMessageChunk("a") + AIMessageChunk("b") == AIMessageChunk("ab")
    with pytest.raises(TypeError):
        AIMessageChunk("a") + HumanMessage("b")


def test_a_string_before_a_message_is_no_sum() -> None:
    """`text += message` is a mistake, as it is in LangChain."""
    with pytest.raises(TypeError):
        "a" + HumanMessage("b")
