"""A model that refuses: what parsers make of that, whole and in pieces."""

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
    """Somebody."""

    name: str


IN_A_BLOCK = AIMessage([{"type": "refusal", "refusal": NO}])
AS_IN_CHAT = AIMessage("", additional_kwargs={"refusal": NO})
PIECES = [
    AIMessageChunk([{"type": "refusal", "refusal": piece, "index": 0}])
    for piece in ("I will ", "not do ", "that.")
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
def test_a_refusal_is_an_error_that_says_what_the_model_said(parser: Any, call: Call) -> None:
    """In a block and in `additional_kwargs`, whole and in pieces."""
    for run in (
        lambda: call.invoke(parser, IN_A_BLOCK),
        lambda: call.invoke(parser, AS_IN_CHAT),
        lambda: call.stream(parser, IN_A_BLOCK),
        lambda: call.transform(parser, PIECES),
    ):
        with pytest.raises(ModelRefusalError, match="The model refused: I will not") as caught:
            run()
        assert caught.value.refusal == NO
        assert isinstance(caught.value, OutputParserException)


def test_text_and_calls_beside_a_refusal_are_read(call: Call) -> None:
    """Only what cannot be read is put down to the refusal."""
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
def test_structured_output_says_that_the_model_refused(method: Any, call: Call) -> None:
    """Raised; with `include_raw=True` it is the reason why there is nothing."""
    model = ScriptedChatModel([AS_IN_CHAT], cycle=True)
    with pytest.raises(ModelRefusalError, match=NO):
        call.invoke(model.with_structured_output(Person, method=method), "go")
    raw = call.invoke(model.with_structured_output(Person, method=method, include_raw=True), "go")
    assert raw["parsed"] is None
    assert isinstance(raw["parsing_error"], ModelRefusalError)


def test_a_refusal_is_not_repaired(call: Call) -> None:
    """The model is not asked to correct what it meant."""
    asked: list[Any] = []
    parser = JsonOutputParser().with_repair(RunnableLambda(asked.append))
    with pytest.raises(ModelRefusalError):
        call.invoke(parser, AS_IN_CHAT)
    with pytest.raises(ModelRefusalError):
        call.transform(parser, PIECES)
    assert asked == []


def test_the_error_travels() -> None:
    """Through pickle, with all that it says."""
    copy = pickle.loads(pickle.dumps(ModelRefusalError(NO, "text")))
    assert (copy.refusal, copy.llm_output, str(copy)) == (NO, "text", f"The model refused: {NO}")
