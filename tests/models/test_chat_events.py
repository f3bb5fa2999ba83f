"""What observers are told of a model that is invoked, not streamed."""

from __future__ import annotations

import io
from typing import Any

import pytest

from runnables import (
    AIMessage,
    BaseMessage,
    ChatModel,
    ConfigError,
    ConsoleHandler,
    Event,
    RunnableLambda,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.laws.recorder import Recorder

USAGE: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


class Wants:
    """A handler that asks for the pieces of models that are invoked."""

    wants_chunks = True

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def _invoked(call: Call, model: ChatModel, handler: Any) -> Any:
    """What a function gives that invokes the model, in the colour of the call."""

    def sync_half(text: str) -> Any:
        return model.invoke(text)

    async def async_half(text: str) -> Any:
        return await model.ainvoke(text)

    function = RunnableLambda(sync_half, async_half)
    return call.invoke(function, "hello", {"callbacks": [handler]})


def test_a_model_that_is_invoked_tells_its_pieces_to_who_wants_them(call: Call) -> None:
    """The answer is the same, message and all, as without a watcher."""
    answer = AIMessage("a b", usage_metadata=USAGE)
    model, handler = ScriptedChatModel([answer], cycle=True), Wants()
    given = _invoked(call, model, handler)
    told = [it for it in handler.events if it.run_type == "chat_model"]
    assert [it.kind for it in told] == ["start", *["chunk"] * 3, "end"]
    assert "".join(it.chunk.text for it in told if it.kind == "chunk") == "a b"
    assert given == told[-1].output == call.invoke(model, "hello")
    assert told[-1].usage == USAGE


def test_event_streams_and_consoles_want_them(call: Call) -> None:
    """`astream_events` shows the words of a model inside a function; so does `chunks=True`."""
    model = ScriptedChatModel(["a b"], cycle=True)

    async def asked(text: str) -> Any:
        return await model.ainvoke(text)

    function = RunnableLambda(lambda text: model.invoke(text), asked)
    events = call.events(function, "hello", include_types=["chat_model"])
    assert [it["event"].removeprefix("on_chat_model_") for it in events] == [
        "start", "stream", "stream", "stream", "end",
    ]  # fmt: skip
    file = io.StringIO()
    _invoked(call, model, ConsoleHandler(file, chunks=True))
    assert file.getvalue().count("· ScriptedChatModel") == 3


def test_a_filter_of_events_that_is_a_text_is_refused(call: Call) -> None:
    """It would be read letter by letter, and let nothing through."""
    with pytest.raises(ConfigError, match=r"include_types='chat_model'.*a list of strings"):
        call.events(RunnableLambda(len), "a", include_types="chat_model")


def test_a_model_without_pieces_is_invoked_as_ever(call: Call) -> None:
    """And a handler that does not ask has nothing streamed."""

    class Whole(ChatModel):
        def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
            return AIMessage("whole")

    handler = Wants()
    assert _invoked(call, Whole(), handler).text == "whole"
    assert "chunk" not in {it.kind for it in handler.events}
    quiet = ScriptedChatModel(["a b"])
    recorder = Recorder()
    _invoked(call, quiet, recorder)
    assert "chunk" not in recorder.kinds("ScriptedChatModel")
