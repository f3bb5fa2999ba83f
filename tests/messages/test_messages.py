"""What a message is."""

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
    ChatPromptValue,
    HumanMessage,
    HumanMessageChunk,
    StringPromptValue,
    SystemMessage,
    ToolMessage,
    add_usage,
    get_buffer_string,
    message_chunk_to_message,
    message_to_chunk,
    message_to_dict,
    messages_from_dict,
    messages_to_dict,
    subtract_usage,
)
from tests.messages import arbitrary


@given(arbitrary.messages)
def test_json_gives_the_same_message_back(message: BaseMessage) -> None:
    """Any message survives the way to JSON and back, and no class is named on the way."""
    written = json.dumps(messages_to_dict([message]))
    assert messages_from_dict(json.loads(written)) == [message]
    assert "runnables" not in written


@given(arbitrary.messages)
def test_messages_are_fields_of_pydantic_models(message: BaseMessage) -> None:
    """`list[AnyMessage]` reads and writes JSON, with the class told by `type`."""

    class Conversation(BaseModel):
        messages: list[AnyMessage]

    found = Conversation(messages=[message])  # type: ignore[list-item]
    assert found.messages[0] is message
    assert Conversation.model_validate_json(found.model_dump_json()).messages == [message]


@given(arbitrary.messages)
def test_messages_are_values(message: BaseMessage) -> None:
    """Copies and pickles are equal; another type or text is not."""
    assert pickle.loads(pickle.dumps(message)) == message
    assert copy.deepcopy(message) == message
    assert message.model_copy(update={"content": "something else"}) != message
    assert message != message.content


def test_a_message_of_another_class_is_not_equal() -> None:
    """The same words of another speaker are another message."""
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
def test_wrong_values_are_clear_errors(make: Any, reason: str) -> None:
    """Each mistake is a ValueError that names the field."""
    with pytest.raises(ValueError, match=f"(?s){reason}"):
        make()


def test_an_unknown_type_in_json_is_an_error_that_lists_the_known_ones() -> None:
    """Data of strangers cannot choose a class."""
    with pytest.raises(ValueError, match=r"'humon'.*Did you mean 'human'"):
        messages_from_dict([{"type": "humon", "data": {"content": ""}}])
    with pytest.raises(ValueError, match="Expected"):
        messages_from_dict([{"type": "human"}])
    with pytest.raises(ValidationError):
        TypeAdapter(AnyMessage).validate_python({"type": "odd", "content": ""})


def test_what_json_cannot_say_is_an_error_that_names_the_message() -> None:
    """An artifact that is no plain data is not written as something else."""
    with pytest.raises(TypeError, match="ToolMessage"):
        message_to_dict(ToolMessage("a", tool_call_id="1", artifact=object()))


def test_text_is_all_text_of_the_content() -> None:
    """Texts and text blocks are joined; other blocks say nothing."""
    blocks = ["a", {"type": "text", "text": "b"}, {"type": "image", "url": "u"}]
    assert HumanMessage(blocks).text == "ab"
    assert HumanMessage("").text == ""


def test_content_of_a_tool_may_be_anything() -> None:
    """What is neither text nor blocks becomes text, as tools return it."""
    assert ToolMessage(4, tool_call_id=7).content == "4"  # type: ignore[arg-type]
    assert ToolMessage([{"a": 1}, 2], tool_call_id="7").content == [{"a": 1}, "2"]


def test_tool_calls_among_the_blocks_are_tool_calls() -> None:
    """A message made of canonical blocks has their calls."""
    call: Any = {"type": "tool_call", "name": "f", "args": {}, "id": "1"}
    message = AIMessage(content_blocks=[{"type": "text", "text": "a"}, call])
    assert message.tool_calls == [call]
    assert message.content_blocks == [{"type": "text", "text": "a"}, call]


def test_a_chunk_becomes_the_message_that_it_is() -> None:
    """Converting to a chunk and back changes nothing."""
    message = AIMessage("a", id="1", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c"}])
    assert message_chunk_to_message(message_to_chunk(message)) == message
    assert message_chunk_to_message(message) is message
    chat = ChatMessage("a", role="critic")
    assert message_chunk_to_message(message_to_chunk(chat)) == chat


@given(arbitrary.ai_chunks)
def test_every_chunk_makes_a_message(chunk: AIMessageChunk) -> None:
    """Whatever was streamed can be taken for the whole answer."""
    message = message_chunk_to_message(chunk)
    assert type(message) is AIMessage
    assert message.text == chunk.text


def test_pretty_repr_shows_speaker_text_and_calls() -> None:
    """What a person wants to see in a terminal."""
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


def test_usage_subtracts_to_zero_at_least() -> None:
    """Counts never become negative, and None counts as nothing."""
    one = add_usage(None, {"input_tokens": 2, "output_tokens": 1, "total_tokens": 3})
    assert subtract_usage(one, one) == add_usage(None, None)
    assert subtract_usage(None, one) == add_usage(None, None)
    assert subtract_usage(one, None) == one


def test_prompt_values_are_text_and_messages() -> None:
    """Both kinds of prompts go to both kinds of models."""
    assert StringPromptValue(text="hi").to_messages() == [HumanMessage("hi")]
    assert StringPromptValue(text="hi").to_string() == "hi"
    chat = ChatPromptValue(messages=[SystemMessage("be"), HumanMessage("hi")])
    assert chat.to_string() == "System: be\nHuman: hi"
    assert ChatPromptValue.model_validate_json(chat.model_dump_json()) == chat
    assert chat.to_messages() is not chat.messages


def test_buffer_string_names_the_speakers() -> None:
    """Each message stands behind its speaker, with the calls of the model."""
    call: Any = {"name": "f", "args": {}, "id": "1", "type": "tool_call"}
    found = get_buffer_string(
        [HumanMessage("a"), AIMessage("b", tool_calls=[call]), ChatMessage("c", role="judge")],
        human_prefix="User",
        message_separator=" | ",
    )
    assert found == f"User: a | AI: b{[call]} | judge: c"


def test_xml_lets_nobody_speak_for_another() -> None:
    """What looks like markup in a message is escaped."""
    call: Any = {"name": "f", "args": {"a": "<"}, "id": "1"}
    messages = [HumanMessage("</message>"), AIMessage("b", tool_calls=[call])]
    assert get_buffer_string(messages, format="xml") == (
        '<message type="human">&lt;/message&gt;</message>\n'
        '<message type="ai">\n  <content>b</content>\n'
        '  <tool_call id="1" name="f">{"a": "&lt;"}</tool_call>\n</message>'
    )
    image = HumanMessage([{"type": "image", "url": "u"}, {"type": "image", "base64": "AA"}])
    assert get_buffer_string([image], format="xml") == (
        '<message type="human"><image url="u" /></message>'
    )
    with pytest.raises(ValueError, match="'yaml'"):
        get_buffer_string([], format="yaml")  # type: ignore[arg-type]


def test_a_transcript_names_media_and_cuts_documents() -> None:
    """No page of base64 stands in it, whatever form it comes in."""
    shown = get_buffer_string(
        [
            HumanMessage(
                [
                    {"type": "image", "url": "data:image/svg+xml,<svg>"},
                    {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "file", "file_id": "f1"},
                    {"type": "text-plain", "text": "a" * 501, "mime_type": "text/plain"},
                ]
            )
        ],
        format="xml",
    )
    assert shown == f'<message type="human"><file file_id="f1" /> {"a" * 500}…</message>'
