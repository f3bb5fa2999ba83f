"""Parsers that read LangChain's results, and the JSON object with certain keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseGenerationOutputParser,
    BaseLLMOutputParser,
    BaseOutputParser,
    BaseTransformOutputParser,
    ChatGeneration,
    ModelRefusalError,
    OutputParserException,
    parse_and_check_json_markdown,
    tool_call,
)
from tests.both_modes import Call

CALLS = AIMessage("Ahoy", tool_calls=[tool_call(name="look", args={}, id="1")])


class CallNames(BaseGenerationOutputParser[list[str]]):
    def parse_result(self, result: Sequence[Any], *, partial: bool = False) -> list[str]:
        (generation,) = result
        assert isinstance(generation, ChatGeneration)
        assert isinstance(generation.message, AIMessage)
        return [call["name"] for call in generation.message.tool_calls]


class Swapped(BaseTransformOutputParser[str]):
    def parse(self, text: str) -> str:
        raise NotImplementedError

    def parse_result(self, result: Sequence[Any], *, partial: bool = False) -> str:
        return str(result[0].text.swapcase())


class Counted(BaseOutputParser[int]):
    seen: int = 0

    def parse(self, text: str) -> int:
        return len(text)

    def parse_result(self, result: Sequence[Any], *, partial: bool = False) -> int:
        return int(super().parse_result(result, partial=partial)) * 10


class Strict(BaseGenerationOutputParser[str]):
    def parse_result(self, result: Sequence[Any], *, partial: bool = False) -> str:
        raise OutputParserException("no")


def test_a_parser_of_results_reads_the_message(call: Call) -> None:
    """It gets a generation with the whole message; of a string, one with that text."""
    assert call.invoke(CallNames(), CALLS) == ["look"]
    assert call.invoke(CallNames(), "Ahoy") == []
    assert CallNames().parse("Ahoy") == []
    assert BaseLLMOutputParser is BaseGenerationOutputParser


def test_a_stream_is_read_as_a_whole(call: Call) -> None:
    """Its chunks are merged first."""
    assert call.stream(CallNames(), CALLS) == [["look"]]


def test_a_parser_of_chunks_reads_the_result_of_each(call: Call) -> None:
    """So a stream has as many parts as its input."""
    assert call.transform(Swapped(), [AIMessageChunk("aB"), AIMessageChunk("c")]) == ["Ab", "C"]
    assert call.invoke(Swapped(), "aB") == "Ab"


def test_the_base_class_parses_the_text(call: Call) -> None:
    """`super().parse_result` calls `parse`, once."""
    assert call.invoke(Counted(), AIMessage("abc")) == 30
    assert Counted().parse_result([ChatGeneration(message=AIMessage("ab"))]) == 20


def test_errors_have_the_text_and_refusals_have_their_own(call: Call) -> None:
    """As those of parsers of text."""
    with pytest.raises(OutputParserException) as caught:
        call.invoke(Strict(), "Ahoy")
    assert caught.value.llm_output == "Ahoy"
    with pytest.raises(ModelRefusalError):
        call.invoke(Strict(), AIMessage([{"type": "refusal", "refusal": "I cannot."}]))


def test_a_json_object_with_its_keys_is_returned() -> None:
    """Prose and fences around it are left out."""
    text = 'Sure:\n```json\n{"a": 1, "b": 2}\n```'
    assert parse_and_check_json_markdown(text, ["a"]) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```json\n1\n```", r"Expected JSON object \(dict\), got a int"),
        ("Ahoy", "Got invalid JSON"),
        ('{"b": 1}', "lacks 'a', 'c'"),
    ],
)
def test_another_value_is_an_error(text: str, reason: str) -> None:
    """The error says what is wrong, and shows the answer."""
    with pytest.raises(OutputParserException, match=reason) as caught:
        parse_and_check_json_markdown(text, ["a", "c"])
    assert caught.value.llm_output == text
