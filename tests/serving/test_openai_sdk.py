"""OpenAI's Python client against served chains: chat completions and responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from runnables import AIMessage, HumanMessage
from tests.serving.chains import SECRET, asks, chains
from tests.serving.servers import Served, serving, wait_for


@pytest.fixture
def client(server: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client:
        yield client


ASK: Any = [{"role": "user", "content": "Add 1 and 2."}]


def test_the_models_are_the_chains(client: openai.OpenAI) -> None:
    """Each chain is a model, by its name."""
    assert [model.id for model in client.models.list()] == list(chains())
    assert client.models.retrieve("agent").id == "agent"


@pytest.mark.parametrize("model", ["words", "prompt"])
def test_an_answer_comes_whole_with_its_usage(client: openai.OpenAI, model: str) -> None:
    """A chain of any kind answers with its text and the tokens of its models."""
    answer = client.chat.completions.create(model=model, messages=ASK)
    assert answer.choices[0].message.content == "One two three."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.total_tokens == 5
    response = client.responses.create(model=model, input=ASK)
    assert response.output_text == "One two three."
    assert response.status == "completed"
    assert response.usage is not None and response.usage.total_tokens == 5


@pytest.mark.parametrize("model", ["words", "prompt"])
def test_an_answer_comes_in_parts(client: openai.OpenAI, model: str) -> None:
    """The chunks are those of the chain, and the usage is the last one."""
    stream = client.chat.completions.create(
        model=model, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == "One two three."
    assert len([text for text in said if text]) > 3
    assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens == 5
    with client.responses.stream(model=model, input=ASK) as events:
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert "".join(deltas) == events.get_final_response().output_text == "One two three."
    assert len(deltas) > 3


def test_a_call_of_a_tool_reaches_the_client(client: openai.OpenAI) -> None:
    """A model's call is the client's to run; whole and in parts."""
    whole = client.chat.completions.create(model="caller", messages=ASK).choices[0]
    assert whole.finish_reason == "tool_calls"
    assert whole.message.tool_calls is not None
    with client.chat.completions.stream(model="caller", messages=ASK) as events:
        streamed = events.get_final_completion().choices[0]
    assert streamed.message.tool_calls is not None
    for call in (whole.message.tool_calls[0], streamed.message.tool_calls[0]):
        assert call.type == "function"
        assert (call.function.name, call.id) == ("add", "call_1")
        assert call.function.arguments == '{"a": 1, "b": 2}'
    response = client.responses.create(model="caller", input=ASK)
    kinds = [item.type for item in response.output]
    assert kinds == ["reasoning", "message", "function_call", "reasoning"]


def test_the_calls_of_an_agent_are_its_own(client: openai.OpenAI) -> None:
    """A client does not read as its own to run what the agent has run."""
    answer = client.chat.completions.create(model="agent", messages=ASK).choices[0]
    assert answer.message.tool_calls is None
    assert answer.message.content == "Let me add.\n\nIt is 3."
    assert answer.finish_reason == "stop"
    response = client.responses.create(model="agent", input=ASK)
    messages = [item for item in response.output if item.type == "message"]
    contents = [content for message in messages for content in message.content]
    said = [content.text for content in contents if content.type == "output_text"]
    assert said == ["Let me add.", "It is 3."]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_error_before_the_first_chunk_is_a_status(client: openai.OpenAI, stream: bool) -> None:
    """The client raises the error of that status, whose text tells nothing of the inside."""
    for call in (
        lambda: client.chat.completions.create(model="refused", messages=ASK, stream=stream),
        lambda: client.responses.create(model="refused", input=ASK, stream=stream),
    ):
        with pytest.raises(openai.RateLimitError) as caught:
            call()
        assert caught.value.response.headers["retry-after"] == "7"
        assert SECRET not in str(caught.value)


def test_an_error_in_mid_stream_is_raised(client: openai.OpenAI) -> None:
    """What came before is there, and then the client raises, in both protocols."""
    seen: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model="broken", messages=ASK, stream=True):
            seen.append(chunk.choices[0].delta.content or "")
    assert "".join(seen) == "One"
    with pytest.raises(openai.APIError) as also:
        for _ in client.responses.create(model="broken", input=ASK, stream=True):
            pass
    assert SECRET not in str(caught.value) + str(also.value)


def test_what_is_not_there_is_not_found(client: openai.OpenAI) -> None:
    """A model, a response and an item that the server does not have are errors of the client."""
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no such", messages=ASK)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="words", input="x", previous_response_id="resp_1")
    assert caught.value.code == "previous_response_not_found"
    reference: Any = {"type": "item_reference", "id": "msg_1"}
    with pytest.raises(openai.NotFoundError, match="'store': false") as caught:
        client.responses.create(model="words", input=[*ASK, reference])
    assert caught.value.code == "item_not_found"


def test_closing_a_stream_of_the_client_stops_the_run(
    client: openai.OpenAI, server: Served
) -> None:
    """A client that stops reading ends the run."""
    stream = client.chat.completions.create(model="endless", messages=ASK, stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "One"]
    stream.close()
    with client.responses.create(model="endless", input=ASK, stream=True) as events:
        next(event for event in events if event.type == "response.output_text.delta")
    wait_for(lambda: server.service.counts.left == 2)
    assert server.service.counts.open == 0


def test_what_a_service_sent_comes_back_with_the_next_turn() -> None:
    """Ids and signatures reach the model again, through both protocols of the client."""
    model = chains()["caller"]
    with serving(model, name="caller") as served:
        client = openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0)
        with client:
            message = (
                client.chat.completions.create(model="caller", messages=ASK).choices[0].message
            )
            result: Any = {"role": "tool", "tool_call_id": "call_1", "content": "3"}
            again: Any = message.model_dump(exclude_none=True)
            client.chat.completions.create(model="caller", messages=[*ASK, again, result])

            response = client.responses.create(model="caller", input=ASK)
            items: Any = [item.model_dump(exclude_none=True) for item in response.output]
            output: Any = {"type": "function_call_output", "call_id": "call_1", "output": "3"}
            client.responses.create(model="caller", input=[*ASK, *items, output])
    for call in (model.calls[1], model.calls[3]):
        question, read, tool_result = call.messages
        assert question == HumanMessage("Add 1 and 2.")
        assert read == asks()
        assert tool_result.text == "3"


def test_a_text_that_was_edited_counts_without_what_belonged_to_it(server: Served) -> None:
    """A client may edit an answer: the model reads what the client sends."""
    model = chains()["caller"]
    with serving(model, name="caller") as served:
        client = openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0)
        with client:
            message = (
                client.chat.completions.create(model="caller", messages=ASK).choices[0].message
            )
            edited: Any = {**message.model_dump(exclude_none=True), "content": "Edited."}
            client.chat.completions.create(model="caller", messages=[*ASK, edited])
    read = model.calls[1].messages[1]
    assert isinstance(read, AIMessage)
    assert read.text == "Edited."
    assert "sig==" not in repr(read)


def test_a_model_is_called_with_the_settings_of_the_request(server: Served) -> None:
    """Settings and tools of a request reach a bare model; a chain keeps its own."""
    model = chains()["words"]
    tools: Any = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    with serving({"bare": model, "chain": model | str}) as served:
        client = openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0)
        with client:
            for name in ("bare", "chain"):
                client.chat.completions.create(
                    model=name, messages=ASK, temperature=0.5, max_tokens=7, tools=tools
                )
    bare, chain = (call.options for call in model.calls)
    assert (bare["temperature"], bare["max_tokens"]) == (0.5, 7)
    assert bare["tools"][0]["function"]["name"] == "f"
    assert not {"temperature", "max_tokens", "tools"} & {key for key in chain if chain[key]}
