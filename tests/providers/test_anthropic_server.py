"""ChatAnthropic at a real server that we did not write: llama.cpp's `/v1/messages`.

tests/conformance/test_anthropic.py holds it to what every model does; here is what is Anthropic's
own. What the server cannot be made to do (thoughts with signatures, citations, images, schemas by
name) is shown in the other tests of Anthropic, by recorded forms.
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


def joined(model: ChatAnthropic, chunks: Sequence[AIMessageChunk]) -> AIMessage:
    found = model.merge.accumulator()
    for chunk in chunks:
        found.add(chunk)
    message: AIMessage = found.value()
    return message


def keep(model: ChatAnthropic, question: str) -> None:
    """Have the server read it, so that all answers are to what it keeps; see its docstring."""
    model.invoke(question, max_tokens=1)


def plain(message: AIMessage) -> dict[str, object]:
    """A message without what is new with each request: its name, and the names of its calls."""
    calls = [(it["name"], it["args"]) for it in message.tool_calls]
    ignored = {"id", "tool_calls"}
    return {**message.model_dump(exclude=ignored), "calls": calls}


def test_a_stream_adds_up_to_the_answer(model: ChatAnthropic, call: Call) -> None:
    question = "Count from one to ten."
    keep(model, question)
    chunks = call.stream(model, question)
    assert len(chunks) > 3
    assert plain(joined(model, chunks)) == plain(call.invoke(model, question))


def test_a_stop_cuts_the_answer_before_it(model: ChatAnthropic, call: Call) -> None:
    question = "Repeat exactly: one two three four five"
    keep(model, question)
    whole = call.invoke(model, question).text
    stop = whole.split()[2]
    for answer in (
        call.invoke(model, question, stop=[stop]),
        joined(model, call.stream(model, question, stop=stop)),
    ):
        assert answer.text.strip() == whole[: whole.index(stop)].strip()
        assert answer.response_metadata["stop_sequence"] == stop


def test_the_limit_is_told(model: ChatAnthropic, call: Call) -> None:
    answer = call.invoke(model, "Tell me a long story.", max_tokens=5)
    assert answer.response_metadata["stop_reason"] == "max_tokens"
    assert answer.usage_metadata["output_tokens"] == 5


def test_it_tells_what_a_tool_returned(model: ChatAnthropic, call: Call) -> None:
    """In calls and results of the canonical form, and in Anthropic's own blocks."""
    weather = {"name": "weather", "args": {"city": "Paris"}, "id": "toolu_1"}
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}
    for said in (AIMessage("", tool_calls=[weather]), AIMessage([use])):
        answer = call.invoke(
            model,
            [
                HumanMessage("What is the weather in Paris?"),
                said,
                ToolMessage("It is sunny, 20 degrees.", tool_call_id="toolu_1"),
            ],
        )
        assert "sunny" in answer.text


class Sum(BaseModel):
    """Two numbers to add."""

    a: int
    b: int


def test_it_answers_in_a_form(model: ChatAnthropic, call: Call) -> None:
    """By a tool, which is the default for servers that are not Anthropic's own."""
    form = model.with_structured_output(Sum)
    assert call.invoke(form, "Add 3 and 4.") == Sum(a=3, b=4)
    assert call.stream(form, "Add 3 and 4.")[-1] == Sum(a=3, b=4)


def test_its_faults_are_portable_errors(
    model: ChatAnthropic, llama_server: LlamaServer, call: Call
) -> None:
    other = ChatAnthropic("smollm2", api_key="wrong-key", base_url=llama_server.url)
    with pytest.raises(AuthenticationError):
        call.invoke(other, "Hi")
    with pytest.raises(ContextLengthError):
        call.invoke(model, "word " * 6000)
    with pytest.raises(InvalidRequestError):
        call.invoke(model, "Hi", extra_body={"messages": [{"role": "user", "content": 1}]})
