"""Messages of LangChain as ours and back: nothing is lost, and chunks add up."""

from __future__ import annotations

from typing import Any, cast

import langchain_core.messages as lc
import pytest
from hypothesis import given, strategies as st
from langchain_core.documents import Document as TheirDocument

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    Document,
    HumanMessage,
    ToolMessage,
    convert_to_messages,
    from_langchain,
    message_chunk_to_message,
    to_langchain,
)
from runnables.interop.langchain.messages import FROM_LANGCHAIN, FROM_RUNNABLES
from tests.interop.their_messages import streams, streams_of_blocks, their_messages
from tests.messages.arbitrary import json_objects, messages, tool_calls


@given(their_messages)
def test_their_messages_come_back_equal(message: lc.BaseMessage) -> None:
    """Blocks, calls, usage, metadata, artifacts and attributes of other versions survive."""
    ours = from_langchain(message)
    back = to_langchain(ours)
    assert isinstance(ours, BaseMessage)
    assert type(back) is type(message)
    assert back == message
    assert back.model_dump() == message.model_dump()


@given(messages)
def test_our_messages_come_back_equal(message: BaseMessage) -> None:
    theirs = to_langchain(message)
    assert isinstance(theirs, lc.BaseMessage)
    assert theirs.type == message.type
    assert from_langchain(theirs) == message


_signed = st.builds(
    lambda call, extras, index: {**call, "extras": extras, "index": index},
    tool_calls,
    json_objects,
    st.integers(0, 3),
)


@given(st.lists(_signed | tool_calls, min_size=1, max_size=3))
def test_the_extras_of_calls_survive_what_langchain_validates(calls: list[Any]) -> None:
    """Their checkpointers and `add_messages` make messages anew, which drops keys of calls."""
    ours = AIMessage("", tool_calls=calls)
    theirs = to_langchain(ours)
    assert from_langchain(theirs) == ours
    again = lc.AIMessage(**theirs.model_dump())
    assert from_langchain(again) == ours
    assert to_langchain(from_langchain(again)) == theirs


def test_a_signature_of_a_streamed_call_survives_their_sum() -> None:
    parts = [
        {"name": "add", "args": '{"a"', "id": "1", "index": 0, "extras": {"signature": "s"}},
        {"name": None, "args": ": 1}", "id": None, "index": 0},
        {"name": "add", "args": "{}", "id": "2", "index": 1, "extras": {"signature": "t"}},
    ]
    chunks = [AIMessageChunk("", tool_call_chunks=[cast("Any", part)]) for part in parts]
    theirs = [to_langchain(chunk) for chunk in chunks]
    total = from_langchain(theirs[0] + theirs[1] + theirs[2])
    assert message_chunk_to_message(total) == message_chunk_to_message(
        AIMessageChunk.merge_chunks(chunks)
    )


@given(streams())
def test_the_sum_of_converted_chunks_is_the_converted_sum(fields: list[dict[str, Any]]) -> None:
    """For streams as services send them, in both directions, and in both libraries.

    The calls of a single chunk are as its library has parsed them: LangChain shows the middle of a
    call as one without a name.
    """
    ours = [AIMessageChunk(**each) for each in fields]
    theirs = [lc.AIMessageChunk(**each) for each in fields]
    their_sum = theirs[0]
    for chunk in theirs[1:]:
        their_sum = their_sum + chunk
    our_sum = AIMessageChunk.merge_chunks(ours)
    converted = [cast("AIMessageChunk", from_langchain(chunk)) for chunk in theirs]
    assert AIMessageChunk.merge_chunks(converted) == our_sum
    assert message_chunk_to_message(from_langchain(their_sum)) == message_chunk_to_message(our_sum)
    assert to_langchain(our_sum) == their_sum


@given(streams_of_blocks())
def test_the_sums_of_blocks_differ_in_an_empty_string_at_most(fields: list[dict[str, Any]]) -> None:
    """LangChain keeps the empty string that a stream begins with, before its blocks."""
    ours = AIMessageChunk.merge_chunks([AIMessageChunk(**each) for each in fields])
    theirs = lc.AIMessageChunk(**fields[0])
    for each in fields[1:]:
        theirs = theirs + lc.AIMessageChunk(**each)
    converted = cast("AIMessageChunk", from_langchain(theirs))
    if fields[0]["content"] == "":
        assert cast("list[Any]", converted.content).pop(0) == ""
    assert converted == ours


def test_an_attribute_without_a_field_travels_in_one_key() -> None:
    ours = from_langchain(lc.HumanMessage("Hi", example=True))
    assert ours.additional_kwargs == {FROM_LANGCHAIN: {"example": True}}
    assert from_langchain(lc.HumanMessage("Hi")).additional_kwargs == {}
    signed: Any = {"name": "add", "args": {}, "id": "1", "extras": {"signature": "s"}}
    theirs = to_langchain(AIMessage("", tool_calls=[signed]))
    assert list(theirs.additional_kwargs) == [FROM_RUNNABLES]
    assert from_langchain(theirs).additional_kwargs == {}


def test_a_class_derived_from_one_of_theirs_is_of_its_kind() -> None:
    class Marked(lc.HumanMessage):
        mark: int = 0

    ours = from_langchain(Marked("Hi", mark=3))
    assert type(ours) is HumanMessage
    assert to_langchain(ours).mark == 3


def test_an_artifact_stays_the_object_that_it_is() -> None:
    artifact = object()
    theirs = lc.ToolMessage("x", tool_call_id="1", artifact=artifact)
    assert from_langchain(theirs).artifact is artifact
    assert to_langchain(ToolMessage("x", tool_call_id="1", artifact=artifact)).artifact is artifact


def test_the_documents_of_an_artifact_are_converted() -> None:
    theirs = lc.ToolMessage("x", tool_call_id="1", artifact=[TheirDocument("a", metadata={"n": 1})])
    ours = from_langchain(theirs)
    assert ours.artifact == [Document("a", metadata={"n": 1})]
    assert to_langchain(ours) == theirs


def test_changing_one_message_does_not_change_the_other() -> None:
    block = {"type": "text", "text": "a"}
    theirs = lc.AIMessage([block], additional_kwargs={"a": 1})
    ours = from_langchain(theirs)
    ours.content[0]["text"] = "b"
    ours.additional_kwargs["a"] = 2
    assert theirs.content == [{"type": "text", "text": "a"}]
    assert theirs.additional_kwargs == {"a": 1}


@pytest.mark.parametrize(
    ("message", "way_out"),
    [
        (lc.FunctionMessage("x", name="f"), "ToolMessage"),
        (lc.RemoveMessage(id="1"), "return it from a node"),
    ],
    ids=["function", "remove"],
)
def test_a_message_without_a_counterpart_is_refused_with_the_way_out(
    message: lc.BaseMessage, way_out: str
) -> None:
    with pytest.raises(TypeError, match=way_out) as caught:
        convert_to_messages([message])
    assert type(message).__name__ in str(caught.value)


@given(their_messages)
def test_a_message_of_theirs_has_every_field_of_ours(message: lc.BaseMessage) -> None:
    """It is made without validation, which would set what is left out."""
    made = from_langchain(message)
    assert vars(made).keys() == type(made).model_fields.keys()
    repr(made)
