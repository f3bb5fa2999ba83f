"""Tools: told, called, answered; one, several, none."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from runnables.messages.ai import AIMessage
from runnables.messages.roles import HumanMessage, ToolMessage
from runnables.messages.tool_calls import tool_call
from runnables.testing.base import Harness, ModelTests, joined
from runnables.testing.replay_server import ReplayServer, StreamedResponse
from runnables.testing.require_pytest import pytest
from runnables.testing.wire_format import ScriptedReply, ScriptedToolCall

if TYPE_CHECKING:
    from runnables.testing.sync_async import SyncAsyncCall


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


def clock() -> str:
    """Tell the time."""
    return "It is noon."


class Search(BaseModel):
    """Look something up."""

    query: str
    limit: int = Field(5, description="How many results at most.")


SUM = "Add 3 and 4."
ADDED = ScriptedReply(calls=[ScriptedToolCall("add", '{"a": 3, "b": 4}')])
BOTH = ScriptedReply(
    calls=[
        ScriptedToolCall("add", '{"a": 3, "b": 4}', "call_1"),
        ScriptedToolCall("add", '{"a": 5, "b": 6}', "call_2"),
    ]
)
TALK = ScriptedReply("It is sunny.")
BROKEN = '{"a": 3, "b": '


class ToolCalls(ModelTests):
    """Tool calls of a model, and what becomes of them."""

    def test_a_named_tool_is_called(self, call: SyncAsyncCall, stage: Harness) -> None:
        """With arguments of its form, and an id that an answer can name."""
        self.needs(self.supports_tools and self.supports_tool_choice, "forced tools")
        model = stage.model(ADDED).bind_tools([add], tool_choice="add")
        answer = call.value(model, SUM)
        _assert_adds(answer)
        if stage.replayed:
            assert answer.tool_calls[0]["args"] == {"a": 3, "b": 4}
            assert stage.server.last.says("Add two numbers.")
            assert stage.server.last.says("add")

    def test_one_of_several_tools_is_called(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Told that it must call any of them, the model calls one."""
        self.needs(self.supports_tools and self.supports_tool_choice, "forced tools")
        model = stage.model(ADDED).bind_tools([weather, add, Search], tool_choice="any")
        answer = call.value(model, SUM)
        arguments = {"add": {"a", "b"}, "weather": {"city"}, "Search": {"query", "limit"}}
        assert answer.tool_calls, f"no tool is called: {answer!r}"
        for made in answer.tool_calls:
            assert set(made["args"]) <= arguments[made["name"]]
        if stage.replayed:
            for name in arguments:
                assert stage.server.last.says(name)
            assert stage.server.last.says("How many results at most.")

    def test_a_tool_is_called_where_it_helps(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Left to choose, the model calls it."""
        self.needs(self.supports_tools, "tools")
        self.needs(stage.replayed or self.supports_free_tools, "tools that it chooses itself")
        _assert_adds(call.value(stage.model(ADDED).bind_tools([add]), SUM))

    def test_tools_may_be_forbidden(self, call: SyncAsyncCall, stage: Harness) -> None:
        """With "none", the answer has no call."""
        self.needs(self.supports_tools and self.supports_tool_choice, "tool_choice")
        self.needs(stage.replayed or self.supports_forbidden_tools, "forbidden tools")
        model = stage.model(TALK).bind_tools([add], tool_choice="none")
        assert call.value(model, "Say hello.").tool_calls == []

    def test_two_tools_are_called_at_once(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Each call has its own arguments and id, also in a stream."""
        self.needs(self.supports_tools, "tools")
        self.needs(stage.replayed or self.supports_parallel_tools, "parallel calls")
        model = stage.model(BOTH).bind_tools([add])
        question = "Add 3 and 4, and add 5 and 6."
        for answer in (call.value(model, question), joined(call.chunks(model, question))):
            assert [it["args"] for it in answer.tool_calls] == [{"a": 3, "b": 4}, {"a": 5, "b": 6}]
            assert [it["name"] for it in answer.tool_calls] == ["add", "add"]
            assert len({it["id"] for it in answer.tool_calls}) == 2

    def test_a_tool_may_take_nothing(self, call: SyncAsyncCall, stage: Harness) -> None:
        """The arguments are an empty dict then; whole and streamed."""
        self.needs(self.supports_tools and self.supports_tool_choice, "forced tools")
        for args in ("{}", "") if stage.replayed else ("",):
            said = ScriptedReply(calls=[ScriptedToolCall("clock", args)])
            if stage.replayed:
                self.skip_unless_supported(functools.partial(self.wire_format.answer, said))
            model = stage.model(said).bind_tools([clock], tool_choice="clock")
            for answer in (call.value(model, "?"), joined(call.chunks(model, "?"))):
                assert [(it["name"], it["args"]) for it in answer.tool_calls] == [("clock", {})]
                assert answer.invalid_tool_calls == []

    def test_arguments_may_be_in_any_letters(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Escaped or not, and cut anywhere."""
        self.needs(self.supports_tools and self.supports_tool_choice, "forced tools")
        city = 'Zürich "天气" 😀'
        forms = (json.dumps({"city": city}), json.dumps({"city": city}, ensure_ascii=False))
        for args in forms if stage.replayed else forms[:1]:  # a live model writes as it likes
            said = ScriptedReply(calls=[ScriptedToolCall("weather", args)])
            model = stage.model(said).bind_tools([weather], tool_choice="weather")
            question = "What is the weather in Zürich?"
            for answer in (call.value(model, question), joined(call.chunks(model, question))):
                (made,) = answer.tool_calls
                if stage.replayed:
                    assert made["args"] == {"city": city}
                else:
                    assert isinstance(made["args"]["city"], str)

    def test_a_streamed_call_is_the_same(self, call: SyncAsyncCall, stage: Harness) -> None:
        """Its pieces make the call, and its arguments are text while they come."""
        self.needs(self.supports_tools and self.supports_tool_choice, "forced tools")
        model = stage.model(ADDED).bind_tools([add], tool_choice="add")
        chunks = call.chunks(model.bind(**self.steady) if not stage.replayed else model, SUM)
        _assert_adds(joined(chunks))
        pieces = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
        args = json.loads("".join(piece["args"] or "" for piece in pieces))
        assert args == joined(chunks).tool_calls[0]["args"]

    def test_text_may_stand_beside_a_call(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """Neither is lost."""
        self.needs(self.supports_tools, "tools")
        said = ScriptedReply("I add them.", calls=ADDED.calls)
        server.enqueue(self.encode(said))
        model = self.make(base_url=server.url).bind_tools([add])
        for answer in (call.value(model, SUM), joined(call.chunks(model, SUM))):
            assert answer.text == "I add them."
            _assert_adds(answer)

    # -- arguments that are no JSON

    def test_malformed_arguments_are_kept(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """As an invalid call, with the text as the model wrote it; nothing is raised."""
        self.needs(self.supports_tools, "tools")
        said = ScriptedReply(calls=[ScriptedToolCall("add", BROKEN)])
        server.enqueue(self.skip_unless_supported(lambda: self.wire_format.answer(said)))
        answer = call.value(self.make(base_url=server.url).bind_tools([add]), SUM)
        _assert_broken(answer)

    def test_malformed_arguments_are_kept_in_streams(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """The same, where they come in pieces."""
        self.needs(self.supports_tools, "tools")
        said = ScriptedReply(calls=[ScriptedToolCall("add", BROKEN)])
        events = self.skip_unless_supported(lambda: self.wire_format.events(said))
        server.enqueue(StreamedResponse(events, self.wire_format.stream_type))
        chunks = call.chunks(self.make(base_url=server.url).bind_tools([add]), SUM)
        _assert_broken(joined(chunks))

    # -- calls and answers in the conversation

    @pytest.mark.parametrize("form", ["text", "blocks", "error", "several"])
    def test_answers_of_tools_are_read(
        self, call: SyncAsyncCall, stage: Harness, form: str
    ) -> None:
        """As text, as blocks, as an error, and of several calls; the model goes on from there."""
        self.needs(self.supports_tools, "tools")
        told = _HISTORIES[form]
        answer = call.value(stage.brief(TALK), told)
        assert answer.text.strip()
        if stage.replayed:
            texts = [it.text for it in told if it.text]
            for text in [*texts, "Paris"]:
                assert stage.server.last.says(text), f"{text!r} is not in the request"

    def test_a_conversation_with_tools_goes_on(self, call: SyncAsyncCall, stage: Harness) -> None:
        """The model's own call is given back with its answer, the tools still being there."""
        self.needs(self.supports_tools and self.supports_tool_choice, "forced tools")
        first = stage.model(ADDED)
        made = call.value(first.bind_tools([add], tool_choice="add"), SUM)
        results = [ToolMessage("7", tool_call_id=it["id"] or "") for it in made.tool_calls]
        talk = [HumanMessage(SUM), made, *results]
        again = stage.brief(TALK)
        answer = call.value(
            again.bind_tools([add], tool_choice="none") if not stage.replayed else again, talk
        )
        assert isinstance(answer, AIMessage)
        stage.assert_request_contains(SUM, "7")


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


def _asked(*ids: str, blocks: bool = False) -> list[Any]:
    calls = [tool_call(name="weather", args={"city": "Paris"}, id=it) for it in ids]
    said: Any = [{"type": "text", "text": "I look."}, *calls] if blocks else ""
    return [HumanMessage("What is the weather in Paris?"), AIMessage(said, tool_calls=calls)]


_HISTORIES: dict[str, list[Any]] = {
    "text": [*_asked("call_1"), ToolMessage("Sunny, 20 degrees.", tool_call_id="call_1")],
    "blocks": [
        *_asked("call_1", blocks=True),
        ToolMessage([{"type": "text", "text": "Sunny, 20 degrees."}], tool_call_id="call_1"),
    ],
    "error": [
        *_asked("call_1"),
        ToolMessage("There is no such city.", tool_call_id="call_1", status="error"),
    ],
    "several": [
        *_asked("call_1", "call_2"),
        ToolMessage("Sunny.", tool_call_id="call_1"),
        ToolMessage("Raining.", tool_call_id="call_2"),
        HumanMessage("Which of them?"),
    ],
}
