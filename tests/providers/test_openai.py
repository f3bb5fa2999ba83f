"""Chat completions: what is sent, and how answers are read."""

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


def test_an_answer_is_read_with_its_usage_and_the_name_of_the_request(call: Call) -> None:
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER, headers={"x-request-id": "req-7"}))
        model = ChatOpenAI("m", api_key="sk-secret", base_url=server.url)
        answer: AIMessage = call.invoke(model, "Hi")
    assert answer.text == "Hello"
    assert answer.usage_metadata == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert answer.response_metadata["request_id"] == "req-7"
    asked = server.requests[0]
    assert asked.path == "/chat/completions"
    assert asked.headers["authorization"] == "Bearer sk-secret"
    assert asked.body == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_a_model_without_a_key_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
        ChatOpenAI("gpt-5-mini")


def test_a_stream_adds_up_to_the_answer(call: Call) -> None:
    deltas = [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}]
    said = [{"id": "c1", "model": "m-1", "choices": [{"delta": it}]} for it in deltas]
    end = {"id": "c1", "model": "m-1", "choices": [{"delta": {}, "finish_reason": "stop"}]}
    usage = {"id": "c1", "model": "m-1", "choices": [], "usage": ANSWER["usage"]}
    with Recorder().listening() as server:
        server.enqueue(sse_response([*said, end, usage], done=True))
        model = ChatOpenAI("m", api_key="k", base_url=server.url)
        chunks = call.stream(model, "Hi")
        server.enqueue(Response(ANSWER))
        whole = call.invoke(model, "Hi")
    assert [chunk.text for chunk in chunks if chunk.text] == ["Hel", "lo"]
    joined = model.merge.accumulator()
    for chunk in chunks:
        joined.add(chunk)
    assert joined.value() == whole


def test_the_first_of_several_choices_is_the_answer(call: Call) -> None:
    """`n=2`: streamed, the pieces of the others are not mixed up with its own."""
    pieces = [(0, {"content": "a"}), (1, {"content": "X"}), (0, {"content": "b"})]
    said: list[Any] = [{"id": "c1", "choices": [{"index": at, "delta": it}]} for at, it in pieces]
    said += [
        {"id": "c1", "choices": [{"index": at, "delta": {}, "finish_reason": "stop"}]}
        for at in (1, 0)
    ]
    with Recorder().listening() as server:
        server.enqueue(sse_response(said, done=True))
        chunks = call.stream(ChatOpenAI("m", api_key="k", base_url=server.url), "Hi", n=2)
    assert "".join(chunk.text for chunk in chunks) == "ab"


@pytest.mark.parametrize("make", [ChatOpenAI, ChatAnthropic])
def test_the_only_tool_is_chosen_in_the_way_that_all_servers_know(make: Any) -> None:
    """By "required" elsewhere, which means the same; at the service itself by its name."""

    def chosen(tools: list[Any], **settings: Any) -> Any:
        model = make("m", api_key="k", **settings)
        options = model._options({"tools": tools, "tool_choice": "one"})
        return model._exchange([HumanMessage("Hi")], options).body(streamed=False)["tool_choice"]

    one, two = ({"name": name, "parameters": {}} for name in ("one", "two"))
    other = {"base_url": "http://127.0.0.1:1"}
    assert "one" in str(chosen([one]))
    assert "one" in str(chosen([one, two], **other))
    assert chosen([one], **other) in ("required", {"type": "any"})
