"""Whatever a client sends is read, or refused with words for the client: it fails nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings, strategies as st

from runnables import (
    AIMessage,
    BaseMessage,
    ConversationError,
    InvalidRequestError,
    RunnableLambda,
)
from runnables.serving.ag_ui import read_ag_ui
from runnables.serving.ai_sdk import read_ui_messages
from runnables.serving.chat_completions import read_messages
from runnables.serving.failures import RequestError
from runnables.serving.packing import pack, unpack
from runnables.serving.responses_input import read_input
from runnables.serving.revive import input_of
from runnables_providers.scripted import ScriptedChatModel
from tests.serving.chains import chains
from tests.serving.servers import Served, serving

KEYS = (
    *("role", "content", "parts", "type", "text", "toolCallId", "toolName", "state", "input"),
    *("output", "url", "mediaType", "id", "name", "args", "tool_calls", "toolCalls", "function"),
    *("arguments", "encryptedValue", "encrypted_content", "source", "value", "data", "error"),
    *("call_id", "tool_call_id", "phase", "image_url", "input_audio", "file", "refusal", "lc"),
    *("reasoning_content", "reasoning_details", "function_call", "kwargs", "usage_metadata"),
)
WORDS = (
    *("user", "assistant", "system", "tool", "function", "developer", "reasoning", "message"),
    *("text", "image", "file", "input_file", "input_image", "input_text", "function_call"),
    *("function_call_output", "dynamic-tool", "tool-x", "step-start", "output-available"),
    *("data-model-message", "runnables.message", "constructor", "AIMessageChunk", "ai", "chat"),
    *("{", '{"a": 1}', "https://x/y", "data:image/png;base64,AAAA", "data:", "r1.", "r1.e30="),
)
LEAVES = st.one_of(st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(), st.text())
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects that mostly have these fields, and others."""
    right = {name: field | JSON for name, field in fields.items()}
    more = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=2)
    return st.builds(joined, st.fixed_dictionaries(right), more)


def joined(known: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return other | known


ROLES = st.sampled_from(["user", "assistant", "system", "developer", "tool", "function"])
FUNCTIONS = objects(name=st.just("f"), arguments=st.sampled_from(["{}", "{", "[]"]))
CALLS = st.lists(objects(id=st.just("c"), function=FUNCTIONS, type=st.just("function")), max_size=2)
PARTS = st.lists(objects(type=st.sampled_from(WORDS), text=st.text()), max_size=3)
MESSAGES = objects(role=ROLES, content=st.text() | PARTS, parts=PARTS, tool_calls=CALLS,
                   toolCalls=CALLS, toolCallId=st.just("c"), tool_call_id=st.just("c"))  # fmt: skip
ITEMS = MESSAGES | objects(
    type=st.sampled_from(WORDS), call_id=st.just("c"), name=st.just("f"), output=st.text() | PARTS
)
BODIES = objects(messages=st.lists(MESSAGES, max_size=3), input=st.lists(ITEMS, max_size=4),
                 threadId=st.just("t"), runId=st.just("r"))  # fmt: skip

READERS = (read_messages, read_input, read_ui_messages, read_ag_ui)


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@given(body=BODIES)
def test_a_conversation_is_read_or_refused(
    read: Callable[[dict[str, Any]], list[BaseMessage]], body: dict[str, Any]
) -> None:
    """The readers of all protocols raise nothing else, whatever the JSON."""
    try:
        messages = read(body)
    except RequestError as error:
        assert 400 <= error.failure.status < 500
    else:
        assert all(isinstance(message, BaseMessage) for message in messages)


CHAINS = {name: chains()[name] for name in ("agent", "words", "prompt")} | {
    "any": RunnableLambda(lambda value: value)
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@given(value=JSON | MESSAGES | st.lists(MESSAGES, max_size=2) | objects(messages=JSON | MESSAGES))
def test_an_input_is_read_or_refused(chain: Any, value: Any) -> None:
    """REST's values, too."""
    try:
        input_of(chain, value)
    except RequestError as error:
        assert 400 <= error.failure.status < 500


def packed(text: str) -> str:
    """Return a string as a client may forge a packed message."""
    return "r1." + base64.urlsafe_b64encode(text.encode()).decode()


@given(st.text() | st.builds(packed, st.text() | JSON.map(json.dumps)) | JSON)
def test_a_forged_message_is_none(forged: Any) -> None:
    """What `pack` has not made is ignored."""
    assert unpack(forged, "\0", []) is None


def test_a_message_is_packed_where_that_is_possible() -> None:
    """Deep nesting, half a character, or a value without a form in JSON stop no answer."""
    assert unpack(packed("[" * 100_000), "", []) is None
    assert pack(AIMessage("x", id="1", additional_kwargs={"a": object()})) is None
    half = AIMessage("\ud83d", id="1")
    assert unpack(pack(half), half.text, []) == half


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving({"bare": ScriptedChatModel(["x"], cycle=True)}) as server:
        yield server


@settings(max_examples=30)
@given(name=st.sampled_from(["temperature", "top_p", "max_tokens", "seed", "stop", "tools"]),
       value=JSON)  # fmt: skip
def test_a_setting_is_taken_or_refused(served: Served, name: str, value: Any) -> None:
    """A setting that the model does not take is the client's error."""
    body = {"model": "bare", "messages": [{"role": "user", "content": "x"}], name: value}
    content = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    answer = httpx.post(f"{served.url}/v1/chat/completions", content=content, headers=headers)
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize(
    "setting",
    [{"stop": [1]}, {"stop": [""]}, {"max_tokens": -5}, {"top_p": 7}, {"temperature": "warm"}],
)
def test_a_setting_out_of_range_is_refused(served: Served, setting: dict[str, Any]) -> None:
    """The client reads which one, with status 400."""
    body = {"model": "bare", "messages": [{"role": "user", "content": "x"}], **setting}
    answer = httpx.post(f"{served.url}/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert next(iter(setting)) in answer.json()["error"]["message"]


SAID = {"role": "user", "content": "x"}
CALLED = {"role": "assistant", "toolCalls": {}}
READ_AS_SOMETHING_ELSE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/chat/completions", {"messages": [SAID], "stream": "yes"}),
    ("/v1/chat/completions", {"messages": [{"role": "tool", "content": "", "tool_call_id": 3}]}),
    ("/v1/chat/completions", {"messages": [{**SAID, "content": {}}]}),
    ("/v1/chat/completions", {"messages": [{**SAID, "content": [["x"]]}]}),
    ("/v1/responses", {"input": "x", "stream": 1}),
    ("/v1/responses", {"input": [{"type": "function_call_output", "call_id": "1", "output": [3]}]}),
    ("/v1/responses", {"input": [{"role": "assistant", "content": [{"text": {}}]}]}),
    ("/v1/responses", {"input": [{"type": "function_call", "call_id": "1", "name": "f",
                                  "arguments": {}}]}),
    ("/bare/api/chat", {"messages": [{"role": "user", "parts": [{"type": "text", "text": {}}]}]}),
    ("/bare/api/chat", {"messages": [{"role": "user", "parts": [{"text": "x"}]}]}),
    ("/bare/ag-ui", {"threadId": "t", "runId": "r", "messages": [CALLED]}),
    ("/bare/ag-ui", {"threadId": "t", "runId": "r", "messages": [{**CALLED, "content": False}]}),
)  # fmt: skip


@pytest.mark.parametrize(("path", "body"), READ_AS_SOMETHING_ELSE, ids=str)
def test_a_wrong_type_is_no_other_value(served: Served, path: str, body: dict[str, Any]) -> None:
    """It is refused, and not read as a string, as nothing, or as False."""
    before = served.service.counts.runs
    answer = httpx.post(f"{served.url}{path}", json={"model": "bare", **body})
    assert answer.status_code == 400, answer.text
    assert served.service.counts.runs == before


def test_a_message_without_content_is_one(server: Served) -> None:
    """The schema of messages allows it: an agent gets a message, not the dict."""
    for kind in ("ai", "AIMessageChunk"):
        value = {"messages": [{"type": "human", "content": "x"}, {"type": kind}]}
        answer = httpx.post(f"{server.url}/agent/invoke", json={"input": value})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConversationError("no 'url'"), "invalid_conversation"),
        (InvalidRequestError("no tools"), "invalid_request"),
    ],
)
def test_what_a_model_cannot_take_is_the_clients_error(error: Exception, code: str) -> None:
    """Clients repeat what the server has done wrong; repeating this would not help."""
    with serving({"bare": ScriptedChatModel([error], cycle=True)}) as served:
        answer = httpx.post(f"{served.url}/bare/invoke", json={"input": "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_an_empty_conversation_is_the_clients_error(served: Served) -> None:
    """REST clients send it as an input, which a list without a message fits."""
    answer = httpx.post(f"{served.url}/bare/invoke", json={"input": []})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_conversation")


def test_a_conversation_without_a_message_is_refused(served: Served) -> None:
    """There is nothing to answer: status 400, before anything runs."""
    empty: Any = {"threadId": "t", "runId": "r", "messages": []}
    assert httpx.post(f"{served.url}/bare/ag-ui", json=empty).status_code == 400
    reasoning = {"model": "bare", "input": [{"type": "reasoning"}]}
    assert httpx.post(f"{served.url}/v1/responses", json=reasoning).status_code == 400
