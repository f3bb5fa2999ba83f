"""Our client against a real LangServe server: what that one can tell arrives."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    AIMessage,
    AIMessageChunk,
    Document,
    HumanMessage,
    InvalidRequestError,
    ServerError,
)
from runnables_providers.remote import RemoteRunnable
from tests.both_modes import Call
from tests.laws.outcomes import stream_of
from tests.serving.servers import wait_for

ANSWER = ("One two three.", [{"name": "add", "args": {"a": 1}, "id": "1", "type": "tool_call"}])


def shown(message: Any) -> tuple[Any, Any]:
    return message.content, message.tool_calls


def test_messages_come_back_as_messages(langserve: str, call: Call) -> None:
    """With their calls; and a conversation goes there."""
    model = RemoteRunnable(f"{langserve}/model")
    answer = call.invoke(model, [HumanMessage("hi")])
    assert type(answer) is AIMessage
    assert shown(answer) == ANSWER
    streamed = stream_of(call, model, [HumanMessage("hi")])
    assert len(streamed.chunks) > 1
    assert {type(chunk) for chunk in streamed.chunks} == {AIMessageChunk}
    assert type(streamed.value) is AIMessage
    assert streamed.value.content == ANSWER[0]


def test_types_and_documents_pass(langserve: str, call: Call) -> None:
    """An input of a declared type goes there, and documents come back."""
    assert call.invoke(RemoteRunnable(f"{langserve}/upper"), {"text": "a"}) == "A"
    documents = call.invoke(RemoteRunnable(f"{langserve}/documents"), "a")
    assert documents == [Document("a", metadata={"n": 1})]


def test_a_batch_is_one_request_and_errors_are_found(langserve: str, call: Call) -> None:
    """Where one fails all, each runs by itself, and has its own outcome."""
    odd = RemoteRunnable(f"{langserve}/odd")
    assert call.batch(odd, [1, 3, 5]) == [1, 3, 5]
    outputs = call.batch(odd, [1, 2, 3], return_exceptions=True)
    assert [type(output) for output in outputs] == [int, ServerError, int]


def test_errors_are_typed(langserve: str, call: Call) -> None:
    """An input that does not fit, a chain that fails, and one that fails in mid-stream."""
    with pytest.raises(InvalidRequestError, match=r"text: Field required"):
        call.invoke(RemoteRunnable(f"{langserve}/upper"), {"txet": "a"})
    with pytest.raises(ServerError, match="500"):
        call.invoke(RemoteRunnable(f"{langserve}/odd"), 2)
    with pytest.raises(ServerError, match="Internal Server Error") as caught:
        call.stream(RemoteRunnable(f"{langserve}/broken"), "x")
    assert caught.value.produced == "One"  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequestError, match="404"):
        call.invoke(RemoteRunnable(f"{langserve}/nothing"), 2)


def test_leaving_a_stream_stops_the_chain_there(langserve: str, call: Call) -> None:
    """The request is closed at once."""
    closed = RemoteRunnable(f"{langserve}/closed")
    before = closed.invoke(1)
    assert call.stream(RemoteRunnable(f"{langserve}/endless"), "x", take=2) == ["x", "x"]
    wait_for(lambda: closed.invoke(1) == before + 1)


def test_the_schemas_are_those_of_the_chain(langserve: str, call: Call) -> None:
    """They have the fields of the declared type."""
    upper = RemoteRunnable(f"{langserve}/upper")
    schema = call.run(upper.get_input_jsonschema, upper.aget_input_jsonschema)
    assert schema["required"] == ["text"]
