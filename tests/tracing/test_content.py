"""The content of spans, where it is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runnables import (
    AIMessage,
    BaseRetriever,
    Document,
    HumanMessage,
    OpenTelemetryHandler,
    PydanticOutputParser,
    RunnableLambda,
    SystemMessage,
    ToolMessage,
    tool,
    tool_call,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.tracing.receiver import Receiver

CALL = tool_call(name="add", args={"a": 1, "b": 2}, id="call_1")


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def test_the_messages_of_a_model(call: Call, receiver: Receiver) -> None:
    """As the GenAI conventions have them, and as OpenInference has them."""
    asked = [
        SystemMessage("Be brief."),
        HumanMessage("1 + 2?"),
        AIMessage(tool_calls=[CALL]),
        ToolMessage("3", tool_call_id="call_1"),
    ]
    model = ScriptedChatModel(["It is 3."]).bind_tools([add])
    call.invoke(model, asked, {"callbacks": [receiver.handler(content=True)]})
    found = receiver.attributes("ScriptedChatModel")
    call_part = {"type": "tool_call", "id": "call_1", "name": "add", "arguments": {"a": 1, "b": 2}}
    response = {"type": "tool_call_response", "id": "call_1", "response": "3"}
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "1 + 2?"}]},
        {"role": "assistant", "parts": [call_part]},
        {"role": "tool", "parts": [response]},
    ]
    assert json.loads(found["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "It is 3."}],
            "finish_reason": "stop",
        }
    ]
    assert json.loads(found["gen_ai.tool.definitions"])[0]["function"]["name"] == "add"
    flat = {name: value for name, value in found.items() if name.startswith("llm.input_messages")}
    assert flat == {
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "Be brief.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": "1 + 2?",
        "llm.input_messages.2.message.role": "assistant",
        "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "add",
        "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": '{"a":1,"b":2}',
        "llm.input_messages.2.message.tool_calls.0.tool_call.id": "call_1",
        "llm.input_messages.3.message.role": "tool",
        "llm.input_messages.3.message.content": "3",
        "llm.input_messages.3.message.tool_call_id": "call_1",
    }
    assert found["llm.output_messages.0.message.content"] == "It is 3."
    assert (found["output.value"], found["output.mime_type"]) == ("It is 3.", "text/plain")


def test_bytes_of_media_are_left_out(receiver: Receiver) -> None:
    """An image is named by its kind and its type, or by its URL."""
    data = "QUJD" * 50
    blocks: list[Any] = [
        {"type": "image", "base64": data, "mime_type": "image/png"},
        {"type": "image", "url": "https://x/sea.png"},
        {"type": "image", "url": f"data:image/png;base64,{data}"},
    ]
    model = ScriptedChatModel(["A sea."])
    model.invoke([HumanMessage(blocks)], {"callbacks": [receiver.handler(content=True)]})
    found = receiver.attributes("ScriptedChatModel")
    [message] = json.loads(found["gen_ai.input.messages"])
    assert message["parts"][0] == {"type": "blob", "modality": "image", "mime_type": "image/png"}
    assert message["parts"][1] == {"type": "uri", "modality": "image", "uri": "https://x/sea.png"}
    assert [text for text in receiver.strings() if data in text] == []


def test_the_arguments_and_the_result_of_a_tool(call: Call, receiver: Receiver) -> None:
    """Of a call of a model, without its envelope."""
    call.invoke(add, CALL, {"callbacks": [receiver.handler(content=True)]})
    found = receiver.attributes("add")
    assert found["gen_ai.tool.call.arguments"] == found["input.value"] == '{"a":1,"b":2}'
    assert found["gen_ai.tool.call.result"] == found["output.value"] == "3"


def test_the_query_and_the_documents_of_a_retriever(call: Call, receiver: Receiver) -> None:
    """Each with its text, its id and its metadata."""

    class Logbook(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document(page_content="Calm.", metadata={"page": 3}, id="log-1")]

    call.invoke(Logbook(), "weather", {"callbacks": [receiver.handler(content=True)]})
    found = receiver.attributes("Logbook")
    assert found["gen_ai.retrieval.query.text"] == found["input.value"] == "weather"
    assert found["retrieval.documents.0.document.content"] == "Calm."
    assert found["retrieval.documents.0.document.id"] == "log-1"
    assert found["retrieval.documents.0.document.metadata"] == '{"page":3}'
    assert json.loads(found["gen_ai.retrieval.documents"]) == [{"id": "log-1", "content": "Calm."}]


class Odd:
    """A value that JSON has no form for, and that cannot be printed either."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown", "kind"),
    [
        ("text", "text", "text/plain"),
        ({"a": [1, None]}, '{"a":[1,null]}', "application/json"),
        ({"api_key": "sk-0123456789abcdef"}, '{"api_key":"**********"}', "application/json"),
        (float("inf"), "Infinity", "application/json"),
        (Odd(), "<Odd>", "text/plain"),
    ],
)
def test_any_value_has_a_string(value: Any, shown: str, kind: str, receiver: Receiver) -> None:
    """Without its secrets; one that cannot be shown has the name of its type."""
    handler = receiver.handler(content=True)
    RunnableLambda(lambda _: value, name="step").invoke(1, {"callbacks": [handler]})
    found = receiver.attributes("step")
    assert (found["output.value"], found["output.mime_type"]) == (shown, kind)


def test_the_input_of_a_stream_is_known_at_its_end(call: Call, receiver: Receiver) -> None:
    """It comes in chunks; the span has their sum."""
    steps = ScriptedChatModel(["a b c"]) | RunnableLambda(lambda answer: answer.text)
    call.stream(steps, "Hi", {"callbacks": [receiver.handler(content=True)]})
    assert receiver.attributes("RunnableLambda")["output.value"] == "a b c"
    assert "a b c" in receiver.attributes("RunnableLambda")["input.value"]


def test_an_error_that_quotes_content_is_whole(call: Call, receiver: Receiver) -> None:
    """Where content is recorded, it may be in errors, too."""
    parser = PydanticOutputParser(pydantic_object=Document)
    with pytest.raises(ValueError, match="tide"):
        call.invoke(parser, "the tide", {"callbacks": [receiver.handler(content=True)]})
    assert "tide" in str(receiver.span("PydanticOutputParser").status.description)


@pytest.mark.parametrize(
    ("value", "records"),
    [
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("true", True),
        ("NO_CONTENT", False),
        ("", False),
    ],
)
def test_the_environment_asks_for_content(
    value: str, records: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the variable of OpenTelemetry's own instrumentations; an argument comes before it."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    assert OpenTelemetryHandler().content is records
    assert OpenTelemetryHandler(content=False).content is False
