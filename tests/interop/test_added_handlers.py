"""Handlers that a function adds to the config that it got: `config["callbacks"].add_handler`."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManager
from langchain_core.runnables import RunnableLambda as TheirLambda
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from runnables import RunnableLambda, to_langchain
from runnables.errors import ConfigError
from tests.both_modes import Call
from tests.interop.watching import Log, Trace

OURS = RunnableLambda(str.upper)
THEIRS = TheirLambda(str.upper)


class State(TypedDict, total=False):
    """The state of the graph below."""

    text: str


@pytest.mark.parametrize("inner", [OURS, THEIRS], ids=["ours", "theirs"])
@pytest.mark.parametrize("handlers", [[], [Trace()]], ids=["alone", "beside another"])
def test_a_handler_that_is_added_sees_the_calls_with_that_config(
    inner: Any, handlers: list[Any], call: Call
) -> None:
    log, trace = Log(), Trace()

    def outer(text: str, config: Any) -> str:
        config["callbacks"].add_handler(log)
        config["callbacks"].add_handler(trace)
        config["callbacks"].add_handler(trace)  # twice
        return str(inner.invoke(text, config))

    assert call.invoke(RunnableLambda(outer), "a", {"callbacks": handlers}) == "A"
    assert [kind for kind, _ in log.kinds()] == ["start", "end"]
    assert len(trace.runs()) == 1


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda handlers, log: handlers.insert(0, log), ["start", "end"]),
        (lambda handlers, log: handlers.__setitem__(slice(None), [log]), ["start", "end"]),
        (lambda handlers, log: (handlers.append(log), handlers.remove(log)), []),
        (lambda handlers, log: (handlers.append(log), handlers.pop()), []),
        (lambda handlers, log: (handlers.append(log), handlers.clear()), []),
        (lambda handlers, log: (handlers.append(log), handlers.__delitem__(-1)), []),
    ],
    ids=["insert", "set", "remove", "pop", "clear", "delete"],
)
def test_each_change_of_the_list_counts(change: Any, seen: list[str], call: Call) -> None:
    """As those by its own methods do: none is without effect."""
    log = Log()

    def outer(text: str, config: Any) -> str:
        change(config["callbacks"], log)
        return str(OURS.invoke(text, config))

    assert call.invoke(RunnableLambda(outer), "a", {"callbacks": [Trace()]}) == "A"
    assert [kind for kind, _ in log.kinds()] == seen


def test_a_handler_is_added_for_one_call_only(call: Call) -> None:
    """Neither the run around, nor a call without that config, is reported to it."""
    log = Log()

    def outer(text: str, config: Any) -> str:
        config["callbacks"].add_handler(log)
        return str(OURS.invoke(text))

    chain = RunnableLambda(outer)
    assert call.invoke(chain, "a", {"callbacks": [Trace()]}) == "A"
    assert call.invoke(chain, "a") == "A"
    assert log.events == []


@pytest.mark.parametrize("inner", [OURS | str, THEIRS | TheirLambda(str)], ids=["ours", "theirs"])
def test_a_handler_may_be_for_the_next_run_alone(inner: Any, call: Call) -> None:
    log = Log()

    def outer(text: str, config: Any) -> str:
        config["callbacks"].add_handler(log, inherit=False)
        return str(inner.invoke(text, config))

    call.invoke(RunnableLambda(outer), "a", {"callbacks": [Trace()]})
    assert [(kind, name) for kind, name in log.kinds()] == [
        ("start", "RunnableSequence"),
        ("end", "RunnableSequence"),
    ]


def test_a_handler_is_added_in_a_node(call: Call) -> None:
    """The node is a function of ours, which LangGraph runs."""
    log = Log()

    def node(state: State, config: Any) -> State:
        config["callbacks"].add_handler(log)
        return {"text": OURS.invoke(state["text"], config)}

    builder = StateGraph(State)
    builder.add_node("shout", to_langchain(RunnableLambda(node)))
    builder.add_edge(START, "shout")
    assert call.invoke(builder.compile(), {"text": "a"})["text"] == "A"
    assert [kind for kind, _ in log.kinds()] == ["start", "end"]


def test_a_handler_is_removed_for_one_call(call: Call) -> None:
    log, trace = Log(), Trace()

    def outer(text: str, config: Any) -> str:
        config["callbacks"].remove_handler(log)
        config["callbacks"].remove_handler(trace)
        return str(OURS.invoke(text, config))

    call.invoke(RunnableLambda(outer), "a", {"callbacks": [log, trace]})
    assert [name for _, name in log.kinds()] == ["outer", "outer"]
    assert [run.name for run in trace.runs()] == ["outer"]


def test_the_list_shows_what_a_manager_shows(call: Call) -> None:
    log = Log()
    seen: list[Any] = []

    def outer(text: str, config: Any) -> str:
        callbacks = config["callbacks"]
        seen.append((list(callbacks.handlers), callbacks.parent_run_id))
        seen.append(to_langchain(callbacks))
        callbacks.append(Log())
        callbacks.extend([Log(), Log()])
        seen.append(len(config.handlers))
        return text

    call.invoke(RunnableLambda(outer), "a", {"callbacks": [log]})
    (handlers, run_id), manager, count = seen
    assert handlers == [log]
    assert str(run_id) == log.events[0].run_id
    assert isinstance(manager, CallbackManager)
    assert manager.parent_run_id == run_id
    assert count == 4


def test_what_is_no_handler_is_refused() -> None:
    def outer(text: str, config: Any) -> str:
        config["callbacks"].add_handler(print)
        return text

    with pytest.raises(ConfigError, match="has no method on_event"):
        RunnableLambda(outer).invoke("a")


def test_what_a_manager_has_besides_is_named_with_the_way_out() -> None:
    def outer(text: str, config: Any) -> str:
        config["callbacks"].on_chain_start({}, {})
        return text

    with pytest.raises(AttributeError, match=r"'on_chain_start'.*to_langchain"):
        RunnableLambda(outer).invoke("a")


def test_the_list_can_be_copied_and_outlives_its_config() -> None:
    """The config is freed at once, although the list is kept: they refer to each other weakly."""
    kept: list[Any] = []
    configs: list[weakref.ref[Any]] = []

    def outer(text: str, config: Any) -> str:
        kept.append(config["callbacks"])
        configs.append(weakref.ref(config))
        return text

    gc.disable()
    try:
        RunnableLambda(outer).invoke("a", {"callbacks": [Log()]})
        assert configs[0]() is None
    finally:
        gc.enable()
    (handlers,) = kept
    handlers.add_handler(Log())
    assert len(handlers) == len(copy.copy(handlers)) == 2
    assert copy.copy(handlers).parents == handlers.parents
