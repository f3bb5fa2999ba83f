"""Handlers of each library in calls of the other: events, usage, errors, calls without a config."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core import runnables as theirs
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    CallbackManager,
    UsageMetadataCallbackHandler,
    adispatch_custom_event,
    dispatch_custom_event,
)
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage as TheirAIMessage

from runnables import (
    BaseCallbackHandler as OurCallbackHandler,
    ConfigError,
    Runnable,
    RunnableLambda,
    UsageMetadata,
    dispatch_custom_event as dispatch_ours,
    from_langchain,
    merge_configs,
    to_langchain,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.interop.test_theirs_in_ours import Unlucky, shout
from tests.interop.watching import Log, Trace

USED = UsageMetadata(input_tokens=3, output_tokens=2, total_tokens=5)


def our_model() -> ScriptedChatModel:
    """Return a model of ours that reports its usage."""
    return ScriptedChatModel(["Ahoy there!"], cycle=True, usage=USED)


def their_model() -> GenericFakeChatModel:
    """Return a model of LangChain that reports its usage."""
    answer = TheirAIMessage("Ahoy!", usage_metadata=dict(USED))  # type: ignore[arg-type]
    return GenericFakeChatModel(messages=iter([answer] * 20))


# --- conversion -------------------------------------------------------------------------------


def test_handlers_there_and_back_are_the_same() -> None:
    """Both ways."""
    log, trace = Log(), Trace()
    assert from_langchain(to_langchain(log)) is log
    assert to_langchain(from_langchain(trace)) is trace


def test_a_handler_that_is_passed_twice_is_called_once(call: Call) -> None:
    """In the config of a call, and in that of a step."""
    trace = Trace()
    chain = RunnableLambda(shout).with_config(callbacks=[trace])
    assert call.invoke(chain, "a", {"callbacks": [trace]}) == "a!"
    assert trace.tree() == [(0, "shout")]
    merged: Any = merge_configs({"callbacks": [trace]}, {"callbacks": [trace]})
    trace.roots.clear()
    call.invoke(RunnableLambda(shout), "a", merged)
    assert trace.tree() == [(0, "shout")]


def test_a_manager_goes_into_our_callbacks(call: Call) -> None:
    """Its handlers are called, and what it says of the run around counts."""
    trace, log = Trace(), Log()
    manager = CallbackManager([trace], inheritable_handlers=[trace])
    run = manager.on_chain_start({"name": "around"}, {})
    child: Any = run.get_child()
    child.add_tags(["t"])
    config: Any = {"callbacks": child}
    assert call.invoke(RunnableLambda(shout), "a", config) == "a!"
    run.on_chain_end({})
    assert trace.tree() == [(0, "around"), (1, "shout")]
    assert "t" in (trace.roots[0].child_runs[0].tags or [])
    assert log.events == []


@pytest.mark.parametrize("wrong", [Trace, [Trace], [3], object()])
def test_what_is_no_handler_is_still_refused(wrong: Any, call: Call) -> None:
    """A class of handlers, for example."""
    with pytest.raises(ConfigError, match="callbacks"):
        call.invoke(RunnableLambda(shout), "a", {"callbacks": wrong})


# --- methods ----------------------------------------------------------------------------------


class Methods(BaseCallbackHandler):
    """A handler of LangChain that stores which of its methods were called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.arguments: dict[str, Any] = {}

    def _note(self, method: str, /, *values: Any, **keywords: Any) -> None:
        self.calls.append(method)
        self.arguments[method] = (values, keywords)

    def on_chat_model_start(self, *values: Any, **keywords: Any) -> None:
        """Store it."""
        self._note("on_chat_model_start", *values, **keywords)

    def on_llm_new_token(self, *values: Any, **keywords: Any) -> None:
        """Store it."""
        self._note("on_llm_new_token", *values, **keywords)

    def on_llm_end(self, *values: Any, **keywords: Any) -> None:
        """Store it."""
        self._note("on_llm_end", *values, **keywords)

    def on_tool_start(self, *values: Any, **keywords: Any) -> None:
        """Store it."""
        self._note("on_tool_start", *values, **keywords)

    def on_tool_end(self, *values: Any, **keywords: Any) -> None:
        """Store it."""
        self._note("on_tool_end", *values, **keywords)

    def on_custom_event(self, *values: Any, **keywords: Any) -> None:
        """Store it."""
        self._note("on_custom_event", *values, **keywords)


def test_our_model_calls_the_methods_for_models(call: Call) -> None:
    """With messages and results of LangChain, and what tracers read about a model."""
    methods = Methods()
    call.stream(our_model(), "hi", {"callbacks": [methods]})
    assert methods.calls[0] == "on_chat_model_start"
    assert methods.calls[-1] == "on_llm_end"
    assert set(methods.calls[1:-1]) == {"on_llm_new_token"}
    (_, messages), keywords = methods.arguments["on_chat_model_start"]
    assert type(messages[0][0]).__module__ == "langchain_core.messages.human"
    assert keywords["metadata"]["ls_model_type"] == "chat"
    assert keywords["invocation_params"]["_type"] == "ScriptedChatModel"
    (result,), _ = methods.arguments["on_llm_end"]
    assert result.generations[0][0].message.usage_metadata == USED


def test_our_tool_calls_the_methods_for_tools(call: Call) -> None:
    """With its arguments."""
    from runnables import tool

    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    methods = Methods()
    assert call.invoke(add, {"a": 1, "b": 2}, {"callbacks": [methods]}) == 3
    assert methods.calls == ["on_tool_start", "on_tool_end"]
    assert methods.arguments["on_tool_start"][1]["inputs"] == {"a": 1, "b": 2}


def test_events_of_the_users_own_cross_the_border(call: Call) -> None:
    """Both ways, with the id of the run that sent them."""

    def ours(value: int) -> int:
        dispatch_ours("ours", {"n": value})
        return value

    def other(value: int) -> int:
        dispatch_custom_event("theirs", {"n": value})
        return value

    async def aother(value: int) -> int:
        await adispatch_custom_event("theirs", {"n": value})
        return value

    methods, log = Methods(), Log()
    chain = RunnableLambda(ours) | theirs.RunnableLambda(other, aother)
    call.invoke(chain, 1, {"callbacks": [methods, log]})
    assert methods.calls == ["on_custom_event", "on_custom_event"]
    custom = [event for event in log.events if event.kind == "custom"]
    assert [(event.name, event.data) for event in custom] == [
        ("ours", {"n": 1}),
        ("theirs", {"n": 1}),
    ]
    runs = {event.run_id for event in log.events if event.kind == "start"}
    assert {event.run_id for event in custom} <= runs


class AsyncNames(AsyncCallbackHandler):
    """An async handler of LangChain."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        """Store the name of a run."""
        self.names.append(kwargs["name"])


def test_an_async_handler_of_langchain_serves_both_modes(call: Call) -> None:
    """As it does in LangChain; sync code in a worker thread of an async call, too."""
    handler = AsyncNames()
    chain = RunnableLambda(len) | theirs.RunnableLambda(str).with_config(run_name="theirs")
    assert call.invoke(chain, "abc", {"callbacks": [handler]}) == "3"
    assert handler.names == ["RunnableSequence", "len", "theirs"]


class AsyncLog(Log):
    """An async handler of ours."""

    async def on_event(self, event: Any) -> None:  # type: ignore[override]
        """Store an event."""
        super().on_event(event)


def test_an_async_handler_of_ours_serves_async_runs_of_langchain() -> None:
    """LangChain awaits it."""
    log = AsyncLog()
    chain = theirs.RunnableLambda(str.upper) | to_langchain(RunnableLambda(len))
    config: Any = {"callbacks": [to_langchain(log)]}
    assert asyncio.run(chain.ainvoke("abc", config)) == 3
    log.check()
    assert len(log.tree()) == 3


def test_a_handler_of_ours_in_langchains_form_works_there(call: Call) -> None:
    """It gets our events, and makes calls of them."""
    seen: list[Any] = []

    class Ends(OurCallbackHandler):
        def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
            seen.append(outputs)

    chain = theirs.RunnableLambda(str.upper) | theirs.RunnableLambda(len)
    assert call.invoke(chain, "abc", {"callbacks": [to_langchain(Ends())]}) == 3
    assert seen == ["ABC", 3, 3]


# --- errors of handlers -----------------------------------------------------------------------


class Failing(BaseCallbackHandler):
    """A handler that fails."""

    def on_chain_start(self, *_: Any, **__: Any) -> None:
        """Fail."""
        raise Unlucky("handler")


class Raising(Failing):
    """A handler that fails, and fails the run."""

    raise_error = True


@pytest.mark.parametrize("handler", [Failing(), Raising()], ids=["logged", "raised"])
def test_an_error_of_langchains_handler_fails_a_run_where_it_wants_that(
    handler: Any, call: Call
) -> None:
    """As in LangChain: by `raise_error`."""
    chain = RunnableLambda(shout)
    if handler.raise_error:
        with pytest.raises(Unlucky, match="handler"):
            call.invoke(chain, "a", {"callbacks": [handler]})
    else:
        assert call.invoke(chain, "a", {"callbacks": [handler]}) == "a!"


@pytest.mark.parametrize("raise_error", [False, True])
def test_an_error_of_our_handler_fails_a_run_of_langchain_where_it_wants_that(
    raise_error: bool, call: Call
) -> None:
    """By our `raise_error`."""

    class Ours:
        def __init__(self) -> None:
            self.raise_error = raise_error

        def on_event(self, event: Any) -> None:
            raise Unlucky("handler")

    config: Any = {"callbacks": [to_langchain(Ours())]}
    chain = theirs.RunnableLambda(shout)
    if raise_error:
        with pytest.raises(Unlucky, match="handler"):
            call.invoke(chain, "a", config)
    else:
        assert call.invoke(chain, "a", config) == "a!"


# --- usage ------------------------------------------------------------------------------------


def _chains() -> dict[str, Any]:
    model = to_langchain(our_model())
    return {
        "ours": our_model() | (lambda message: message.text),
        "theirs in ours": RunnableLambda(str) | their_model() | (lambda message: message.text),
        "ours in theirs": theirs.RunnableLambda(str) | model,
        "theirs in a function of theirs": from_langchain(
            theirs.RunnableLambda(lambda text: their_model().invoke(text))
        ),
        "theirs in a function of ours": RunnableLambda(lambda text: their_model().invoke(text)),
        "ours in a function of theirs": theirs.RunnableLambda(lambda t: our_model().invoke(t)),
    }


@pytest.mark.parametrize("name", list(_chains()))
def test_usage_is_counted_once_by_both(name: str, call: Call) -> None:
    """`track_usage` counts LangChain's models, and its counter ours."""
    chain = _chains()[name]
    counter = UsageMetadataCallbackHandler()
    with track_usage() as usage:
        call.invoke(chain, "hi", {"callbacks": [counter]})
    assert (usage.calls, usage.total) == (1, USED)
    assert sum(one["total_tokens"] for one in counter.usage_metadata.values()) in (
        5,
        0,  # LangChain's counter skips a model that reports no name
    )


# --- calls without a config -------------------------------------------------------------------


def test_a_call_of_langchain_without_a_config_joins_our_run(call: Call) -> None:
    """Its runs are below the function that called it."""
    inner = theirs.RunnableLambda(shout) | theirs.RunnableLambda(len)
    log, trace = Log(), Trace()
    chain = RunnableLambda(str) | RunnableLambda(lambda text: inner.invoke(text), name="outer")
    assert call.invoke(chain, "a", {"callbacks": [log, trace]}) == 2
    log.check()
    depths = {name: depth for depth, name in log.tree()}
    assert depths["outer"] == 1
    assert [depth for depth, _ in log.tree()] == [0, 1, 1, 2, 3, 3]
    assert trace.tree() == log.tree()


def test_a_call_of_ours_without_a_config_joins_langchains_run(call: Call) -> None:
    """Its runs are below the function that called it."""
    inner = RunnableLambda(shout) | len
    log, trace = Log(), Trace()
    outer = theirs.RunnableLambda(lambda text: inner.invoke(text)).with_config(run_name="outer")
    chain = theirs.RunnablePassthrough() | outer
    assert call.invoke(chain, "a", {"callbacks": [to_langchain(log), trace]}) == 2
    log.check()
    assert [depth for depth, _ in log.tree()] == [0, 1, 1, 2, 3, 3]
    assert trace.tree() == log.tree()


def test_a_block_of_ours_around_calls_of_langchain_sees_them(call: Call) -> None:
    """`track_usage` is in force there, and only there."""
    model = their_model()
    with track_usage() as usage:
        call.invoke(model, "hi")
    call.invoke(model, "hi")
    assert usage.calls == 1


def test_nothing_is_reported_without_handlers(call: Call) -> None:
    """A call of LangChain inside a function of ours, without handlers."""
    chain: Runnable[Any, Any] = RunnableLambda(lambda x: theirs.RunnableLambda(shout).invoke(x))
    assert call.invoke(chain, "a") == "a!"
    assert call.invoke(chain, "a", {"tags": ["t"]}) == "a!"
