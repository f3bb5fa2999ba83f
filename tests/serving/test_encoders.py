"""Every answer, whatever its parts, is well formed in every protocol, and says what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ag_ui.core import Event
from hypothesis import given, strategies as st
from openai.types.chat import ChatCompletion as OpenAICompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from runnables import AIMessage, tool_call
from runnables.serving.ag_ui import AgUiEvents
from runnables.serving.ai_sdk import UIMessageStream
from runnables.serving.chat_completions import ChatCompletion, ChatCompletionChunks
from runnables.serving.open_responses import ResponseEvents, WholeResponse
from runnables.serving.parts import (
    ApprovalRequest,
    Failure,
    Finish,
    MessageEnd,
    Part,
    ReasoningDelta,
    Step,
    TextDelta,
    ToolCallDelta,
    ToolResult,
    Value,
)
from tests.serving.servers import events

WORDS = st.text(min_size=1, max_size=5)
REASONS: Any = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])


@st.composite
def answers(draw: st.DrawFn) -> list[Part]:
    """Return the parts of an answer: messages with reasoning, text and calls, then the end."""
    parts: list[Part] = []
    runs_here = draw(st.booleans())
    for number in range(draw(st.integers(0, 3))):
        parts += draw(messages(number, runs_here))
    if runs_here and draw(st.booleans()):
        parts += waiting(draw(st.sampled_from(["", "It moves money."])))
    elif draw(st.booleans()):
        parts.append(Value({"n": draw(st.integers())}, is_whole=True))
    if draw(st.booleans()):
        usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        return [*parts, Finish(draw(REASONS), draw(st.sampled_from([None, usage])))]
    cut = draw(st.integers(0, len(parts)))
    return [*parts[:cut], Failure("It failed.")]


@st.composite
def messages(draw: st.DrawFn, number: int, runs_here: bool) -> list[Part]:
    """Return the parts of one message, and of the results of its tools."""
    step = f"run-{number}"
    parts: list[Part] = [Step(step, None, "model", "chat_model", "running")]
    reasoning = draw(st.lists(WORDS, max_size=2))
    text = draw(st.lists(WORDS, max_size=3))
    parts += [*map(ReasoningDelta, reasoning), *map(TextDelta, text)]
    calls = [f"call-{number}-{index}" for index in range(draw(st.integers(0, 2)))]
    for index, id in enumerate(calls):
        parts.append(ToolCallDelta(index, id, "f", '{"a"', True, runs_here))
        parts.append(ToolCallDelta(index, id, "f", ": 1}", False, runs_here))
    requests = [tool_call(name="f", args={"a": 1}, id=id) for id in calls]
    signed: Any = [{"type": "reasoning", "reasoning": "".join(reasoning), "extras": {"s": "1"}}]
    content: Any = (
        [*signed, {"type": "text", "text": "".join(text)}] if reasoning else "".join(text)
    )
    parts.append(MessageEnd(AIMessage(content, tool_calls=requests)))
    parts.append(Step(step, None, "model", "chat_model", "done", 0.1))
    if runs_here:
        parts += [ToolResult(id, "f", "result", draw(st.booleans())) for id in calls]
    return parts


def waiting(reason: str) -> list[Part]:
    """Return the parts of a message whose call waits for approval."""
    request = tool_call(name="f", args={}, id="waits")
    return [
        ToolCallDelta(0, "waits", "f", "{}", True, True),
        MessageEnd(AIMessage(tool_calls=[request])),
        ApprovalRequest("approval_1", "waits", "f", reason),
    ]


def asked(parts: Sequence[Part]) -> list[ApprovalRequest]:
    """Return the requests for approval of an answer."""
    return [part for part in parts if isinstance(part, ApprovalRequest)]


def text_of(parts: Sequence[Part]) -> str:
    """Return all text of an answer."""
    return "".join(part.text for part in parts if isinstance(part, TextDelta))


def encoded(encoder: Any, parts: Sequence[Part]) -> list[Any]:
    """Return the events of a whole stream."""
    return events(b"".join(map(encoder.encode, parts)).decode())


def open_at_the_end(starts: Iterator[tuple[str, Any]]) -> set[Any]:
    """Return what was started and not ended; check that all else happens in between."""
    still: set[Any] = set()
    for what, id in starts:
        match what:
            case "start":
                assert id not in still
                still.add(id)
            case "end":
                still.remove(id)
            case _:
                assert id in still
    return still


AG_UI = TypeAdapter[Any](Event)


@given(answers(), st.booleans())
def test_an_ag_ui_stream_is_valid_and_whole(parts: list[Part], is_current: bool) -> None:
    """Its events are those of the protocol's own package; what starts ends before the run does."""
    sent = encoded(AgUiEvents("t", "r", is_current=is_current), parts)
    for event in sent:
        AG_UI.validate_python(event)
    assert sent[0]["type"] == "RUN_STARTED"
    ends = [event["type"] for event in sent if event["type"] in ("RUN_FINISHED", "RUN_ERROR")]
    assert ends == [sent[-1]["type"]]
    interrupts = sent[-1].get("outcome", {}).get("interrupts", [])
    is_whole = isinstance(parts[-1], Finish)
    assert [each["id"] for each in interrupts] == [each.id for each in asked(parts) if is_whole]

    def starts() -> Iterator[tuple[str, Any]]:
        for event in sent:
            kind = event["type"]
            if kind.startswith(("TEXT_MESSAGE", "REASONING_MESSAGE", "TOOL_CALL_")):
                if kind == "TOOL_CALL_RESULT":
                    continue
                what, _, verb = kind.rpartition("_")
                id = event.get("toolCallId") or event["messageId"]
                yield verb.lower(), (what, id)
            elif kind.startswith("STEP_"):
                verb = {"STEP_STARTED": "start", "STEP_FINISHED": "end"}[kind]
                yield verb, event["stepName"]

    assert not open_at_the_end(starts())
    deltas = [event["delta"] for event in sent if event["type"] == "TEXT_MESSAGE_CONTENT"]
    assert "".join(deltas) == text_of(parts)


@given(answers(), st.booleans())
def test_a_ui_message_stream_is_whole(parts: list[Part], shows_steps: bool) -> None:
    """What starts ends, the last part says how it went, and the text is all there."""
    stream = UIMessageStream("m", shows_steps=shows_steps)
    raw = b"".join(map(stream.encode, parts))
    assert raw.endswith(b"data: [DONE]\n\n")
    sent = events(raw.decode())
    assert sent[0]["type"] == "start"
    assert sent[-1]["type"] == ("error" if isinstance(parts[-1], Failure) else "finish")

    def starts() -> Iterator[tuple[str, Any]]:
        for part in sent:
            kind, _, verb = part["type"].rpartition("-")
            if kind in ("text", "reasoning"):
                yield verb, part["id"]

    assert not open_at_the_end(starts())
    deltas = [part["delta"] for part in sent if part["type"] == "text-delta"]
    assert "".join(deltas) == text_of(parts)
    calls = {part["toolCallId"] for part in sent if part["type"] == "tool-input-available"}
    results = {part["toolCallId"] for part in sent if part["type"].startswith("tool-output")}
    assert results <= calls
    requests = [part for part in sent if part["type"] == "tool-approval-request"]
    assert [part["approvalId"] for part in requests] == [each.id for each in asked(parts)]
    assert {part["toolCallId"] for part in requests} <= calls - results


@given(answers())
def test_chat_chunks_are_valid_and_whole(parts: list[Part]) -> None:
    """Chunks are those of OpenAI's package; one has the reason of the end, or an error comes."""
    raw = b"".join(map(ChatCompletionChunks("r", "m", with_usage=True).encode, parts))
    assert raw.endswith(b"data: [DONE]\n\n")
    sent = events(raw.decode())
    if isinstance(parts[-1], Failure):
        assert sent.pop()["error"]["message"] == "It failed."
    chunks = [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in sent]
    choices = [choice for chunk in chunks for choice in chunk.choices]
    if isinstance(parts[-1], Finish):
        assert [choice.finish_reason for choice in choices if choice.finish_reason] != []
        assert chunks[-1].usage is not None
    text = "".join(choice.delta.content or "" for choice in choices)
    assert text.replace("\n\n", "").startswith(text_of(parts).replace("\n\n", ""))


@given(answers())
def test_a_whole_chat_completion_says_what_the_stream_says(parts: list[Part]) -> None:
    """The message is the sum of the chunks: text, and calls with their arguments."""
    if isinstance(parts[-1], Failure):
        return
    raw = b"".join(map(ChatCompletion("r", "m").encode, parts))
    whole = OpenAICompletion.model_validate(json.loads(raw)).choices[0]
    chunks = encoded(ChatCompletionChunks("r", "m"), parts)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert (whole.message.content or "") == "".join(delta.get("content") or "" for delta in deltas)
    assert whole.finish_reason == chunks[-1]["choices"][0]["finish_reason"]
    given = [call for delta in deltas for call in delta.get("tool_calls", ()) if "id" in call]
    ids = [call.id for call in whole.message.tool_calls or ()]
    assert ids == [call["id"] for call in given]


RESPONSES = TypeAdapter[Any](ResponseStreamEvent)


@given(answers())
def test_response_events_are_valid_and_whole(parts: list[Part]) -> None:
    """Events are numbered, every item that is added is done, and the last event has them all."""
    sent = encoded(ResponseEvents("r", "m", {}), parts)
    assert [event["sequence_number"] for event in sent] == list(range(len(sent)))
    for event in sent:
        if event["type"] != "error":  # OpenAI's own is flat; that of the standard is read as well
            RESPONSES.validate_python(event)
    last = sent[-1]
    if isinstance(parts[-1], Failure):
        assert (sent[-2]["type"], last["type"]) == ("error", "response.failed")
    else:
        assert last["type"] in ("response.completed", "response.incomplete")
    added = [event["item"]["id"] for event in sent if event["type"].endswith("item.added")]
    done = [event["item"] for event in sent if event["type"].endswith("item.done")]
    assert added == [item["id"] for item in done]
    assert last["response"]["output"] == done
    deltas = [event["delta"] for event in sent if event["type"] == "response.output_text.delta"]
    assert "".join(deltas).startswith(text_of(parts))


@given(answers())
def test_a_whole_response_is_the_last_event_of_its_stream(parts: list[Part]) -> None:
    """Both forms have the same items."""
    if isinstance(parts[-1], Failure):
        return
    whole = json.loads(b"".join(map(WholeResponse("r", "m", {}).encode, parts)))
    Response.model_validate(whole)
    last = encoded(ResponseEvents("r", "m", {}), parts)[-1]["response"]
    assert whole["output"] == last["output"]
    assert whole["status"] == last["status"]
