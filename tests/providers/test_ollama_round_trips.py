"""What Ollama said goes back as it was said, through JSON, and to no other service."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, HumanMessage
from runnables.errors import AuthenticationError, InvalidRequestError, ModelError, ServerError
from runnables.testing import Response
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from runnables_providers.ollama.exchange import OllamaChat
from tests.both_modes import Call
from tests.providers.round_trips import ARGS, FIELDS, WORDS, next_turn, streamed, through_json
from tests.sdk.recorder import Recorder, json_lines_response


def calls(*, ids: bool) -> Any:
    """Return a strategy of calls, with or without ids, and with fields of unknown names."""
    name = st.sampled_from(["look", "add"])
    function = st.fixed_dictionaries(
        {"name": name, "arguments": ARGS}, optional={"index": st.integers(0, 3)}
    )
    known = {"function": st.builds(lambda one, two: {**two, **one}, function, FIELDS)}
    if ids:
        known["id"] = st.uuids().map(str)
    return st.builds(lambda one, two: {**two, **one}, st.fixed_dictionaries(known), FIELDS)


MESSAGES = st.builds(
    lambda one, two: {**two, "role": "assistant", **one},
    st.fixed_dictionaries(
        {"content": WORDS | st.just("")},
        optional={
            "thinking": WORDS,
            "images": st.lists(st.just("AA=="), min_size=1, max_size=2),
            "tool_calls": st.lists(calls(ids=True) | calls(ids=False), min_size=1, max_size=3),
        },
    ),
    FIELDS,
)


def chat(messages: Any = None) -> OllamaChat:
    return OllamaChat(messages or [HumanMessage("q")], {"model": "m"})


def line(message: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a line of a stream; the last one is `done`."""
    return {
        "model": "m",
        **({} if message is None else {"message": message}),
        "done": False,
        **more,
    }


def sent_back(message: AIMessage) -> dict[str, Any]:
    """Return the answer in the request of the next turn."""
    turns = chat(next_turn(through_json(message))).body(streamed=False)["messages"]
    [found] = [turn for turn in turns if turn["role"] == "assistant"]
    answer: dict[str, Any] = found
    return answer


@given(MESSAGES)
def test_an_answer_goes_back_as_it_came(said: dict[str, Any]) -> None:
    """Its reasoning, its images, its calls with their ids, and fields of unknown names."""
    assert sent_back(chat().answer(line(said, done=True), {})) == said


@given(MESSAGES, st.integers(0, 3))
def test_a_stream_goes_back_like_an_answer(said: dict[str, Any], cut: int) -> None:
    """Words and reasoning are joined; everything else comes in a line of its own."""
    lines = [
        line({"role": "assistant", "content": "", **fields})
        for key in said
        if key not in ("role", "content", "thinking")
        for fields in [{key: said[key]}]
    ]
    thinking, content = said.get("thinking", ""), said["content"]
    reasoned = [
        line({"content": "", "thinking": part}) for part in (thinking[:cut], thinking[cut:])
    ]
    words = [line({"content": part}) for part in (content[:cut], content[cut:])]
    end = line({"role": "assistant", "content": ""}, done=True)
    message = streamed(chat(), [*(reasoned if thinking else ()), *words, *lines, end])
    assert sent_back(message) == said


@given(MESSAGES)
def test_fields_of_ollama_go_to_no_other_service(said: dict[str, Any]) -> None:
    """Gemini gets the words, the images and the calls."""
    message = through_json(chat().answer(line(said, done=True), {}))
    google = ChatGoogleGenerativeAI("gemini-2.5-flash", api_key="k" * 12)
    body = google._exchange(next_turn(message), {"model": "gemini-2.5-flash"}).body(streamed=False)
    for content in body["contents"]:
        for part in content["parts"]:
            assert set(part) <= {"text", "inlineData", "functionCall", "functionResponse"}
            assert set(part.get("functionCall", {})) <= {"name", "args", "id"}


@given(FIELDS)
def test_fields_of_others_do_not_go_to_ollama(fields: dict[str, Any]) -> None:
    """Neither their reasoning nor what they keep beside a call or a message."""
    call: Any = {"name": "add", "args": {}, "id": "c1", "extras": {**fields, "function": fields}}
    message = AIMessage(
        [
            {"type": "reasoning", "reasoning": "hm"},
            "So.",
            {"type": "image", "url": "https://u"},
            {"type": "web_search_call"},
        ],
        tool_calls=[call],
        additional_kwargs={"ollama": fields},
        response_metadata={"model_provider": "openai"},
    )
    assert sent_back(message) == {
        "role": "assistant",
        "content": "So.",
        "tool_calls": [{"id": "c1", "function": {"name": "add", "arguments": {}}}],
    }


def test_a_nameless_call_goes_back_with_a_name() -> None:
    """The server refuses one without."""
    broken: Any = {"name": None, "args": "add(1", "id": "c1", "error": "?"}
    message = AIMessage("", invalid_tool_calls=[broken])
    [call] = sent_back(message)["tool_calls"]
    assert call["function"] == {"name": "unknown", "arguments": {"invalid_arguments": "add(1"}}


@given(FIELDS, FIELDS)
def test_unknown_fields_are_metadata(first: dict[str, Any], last: dict[str, Any]) -> None:
    """Of each line; the last value of a name counts."""
    message = streamed(
        chat(), [line({"content": "a"}, **first), line({"content": ""}, **{**last, "done": True})]
    )
    assert message.response_metadata == {
        **first,
        **last,
        "model_name": "m",
        "model_provider": "ollama",
        "finish_reason": "stop",
    }


# -- errors inside a 200

ERRORS: list[tuple[Any, type[ModelError]]] = [
    ({"error": "an error was encountered while running the model"}, ServerError),
    ({"error": "model 'm' not found"}, InvalidRequestError),
    ({"error": "registry.ollama.ai/library/m does not support tools"}, InvalidRequestError),
    ({"error": "unauthorized"}, AuthenticationError),
    ({"error": "server busy, please try again"}, ServerError),
    ({"error": "upstream", "status_code": 401}, AuthenticationError),
    ({"error": {"message": "of a gateway", "code": 400}}, InvalidRequestError),
]


@pytest.mark.parametrize(("body", "kind"), ERRORS)
def test_an_error_in_a_200_is_typed(
    body: dict[str, Any], kind: type[ModelError], call: Call
) -> None:
    """In a response, and in a line of a stream, with the server's own words."""
    words = body["error"] if isinstance(body["error"], str) else body["error"]["message"]
    with Recorder().listening() as server:
        model = ChatOllama("m", base_url=server.url, max_retries=0)
        server.enqueue(Response(body))
        with pytest.raises(kind, match=words):
            call.invoke(model, "q")
        server.enqueue(json_lines_response([line({"content": "Hel"}), body]))
        with pytest.raises(kind, match=words) as raised:
            call.stream(model, "q")
    assert raised.value.produced.text == "Hel"  # type: ignore[attr-defined]


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "text/plain", ""])
def test_lines_are_read_whatever_they_are_called(content_type: str, call: Call) -> None:
    """Proxies rename the content type of a stream."""
    lines = json_lines_response([line({"content": "Hel"}), line({"content": "lo"}, done=True)])
    with Recorder().listening() as server:
        server.enqueue(Response(lines.body, content_type=content_type))
        chunks = call.stream(ChatOllama("m", base_url=server.url, max_retries=0), "q")
    assert "".join(chunk.text for chunk in chunks) == "Hello"
