"""Current spans: a variable that a handler sets around the code of runs, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from runnables import Event, RunnableGenerator, RunnableLambda, tool
from runnables.core.config import Scope
from runnables.core.spans import context_of_spans
from tests.both_modes import Call

SPAN: ContextVar[str] = ContextVar("SPAN", default="none")
OTHER: ContextVar[str] = ContextVar("OTHER", default="none")


class Tracer:
    """A handler whose span of a run is the name of the run."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def on_event(self, event: Event) -> None:
        """Take note of a run that starts."""
        if event.kind == "start":
            self.names[event.run_id] = event.name

    def current_span(self, run_ids: Sequence[str]) -> tuple[ContextVar[Any], Any] | None:
        """Return the name of the innermost run that has started."""
        names = [self.names[run_id] for run_id in run_ids if run_id in self.names]
        return (SPAN, names[-1]) if names and SPAN.get() != names[-1] else None

    def left_behind(self, now: Any, before: Any) -> Any:
        """Return what the code has set."""
        return now

    def on_failed_attempt(self, *_: Any) -> None:
        """Do nothing."""


def _function(_: object) -> str:
    return SPAN.get()


def _generator(_: object) -> Iterator[str]:
    for _number in range(12):
        yield SPAN.get()


def _chunks(chunks: Iterator[str]) -> Iterator[str]:
    for _chunk in chunks:
        yield SPAN.get()


@pytest.mark.parametrize(
    "step",
    [
        RunnableLambda(_function, name="step"),
        RunnableLambda(_generator, name="step"),
        RunnableGenerator(_chunks, name="step"),
    ],
    ids=["function", "generator", "generator of chunks"],
)
def test_code_of_a_run_finds_its_span(step: Any, call: Call) -> None:
    """At each step of a generator; its consumer finds its own."""
    config = {"callbacks": [Tracer()]}
    chunks = call.transform(step, "abcdefghijkl", config)
    assert set(chunks) == {"step"}
    assert len(call.stream(step, "a", config, take=1)) == 1
    assert SPAN.get() == "none"


class OfChains(Tracer):
    """A handler that makes spans of one kind of run."""

    run_types = frozenset({"chain"})


@pytest.mark.parametrize("method", ["invoke", "stream"])
def test_code_of_a_run_without_a_span_finds_that_of_the_run_around(method: str, call: Call) -> None:
    """Where the handler wants no runs of that kind."""

    @tool
    def look(text: str) -> str:
        """Return the current span."""
        return SPAN.get()

    steps = RunnableLambda(lambda text: {"text": text}) | look
    found = getattr(call, method)(steps, "a", {"callbacks": [OfChains()]})
    assert (found if method == "invoke" else found[-1]) == "RunnableSequence"


def test_what_code_sets_and_leaves_is_what_the_handler_says(call: Call) -> None:
    """`left_behind` decides what is set behind the code; here, what it has set."""
    left = RunnableLambda(lambda _: SPAN.set("left"), name="step") | RunnableLambda(
        lambda _: SPAN.get(), name="next"
    )
    assert copy_context().run(call.invoke, left, 1, {"callbacks": [Tracer()]}) == "next"


def test_a_handler_that_has_any_attribute_makes_no_spans(call: Call) -> None:
    """What a stand-in of a test answers to every name is no span."""

    class StandIn:
        def on_event(self, event: Event) -> None:
            """Do nothing."""

        def __getattr__(self, name: str) -> Any:
            return object()

    assert call.invoke(RunnableLambda(_function), 1, {"callbacks": [StandIn()]}) == "none"


def test_a_context_for_another_thread_has_the_span_alone() -> None:
    """Nothing else of the caller's is set there; without such a handler there is no context."""
    tracer = Tracer()
    tracer.names["run"] = "step"
    scope = Scope()
    assert context_of_spans(scope) is None
    scope.span_handlers, scope.parents = (tracer,), ("run",)
    OTHER.set("mine")
    context = context_of_spans(scope)
    assert context is not None
    assert dict(context) == {SPAN: "step"}
