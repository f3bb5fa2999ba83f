"""Messages: their fields, equality, JSON, content and chunks."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from pydantic import BaseModel, TypeAdapter, ValidationError

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    AnyMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
    message_to_chunk,
    message_to_dict,
    messages_from_dict,
    messages_to_dict,
)
from tests.messages import arbitrary


@given(arbitrary.messages)
def test_a_message_survives_a_round_trip_through_json(message: BaseMessage) -> None:
    """The JSON of any message is read as an equal one, and names no class."""
    written = json.dumps(messages_to_dict([message]))
    assert messages_from_dict(json.loads(written)) == [message]
    assert "runnables" not in written


@given(arbitrary.messages)
def test_messages_are_fields_of_pydantic_models(message: BaseMessage) -> None:
    """`list[AnyMessage]` reads and writes JSON, and `type` selects the class."""

    class Conversation(BaseModel):
        messages: list[AnyMessage]

    conversation = Conversation(messages=[message])  # type: ignore[list-item]
    assert conversation.messages[0] is message
    assert Conversation.model_validate_json(conversation.model_dump_json()).messages == [message]


@given(arbitrary.messages)
def test_messages_are_values(message: BaseMessage) -> None:
    """Copies and pickles are equal; another type or content is not."""
    assert pickle.loads(pickle.dumps(message)) == message
    assert copy.deepcopy(message) == message
    assert message.model_copy(update={"content": "something else"}) != message
    assert message != message.content


def test_a_message_of_another_class_is_not_equal() -> None:
    """The same words in another role are another message."""
    assert HumanMessage("hi") != SystemMessage("hi")
    assert HumanMessage("hi") != HumanMessageChunk("hi")
    assert HumanMessage("hi", name=None) == HumanMessage("hi")


def test_the_repr_reads_like_the_code_that_made_it() -> None:
    """Only what differs from the defaults is shown."""
    assert repr(HumanMessage("hi", id="1")) == "HumanMessage('hi', id='1')"
    assert repr(ToolMessage("4", tool_call_id="c")) == "ToolMessage('4', tool_call_id='c')"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: HumanMessage(3), "must be a str, or a list .* not of type 'int'"),
        (lambda: HumanMessage(["a", 3]), r"content\.1.*not of type 'int'"),
        (lambda: HumanMessage(), "must be a str"),
        (lambda: HumanMessage("a", nam="b"), "Did you mean 'name'"),
        (lambda: HumanMessage("a", content_blocks=[]), "both content and content_blocks"),
        (lambda: ToolMessage("a"), "tool_call_id"),
        (lambda: AIMessage("a", tool_calls=[{"name": "f"}]), r"tool_calls\.0\.args"),
        (lambda: AIMessage("a", tool_calls=[{"name": "f", "args": {}, "ids": ""}]), "ids"),
        (lambda: AIMessage("a", usage_metadata={"input_tokens": 1}), "output_tokens"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_field(make: Any, reason: str) -> None:
    """Each one is a ValueError."""
    with pytest.raises(ValueError, match=f"(?s){reason}"):
        make()


def test_an_unknown_type_in_json_is_an_error_that_lists_the_known_ones() -> None:
    """Untrusted data cannot choose a class."""
    with pytest.raises(ValueError, match=r"'humon'.*Did you mean 'human'"):
        messages_from_dict([{"type": "humon", "data": {"content": ""}}])
    with pytest.raises(ValueError, match="Expected"):
        messages_from_dict([{"type": "human"}])
    with pytest.raises(ValidationError):
        TypeAdapter(AnyMessage).validate_python({"type": "odd", "content": ""})


def test_a_value_that_is_not_json_is_an_error_that_names_the_message() -> None:
    """An artifact that JSON cannot represent is not written as something else."""
    with pytest.raises(TypeError, match="ToolMessage"):
        message_to_dict(ToolMessage("a", tool_call_id="1", artifact=object()))


def test_text_is_the_joined_text_of_the_content() -> None:
    """Strings and text blocks are joined; other blocks have no text."""
    blocks = ["a", {"type": "text", "text": "b"}, {"type": "image", "url": "u"}]
    assert HumanMessage(blocks).text == "ab"
    assert HumanMessage("").text == ""


def test_content_of_a_tool_may_be_anything() -> None:
    """A result that is neither a string nor a list becomes a string, and so does a number as id."""
    assert ToolMessage(4, tool_call_id=7).content == "4"  # type: ignore[arg-type]
    assert ToolMessage(4, tool_call_id=7.5).tool_call_id == "7.5"  # type: ignore[arg-type]
    assert ToolMessage([{"a": 1}, 2], tool_call_id="7").content == [{"a": 1}, "2"]


def test_tool_calls_among_the_blocks_become_tool_calls() -> None:
    """A message of canonical blocks has their calls in `tool_calls`."""
    call: Any = {"type": "tool_call", "name": "f", "args": {}, "id": "1"}
    message = AIMessage(content_blocks=[{"type": "text", "text": "a"}, call])
    assert message.tool_calls == [call]
    assert message.content_blocks == [{"type": "text", "text": "a"}, call]


def test_a_message_survives_a_round_trip_through_its_chunk() -> None:
    """Converting to a chunk and back changes nothing."""
    message = AIMessage("a", id="1", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c"}])
    assert message_chunk_to_message(message_to_chunk(message)) == message
    assert message_chunk_to_message(message) is message
    chat = ChatMessage("a", role="critic")
    assert message_chunk_to_message(message_to_chunk(chat)) == chat


@given(arbitrary.ai_chunks)
def test_every_chunk_converts_to_a_message(chunk: AIMessageChunk) -> None:
    """Any chunk of a stream can be used as the whole answer."""
    message = message_chunk_to_message(chunk)
    assert type(message) is AIMessage
    assert message.text == chunk.text


def test_pretty_repr_shows_role_name_text_and_calls() -> None:
    """Invalid calls are shown, with their errors."""
    message = AIMessage(
        "let me see",
        name="bob",
        tool_calls=[{"name": "search", "args": {"for": "cats"}, "id": "1"}],
        invalid_tool_calls=[{"name": "f", "args": "{", "id": "2", "error": "cut off"}],
    )
    shown = message.pretty_repr()
    assert shown.splitlines()[0].strip("=") == " Ai Message "
    for part in ("Name: bob", "let me see", "search (1)", "for: cats", "Error: cut off", "    {"):
        assert part in shown


def test_pretty_print_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to standard output."""
    HumanMessage([{"type": "image", "url": "u"}]).pretty_print()
    assert "'url': 'u'" in capsys.readouterr().out


def test_the_default_of_langchains_field_example_is_taken() -> None:
    """It says nothing; any other value is an error, as a field that does not exist."""
    keywords: dict[str, Any] = {"example": False}
    assert HumanMessage("hi", **keywords) == HumanMessage("hi")
    assert AIMessage("hi", **keywords) == AIMessage("hi")
    keywords["example"] = True
    with pytest.raises(ValidationError, match="no such field"):
        HumanMessage("hi", **keywords)
