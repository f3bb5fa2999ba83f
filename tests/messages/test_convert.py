"""Conversion of strings, pairs and dicts to messages, and of messages to OpenAI's dicts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    StringPromptValue,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
    convert_to_openai_messages,
    message_to_dict,
)
from tests.messages import arbitrary


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hi", HumanMessage("hi")),
        (("human", "hi"), HumanMessage("hi")),
        (["ai", "hi"], AIMessage("hi")),
        (
            ("system", [{"type": "text", "text": "a"}]),
            SystemMessage([{"type": "text", "text": "a"}]),
        ),
        ({"role": "user", "content": "hi", "name": "bob"}, HumanMessage("hi", name="bob")),
        ({"type": "human", "content": "hi"}, HumanMessage("hi")),
        ({"role": "assistant", "content": None}, AIMessage("")),
        (
            {"role": "assistant", "content": "", "refusal": "no", "audio": None},
            AIMessage("", additional_kwargs={"refusal": "no"}),
        ),
        (
            {"role": "tool", "content": "4", "tool_call_id": "1"},
            ToolMessage("4", tool_call_id="1"),
        ),
        (
            {"role": "developer", "content": "be"},
            SystemMessage("be", additional_kwargs={"__openai_role__": "developer"}),
        ),
        (HumanMessage("hi").model_dump(), HumanMessage("hi")),
        (message_to_dict(ChatMessage("a", role="judge")), ChatMessage("a", role="judge")),
        (ChatMessage("a", role="judge").model_dump(), ChatMessage("a", role="judge")),
    ],
    ids=str,
)
def test_strings_pairs_and_dicts_become_messages(value: Any, expected: BaseMessage) -> None:
    """Dicts may be LangChain's, OpenAI's, or those of `message_to_dict`."""
    assert convert_to_messages([value]) == [expected]


def test_a_single_string_or_message_is_a_conversation() -> None:
    """A string is one message, not one for each letter."""
    assert convert_to_messages("hi") == [HumanMessage("hi")]
    assert convert_to_messages(AIMessage("a")) == [AIMessage("a")]
    assert convert_to_messages({"role": "user", "content": "hi"}) == [HumanMessage("hi")]
    assert convert_to_messages(StringPromptValue(text="hi")) == [HumanMessage("hi")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (("humam", "hi"), "Unknown role 'humam'. Did you mean 'human'"),
        ({"content": "hi"}, "'role' and 'content' keys"),
        ({"role": "user"}, "'role' and 'content' keys"),
        ({"role": "tool", "content": ""}, "tool_call_id"),
        (3, "3 cannot be read as a message"),
        (("a", "b", "c"), "cannot be read as a message"),
    ],
    ids=str,
)
def test_a_value_that_is_no_message_is_an_error(value: Any, reason: str) -> None:
    """Each mistake is named, with the way out."""
    with pytest.raises((ValueError, TypeError), match=reason):
        convert_to_messages([value])


def test_tool_calls_of_openai_are_parsed() -> None:
    """Arguments are a JSON string there; one that is malformed is kept as an invalid call."""

    def call(id: str, arguments: str) -> dict[str, Any]:
        return {"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}}

    calls = [call("1", '{"a": 1}'), call("2", ""), call("3", "{")]
    [message] = convert_to_messages([{"role": "assistant", "content": None, "tool_calls": calls}])
    assert isinstance(message, AIMessage)
    assert [(call["id"], call["args"]) for call in message.tool_calls] == [
        ("1", {"a": 1}),
        ("2", {}),
    ]
    assert [(call["id"], call["args"]) for call in message.invalid_tool_calls] == [("3", "{")]


@given(arbitrary.messages)
def test_the_dump_of_any_message_is_read_as_that_message(message: BaseMessage) -> None:
    """The JSON that pydantic writes can be passed wherever messages can."""
    assert convert_to_messages([json.loads(message.model_dump_json())]) == [message]


openai_contents = st.text(max_size=5) | st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=5)),
        st.just({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}),
        st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}),
        st.just({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}),
    ),
    min_size=1,
    max_size=3,
).filter(lambda blocks: any(block["type"] != "text" for block in blocks))
openai_dicts = st.one_of(
    st.fixed_dictionaries({"role": st.just("user"), "content": openai_contents}),
    st.fixed_dictionaries({"role": st.sampled_from(["system", "developer"]), "content": st.text()}),
    st.fixed_dictionaries(
        {"role": st.just("tool"), "content": st.text(), "tool_call_id": st.text()}
    ),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": st.text()},
        optional={
            "name": st.just("bob"),
            "refusal": st.just("no"),
            "tool_calls": st.lists(
                st.fixed_dictionaries(
                    {
                        "type": st.just("function"),
                        "id": st.text(),
                        "function": st.fixed_dictionaries(
                            {
                                "name": st.just("f"),
                                "arguments": arbitrary.json_objects.map(
                                    lambda args: json.dumps(args, ensure_ascii=False)
                                ),
                            }
                        ),
                    }
                ),
                min_size=1,
                max_size=2,
            ),
        },
    ),
)


@given(st.lists(openai_dicts, max_size=4))
def test_openai_dicts_survive_a_round_trip_through_messages(dicts: list[dict[str, Any]]) -> None:
    """Nothing of OpenAI's dicts is lost or changed."""
    assert convert_to_openai_messages(convert_to_messages(dicts)) == dicts


@given(
    st.builds(
        AIMessage,
        st.text(),
        tool_calls=st.lists(arbitrary.tool_calls, max_size=2),
        invalid_tool_calls=st.lists(
            st.just({"name": "f", "args": "{", "id": "i", "error": "e"}), max_size=1
        ),
    )
)
def test_answers_survive_a_round_trip_through_openai_dicts(message: AIMessage) -> None:
    """Tool calls come back, and invalid ones with the string that the model wrote."""
    [back] = convert_to_messages([convert_to_openai_messages(message)])
    assert isinstance(back, AIMessage)
    assert (back.content, back.tool_calls) == (message.content, message.tool_calls)
    invalid = [(call["name"], call["args"]) for call in back.invalid_tool_calls]
    assert invalid == [(call["name"], call["args"]) for call in message.invalid_tool_calls]


def test_blocks_of_any_provider_are_written_for_openai() -> None:
    """Canonical files and Anthropic's tool uses and results have a place in OpenAI's dicts."""
    asked = AIMessage(["look", {"type": "tool_use", "id": "1", "name": "f", "input": {"a": "ä"}}])
    answered = HumanMessage([{"type": "tool_result", "tool_use_id": "1", "content": "4"}])
    pdf = {"type": "file", "base64": "AA", "mime_type": "application/pdf"}
    assert convert_to_openai_messages([asked, answered, HumanMessage([pdf])]) == [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "type": "function",
                    "id": "1",
                    "function": {"name": "f", "arguments": '{"a": "ä"}'},
                }
            ],
            "content": "look",
        },
        {"role": "tool", "tool_call_id": "1", "content": "4"},
        {
            "role": "user",
            "content": [
                {
                    "type": "file",
                    "file": {"filename": "file", "file_data": "data:application/pdf;base64,AA"},
                }
            ],
        },
    ]


def test_text_blocks_become_one_string_or_blocks() -> None:
    """A string is the default; `text_format="block"` writes blocks."""
    message = SystemMessage(["a", {"type": "text", "text": "b"}], id="1")
    assert convert_to_openai_messages(message) == {"role": "system", "content": "a\nb"}
    assert convert_to_openai_messages([message], text_format="block", include_id=True) == [
        {
            "role": "system",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "id": "1",
        }
    ]
    with pytest.raises(ValueError, match="'blocks'"):
        convert_to_openai_messages([], text_format="blocks")  # type: ignore[call-overload]


def test_blocks_that_openai_does_not_know_pass_or_raise() -> None:
    """They pass unchanged by default; on request they are an error with their location."""
    odd = {"type": "odd"}
    message = HumanMessage(["a", odd])
    assert convert_to_openai_messages(message)["content"][1] == odd
    with pytest.raises(ValueError, match=r"messages\[0\].content\[1\].*'odd'"):
        convert_to_openai_messages([message], pass_through_unknown_blocks=False)
    with pytest.raises(ValueError, match=r"messages\[0\].content\[0\] lacks keys"):
        convert_to_openai_messages([HumanMessage([{"type": "image_url"}])])
