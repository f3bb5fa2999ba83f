"""The events of a model that is invoked, not streamed."""

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


class WantsChunks:
    """A handler that wants the chunks of models that are invoked."""

    wants_chunks = True

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def _invoked(call: Call, model: ChatModel, handler: Any) -> Any:
    """Invoke the model from a function, sync or async; return its answer."""

    def invoke(text: str) -> Any:
        return model.invoke(text)

    async def ainvoke(text: str) -> Any:
        return await model.ainvoke(text)

    function = RunnableLambda(invoke, ainvoke)
    return call.invoke(function, "hello", {"callbacks": [handler]})


def test_a_handler_can_get_the_chunks_of_an_invoked_model(call: Call) -> None:
    """The answer is the same as without the handler."""
    answer = AIMessage("a b", usage_metadata=USAGE)
    model, handler = ScriptedChatModel([answer], cycle=True), WantsChunks()
    output = _invoked(call, model, handler)
    events = [event for event in handler.events if event.run_type == "chat_model"]
    assert [event.kind for event in events] == ["start", *["chunk"] * 3, "end"]
    assert "".join(event.chunk.text for event in events if event.kind == "chunk") == "a b"
    assert output == events[-1].output == call.invoke(model, "hello")
    assert events[-1].usage == USAGE


def test_event_streams_and_consoles_want_them(call: Call) -> None:
    """`astream_events` shows the words of a model inside a function; so does `chunks=True`."""
    model = ScriptedChatModel(["a b"], cycle=True)

    async def ainvoke(text: str) -> Any:
        return await model.ainvoke(text)

    function = RunnableLambda(lambda text: model.invoke(text), ainvoke)
    events = call.events(function, "hello", include_types=["chat_model"])
    assert [event["event"].removeprefix("on_chat_model_") for event in events] == [
        "start", "stream", "stream", "stream", "end",
    ]  # fmt: skip
    file = io.StringIO()
    _invoked(call, model, ConsoleHandler(file, chunks=True))
    assert file.getvalue().count("· ScriptedChatModel") == 3


def test_a_filter_of_events_that_is_a_string_is_refused(call: Call) -> None:
    """It would be read letter by letter, and let nothing through."""
    with pytest.raises(ConfigError, match=r"include_types='chat_model'.*a list of strings"):
        call.events(RunnableLambda(len), "a", include_types="chat_model")


def test_a_model_is_streamed_only_for_a_handler_that_wants_chunks(call: Call) -> None:
    """A model that does not stream has none, for any handler."""

    class NotStreamed(ChatModel):
        def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
            return AIMessage("answer")

    handler = WantsChunks()
    assert _invoked(call, NotStreamed(), handler).text == "answer"
    assert "chunk" not in {event.kind for event in handler.events}
    quiet = ScriptedChatModel(["a b"])
    recorder = Recorder()
    _invoked(call, quiet, recorder)
    assert "chunk" not in recorder.kinds("ScriptedChatModel")
