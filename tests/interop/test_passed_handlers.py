"""Handlers and configs that functions pass on, and handlers that are passed more than once."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core import runnables as theirs

from runnables import BaseCallbackHandler, Handler, RunnableLambda, to_langchain
from tests.both_modes import Call
from tests.interop.watching import Log, Trace

UPPER = theirs.RunnableLambda(str.upper)
RETRIED = UPPER.with_retry()


@pytest.mark.parametrize(
    "passed",
    [
        lambda config: config,
        lambda config: {**config, "tags": ["mine"]},
        lambda config: {"callbacks": config["callbacks"]},
        lambda config: {**config, "callbacks": config["callbacks"] + [Trace()]},
        lambda config: {**config, "callbacks": [Trace()] + config["callbacks"]},
    ],
    ids=["as it is", "unpacked", "handlers", "with another", "behind another"],
)
@pytest.mark.parametrize(
    "inner",
    [UPPER, UPPER.with_config(callbacks=[Trace()]), RETRIED, RunnableLambda(str.upper)],
    ids=["theirs", "theirs with a handler", "theirs with a retry", "ours"],
)
def test_a_function_of_ours_passes_its_config_on(passed: Any, inner: Any, call: Call) -> None:
    """To a runnable of LangChain, which reports to the handlers of both, below the function."""
    log, trace = Log(), Trace()

    def outer(text: str, config: Any) -> Any:
        return inner.invoke(text, passed(config))

    assert call.invoke(RunnableLambda(outer), "a", {"callbacks": [log, trace]}) == "A"
    log.check()
    depths = [0, 1] if inner is not RETRIED else [0, 1, 2]
    assert [depth for depth, _ in log.tree()] == depths
    assert [depth for depth, _ in trace.tree()] == depths


@pytest.mark.parametrize("around", ["ours", "theirs"])
def test_a_handler_that_a_function_passes_again_hears_once(around: str, call: Call) -> None:
    """Beside those of the call around, which hear of it without being passed."""
    log, other, trace = Log(), Log(), Trace()

    def outer(text: str) -> Any:
        return UPPER.invoke(text, {"callbacks": [trace, to_langchain(log)]})

    chain: Any = RunnableLambda(outer)
    if around == "ours":
        call.invoke(chain, "a", {"callbacks": [log, other, trace]})
    else:
        handlers = [to_langchain(log), to_langchain(other), trace]
        call.invoke(to_langchain(chain), "a", {"callbacks": handlers})
    for one in (log, other):
        one.check()
        assert len(one.kinds()) == 4
    assert len(trace.runs()) == 2


def test_a_handler_that_is_listed_twice_hears_once(call: Call) -> None:
    log = Log()
    call.invoke(RunnableLambda(str), "a", {"callbacks": [log, log, to_langchain(log)]})
    assert log.kinds() == [("start", "str"), ("end", "str")]


@pytest.mark.parametrize("way", ["invoke", "stream", "batch"])
def test_a_converted_chain_takes_handlers_of_ours_as_they_are(way: str, call: Call) -> None:
    """In LangChain's config of its call: beside LangChain's own, and given twice."""
    log, trace = Log(), Trace()
    given = "a" if way != "batch" else ["a"]
    chain = to_langchain(RunnableLambda(str))
    getattr(call, way)(chain, given, {"callbacks": [log, trace, to_langchain(log)]})
    assert log.kinds() == [("start", "str"), ("end", "str")]
    assert trace.tree() == [(0, "str")]


class Bare(Handler):
    """A handler of ours as it is, which LangChain's own runnables cannot call."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_event(self, event: Any) -> None:
        """Store a name."""
        self.names.append(event.name)


def test_a_bare_handler_in_a_config_of_theirs_says_the_way_out(call: Call) -> None:
    with pytest.raises(AttributeError, match=r"Bare has no attribute.*to_langchain\(handler\)"):
        call.invoke(UPPER, "a", {"callbacks": [Bare()]})
    handler = Bare()
    call.invoke(UPPER, "a", {"callbacks": [to_langchain(handler)]})
    assert handler.names == ["upper", "upper"]
    assert getattr(handler, "raise_error", None) is None  # as before, for a run of ours


def test_a_handler_in_langchain_form_may_go_there_as_it_is(call: Call) -> None:
    """It receives each run once, also where LangChain's runnable leads to one of ours."""
    names: list[str] = []

    class Names(BaseCallbackHandler):
        """A handler of ours with the methods of LangChain's."""

        def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
            """Store a name."""
            names.append(kwargs["name"])

    call.invoke(UPPER | to_langchain(RunnableLambda(len)), "a", {"callbacks": [Names()]})
    assert names == ["RunnableSequence", "upper", "len"]
