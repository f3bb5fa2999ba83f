"""Prompts of ours in LangChain's chains, which take no other runnable in their place."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_classic.chains import LLMChain, create_retrieval_chain
from langchain_classic.chains.combine_documents import create_stuff_documents_chain
from langchain_classic.memory import SimpleMemory
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.prompts import BasePromptTemplate as TheirPrompt
from langchain_core.runnables import RunnableLambda as TheirLambda

from runnables import (
    ChatPromptTemplate,
    Document,
    FewShotPromptTemplate,
    HumanMessage,
    MessagesPlaceholder,
    PromptTemplate,
    RunnableLambda,
    from_langchain,
    to_langchain,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

CHAT = ChatPromptTemplate(
    [("system", "About {context}."), MessagesPlaceholder("past", optional=True), "{input}"]
)
FEW = FewShotPromptTemplate(
    examples=[{"a": "1"}], example_prompt=PromptTemplate("{a}"), suffix="{b}"
)
VALUES = {"context": "bears", "input": "Why?", "past": [HumanMessage("Hm")], "b": "2"}


@pytest.mark.parametrize(
    "prompt",
    [CHAT, CHAT.partial(context="sea"), PromptTemplate("{b}"), PromptTemplate("no name"), FEW],
    ids=["chat", "partial", "string", "constant", "few-shot"],
)
def test_a_prompt_renders_there_what_it_renders_here(prompt: Any, call: Call) -> None:
    """Also with values that it has no name for, which LangChain's chains pass along."""
    theirs = to_langchain(prompt)
    expected = prompt.invoke(VALUES)
    assert isinstance(theirs, TheirPrompt)
    assert from_langchain(call.invoke(theirs, VALUES)) == expected
    rendered = call.run(
        lambda: theirs.format_prompt(**VALUES), lambda: theirs.aformat_prompt(**VALUES)
    )
    assert from_langchain(rendered) == expected
    text = call.run(lambda: theirs.format(**VALUES), lambda: theirs.aformat(**VALUES))
    assert text == rendered.to_string()
    assert theirs.input_variables == prompt.input_variables
    assert from_langchain(theirs) is prompt


def test_a_value_is_filled_in_there() -> None:
    """LangChain's agents fill in the tools of their prompts."""
    filled = to_langchain(CHAT).partial(context="the sea", tools="unknown")
    assert filled.input_variables == ["input"]
    assert filled.partial_variables == {"context": "the sea", "past": []}
    assert [m.text for m in filled.format_messages(input="Why?")] == ["About the sea.", "Why?"]


def test_a_prompt_that_langchain_refuses_is_a_runnable_there() -> None:
    """It has no variables called stop in its own prompts."""
    assert to_langchain(PromptTemplate("{stop}")).invoke({"stop": "x"}).text == "x"


@pytest.mark.filterwarnings("ignore:The class `LLMChain` was deprecated")
def test_a_chain_of_langchain_is_made_of_our_parts() -> None:
    """Its own parts look for a prompt's variables, and check the classes."""
    parts = to_langchain([ScriptedChatModel(["7", "8"]), PromptTemplate("{a} and {b}?")])
    chain = LLMChain(llm=parts[0], prompt=parts[1])
    assert chain.invoke({"a": "1", "b": "2"})["text"] == "7"
    search = to_langchain(RunnableLambda(lambda _: [Document("They are brown.")]))
    answers = create_stuff_documents_chain(parts[0], to_langchain(CHAT))
    found = create_retrieval_chain(search, answers).invoke({"input": "Why?"})
    assert found["answer"] == "8"


def test_a_prompt_is_one_run_there(call: Call) -> None:
    """It is LangChain's own."""
    names: list[str] = []

    class Names(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            names.append(kwargs["name"])

    call.invoke(to_langchain(PromptTemplate("{a}")), {"a": 1}, {"callbacks": [Names()]})
    assert names == ["PromptTemplate"]


def test_items_of_a_list_are_converted_that_are_ours() -> None:
    """The others stay the same objects; what is LangChain's already, does, too."""
    step = TheirLambda(len)
    mixed = [CHAT, step, "a", len]
    made = to_langchain(mixed)
    assert isinstance(made[0], TheirPrompt)
    assert made[1:] == [step, "a", len]
    assert made[1] is step
    for theirs in (to_langchain(Document("a")), SimpleMemory(), step):
        assert to_langchain(theirs) is theirs


def test_an_optional_placeholder_is_a_partial_variable_as_in_langchain(call: Call) -> None:
    """`create_tool_calling_agent` looks for "agent_scratchpad" there."""
    from langchain_classic.agents import AgentExecutor, create_tool_calling_agent

    from runnables import AIMessage, tool, tool_call

    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    prompt = ChatPromptTemplate(
        [("system", "Be brief."), ("human", "{input}"), ("placeholder", "{agent_scratchpad}")]
    )
    theirs = to_langchain(prompt)
    assert theirs.partial_variables == {"agent_scratchpad": []}
    assert theirs.input_variables == ["input"]
    model = ScriptedChatModel(
        [
            AIMessage("", tool_calls=[tool_call(name="add", args={"a": 1, "b": 2}, id="1")]),
            "It is 3.",
        ]
    )
    agent = create_tool_calling_agent(to_langchain(model), [to_langchain(add)], theirs)
    executor = AgentExecutor(agent=agent, tools=[to_langchain(add)])
    assert call.invoke(executor, {"input": "1 + 2?"})["output"] == "It is 3."
    assert model.calls[1].messages[2].tool_calls[0]["name"] == "add"
    assert model.calls[1].messages[3].text == "3"
