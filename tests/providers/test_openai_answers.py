"""What services of OpenAI's interfaces say beside the text: nothing of it is lost."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, AIMessageChunk, tool
from runnables.models.calls import join_answer
from runnables.testing import Response
from runnables_providers._remote.chat import _StreamReader
from runnables_providers.openai import ChatOpenAI
from runnables_providers.openai.completions import Completion
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response

MODES = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def ask(call: Call, response: Response, **settings: Any) -> AIMessage:
    """Return the answer of a model to a response, or to a stream."""
    with Recorder().listening() as server:
        server.enqueue(response)
        model = ChatOpenAI(
            "m", **{"api_key": "k", "base_url": server.url, "max_retries": 0, **settings}
        )
        if response.content_type == "text/event-stream":
            return join_answer(call.stream(model, "Hi"))
        answer: AIMessage = call.invoke(model, "Hi")
        return answer


def completion(streamed: bool, message: dict[str, Any], **more: Any) -> Response:
    """Return a completion: as a whole, or as a stream of one event for each field."""
    end = {"index": 0, "finish_reason": "stop", **more.pop("choice", {})}
    if not streamed:
        return Response({"id": "c", "choices": [{**end, "message": message}], **more})
    deltas = [{key: value} for key, value in message.items()]
    events = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return sse_response(
        [*events, {"id": "c", "choices": [{**end, "delta": {}}], **more}], done=True
    )


# -- usage


@given(
    counts=st.lists(st.tuples(st.integers(1, 99), st.integers(1, 99)), min_size=1, max_size=4),
    last_has_choice=st.booleans(),
)
def test_usage_in_several_events_is_not_summed(
    counts: list[tuple[int, int]], last_has_choice: bool
) -> None:
    """The last count is that of the answer, whether the events repeat it or count up."""
    call = Completion([], {}, provider="openai", limit="max_tokens", usage=True)
    chunks: list[AIMessageChunk] = []
    for place, (read, written) in enumerate(counts):
        is_last = place == len(counts) - 1
        choice = {
            "index": 0,
            "delta": {"content": "a"},
            "finish_reason": "stop" if is_last else None,
        }
        usage = {"prompt_tokens": read, "completion_tokens": written}
        events = [{"choices": [choice], "usage": usage}]
        if is_last and not last_has_choice:
            events = [{"choices": [choice], "usage": None}, {"choices": [], "usage": usage}]  # type: ignore[dict-item]  # as servers do
        for event in events:
            chunks.extend(call.feed(event))
    answer = join_answer([*chunks, *(call.finish({}) or ())])
    assert answer.usage_metadata is not None
    found = (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"])
    assert found == counts[-1]


USAGES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "OpenAI": (
        {"prompt_tokens_details": {"cached_tokens": 7, "audio_tokens": 1}},
        {"cache_read": 7, "audio": 1},
        {},
    ),
    "OpenRouter": (
        {"prompt_tokens_details": {"cache_write_tokens": 7}, "cost": 0.25, "is_byok": False},
        {"cache_creation": 7},
        {"cost": 0.25, "is_byok": False},
    ),
    "DeepSeek": (
        {"prompt_cache_hit_tokens": 7, "prompt_cache_miss_tokens": 1},
        {"cache_read": 7},
        {},
    ),
    "Moonshot": ({"cached_tokens": 7}, {"cache_read": 7}, {}),
    "a proxy of Anthropic's": (
        {"cache_creation_input_tokens": 7, "cache_read_input_tokens": 1},
        {"cache_creation": 7, "cache_read": 1},
        {},
    ),
    "a kind of tomorrow": (
        {"prompt_tokens_details": {"video_tokens": 7}},
        {"video": 7},
        {},
    ),
}


@pytest.mark.parametrize("form", USAGES.values(), ids=USAGES)
@MODES
def test_usage_is_read_in_each_form(
    call: Call, form: tuple[dict[str, Any], dict[str, Any], dict[str, Any]], streamed: bool
) -> None:
    """Cached tokens have our names; a cost is in the metadata."""
    given_usage, details, rest = form
    usage = {"prompt_tokens": 10, "completion_tokens": 2, **given_usage}
    answer = ask(call, completion(streamed, {"content": "Hi"}, usage=usage))
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.get("input_token_details") == details
    assert answer.response_metadata.get("usage", {}) == rest


# -- what is beside the text

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}


@MODES
def test_images_are_blocks(call: Call, streamed: bool) -> None:
    """OpenRouter has them beside the text."""
    answer = ask(call, completion(streamed, {"content": "Look", "images": [IMAGE]}))
    text, image = answer.content_blocks
    assert text == {"type": "text", "text": "Look"}
    assert image == {"type": "image", "base64": "QUJD", "mime_type": "image/png"}
    assert answer.text == "Look"


@MODES
def test_speech_is_a_block(call: Call, streamed: bool) -> None:
    """With its id and its transcript."""
    speech = {"id": "audio_1", "data": "QUJD", "transcript": "Hello", "expires_at": 5}
    answer = ask(call, completion(streamed, {"content": None, "audio": speech}))
    assert answer.content_blocks == [
        {
            "type": "audio",
            "id": "audio_1",
            "base64": "QUJD",
            "extras": {"transcript": "Hello", "expires_at": 5},
        }
    ]


@MODES
def test_unknown_fields_are_kept(call: Call, streamed: bool) -> None:
    """Of the message beside its content, of the answer and the choice in the metadata."""
    message = {"content": "Hi", "executed_tools": [{"index": 0, "output": "found"}], "channel": "a"}
    answer = ask(
        call,
        completion(
            streamed,
            message,
            provider="Fast",
            citations=["https://a"],
            choice={"native_finish_reason": "end", "stop_reason": 5},
        ),
    )
    assert answer.additional_kwargs == {
        "executed_tools": [{"index": 0, "output": "found"}],
        "channel": "a",
    }
    known = {"provider": "Fast", "citations": ["https://a"], "stop_reason": 5}
    assert known.items() <= answer.response_metadata.items()
    assert answer.response_metadata["native_finish_reason"] == "end"


@MODES
def test_functions_are_passed_on_and_their_call_is_an_additional_field(
    call: Call, streamed: bool
) -> None:
    """In the older form of tools, which services still take; the next turn gives the call back."""
    function = {"name": "add", "parameters": {"type": "object", "properties": {}}}
    said = {"name": "add", "arguments": '{"a": 1}'}
    parts = [{"name": "add", "arguments": ""}, {"arguments": '{"a"'}, {"arguments": ": 1}"}]
    events = [{"choices": [{"index": 0, "delta": {"function_call": part}}]} for part in parts]
    whole = completion(False, {"content": None, "function_call": said})
    with Recorder().listening() as server:
        model = ChatOpenAI("m", api_key="k", base_url=server.url, max_retries=0)
        first_response = sse_response(events, done=True) if streamed else whole
        server.enqueue(first_response, completion(False, {"content": "1"}))
        options: Any = {"functions": [function], "function_call": {"name": "add"}}
        if streamed:
            answer = join_answer(call.stream(model.bind(**options), "Hi"))
        else:
            answer = call.invoke(model, "Hi", **options)
        assert answer.additional_kwargs == {"function_call": said}
        call.invoke(model, ["Hi", answer])
        first, second = (request.body for request in server.requests)
    assert options.items() <= first.items()
    assert second["messages"][1]["function_call"] == said


def test_a_name_that_each_event_repeats_is_one(call: Call) -> None:
    """Groq names the channel in every delta; tools come again with their output."""
    deltas = [
        {"channel": "analysis", "reasoning": "ha"},
        {"channel": "analysis", "reasoning": "ha", "executed_tools": [{"index": 0, "type": "x"}]},
        {"executed_tools": [{"index": 0, "type": "x", "output": "found"}]},
    ]
    events: list[Any] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "x_groq": {"id": "r"}}
    answer = ask(call, sse_response([*events, end], done=True))
    assert answer.additional_kwargs == {
        "channel": "analysis",
        "reasoning": "haha",
        "executed_tools": [{"index": 0, "type": "x", "output": "found"}],
    }
    assert answer.content_blocks[0] == {"type": "reasoning", "reasoning": "haha"}
    assert answer.response_metadata["x_groq"] == {"id": "r"}


def test_a_stream_without_usage_names_its_model(call: Call) -> None:
    """The metadata does not come with the usage."""
    event = {"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": {"content": "a"}}]}
    end = {
        "id": "c",
        "model": "m-1",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    }
    answer = ask(call, sse_response([event, end], done=True), stream_usage=False)
    assert answer.response_metadata["model_name"] == "m-1"
    assert answer.response_metadata["id"] == "c"
    assert answer.usage_metadata is None


# -- content that is a list

MISTRAL = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Two and two."}], "closed": True},
    {"type": "text", "text": "4"},
]


@pytest.mark.parametrize("streamed", [None, 1, 3], ids=["whole", "streamed", "in parts"])
def test_reasoning_in_a_list_is_read(call: Call, streamed: int | None) -> None:
    """The blocks are text, also where a stream cuts them."""
    if streamed is None:
        response = completion(False, {"content": MISTRAL})
    else:
        thought = "Two and two."
        parts = [thought[at : at + 12 // streamed] for at in range(0, 12, 12 // streamed)]
        contents: list[Any] = [
            [{"type": "thinking", "thinking": [{"type": "text", "text": part}]}] for part in parts
        ]
        contents += ["4"]
        events = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in contents]
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        response = sse_response([*events, end], done=True)
    answer = ask(call, response)
    blocks = [(block["type"], block.get("reasoning")) for block in answer.content_blocks]
    assert blocks == [("reasoning", "Two and two."), ("text", None)]
    assert answer.text == "4"


# -- calls


def tide_call(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "tide", "arguments": arguments}, **more}


@MODES
@pytest.mark.parametrize("missing", [{}, {"id": ""}, {"id": None}], ids=["none", "empty", "null"])
@pytest.mark.parametrize("indexed", [True, False], ids=["indexes", "no indexes"])
def test_calls_without_ids_get_some(
    call: Call, streamed: bool, missing: dict[str, Any], indexed: bool
) -> None:
    """So their results can be distinguished."""

    @tool
    def tide(port: str) -> str:
        """Tell the tide."""
        return port

    calls = [tide_call(json.dumps({"port": port}), **missing) for port in ("Brest", "Dover")]
    if indexed and streamed:
        calls = [{**one, "index": place} for place, one in enumerate(calls)]
    answer = ask(call, completion(streamed, {"tool_calls": calls}))
    results = [call.invoke(tide, one) for one in answer.tool_calls]
    assert [result.text for result in results] == ["Brest", "Dover"]
    assert len({result.tool_call_id for result in results} - {None, ""}) == 2


def test_one_index_for_all_calls_without_ids_gives_each_an_id(call: Call) -> None:
    """Some servers count no calls."""
    calls = [tide_call(json.dumps({"port": port}), index=0) for port in ("Brest", "Dover")]
    events = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [one]}, "finish_reason": None}]}
        for one in calls
    ]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    answer = ask(call, sse_response([*events, end], done=True))
    assert [one["args"]["port"] for one in answer.tool_calls] == ["Brest", "Dover"]
    assert len({one["id"] for one in answer.tool_calls} - {None, ""}) == 2


@MODES
@pytest.mark.parametrize("arguments", [{"x": 1}, '{"x": 1}'], ids=["object", "text"])
def test_arguments_may_be_an_object(call: Call, streamed: bool, arguments: Any) -> None:
    """Mistral's interface allows both."""
    answer = ask(
        call, completion(streamed, {"tool_calls": [tide_call(arguments, id="a", index=0)]})
    )
    assert [one["args"] for one in answer.tool_calls] == [{"x": 1}]


@pytest.mark.parametrize("text", ['select "a"\n', "é\u2028", ""])
@MODES
def test_the_text_of_a_custom_call_is_an_argument(call: Call, text: str, streamed: bool) -> None:
    """As "input", however the stream cuts it."""
    custom = {"id": "a", "type": "custom", "custom": {"name": "sql", "input": text}}
    if streamed:
        start = {**custom, "index": 0, "custom": {"name": "sql", "input": ""}}
        letters = [{"index": 0, "custom": {"input": letter}} for letter in text]
        events = [
            {"choices": [{"index": 0, "delta": {"tool_calls": [part]}}]}
            for part in [start, *letters]
        ]
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
        answer = ask(call, sse_response([*events, end], done=True))
    else:
        answer = ask(call, completion(False, {"content": None, "tool_calls": [custom]}))
    (found,) = answer.tool_calls
    assert (found["name"], found["args"], found["id"]) == ("sql", {"input": text}, "a")


# -- bytes


@given(cuts=st.lists(st.integers(0, 900), max_size=12))
def test_an_answer_with_all_of_it_does_not_depend_on_the_bytes(cuts: list[int]) -> None:
    """Bytes may be split anywhere."""
    deltas: list[dict[str, Any]] = [
        {"reasoning": "ü"},
        {"content": [MISTRAL[0]]},
        {"content": "4"},
        {"images": [IMAGE]},
        {"tool_calls": [tide_call("{}", index=0)]},
        {"tool_calls": [{"index": 1, "type": "custom", "custom": {"name": "sql", "input": "ß"}}]},
    ]
    events: list[Any] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "cost": 1}]
    data = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    model = ChatOpenAI("m", base_url="http://localhost:1")

    def read(parts: list[bytes]) -> AIMessage:
        made = Completion([], {}, provider="openai", limit="max_tokens", usage=True)
        reader = _StreamReader(model, made, {})
        chunks = [chunk for part in parts for chunk in reader.feed(part)]
        return join_answer([*chunks, *reader.finish()])

    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parts = [data[start:end] for start, end in itertools.pairwise(places)]
    assert read(parts) == read([data])
