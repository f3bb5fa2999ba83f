"""The tree of spans is the tree of runs, for any chain, and each span ends once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from runnables import (
    Event,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    chain,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.tracing.receiver import Receiver


class Failure(Exception):
    """The error of a step that fails."""


class Runs:
    """What the events say: of each run its name, its parent, and its final event."""

    def __init__(self) -> None:
        self.parents: dict[str, str | None] = {}
        self.names: dict[str, str] = {}
        self.ends: dict[str, list[str]] = {}

    def on_event(self, event: Event) -> None:
        """Take note of a start or an end."""
        if event.kind == "start":
            self.parents[event.run_id] = event.parent_id
            self.names[event.run_id] = event.name
        elif event.kind in ("end", "error", "cancelled"):
            self.ends.setdefault(event.run_id, []).append(event.kind)


def _text(value: Any) -> str:
    return str(getattr(value, "text", value))


def _function(value: Any) -> str:
    return _text(value)


def _generator(value: Any) -> Iterator[str]:
    for number in range(3):
        yield f"{number}"


def _chunks(chunks: Iterator[Any]) -> Iterator[str]:
    for chunk in chunks:
        yield _text(chunk)


def _fail(value: Any) -> Any:
    raise Failure


def _fail_late(value: Any) -> Iterator[str]:
    yield "a"
    raise Failure


LEAVES: dict[str, Callable[[], Any]] = {
    "function": lambda: RunnableLambda(_function),
    "generator": lambda: RunnableLambda(_generator),
    "chunks": lambda: RunnableGenerator(_chunks),
    "model": lambda: ScriptedChatModel(["one two three"], cycle=True),
    "failing": lambda: RunnableLambda(_fail),
    "failing late": lambda: RunnableLambda(_fail_late),
}


def _nested(inner: Any) -> Runnable[Any, Any]:
    @chain
    def nested(value: Any) -> Any:
        return _text(inner.invoke(value))

    return nested


def _nestings(steps: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pairs = st.tuples(steps, steps)
    return st.one_of(
        pairs.map(lambda pair: pair[0] | RunnableLambda(_text) | pair[1]),
        pairs.map(lambda pair: RunnableParallel(a=pair[0], b=pair[1])),
        pairs.map(lambda pair: pair[0].with_fallbacks([pair[1]])),
        pairs.map(lambda pair: RunnableBranch((lambda _: True, pair[0]), pair[1])),
        steps.map(lambda step: step.with_retry(wait_exponential_jitter=False)),
        steps.map(lambda step: RunnableLambda(lambda value: [value, value]) | step.map()),
        steps.map(lambda step: step.with_config(run_name="named", tags=["a"])),
        steps.map(_nested),
    )


CHAINS = st.recursive(
    st.sampled_from(sorted(LEAVES)).map(lambda name: LEAVES[name]()), _nestings, max_leaves=6
)


@pytest.mark.parametrize("way", ["invoke", "stream", "left", "batch"])
@given(made=CHAINS)
def test_spans_are_the_tree_of_runs(made: Any, way: str, call: Call) -> None:
    """The same runs, each below its parent, and failed where it has failed; each ends once."""
    receiver, runs = Receiver(), Runs()
    config: Any = {"callbacks": [runs, receiver.handler()]}
    with receiver.tracer.start_as_current_span("request") as request:
        with suppress(Failure):
            if way == "invoke":
                call.invoke(made, "x", config)
            elif way == "batch":
                call.batch(made, ["x", "y", "z"], config, return_exceptions=True)
            else:
                call.stream(made, "x", config, take=1 if way == "left" else None)
        assert trace.get_current_span() is request
    receiver.assert_each_ended_once()
    root = request.get_span_context().span_id
    spans = {
        dict(span.attributes or {})["runnables.run_id"]: span
        for span in receiver.spans
        if span.attributes
    }
    assert spans.keys() == runs.parents.keys() == runs.ends.keys()
    assert len(receiver.spans) == len(spans) + 1
    assert set(Counter(len(ends) for ends in runs.ends.values())) <= {1}
    for run_id, span in spans.items():
        parent = runs.parents[run_id]
        above = root if parent is None else spans[parent].get_span_context().span_id
        assert span.parent is not None
        assert span.parent.span_id == above
        assert dict(span.attributes or {})["runnables.name"] == runs.names[run_id]
        is_failed = span.status.status_code is StatusCode.ERROR
        assert is_failed == (runs.ends[run_id] == ["error"])
