"""Handlers that a model is made with."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseCallbackHandler,
    BaseChatModel,
    BaseMessage,
    ChatGenerationChunk,
    ChatModel,
    ConfigError,
    ConfigurableField,
    InMemoryCache,
    RunnableLambda,
    StrOutputParser,
    Usage,
)
from runnables.core.handlers import Event
from runnables_providers.openai import ChatOpenAI
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


class Kinds:
    """Records the kinds and types of events."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_event(self, event: Event) -> None:
        self.seen.append(f"{event.run_type} {event.kind}")


def test_they_receive_the_events_of_the_model_only(call: Call) -> None:
    """In each kind of call, and with no handler in the config."""
    own = Kinds()
    chain = ScriptedChatModel(["Ahoy!"], cycle=True, callbacks=[own]) | StrOutputParser()
    assert call.invoke(chain, "Hi") == "Ahoy!"
    assert own.seen == ["chat_model start", "chat_model end"]
    own.seen.clear()
    assert call.stream(chain, "Hi") == ["Ahoy!"]
    assert own.seen == ["chat_model start", "chat_model chunk", "chat_model end"]
    own.seen.clear()
    assert call.batch(chain, ["Hi"] * 3) == ["Ahoy!"] * 3
    assert own.seen.count("chat_model end") == 3


def test_they_are_called_once_each_beside_those_of_the_config(call: Call) -> None:
    """A handler that is in both places is one handler, and the run is one run."""
    own, other = Kinds(), Kinds()
    model = ScriptedChatModel(["Ahoy!"], cycle=True, callbacks=[own])
    call.invoke(model, "Hi", {"callbacks": [own, other]})
    assert own.seen == other.seen == ["chat_model start", "chat_model end"]

    def ask(text: str) -> Any:
        return model.invoke(text)

    async def aask(text: str) -> Any:
        return await model.ainvoke(text)

    call.invoke(RunnableLambda(ask, aask), "Hi", {"callbacks": [own]})
    assert own.seen[2:] == ["chain start", "chat_model start", "chat_model end", "chain end"]


def test_they_follow_the_model_into_what_is_made_of_it(call: Call) -> None:
    """A binding, a config, a retry and a structured answer."""
    own = Kinds()
    model = ScriptedChatModel(['{"a": 1}'], cycle=True, callbacks=[own])
    schema = {"title": "A", "type": "object", "properties": {"a": {"type": "integer"}}}
    for made in (
        model.bind(temperature=0),
        model.with_config(tags=["t"]),
        model.with_retry(),
        model.with_structured_output(schema, method="json_mode"),
    ):
        own.seen.clear()
        call.invoke(made, "Hi")
        assert own.seen == ["chat_model start", "chat_model end"]


def test_they_may_be_set_on_a_model_that_is_made(call: Call) -> None:
    """Set, read and unset; what is no list of handlers is an error of the call."""
    own = Kinds()
    model = ScriptedChatModel(["Ahoy!"], cycle=True)
    assert model.callbacks is None
    model.callbacks = [own]
    call.invoke(model, "Hi")
    assert own.seen == ["chat_model start", "chat_model end"]
    model.callbacks = None
    call.invoke(model, "Hi")
    assert len(own.seen) == 2
    for wrong in (own, [print]):
        model.callbacks = wrong  # type: ignore[assignment]
        with pytest.raises(ConfigError, match="callbacks"):
            call.invoke(model, "Hi")


def test_they_may_be_a_configurable_field(call: Call) -> None:
    """A call sets them, on a model that was made with or without."""
    for made_with in (None, [Kinds()]):
        own = Kinds()
        model = ScriptedChatModel(["Ahoy!"], cycle=True, callbacks=made_with)
        chat = model.configurable_fields(callbacks=ConfigurableField(id="watch"))
        call.invoke(chat, "Hi", {"configurable": {"watch": [own]}})
        assert own.seen == ["chat_model start", "chat_model end"]
        call.invoke(chat, "Hi")
        assert len(own.seen) == 2


def test_tokens_reach_a_handler_of_the_model(call: Call) -> None:
    """An invoked model streams for `on_llm_new_token`."""
    tokens: list[str] = []

    class Tokens(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            tokens.append(token)

    model = ScriptedChatModel(["one two"], callbacks=[Tokens()])
    assert call.invoke(model, "Hi").text == "one two"
    assert len(tokens) > 1 and "".join(tokens) == "one two"


def test_they_do_not_change_what_the_model_is(call: Call) -> None:
    """It pickles, is the same for a cache, and a subclass need not call our `__init__`."""
    cache = InMemoryCache()
    usage = Usage()
    plain = ScriptedChatModel(["a", "b"], cache=cache)
    watched = ScriptedChatModel(["a", "b"], cache=cache, callbacks=[usage])
    assert call.invoke(plain, "Hi").text == call.invoke(watched, "Hi").text == "a"
    copy = pickle.loads(pickle.dumps(ScriptedChatModel(["a"], callbacks=[usage])))
    assert isinstance(copy.callbacks[0], Usage)

    class Own(ChatModel):
        def __init__(self) -> None:
            pass

        def _generate(self, messages: Any, options: Any) -> AIMessage:
            return AIMessage("own")

    assert call.invoke(Own(), "Hi").text == "own"


def test_a_model_with_fields_takes_them(call: Call) -> None:
    """The chunks that its hook yields are reported once."""
    tokens: list[str] = []

    class Tokens(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            tokens.append(token)

    class Letters(BaseChatModel):
        text: str

        def _stream(
            self,
            messages: list[BaseMessage],
            stop: list[str] | None = None,
            run_manager: Any = None,
            **kwargs: Any,
        ) -> Iterator[ChatGenerationChunk]:
            for letter in self.text:
                chunk = ChatGenerationChunk(message=AIMessageChunk(letter))
                if run_manager:
                    run_manager.on_llm_new_token(letter, chunk=chunk)
                yield chunk

        @property
        def _llm_type(self) -> str:
            return "letters"

    assert call.invoke(Letters(text="abc", callbacks=[Tokens()]), "Hi").text == "abc"
    assert tokens == ["a", "b", "c"]


def test_models_of_providers_take_them() -> None:
    """By the same keyword."""
    own = Kinds()
    assert ChatOpenAI(model="m", api_key="k", callbacks=[own]).callbacks == [own]
