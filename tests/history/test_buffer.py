"""LangChain's memories, which a program loads and saves by hand."""

from __future__ import annotations

import asyncio
import pickle
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from runnables import (
    AIMessage,
    ChatPromptTemplate,
    ConfigError,
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationSummaryMemory,
    FakeListChatModel,
    HumanMessage,
    InMemoryChatMessageHistory,
    MessagesPlaceholder,
    PromptTemplate,
    Runnable,
    RunnableLambda,
    RunnablePassthrough,
    SQLiteHistory,
)
from tests.both_modes import Call
from tests.history.helpers import contents

PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Help."), MessagesPlaceholder(variable_name="history"), ("human", "{input}")]
)
TURN = [HumanMessage("I am Ada."), AIMessage("Hello, Ada.")]


def test_a_chain_loads_what_was_saved(call: Call) -> None:
    """As LangChain's expression language code writes it: assign, prompt, model, save."""
    memory = ConversationBufferMemory(return_messages=True)
    seen: list[Any] = []

    def answer(prompt: Any) -> str:
        seen.append(contents(prompt.to_messages()))
        return f"answer {len(seen)}"

    load = RunnableLambda(memory.load_memory_variables) | itemgetter("history")
    chain = RunnablePassthrough.assign(history=load) | PROMPT | answer
    for question in ("one", "two"):
        inputs = {"input": question}
        memory.save_context(inputs, {"output": call.invoke(chain, inputs)})
    assert seen == [["Help.", "one"], ["Help.", "one", "answer 1", "two"]]
    assert contents(memory.chat_memory.messages) == ["one", "answer 1", "two", "answer 2"]


def test_a_class_of_a_user_holds_its_memory() -> None:
    """The chain, the memory and the keys are attributes of a runnable."""

    class Conversation(Runnable[str, str]):
        def __init__(self, memory: ConversationBufferMemory) -> None:
            self.memory = memory
            load = RunnableLambda(memory.load_memory_variables) | itemgetter("history")
            model = FakeListChatModel(responses=["Hello, Ada.", "Ada."])
            self.chain = RunnablePassthrough.assign(history=load) | PROMPT | model

        def invoke(self, input: str, config: Any = None, **kwargs: Any) -> str:
            answer = self.chain.invoke({"input": input}).text
            self.memory.save_context(inputs={"human": input}, outputs={"ai": answer})
            return answer

    conversation = Conversation(ConversationBufferMemory(return_messages=True))
    assert [conversation.invoke(text) for text in ("I am Ada.", "Who?")] == ["Hello, Ada.", "Ada."]
    assert len(conversation.memory.buffer) == 4


@pytest.mark.parametrize("is_async", [False, True])
def test_messages_and_strings(is_async: bool, tmp_path: Path) -> None:
    """Both forms, both prefixes, both modes, and any history below."""
    for history in (None, InMemoryChatMessageHistory(), SQLiteHistory(tmp_path / "chat.db")("ada")):
        memory = ConversationBufferMemory(
            chat_memory=history, memory_key="chat", human_prefix="User", ai_prefix="Model"
        )
        inputs = {"input": "I am Ada.", "chat": "before", "stop": ["\n"]}
        if is_async:
            asyncio.run(memory.asave_context(inputs, {"output": "Hello, Ada."}))
        else:
            memory.save_context(inputs, {"output": "Hello, Ada."})
        text = {"chat": "User: I am Ada.\nModel: Hello, Ada."}
        assert memory.load_memory_variables({}) == text
        assert asyncio.run(memory.aload_memory_variables()) == text
        assert memory.memory_variables == ["chat"]
        assert (memory.buffer, memory.buffer_as_messages) == (text["chat"], TURN)
        memory.return_messages = True
        assert memory.load_memory_variables({}) == {"chat": TURN} == {"chat": memory.buffer}
        assert asyncio.run(memory.aload_memory_variables()) == {"chat": TURN}
        if is_async:
            asyncio.run(memory.aclear())
        else:
            memory.clear()
        assert memory.load_memory_variables({}) == {"chat": []}


def test_what_is_loaded_is_the_callers_own() -> None:
    """Changing the list that was returned changes no history."""
    memory = ConversationBufferMemory(return_messages=True)
    memory.save_context({"input": "a"}, {"output": "b"})
    memory.load_memory_variables({})["history"].clear()
    assert len(memory.buffer) == 2


def test_messages_are_stored_as_they_are() -> None:
    """A model's answer need not be turned into text."""
    memory = ConversationBufferMemory(return_messages=True)
    memory.save_context({"input": TURN[0]}, {"output": TURN[1]})
    assert memory.buffer == TURN


def test_which_key_is_stored() -> None:
    """The only one, "output" among several, or the one that was set; else it is an error."""
    memory = ConversationBufferMemory()
    memory.save_context({"question": "a"}, {"output": "b", "sources": "c"})
    assert memory.buffer == "Human: a\nAI: b"
    for inputs, outputs, setting in (
        ({"a": "1", "b": "2"}, {"output": "3"}, "input_key"),
        ({}, {"output": "3"}, "input_key"),
        ({"a": "1"}, {"b": "2", "c": "3"}, "output_key"),
    ):
        with pytest.raises(ValueError, match=setting):
            memory.save_context(inputs, outputs)
    assert memory.buffer == "Human: a\nAI: b"
    chosen = ConversationBufferMemory(input_key="b", output_key="c")
    chosen.save_context({"a": "1", "b": "2"}, {"b": "2", "c": "3"})
    assert chosen.buffer == "Human: 2\nAI: 3"


def test_a_window_loads_the_last_turns_and_keeps_all() -> None:
    """With 0 it loads none; by default five."""
    memory = ConversationBufferWindowMemory(k=1, return_messages=True)
    for number in range(7):
        memory.save_context({"input": f"q{number}"}, {"output": f"a{number}"})
    assert contents(memory.load_memory_variables({})["history"]) == ["q6", "a6"]
    assert contents(asyncio.run(memory.aload_memory_variables())["history"]) == ["q6", "a6"]
    assert len(memory.chat_memory.messages) == 14
    memory.k = 0
    assert memory.load_memory_variables({}) == {"history": []}
    everything = ConversationBufferWindowMemory(chat_memory=memory.chat_memory)
    assert everything.buffer.count("\n") == 9


@pytest.mark.parametrize("is_async", [False, True])
def test_a_summary_is_written_anew_for_each_turn(is_async: bool) -> None:
    """From the one before and the new messages; it is loaded as a string or as a message."""
    asked: list[Any] = []

    def summarize(messages: list[Any]) -> str:
        asked.append([message.text for message in messages])
        return f" summary {len(asked)}\n"

    memory = ConversationSummaryMemory(llm=summarize)
    assert memory.load_memory_variables({}) == {"history": ""}
    for number in (1, 2):
        turn: Any = {"input": f"<q{number}>"}, {"output": f"a{number}"}
        if is_async:
            asyncio.run(memory.asave_context(*turn))
        else:
            memory.save_context(*turn)
    assert "&lt;q2&gt;" in asked[1][1] and "summary 1" in asked[1][1] and "q1" not in asked[1][1]
    assert memory.buffer == memory.summary == "summary 2"
    assert memory.load_memory_variables({}) == {"history": "summary 2"}
    assert len(memory.chat_memory.messages) == 4
    memory.return_messages = True
    [message] = asyncio.run(memory.aload_memory_variables())["history"]
    assert isinstance(message, HumanMessage) and message.text.endswith("summary 2")
    if is_async:
        asyncio.run(memory.aclear())
    else:
        memory.clear()
    assert memory.load_memory_variables({}) == {"history": []}


def test_a_summary_has_a_prompt_of_its_own() -> None:
    """With LangChain's variables, and a summary to begin with."""
    prompt = PromptTemplate.from_template("{summary} / {new_lines}")
    memory = ConversationSummaryMemory(
        llm=lambda value: value.to_string(), prompt=prompt, buffer="before", ai_prefix="Bot"
    )
    memory.save_context({"input": "a"}, {"output": "b"})
    assert memory.buffer == "before / Human: a\nBot: b"


def test_a_turn_whose_summary_fails_is_not_stored() -> None:
    """The conversation and the summary stay what they were."""

    def fail(_: Any) -> str:
        raise OSError("no model")

    memory = ConversationSummaryMemory(llm=fail, buffer="before")
    with pytest.raises(OSError, match="no model"):
        memory.save_context({"input": "a"}, {"output": "b"})
    assert (memory.buffer, memory.chat_memory.messages) == ("before", [])


def test_what_is_refused() -> None:
    """A keyword that is none, and a number of turns that is none."""
    made: Any = ConversationBufferMemory
    with pytest.raises(ConfigError, match="return_messages"):
        made(return_message=True)
    for k in (-1, 1.5, True, None):
        made = ConversationBufferWindowMemory
        with pytest.raises(ConfigError, match="k="):
            made(k=k)


def test_it_is_a_value_with_its_conversation() -> None:
    """It prints, compares and pickles."""
    memory = ConversationBufferWindowMemory(k=2)
    memory.save_context({"input": "a"}, {"output": "b"})
    copied = pickle.loads(pickle.dumps(memory))
    assert copied == memory
    assert copied.buffer == "Human: a\nAI: b"
    assert "k=2" in repr(memory)
