"""Refusals of a model: the errors that parsers raise, for messages and for streams."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    JsonOutputToolsParser,
    ModelRefusalError,
    OutputParserException,
    PydanticOutputParser,
    PydanticToolsParser,
    RunnableLambda,
    StrOutputParser,
    XMLOutputParser,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

NO = "I will not do that."


class Person(BaseModel):
    name: str


IN_A_BLOCK = AIMessage([{"type": "refusal", "refusal": NO}])
AS_IN_CHAT = AIMessage("", additional_kwargs={"refusal": NO})
CHUNKS = [
    AIMessageChunk([{"type": "refusal", "refusal": part, "index": 0}])
    for part in ("I will ", "not do ", "that.")
]
STRICT = [
    JsonOutputParser(),
    PydanticOutputParser(pydantic_object=Person),
    XMLOutputParser(),
    JsonOutputToolsParser(),
    JsonOutputToolsParser(first_tool_only=True),
    JsonOutputKeyToolsParser("Person"),
    PydanticToolsParser([Person]),
]


@pytest.mark.parametrize("parser", STRICT, ids=repr)
def test_a_refusal_is_an_error_with_the_models_words(parser: Any, call: Call) -> None:
    """In a block and in `additional_kwargs`, as a message and as a stream."""
    for run in (
        lambda: call.invoke(parser, IN_A_BLOCK),
        lambda: call.invoke(parser, AS_IN_CHAT),
        lambda: call.stream(parser, IN_A_BLOCK),
        lambda: call.transform(parser, CHUNKS),
    ):
        with pytest.raises(ModelRefusalError, match="The model refused: I will not") as caught:
            run()
        assert caught.value.refusal == NO
        assert isinstance(caught.value, OutputParserException)


def test_text_and_calls_next_to_a_refusal_are_read(call: Call) -> None:
    """A refusal is the error only where the parser finds nothing to read."""
    kwargs = {"refusal": NO}
    assert call.invoke(JsonOutputParser(), AIMessage('{"a": 1}', additional_kwargs=kwargs)) == {
        "a": 1
    }
    called = AIMessage(
        "",
        additional_kwargs=kwargs,
        tool_calls=[{"name": "Person", "args": {"name": "A"}, "id": "1", "type": "tool_call"}],
    )
    assert call.invoke(PydanticToolsParser([Person]), called) == [Person(name="A")]
    assert call.invoke(StrOutputParser(), AS_IN_CHAT) == ""


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output_raises_the_refusal(method: Any, call: Call) -> None:
    """With `include_raw=True` it is the `parsing_error`."""
    model = ScriptedChatModel([AS_IN_CHAT], cycle=True)
    with pytest.raises(ModelRefusalError, match=NO):
        call.invoke(model.with_structured_output(Person, method=method), "go")
    raw = call.invoke(model.with_structured_output(Person, method=method, include_raw=True), "go")
    assert raw["parsed"] is None
    assert isinstance(raw["parsing_error"], ModelRefusalError)


def test_a_refusal_is_not_repaired(call: Call) -> None:
    """The model is not asked to correct an answer that it meant."""
    prompts: list[Any] = []
    parser = JsonOutputParser().with_repair(RunnableLambda(prompts.append))
    with pytest.raises(ModelRefusalError):
        call.invoke(parser, AS_IN_CHAT)
    with pytest.raises(ModelRefusalError):
        call.transform(parser, CHUNKS)
    assert prompts == []


def test_a_refusal_error_pickles() -> None:
    """With its words, the text and the message."""
    copy = pickle.loads(pickle.dumps(ModelRefusalError(NO, "text")))
    assert (copy.refusal, copy.llm_output, str(copy)) == (NO, "text", f"The model refused: {NO}")
