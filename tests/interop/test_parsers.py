"""Parsers of ours in LangChain's chains, which take no other runnable in their place."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_classic.chains import LLMChain
from langchain_core.language_models import FakeListLLM
from langchain_core.output_parsers import BaseLLMOutputParser
from langchain_core.prompts import PromptTemplate as TheirPrompt

from runnables import (
    CommaSeparatedListOutputParser,
    JsonOutputParser,
    PromptTemplate,
    StrOutputParser,
    from_langchain,
    to_langchain,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

PARSERS: list[tuple[Any, str, Any]] = [
    (StrOutputParser(), "a, b", "a, b"),
    (CommaSeparatedListOutputParser(), "a, b", ["a", "b"]),
    (JsonOutputParser(), '{"a": 1}', {"a": 1}),
]


@pytest.mark.filterwarnings("ignore:The class `LLMChain` was deprecated")
@pytest.mark.parametrize(("parser", "said", "parsed"), PARSERS, ids=["text", "list", "json"])
def test_a_parser_reads_the_answers_of_a_chain(
    parser: Any, said: str, parsed: Any, call: Call
) -> None:
    """Of a chat model of ours, and of a model of text of LangChain's."""
    prompt = to_langchain(PromptTemplate("{b}"))
    for model in (to_langchain(ScriptedChatModel([said])), FakeListLLM(responses=[said])):
        chain = LLMChain(llm=model, prompt=prompt, output_parser=to_langchain(parser))
        assert call.invoke(chain, {"b": "2"})["text"] == parsed


@pytest.mark.parametrize(("parser", "said", "parsed"), PARSERS, ids=["text", "list", "json"])
def test_a_parser_is_a_step_of_their_pipes(parser: Any, said: str, parsed: Any, call: Call) -> None:
    """It comes back as it was."""
    theirs = to_langchain(parser)
    assert isinstance(theirs, BaseLLMOutputParser)
    assert from_langchain(theirs) is parser
    pipe: Any = TheirPrompt.from_template("{b}") | FakeListLLM(responses=[said]) | theirs
    assert call.invoke(pipe, {"b": "2"}) == parsed


def test_a_parser_streams_in_their_pipes(call: Call) -> None:
    """Chunk by chunk, as the answer comes."""
    model = to_langchain(ScriptedChatModel(["Ahoy there!"]))
    chunks = call.stream(model | to_langchain(StrOutputParser()), "Hi")
    assert len(chunks) > 1
    assert "".join(chunks) == "Ahoy there!"


def test_format_instructions_are_those_of_the_parser() -> None:
    parser = CommaSeparatedListOutputParser()
    assert to_langchain(parser).get_format_instructions() == parser.get_format_instructions()
