"""What a service sent, the next turn gives back: answer, message, JSON, message, request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from runnables.messages import message_from_dict, message_to_dict
from runnables.models.calls import join_answer
from runnables.testing import Response as WholeResponse
from runnables_providers.openai import ChatOpenAI
from runnables_providers.openai.completions import Completion
from runnables_providers.openai.responses import Response
from tests.both_modes import Call
from tests.providers import openai_forms as forms
from tests.sdk.recorder import Recorder, sse_response

HERE, ELSEWHERE = "here.example/v1", "elsewhere.example/v1"


def chat(messages: Sequence[Any] = (), endpoint: str = HERE) -> Completion:
    return Completion(
        messages, {}, provider="openai", limit="max_tokens", usage=True, endpoint=endpoint
    )


def responses(messages: Sequence[Any] = (), endpoint: str = HERE) -> Response:
    return Response(messages, {}, provider="openai", endpoint=endpoint)


def through_json(message: AIMessage) -> AIMessage:
    """Return the message as a database would give it back."""
    loaded = message_from_dict(json.loads(json.dumps(message_to_dict(message))))
    assert isinstance(loaded, AIMessage)
    assert loaded == message
    return loaded


def read_whole(call: Completion | Response, body: Mapping[str, Any]) -> AIMessage:
    assert call.answer_error(body) is None
    return call.answer(body, {})


def read_events(call: Completion | Response, events: Sequence[Mapping[str, Any]]) -> AIMessage:
    chunks: list[AIMessageChunk] = []
    for event in events:
        assert call.stream_error(event) is None
        chunks.extend(call.feed(event))
    last = call.finish({})
    assert last is not None
    return join_answer([*chunks, *last])


def conversation(answer: AIMessage) -> list[Any]:
    results = [ToolMessage("found", tool_call_id=str(one["id"])) for one in answer.tool_calls]
    return [HumanMessage("Hi"), through_json(answer), *results, HumanMessage("More")]


# -- chat completions


def sent_message(answer: AIMessage, endpoint: str = HERE) -> dict[str, Any]:
    sent = chat(conversation(answer), endpoint).body(streamed=False)["messages"]
    found: dict[str, Any]
    (found,) = [message for message in sent if message["role"] == "assistant"]
    return found


def as_sent(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as it goes back: without null, and with arguments as objects."""
    said: dict[str, Any] = json.loads(json.dumps({**message, "content": message["content"] or ""}))
    for call in said.get("tool_calls", ()):
        if "function" in call:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    for detail in said.get("reasoning_details", ()):
        detail.setdefault("text", "")
    return said


@given(forms.completion_messages())
def test_a_completion_goes_back_as_it_came(message: dict[str, Any]) -> None:
    """With all fields of the message and of its calls, and the blocks of its content."""
    answer = read_whole(chat(), forms.completion(message))
    assert as_sent(sent_message(answer)) == as_sent(message)


@given(forms.completion_messages(), st.data())
def test_a_streamed_completion_goes_back_as_it_came(
    message: dict[str, Any], data: st.DataObject
) -> None:
    """However it was cut."""
    answer = read_events(chat(), forms.completion_events(message, data.draw))
    assert as_sent(sent_message(answer)) == as_sent(message)


@given(forms.completion_messages())
def test_another_service_gets_text_and_calls_alone(message: dict[str, Any]) -> None:
    """It would refuse fields, blocks and signatures that it does not know."""
    answer = read_whole(chat(), forms.completion(message))
    sent = sent_message(answer, ELSEWHERE)
    assert sent.keys() <= {"role", "content", "tool_calls"}
    assert sent["content"] == answer.text
    for call in sent.get("tool_calls", ()):
        assert call.keys() == {"type", "id", "function"}
        assert call["function"].keys() == {"name", "arguments"}


@given(forms.completion_messages(), st.data())
def test_a_completion_and_its_stream_are_one_message(
    message: dict[str, Any], data: st.DataObject
) -> None:
    """In the text, the blocks and the calls."""
    whole = read_whole(chat(), forms.completion(message))
    streamed = read_events(chat(), forms.completion_events(message, data.draw))
    assert streamed.text == whole.text
    assert streamed.tool_calls == whole.tool_calls
    assert streamed.invalid_tool_calls == whole.invalid_tool_calls
    assert reasoning(streamed) == reasoning(whole)
    assert streamed.response_metadata == whole.response_metadata


def reasoning(answer: AIMessage) -> list[str]:
    blocks = [block for block in answer.content_blocks if block["type"] == "reasoning"]
    return [block.get("reasoning", "") for block in blocks]


# -- Responses


def sent_items(answer: AIMessage, endpoint: str = HERE) -> list[dict[str, Any]]:
    sent = responses(conversation(answer), endpoint).body(streamed=False)["input"]
    results = ("function_call_output", "custom_tool_call_output")
    return [item for item in sent if item.get("role") != "user" and item.get("type") not in results]


def tidied(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return items with their arguments as objects, and their summaries, also empty ones."""
    found = []
    for item in items:
        known = {key: value for key, value in item.items() if value not in (None, [])}
        if item.get("type") == "function_call":
            known["arguments"] = json.loads(item["arguments"])
        found.append(known)
    return found


@given(forms.response_items())
def test_a_response_goes_back_as_it_came(items: list[dict[str, Any]]) -> None:
    """Every item, with its id and its parts, in the order of the model."""
    answer = read_whole(responses(), forms.response(items))
    assert tidied(sent_items(answer)) == tidied(items)


@given(forms.response_items(), st.data())
def test_a_streamed_response_goes_back_as_it_came(
    items: list[dict[str, Any]], data: st.DataObject
) -> None:
    """However it was cut, and whatever the server leaves out of its events."""
    answer = read_events(responses(), forms.response_events(items, data.draw))
    assert tidied(sent_items(answer)) == tidied(items)


@given(forms.response_items(), st.data())
def test_a_response_and_its_stream_are_one_message(
    items: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Where the stream has every item in its turn."""
    whole = read_whole(responses(), forms.response(items))
    streamed = read_events(responses(), forms.response_events(items, data.draw, in_order=True))
    assert streamed.content_blocks == whole.content_blocks
    assert streamed.tool_calls == whole.tool_calls
    assert streamed.response_metadata == whole.response_metadata


@given(forms.response_items())
def test_another_service_gets_the_text_and_calls_of_a_response(
    items: list[dict[str, Any]],
) -> None:
    """Without ids: it would look for them."""
    answer = read_whole(responses(), forms.response(items))
    allowed = {"role", "content", "type", "call_id", "name", "arguments"}
    for item in sent_items(answer, ELSEWHERE):
        assert item.keys() <= allowed
        assert item.get("type") in (None, "function_call")


# -- over HTTP

CHAT_ANSWER = {
    "role": "assistant",
    "content": "It is high.",
    "reasoning": "I need the tide.",
    "reasoning_details": [
        {"type": "reasoning.text", "text": "I need", "signature": "s", "index": 0}
    ],
    "tool_calls": [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "tide", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "abc"}},
        }
    ],
}
ITEMS: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"},
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "a",
        "name": "tide",
        "namespace": "harbour",
        "arguments": "{}",
    },
    {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "a\n\nb"}]},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "phase": "final_answer",
        "content": [{"type": "output_text", "text": "It is high.", "annotations": []}],
    },
]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_the_next_request_has_the_fields_of_a_completion(call: Call, streamed: bool) -> None:
    """Sync and async, whole and streamed."""
    delta = {**CHAT_ANSWER, "tool_calls": [{**CHAT_ANSWER["tool_calls"][0], "index": 0}]}  # type: ignore[dict-item]  # a list of dicts
    event = {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}
    with Recorder().listening() as server:
        model = ChatOpenAI("m", api_key="k", base_url=server.url)
        if streamed:
            server.enqueue(sse_response([event], done=True))
            answer = join_answer(call.stream(model, "Hi"))
        else:
            server.enqueue(WholeResponse(forms.completion(CHAT_ANSWER)))
            answer = call.invoke(model, "Hi")
        server.enqueue(WholeResponse(forms.completion(CHAT_ANSWER)))
        call.invoke(model, conversation(answer))
        sent = server.bodies[0]["messages"][1]
    assert sent == CHAT_ANSWER


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_the_next_request_has_the_items_of_a_response(call: Call, streamed: bool) -> None:
    """With calls and reasoning in the order in which they came."""
    done = [
        {"type": "response.output_item.done", "output_index": place, "item": item}
        for place, item in enumerate(ITEMS)
    ]
    end = {"type": "response.completed", "response": forms.response(ITEMS)}
    with Recorder().listening() as server:
        model = ChatOpenAI("m", api_key="k", base_url=server.url, use_responses_api=True)
        if streamed:
            server.enqueue(sse_response([*done, end]))
            answer = join_answer(call.stream(model, "Hi"))
        else:
            server.enqueue(WholeResponse(forms.response(ITEMS)))
            answer = call.invoke(model, "Hi")
        server.enqueue(WholeResponse(forms.response(ITEMS)))
        call.invoke(model, conversation(answer))
        sent = server.bodies[0]["input"][1:5]
    assert sent == ITEMS


def test_an_answer_of_before_keeps_what_it_says_of_itself() -> None:
    """One that a user wrote, or that was stored without its endpoint, still has its reasoning."""
    call = {"name": "tide", "args": {}, "id": "a"}
    written: Any = {"tool_calls": [call], "additional_kwargs": {"reasoning_content": "Hm."}}
    assert sent_message(AIMessage("", **written))["reasoning_content"] == "Hm."
    thought = {"type": "reasoning", "id": "rs_1", "reasoning": "a\n\nb"}
    assert sent_items(AIMessage([thought, "So."])) == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [
                {"type": "summary_text", "text": "a"},
                {"type": "summary_text", "text": "b"},
            ],
        },
        {"role": "assistant", "content": "So."},
    ]
