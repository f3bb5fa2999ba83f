"""Messages and documents of LangChain, given to models, prompts and functions of ours."""

from __future__ import annotations

from typing import Any

import langchain_core.messages as lc
import pytest
from langchain_core.documents import Document as TheirDocument
from langchain_core.prompt_values import ChatPromptValue as TheirPromptValue

from runnables import (
    AIMessage,
    BaseMessage,
    ChatPromptTemplate,
    HumanMessage,
    InMemoryChatMessageHistory,
    MessagesPlaceholder,
    PromptTemplate,
    RunnableLambda,
    RunnableWithMessageHistory,
    StrOutputParser,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
    convert_to_openai_messages,
    count_tokens_approximately,
    create_agent,
    filter_messages,
    format_document,
    get_buffer_string,
    merge_message_runs,
    trim_messages,
)
from runnables.models.fakes import FakeListChatModel, ParrotFakeChatModel
from tests.both_modes import Call

THEIRS: list[Any] = [
    lc.SystemMessage("Be brief."),
    lc.HumanMessage("Hi", name="ann"),
    lc.AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "1"}]),
    lc.ToolMessage("1", tool_call_id="1"),
]
OURS = [
    SystemMessage("Be brief."),
    HumanMessage("Hi", name="ann"),
    AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "1"}]),
    ToolMessage("1", tool_call_id="1"),
]


@pytest.mark.parametrize(
    "given",
    [THEIRS, TheirPromptValue(messages=THEIRS), [*THEIRS[:2], *OURS[2:]]],
    ids=["list", "prompt value", "both"],
)
def test_a_conversation_of_theirs_is_read_as_ours(given: Any) -> None:
    assert convert_to_messages(given) == OURS


def test_one_message_of_theirs_is_a_conversation() -> None:
    assert convert_to_messages(lc.HumanMessage("Hi")) == [HumanMessage("Hi")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "function",
    [
        lambda messages: trim_messages(messages, max_tokens=100, token_counter=len),
        lambda messages: filter_messages(messages, include_types=["human", "tool"]),
        merge_message_runs,
        get_buffer_string,
        count_tokens_approximately,
        convert_to_openai_messages,
    ],
    ids=["trim", "filter", "merge", "buffer string", "tokens", "openai"],
)
def test_functions_of_conversations_take_theirs(function: Any) -> None:
    assert function(THEIRS) == function(OURS)


def test_a_model_gets_ours(call: Call) -> None:
    model = FakeListChatModel(responses=["Hello"])
    assert call.invoke(model, THEIRS).text == "Hello"


def test_an_agent_gets_ours(call: Call) -> None:
    agent = create_agent(FakeListChatModel(responses=["Hello"]), [])
    answer = call.invoke(agent, {"messages": THEIRS[:2]})
    assert answer["messages"][:2] == OURS[:2]


def test_a_chain_with_a_history_gets_and_stores_ours(call: Call) -> None:
    history = InMemoryChatMessageHistory()
    chain = RunnableWithMessageHistory(
        FakeListChatModel(responses=["Hello"]), lambda session_id: history
    )
    config = {"configurable": {"session_id": "1"}}
    assert call.invoke(chain, [lc.HumanMessage("Hi")], config).text == "Hello"
    assert [message.text for message in history.messages] == ["Hi", "Hello"]
    assert all(isinstance(message, BaseMessage) for message in history.messages)


def test_a_prompt_takes_theirs_as_parts_and_as_values(call: Call) -> None:
    prompt = ChatPromptTemplate(
        [lc.SystemMessage("Be brief."), MessagesPlaceholder("history"), ("human", "{question}")]  # type: ignore[list-item]
    )
    filled = call.invoke(prompt, {"history": THEIRS[1:], "question": "So?"})
    assert filled.messages == [*OURS, HumanMessage("So?")]


def test_a_prompt_shows_messages_and_documents_by_what_they_say(call: Call) -> None:
    prompt = PromptTemplate.from_template("{context}|{said}")
    values = {"context": [TheirDocument("a"), TheirDocument("b")], "said": THEIRS[:2]}
    assert call.invoke(prompt, values).text == "a\n\nb|System: Be brief.\nHuman: Hi"


def test_a_document_of_theirs_is_formatted() -> None:
    prompt = PromptTemplate.from_template("{source}: {page_content}")
    document: Any = TheirDocument("Calm.", metadata={"source": "log"})
    assert format_document(document, prompt) == "log: Calm."


def test_a_parser_reads_an_answer_of_theirs(call: Call) -> None:
    chain = RunnableLambda(lambda text: lc.AIMessage(f"{text}!")) | StrOutputParser()
    assert call.invoke(chain, "Ahoy") == "Ahoy!"


def test_a_history_stores_theirs_as_ours() -> None:
    history = InMemoryChatMessageHistory()
    history.add_messages(THEIRS)
    history.add_ai_message(lc.AIMessage("Hello"))  # type: ignore[arg-type]
    assert history.messages == [*OURS, AIMessage("Hello")]


def test_the_text_of_a_message_of_theirs_is_a_string(call: Call) -> None:
    """It has a class of LangChain, and is no object that needs a counterpart."""
    text = lc.AIMessage("Ahoy").text
    assert type(text) is not str
    model = ParrotFakeChatModel()
    assert call.invoke(model, text).text == "Ahoy"
    assert call.invoke(RunnableLambda(lambda _: text) | model, "").text == "Ahoy"
    assert convert_to_messages([text, ("ai", text)]) == [HumanMessage("Ahoy"), AIMessage("Ahoy")]
    assert ChatPromptTemplate([text]).format_messages() == [HumanMessage("Ahoy")]
    assert call.invoke(create_agent(model), {"messages": [text]})["messages"][-1].text == "Ahoy"
