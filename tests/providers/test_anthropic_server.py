"""ChatAnthropic on the `/v1/messages` of a real llama.cpp server.

tests/conformance/test_anthropic.py runs the suite of all models; these tests are about Anthropic's
own features. What the server cannot do (signed reasoning, citations, images, enforced schemas) is
tested with recorded formats in the other tests of Anthropic.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    ToolMessage,
)
from runnables.errors import AuthenticationError, ContextLengthError, InvalidRequestError
from runnables_providers.anthropic import ChatAnthropic
from tests.both_modes import Call
from tests.llama.server import LlamaServer

pytestmark = pytest.mark.local_model


@pytest.fixture
def model(llama_server: LlamaServer) -> ChatAnthropic:
    return ChatAnthropic(
        "smollm2", api_key=llama_server.key, base_url=llama_server.url, max_tokens=40
    )


def merged(model: ChatAnthropic, chunks: Sequence[AIMessageChunk]) -> AIMessage:
    accumulator = model.merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    message: AIMessage = accumulator.value()
    return message


def fill_cache(model: ChatAnthropic, question: str) -> None:
    """Fill the prompt cache of the server; see the docstring of tests/llama/server.py."""
    model.invoke(question, max_tokens=1)


def plain(message: AIMessage) -> dict[str, object]:
    """Return a message without its ids, which differ between requests."""
    calls = [(made["name"], made["args"]) for made in message.tool_calls]
    ignored = {"id", "tool_calls"}
    return {**message.model_dump(exclude=ignored), "calls": calls}


def test_a_stream_adds_up_to_the_answer(model: ChatAnthropic, call: Call) -> None:
    """Its chunks make the message of `invoke`."""
    question = "Count from one to ten."
    fill_cache(model, question)
    chunks = call.stream(model, question)
    assert len(chunks) > 3
    assert plain(merged(model, chunks)) == plain(call.invoke(model, question))


def test_an_answer_ends_before_a_stop_sequence(model: ChatAnthropic, call: Call) -> None:
    """The metadata names the sequence."""
    question = "Repeat exactly: one two three four five"
    fill_cache(model, question)
    text = call.invoke(model, question).text
    stop = text.split()[2]
    for answer in (
        call.invoke(model, question, stop=[stop]),
        merged(model, call.stream(model, question, stop=stop)),
    ):
        assert answer.text.strip() == text[: text.index(stop)].strip()
        assert answer.response_metadata["stop_sequence"] == stop


def test_max_tokens_limits_the_answer(model: ChatAnthropic, call: Call) -> None:
    """The metadata says why the answer ended."""
    answer = call.invoke(model, "Tell me a long story.", max_tokens=5)
    assert answer.response_metadata["stop_reason"] == "max_tokens"
    assert answer.usage_metadata["output_tokens"] == 5


def test_the_answer_uses_a_tool_result(model: ChatAnthropic, call: Call) -> None:
    """The call may be canonical, or a block of Anthropic's."""
    weather = {"name": "weather", "args": {"city": "Paris"}, "id": "toolu_1"}
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}
    for calling in (AIMessage("", tool_calls=[weather]), AIMessage([use])):
        answer = call.invoke(
            model,
            [
                HumanMessage("What is the weather in Paris?"),
                calling,
                ToolMessage("It is sunny, 20 degrees.", tool_call_id="toolu_1"),
            ],
        )
        assert "sunny" in answer.text


class Sum(BaseModel):
    """Two numbers to add."""

    a: int
    b: int


def test_structured_output_is_read(model: ChatAnthropic, call: Call) -> None:
    """The schema is sent as a tool, the default for servers other than Anthropic's."""
    chain = model.with_structured_output(Sum)
    assert call.invoke(chain, "Add 3 and 4.") == Sum(a=3, b=4)
    assert call.stream(chain, "Add 3 and 4.")[-1] == Sum(a=3, b=4)


def test_errors_are_portable(model: ChatAnthropic, llama_server: LlamaServer, call: Call) -> None:
    """A wrong key, a long conversation and an invalid message raise their types."""
    other = ChatAnthropic("smollm2", api_key="wrong-key", base_url=llama_server.url)
    with pytest.raises(AuthenticationError):
        call.invoke(other, "Hi")
    with pytest.raises(ContextLengthError):
        call.invoke(model, "word " * 6000)
    with pytest.raises(InvalidRequestError):
        call.invoke(model, "Hi", extra_body={"messages": [{"role": "user", "content": 1}]})
