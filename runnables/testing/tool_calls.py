"""Tests of tools: their schemas in the request, the calls of the model, and the results."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from runnables.messages.ai import AIMessage
from runnables.messages.roles import HumanMessage, ToolMessage
from runnables.messages.tool_calls import tool_call
from runnables.testing.base import Harness, ModelTests, merge_chunks
from runnables.testing.replay_server import ReplayServer, StreamedResponse
from runnables.testing.require_pytest import pytest
from runnables.testing.wire_format import ScriptedReply, ScriptedToolCall

if TYPE_CHECKING:
    from runnables.testing.sync_async import SyncAsyncCall


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def weather(city: str) -> str:
    """Return the weather in a city."""
    return f"It is sunny in {city}."


def clock() -> str:
    """Return the time."""
    return "It is noon."


class Search(BaseModel):
    """Look something up."""

    query: str
    limit: int = Field(5, description="How many results at most.")


SUM = "Add 3 and 4."
ADDED = ScriptedReply(tool_calls=[ScriptedToolCall("add", '{"a": 3, "b": 4}')])
BOTH = ScriptedReply(
    tool_calls=[
        ScriptedToolCall("add", '{"a": 3, "b": 4}', "call_1"),
        ScriptedToolCall("add", '{"a": 5, "b": 6}', "call_2"),
    ]
)
TALK = ScriptedReply("It is sunny.")
BROKEN = '{"a": 3, "b": '


class ToolCalls(ModelTests):
    """Tests of `bind_tools`, and of tool calls in a conversation."""

    def test_a_named_tool_is_called(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The call has arguments of the schema, and an id for the result."""
        self.require(self.supports_tools and self.supports_tool_choice, "forced tools")
        model = harness.model(ADDED).bind_tools([add], tool_choice="add")
        answer = call.output(model, SUM)
        _assert_adds(answer)
        if harness.replayed:
            assert answer.tool_calls[0]["args"] == {"a": 3, "b": 4}
            assert harness.server.last.contains("Add two numbers.")
            assert harness.server.last.contains("add")

    def test_one_of_several_tools_is_called(self, call: SyncAsyncCall, harness: Harness) -> None:
        """With `tool_choice` "any", the model calls one of the tools."""
        self.require(self.supports_tools and self.supports_tool_choice, "forced tools")
        model = harness.model(ADDED).bind_tools([weather, add, Search], tool_choice="any")
        answer = call.output(model, SUM)
        arguments = {"add": {"a", "b"}, "weather": {"city"}, "Search": {"query", "limit"}}
        assert answer.tool_calls, f"no tool is called: {answer!r}"
        for made in answer.tool_calls:
            assert set(made["args"]) <= arguments[made["name"]]
        if harness.replayed:
            for name in arguments:
                assert harness.server.last.contains(name)
            assert harness.server.last.contains("How many results at most.")

    def test_a_useful_tool_is_called(self, call: SyncAsyncCall, harness: Harness) -> None:
        """Without `tool_choice`, the model calls the tool that the question needs."""
        self.require(self.supports_tools, "tools")
        self.require(harness.replayed or self.supports_auto_tool_choice, "its own choice of a tool")
        _assert_adds(call.output(harness.model(ADDED).bind_tools([add]), SUM))

    def test_tools_may_be_forbidden(self, call: SyncAsyncCall, harness: Harness) -> None:
        """With `tool_choice` "none", the answer has no call."""
        self.require(self.supports_tools and self.supports_tool_choice, "tool_choice")
        self.require(harness.replayed or self.supports_no_tool_choice, "forbidden tools")
        model = harness.model(TALK).bind_tools([add], tool_choice="none")
        assert call.output(model, "Say hello.").tool_calls == []

    def test_one_answer_may_call_two_tools(self, call: SyncAsyncCall, harness: Harness) -> None:
        """Each call has its own arguments and its own id, also in a stream."""
        self.require(self.supports_tools, "tools")
        self.require(harness.replayed or self.supports_parallel_tools, "parallel calls")
        model = harness.model(BOTH).bind_tools([add])
        question = "Add 3 and 4, and add 5 and 6."
        for answer in (call.output(model, question), merge_chunks(call.chunks(model, question))):
            first, second = answer.tool_calls
            assert (first["name"], first["args"]) == ("add", {"a": 3, "b": 4})
            assert (second["name"], second["args"]) == ("add", {"a": 5, "b": 6})
            assert first["id"] != second["id"]

    def test_a_tool_may_have_no_arguments(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The arguments of such a call are an empty dict, also in a stream."""
        self.require(self.supports_tools and self.supports_tool_choice, "forced tools")
        for args in ("{}", "") if harness.replayed else ("",):
            reply = ScriptedReply(tool_calls=[ScriptedToolCall("clock", args)])
            if harness.replayed:
                self.skip_unless_supported(functools.partial(self._wire.response, reply))
            model = harness.model(reply).bind_tools([clock], tool_choice="clock")
            for answer in (call.output(model, "?"), merge_chunks(call.chunks(model, "?"))):
                (made,) = answer.tool_calls
                assert (made["name"], made["args"]) == ("clock", {})
                assert answer.invalid_tool_calls == []

    def test_arguments_may_hold_any_characters(self, call: SyncAsyncCall, harness: Harness) -> None:
        """Arguments may be escaped or not, and split anywhere."""
        self.require(self.supports_tools and self.supports_tool_choice, "forced tools")
        city = 'Zürich "天气" 😀'
        encodings = (json.dumps({"city": city}), json.dumps({"city": city}, ensure_ascii=False))
        for args in encodings if harness.replayed else encodings[:1]:  # a live model writes its own
            reply = ScriptedReply(tool_calls=[ScriptedToolCall("weather", args)])
            model = harness.model(reply).bind_tools([weather], tool_choice="weather")
            question = "What is the weather in Zürich?"
            for answer in (
                call.output(model, question),
                merge_chunks(call.chunks(model, question)),
            ):
                (made,) = answer.tool_calls
                if harness.replayed:
                    assert made["args"] == {"city": city}
                else:
                    assert isinstance(made["args"]["city"], str)

    def test_a_streamed_call_is_the_same(self, call: SyncAsyncCall, harness: Harness) -> None:
        """The chunks add up to the call, and their argument strings to JSON."""
        self.require(self.supports_tools and self.supports_tool_choice, "forced tools")
        model = harness.model(ADDED).bind_tools([add], tool_choice="add")
        chunks = call.chunks(model if harness.replayed else model.bind(**self.deterministic), SUM)
        _assert_adds(merge_chunks(chunks))
        parts = [part for chunk in chunks for part in chunk.tool_call_chunks]
        args = json.loads("".join(part["args"] or "" for part in parts))
        assert args == merge_chunks(chunks).tool_calls[0]["args"]

    def test_an_answer_may_have_text_and_a_call(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """Both the text and the call are read, also in a stream."""
        self.require(self.supports_tools, "tools")
        reply = ScriptedReply("I add them.", tool_calls=ADDED.tool_calls)
        server.enqueue(self.encode(reply))
        model = self.make(base_url=server.url).bind_tools([add])
        for answer in (call.output(model, SUM), merge_chunks(call.chunks(model, SUM))):
            assert answer.text == "I add them."
            _assert_adds(answer)

    # -- arguments that are not JSON

    def test_malformed_arguments_are_kept(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """They become an invalid tool call, which keeps their string; nothing is raised."""
        self.require(self.supports_tools, "tools")
        reply = ScriptedReply(tool_calls=[ScriptedToolCall("add", BROKEN)])
        server.enqueue(self.skip_unless_supported(lambda: self._wire.response(reply)))
        answer = call.output(self.make(base_url=server.url).bind_tools([add]), SUM)
        _assert_broken(answer)

    def test_malformed_arguments_are_kept_in_streams(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """The same holds for arguments that come in chunks."""
        self.require(self.supports_tools, "tools")
        reply = ScriptedReply(tool_calls=[ScriptedToolCall("add", BROKEN)])
        events = self.skip_unless_supported(lambda: self._wire.events(reply))
        server.enqueue(StreamedResponse(events, self._wire.stream_type))
        chunks = call.chunks(self.make(base_url=server.url).bind_tools([add]), SUM)
        _assert_broken(merge_chunks(chunks))

    # -- calls and results in a conversation

    @pytest.mark.parametrize("kind", ["text", "blocks", "error", "several"])
    def test_tool_results_are_sent(self, call: SyncAsyncCall, harness: Harness, kind: str) -> None:
        """Results may be text, blocks, an error, or those of several calls."""
        self.require(self.supports_tools, "tools")
        messages = _CONVERSATIONS[kind]
        answer = call.output(harness.brief_model(TALK), messages)
        assert answer.text.strip()
        if harness.replayed:
            for text in [*(message.text for message in messages), "Paris"]:
                assert harness.server.last.contains(text), f"{text!r} is not in the request"

    def test_a_conversation_continues_after_a_tool_call(
        self, call: SyncAsyncCall, harness: Harness
    ) -> None:
        """The call and its result are sent back, and the model answers."""
        self.require(self.supports_tools and self.supports_tool_choice, "forced tools")
        calling = harness.model(ADDED).bind_tools([add], tool_choice="add")
        first = call.output(calling, SUM)
        results = [ToolMessage("7", tool_call_id=made["id"] or "") for made in first.tool_calls]
        model: Any = harness.brief_model(TALK)
        if not harness.replayed:
            model = model.bind_tools([add], tool_choice="none")
        answer = call.output(model, [HumanMessage(SUM), first, *results])
        assert isinstance(answer, AIMessage)
        harness.assert_request_contains(SUM, "7")


def _assert_adds(answer: AIMessage) -> None:
    assert answer.tool_calls, f"no tool is called: {answer!r}"
    for made in answer.tool_calls:
        assert made["name"] == "add"
        assert set(made["args"]) == {"a", "b"}
        assert all(isinstance(value, int) for value in made["args"].values())
        assert made["id"]


def _assert_broken(answer: AIMessage) -> None:
    assert answer.tool_calls == []
    (made,) = answer.invalid_tool_calls
    assert made["name"] == "add"
    assert (made["args"] or "").strip() == BROKEN.strip()


def _question_and_calls(*ids: str, blocks: bool = False) -> list[Any]:
    calls = [tool_call(name="weather", args={"city": "Paris"}, id=id) for id in ids]
    content: Any = [{"type": "text", "text": "I will look."}, *calls] if blocks else ""
    return [HumanMessage("What is the weather in Paris?"), AIMessage(content, tool_calls=calls)]


_CONVERSATIONS: dict[str, list[Any]] = {
    "text": [
        *_question_and_calls("call_1"),
        ToolMessage("Sunny, 20 degrees.", tool_call_id="call_1"),
    ],
    "blocks": [
        *_question_and_calls("call_1", blocks=True),
        ToolMessage([{"type": "text", "text": "Sunny, 20 degrees."}], tool_call_id="call_1"),
    ],
    "error": [
        *_question_and_calls("call_1"),
        ToolMessage("There is no such city.", tool_call_id="call_1", status="error"),
    ],
    "several": [
        *_question_and_calls("call_1", "call_2"),
        ToolMessage("Sunny.", tool_call_id="call_1"),
        ToolMessage("Raining.", tool_call_id="call_2"),
        HumanMessage("Which of them?"),
    ],
}
