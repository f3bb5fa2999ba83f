"""What Gemini said goes back part by part, through JSON, and to no other service."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, HumanMessage, ToolMessage
from runnables.errors import InvalidRequestError, ModelError, ServerError
from runnables.testing import Response
from runnables_providers.anthropic.messages_api import MessagesCall
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.google.generation import Generation
from tests.both_modes import Call
from tests.providers.round_trips import ARGS, FIELDS, JSON, WORDS, next_turn, streamed, through_json
from tests.sdk.recorder import Recorder, sse_response

SIGNATURE = st.fixed_dictionaries({}, optional={"thoughtSignature": st.sampled_from(["AA", "BB"])})
"""Any kind of part may be signed."""


def part(more: Any = FIELDS, /, **fields: Any) -> Any:
    """Return a strategy of parts, signed or not, with fields of unknown names."""
    known = st.fixed_dictionaries(
        {
            key: field if isinstance(field, st.SearchStrategy) else st.just(field)
            for key, field in fields.items()
        }
    )
    return st.builds(lambda one, two, three: {**three, **two, **one}, known, SIGNATURE, more)


def of(known: dict[str, Any], **optional: Any) -> Any:
    """Return a strategy of objects within a part."""
    return st.builds(
        lambda one, two: {**two, **one}, st.fixed_dictionaries(known, optional=optional), FIELDS
    )


NONE: Any = st.just({})
CALL = of({"name": st.sampled_from(["look", "add"])}, args=ARGS, id=st.uuids().map(str))
PARTS = st.lists(
    st.one_of(
        part(NONE, text=WORDS),
        part(text=WORDS),
        part(NONE, text=WORDS, thought=True),
        part(text=WORDS | st.just(""), thought=True),
        part(functionCall=CALL),
        part(inlineData=of({"mimeType": st.just("image/png"), "data": st.just("AA==")})),
        part(
            inlineData=of({"mimeType": st.just("image/png"), "data": st.just("AA==")}), thought=True
        ),
        part(fileData=of({"fileUri": st.just("https://f")}, mimeType=st.just("audio/wav"))),
        part(executableCode=of({"language": st.just("PYTHON"), "code": WORDS})),
        part(codeExecutionResult=of({"outcome": st.just("OUTCOME_OK"), "output": WORDS})),
        part(toolCall=of({"toolType": st.just("GOOGLE_SEARCH_WEB")}, id=WORDS)),
        part(toolResponse=of({"toolType": st.just("GOOGLE_SEARCH_WEB")}, response=JSON)),
        part(aLaterPart=JSON),
    ),
    min_size=1,
    max_size=6,
)


def event(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an event, or a response, with these parts."""
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return {"responseId": "r", "candidates": [{**content, **more}]}


def generation(messages: Any = None) -> Generation:
    return Generation(messages or [HumanMessage("q")], {"model": "gemini-2.5-flash"})


def read(*parts: dict[str, Any], **more: Any) -> AIMessage:
    """Return the message of a response."""
    return generation().answer(event(*parts, **{"finishReason": "STOP", **more}), {})


def sent(message: AIMessage) -> list[dict[str, Any]]:
    """Return the contents of the next turn, after the question."""
    contents: list[dict[str, Any]] = generation(next_turn(through_json(message))).body(
        streamed=False
    )["contents"][1:]
    return contents


def sent_back(message: AIMessage) -> list[dict[str, Any]]:
    """Return the parts of the answer in the request of the next turn."""
    return [
        part for content in sent(message) if content["role"] == "model" for part in content["parts"]
    ]


def expected(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts as they go back: words and reasoning are joined."""
    found: list[dict[str, Any]] = []
    for item in parts:
        item = dict(item)
        if "functionCall" in item:
            item["functionCall"] = {"args": {}, **item["functionCall"]}
        is_plain = set(item) <= {"text", "thought"}
        if is_plain and found and set(found[-1]) == set(item):
            found[-1] = {**item, "text": found[-1]["text"] + item["text"]}
        else:
            found.append(item)
    return [item for item in found if item != {"text": ""}]


@given(PARTS)
def test_all_parts_go_back_as_they_came(parts: list[dict[str, Any]]) -> None:
    """Each in its place, signed or not, with its fields, of known and unknown kinds."""
    assert expected(sent_back(read(*parts))) == expected(parts)


@given(PARTS, st.data())
def test_a_stream_goes_back_like_an_answer(
    parts: list[dict[str, Any]], data: st.DataObject
) -> None:
    """However the parts are spread over events."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=4)))
    bounds = [0, *cuts, len(parts)]
    events = [event(*parts[start:end]) for start, end in pairwise(bounds)]
    message = streamed(generation(), [*events, event(finishReason="STOP")])
    assert expected(sent_back(message)) == expected(parts)
    assert message == read(*parts)


@given(PARTS)
def test_parts_of_gemini_go_to_no_other_service(parts: list[dict[str, Any]]) -> None:
    """Anthropic gets the words and the calls, and nothing that only Gemini reads."""
    message = through_json(read(*parts))
    body = MessagesCall(next_turn(message), {"model": "m"}, provider="anthropic")
    for turn in body.body(streamed=False)["messages"]:
        if turn["role"] == "assistant" and isinstance(turn["content"], list):
            for block in turn["content"]:
                known = (
                    {"type", "text"} if block["type"] == "text" else {"type", "id", "name", "input"}
                )
                assert set(block) == known


# -- calls that cannot be run


BROKEN = [
    {"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed: look(at="},
    {"finishReason": "MALFORMED_FUNCTION_CALL"},
    {"finishReason": "UNEXPECTED_TOOL_CALL", "finishMessage": "Unexpected tool call: peek"},
]


@pytest.mark.parametrize("end", BROKEN)
@pytest.mark.parametrize("answered", ["unnamed", None])
def test_a_nameless_call_goes_back_in_words(end: dict[str, Any], answered: str | None) -> None:
    """Neither the call nor its result has a name, which the service would require."""
    message = read({"text": "I look."}, **end)
    [broken] = message.invalid_tool_calls
    assert not message.tool_calls
    words = end.get("finishMessage") or end["finishReason"]
    assert broken["args"] == words
    result = ToolMessage("no such call", tool_call_id=broken["id"] or "", name=answered)
    contents = generation([HumanMessage("q"), through_json(message), result]).body(streamed=False)
    assert contents["contents"][1:] == [
        {"role": "model", "parts": [{"text": "I look."}, {"text": words}]},
        {"role": "user", "parts": [{"text": "no such call"}]},
    ]


@pytest.mark.parametrize("spread", [False, True])
def test_an_unexpected_call_is_one_call(spread: bool) -> None:
    """The part has the call; the reason adds no second one."""
    call = {"functionCall": {"name": "peek", "args": {}}, "thoughtSignature": "AA"}
    end = {"finishReason": "UNEXPECTED_TOOL_CALL", "finishMessage": "Unexpected tool call: peek"}
    events = [event(call), event(**end)] if spread else [event(call, **end)]
    message = streamed(generation(), events)
    assert [made["name"] for made in message.tool_calls] == ["peek"]
    assert not message.invalid_tool_calls
    assert message.response_metadata["finish_message"] == end["finishMessage"]
    assert expected(sent_back(message)) == [call]


def test_nameless_calls_of_others_go_in_words() -> None:
    """The text of the model is sent, also that of another service."""
    broken: Any = {"name": None, "args": "add(1", "id": "c1", "error": "?"}
    message = AIMessage("", invalid_tool_calls=[broken], response_metadata={"model_provider": "x"})
    assert sent_back(message) == [{"text": "add(1"}]


def test_a_changed_call_goes_back_changed() -> None:
    """What was run is what the conversation says, in the place that it has."""
    call = {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "AA"}
    message = read(call, {"text": "now"})
    message.tool_calls[0]["args"] = {"a": 5}
    first, second = sent_back(message)
    assert first == {"functionCall": {"name": "add", "args": {"a": 5}}, "thoughtSignature": "AA"}
    assert second == {"text": "now"}


# -- calls whose arguments come in parts


def partials(value: Any, path: str = "$") -> list[dict[str, Any]]:
    """Return the parts of a value, by their paths; strings come in two."""
    if isinstance(value, dict):
        return [
            partial
            for key, inner in value.items()
            for partial in partials(inner, f"{path}.{key}" if key.isalnum() else f"{path}['{key}']")
        ]
    if isinstance(value, list) and value:
        return [
            partial
            for place, inner in enumerate(value)
            for partial in partials(inner, f"{path}[{place}]")
        ]
    if isinstance(value, str):
        half = len(value) // 2
        return [
            {"jsonPath": path, "stringValue": value[:half], "willContinue": True},
            {"jsonPath": path, "stringValue": value[half:]},
        ]
    if isinstance(value, bool):
        return [{"jsonPath": path, "boolValue": value}]
    if value is None:
        return [{"jsonPath": path, "nullValue": "NULL_VALUE"}]
    return [{"jsonPath": path, "numberValue": value}]


NAMES = st.text("ab c", min_size=1, max_size=4)
LEAVES = st.none() | st.booleans() | st.integers(-99, 99) | WORDS
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(NAMES, TREES, max_size=3), min_size=1, max_size=3), st.booleans())
def test_arguments_in_parts_are_put_together(calls: list[dict[str, Any]], at_once: bool) -> None:
    """Values of all kinds at any depth, in one call after the other."""
    events: list[dict[str, Any]] = []
    for args in calls:
        events.append(event({"functionCall": {"name": "tide", "willContinue": True}}))
        found = partials(args)
        for group in [found] if at_once else [[partial] for partial in found]:
            call = {"partialArgs": group, "willContinue": True}
            events.append(event({"functionCall": call}))
        events.append(event({"functionCall": {}}))
    message = streamed(generation(), [*events, event(finishReason="STOP")])
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [
        ("tide", args) for args in calls
    ]
    assert not message.invalid_tool_calls
    assert [part["functionCall"] for part in sent_back(message)] == [
        {"name": "tide", "args": args} for args in calls
    ]


def test_a_streamed_call_keeps_its_id_its_signature_and_its_place() -> None:
    """They may come with any of its parts."""
    events = [
        event({"text": "a"}),
        event({"functionCall": {"name": "f", "id": "i", "willContinue": True}}),
        event({"functionCall": {"willContinue": True}, "thoughtSignature": "AA"}),
        event({"functionCall": {}}),
        event({"text": "b"}, finishReason="STOP"),
    ]
    assert sent_back(streamed(generation(), events)) == [
        {"text": "a"},
        {"functionCall": {"name": "f", "args": {}, "id": "i"}, "thoughtSignature": "AA"},
        {"text": "b"},
    ]


@pytest.mark.parametrize("end", ["MAX_TOKENS", "STOP"])
def test_a_call_that_is_cut_off_is_invalid(end: str) -> None:
    """Its arguments so far can be read, and it is not run."""
    call = {
        "name": "f",
        "partialArgs": [{"jsonPath": "$.a", "numberValue": 1}],
        "willContinue": True,
    }
    message = streamed(generation(), [event({"functionCall": call}), event(finishReason=end)])
    assert not message.tool_calls
    [broken] = message.invalid_tool_calls
    assert (broken["name"], broken["args"]) == ("f", '{"a": 1')


@pytest.mark.parametrize(
    "path", ["", "$", "a", "$.a[", "$.a[x]", "$..a", "$.a[999]", "$.a[999999999]"]
)
def test_a_path_that_cannot_be_read_is_an_error_of_the_service(path: str, call: Call) -> None:
    """It is none of this library."""
    partial = {"jsonPath": path, "numberValue": 1}
    made = event({"functionCall": {"name": "f", "partialArgs": [partial], "willContinue": True}})
    with Recorder().listening() as server:
        server.enqueue(sse_response([made]))
        with pytest.raises(ServerError, match="cannot be read"):
            call.stream(model(server.url), "q")


# -- errors inside a 200


def model(url: str, **settings: Any) -> ChatGoogleGenerativeAI:
    return ChatGoogleGenerativeAI(
        "gemini-x", base_url=url, api_key="k" * 12, max_retries=0, **settings
    )


ERRORS: list[tuple[Any, type[ModelError], str]] = [
    ({"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}, ServerError, "busy"),
    ([{"error": {"code": 400, "message": "bad field"}}], InvalidRequestError, "bad field"),
    ({"error": "words alone"}, ServerError, "words alone"),
    (event(finishReason="MISSING_THOUGHT_SIGNATURE"), InvalidRequestError, "SIGNATURE"),
    (event(finishReason="MALFORMED_RESPONSE", finishMessage="odd"), ServerError, "odd"),
]


@pytest.mark.parametrize(("body", "kind", "words"), ERRORS)
def test_an_error_in_a_200_is_typed(
    body: Any, kind: type[ModelError], words: str, call: Call
) -> None:
    """In a response, in a stream, and as a body in place of a stream."""
    with Recorder().listening() as server:
        server.enqueue(Response(body))
        with pytest.raises(kind, match=words):
            call.invoke(model(server.url), "q")
        with pytest.raises(kind, match=words):
            call.stream(model(server.url), "q")
        server.enqueue(sse_response([event({"text": "Hel"}), body]))
        with pytest.raises(kind, match=words) as raised:
            call.stream(model(server.url), "q")
    assert "cannot be read" not in str(raised.value)
    assert raised.value.produced.text == "Hel"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY"),
        ({"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "no"}}, "no"),
        (event(finishReason="SAFETY", finishMessage="not this"), "not this"),
        (event({"text": "He"}, finishReason="RECITATION"), "RECITATION"),
    ],
)
def test_a_filter_is_a_refusal(body: dict[str, Any], words: str, call: Call) -> None:
    """The service's own words say why, and no other try is made."""
    with Recorder().listening() as server:
        server.enqueue(Response(body))
        answer = call.invoke(model(server.url), "q")
        assert words in answer.refusal
        server.enqueue(sse_response([body]))
        chunks = call.stream(model(server.url), "q")
        assert any(words in (chunk.refusal or "") for chunk in chunks)
        assert len(server.bodies) == 1


# -- nothing is lost


@given(FIELDS, FIELDS, FIELDS, st.booleans())
def test_unknown_fields_are_metadata(
    of_event: dict[str, Any],
    of_candidate: dict[str, Any],
    of_usage: dict[str, Any],
    is_streamed: bool,
) -> None:
    """Of the response, of its candidate, and of its usage."""
    details = {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}], **of_usage}
    body = {**of_event, **event({"text": "k"}, **of_candidate, finishReason="STOP")}
    body["usageMetadata"] = {**details, "promptTokenCount": 3, "candidatesTokenCount": 1}
    message = streamed(generation(), [body]) if is_streamed else generation().answer(body, {})
    metadata = message.response_metadata
    known = {**of_event, **of_candidate}
    assert {key: metadata[key] for key in known} == known
    assert metadata["usage"] == details
    assert message.usage_metadata is not None
    assert message.usage_metadata["total_tokens"] == 4


def test_other_candidates_are_metadata() -> None:
    """Their parts do not mix with those of the answer."""
    first = {"index": 0, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}
    second = {"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}
    whole = generation().answer({"candidates": [first, second]}, {})
    assert whole.text == "a"
    assert whole.response_metadata["candidates"] == [second]
    third = {"index": 1, "content": {"parts": [{"text": "c"}]}}
    stream = [{"candidates": [each]} for each in (third, first, second)]
    message = streamed(generation(), stream)
    assert message.text == "a"
    both = {"parts": [{"text": "c"}, {"text": "b"}]}
    assert message.response_metadata["candidates"] == [{**second, "content": both}]


def test_sums_beside_lists_are_kept() -> None:
    """Lists of all events are joined, and the last sum counts."""

    def scored(token: str, total: float) -> dict[str, Any]:
        result = {"chosenCandidates": [{"token": token}], "logProbabilitySum": total}
        return event({"text": token}, logprobsResult=result)

    events = [scored("a", -1.0), scored("b", -2.0), event(finishReason="STOP")]
    assert streamed(generation(), events).response_metadata["logprobs_result"] == {
        "chosenCandidates": [{"token": "a"}, {"token": "b"}],
        "logProbabilitySum": -2.0,
    }


def test_a_file_of_another_service_is_left_out() -> None:
    """An id means nothing to Gemini; the bytes do."""
    blocks = ["So.", {"type": "file", "file_id": "file-1"}, {"type": "image", "base64": "AA=="}]
    message = AIMessage(blocks, response_metadata={"model_provider": "openai"})  # type: ignore[arg-type]  # of mixed items
    assert sent_back(message) == [
        {"text": "So."},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
    ]
