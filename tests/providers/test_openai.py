"""Chat completions: requests, and how responses are read."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import AIMessage, HumanMessage
from runnables.errors import AuthenticationError
from runnables.testing import Response
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.openai import ChatOpenAI
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response

ANSWER = {
    "id": "c1",
    "model": "m-1",
    "choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def test_an_answer_has_its_usage_and_the_request_id(call: Call) -> None:
    """The request has the model, the messages and the key."""
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER, headers={"x-request-id": "req-7"}))
        model = ChatOpenAI("m", api_key="sk-secret", base_url=server.url)
        answer: AIMessage = call.invoke(model, "Hi")
    assert answer.text == "Hello"
    assert answer.usage_metadata == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert answer.response_metadata["request_id"] == "req-7"
    request = server.requests[0]
    assert request.path == "/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-secret"
    assert request.body == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_the_error_for_a_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says OPENAI_API_KEY."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
        ChatOpenAI("gpt-5-mini")


def test_a_stream_adds_up_to_the_answer(call: Call) -> None:
    """Its chunks make the message of `invoke`, with the usage."""
    deltas = [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}]
    start = [{"id": "c1", "model": "m-1", "choices": [{"delta": delta}]} for delta in deltas]
    end = {"id": "c1", "model": "m-1", "choices": [{"delta": {}, "finish_reason": "stop"}]}
    usage = {"id": "c1", "model": "m-1", "choices": [], "usage": ANSWER["usage"]}
    with Recorder().listening() as server:
        server.enqueue(sse_response([*start, end, usage], done=True))
        model = ChatOpenAI("m", api_key="k", base_url=server.url)
        chunks = call.stream(model, "Hi")
        server.enqueue(Response(ANSWER))
        answer = call.invoke(model, "Hi")
    assert [chunk.text for chunk in chunks if chunk.text] == ["Hel", "lo"]
    accumulator = model.merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    assert accumulator.value() == answer


def test_the_first_of_several_choices_is_the_answer(call: Call) -> None:
    """With `n=2`, the chunks of the second choice are left out of a stream."""
    deltas = [(0, {"content": "a"}), (1, {"content": "X"}), (0, {"content": "b"})]
    events: list[Any] = [
        {"id": "c1", "choices": [{"index": index, "delta": delta}]} for index, delta in deltas
    ]
    events += [
        {"id": "c1", "choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}
        for index in (1, 0)
    ]
    with Recorder().listening() as server:
        server.enqueue(sse_response(events, done=True))
        chunks = call.stream(ChatOpenAI("m", api_key="k", base_url=server.url), "Hi", n=2)
    assert "".join(chunk.text for chunk in chunks) == "ab"


@pytest.mark.parametrize("make", [ChatOpenAI, ChatAnthropic])
def test_a_choice_of_the_only_tool_is_sent_as_required(make: Any) -> None:
    """Compatible servers may not know a choice by name; the service itself gets the name."""

    def sent_choice(tools: list[Any], **settings: Any) -> Any:
        model = make("m", api_key="k", **settings)
        options = model._options({"tools": tools, "tool_choice": "one"})
        return model._exchange([HumanMessage("Hi")], options).body(streamed=False)["tool_choice"]

    one, two = ({"name": name, "parameters": {}} for name in ("one", "two"))
    other = {"base_url": "http://127.0.0.1:1"}
    assert "one" in str(sent_choice([one]))
    assert "one" in str(sent_choice([one, two], **other))
    assert sent_choice([one], **other) in ("required", {"type": "any"})
