"""Law 7: an interrupt, which is no `Exception`, ends every call around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from runnables import (
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from tests.both_modes import Call
from tests.laws.outcomes import stream_of, transform_of
from tests.laws.specimens import AGAIN, NO_BACKOFF


class Own(BaseException):
    """A user's own signal."""


ENDS: list[type[BaseException]] = [KeyboardInterrupt, SystemExit, asyncio.CancelledError, Own]


class Leaf:
    """A function that raises and counts its calls, and `other`, which must never be called."""

    def __init__(self, end: type[BaseException]) -> None:
        self.end = end
        self.calls: list[str] = []

    def call(self, _: Any) -> Any:
        self.calls.append("leaf")
        raise self.end

    async def acall(self, _: Any) -> Any:
        self.call(_)

    def chunks(self, _: Any) -> Any:
        yield "a"
        self.call(_)

    def flow(self, chunks: Any) -> Any:
        for chunk in chunks:
            yield chunk
            self.call(chunk)

    def other(self, _: Any) -> Any:
        self.calls.append("other")


def check_interrupted(leaf: Leaf, do: Callable[[], Any]) -> None:
    """Check that the interrupt is raised as it is, after one call."""
    try:
        value = do()
    except leaf.end as error:
        assert type(error) is leaf.end
    else:
        raise AssertionError(f"an interrupt became {value!r}")
    assert leaf.calls == ["leaf"], "something was called after an interrupt"


def _fine(value: Any) -> Any:
    return value


PLACES: dict[str, Callable[[Any, Leaf], Runnable[Any, Any]]] = {
    "alone": lambda step, _: step,
    "first": lambda step, leaf: step | RunnableLambda(leaf.other),
    "last": lambda step, _: RunnableLambda(_fine) | step,
    "parallel": lambda step, _: RunnableParallel(a=step, b=_fine),
    "map": lambda step, _: RunnableLambda(lambda _: [1]) | step.map(),
    "assign": lambda step, _: {"x": RunnableLambda(_fine)} | RunnablePassthrough.assign(a=step),
    "branch": lambda step, leaf: RunnableBranch((bool, step), leaf.other),
    "condition": lambda step, leaf: RunnableBranch((step, leaf.other), leaf.other),
    "retry": lambda step, _: step.with_retry(**NO_BACKOFF),
    "retry of everything": lambda step, _: step.with_retry(
        **AGAIN, retry_if_exception_type=(BaseException,)
    ),
    "fallback": lambda step, leaf: step.with_fallbacks([leaf.other]),
    "fallback of everything": lambda step, leaf: step.with_fallbacks(
        [leaf.other], exceptions_to_handle=(BaseException,), on_restart="restart"
    ),
    "timeout": lambda step, _: step.with_timeout(60),
    "bound": lambda step, _: step.with_config(tags=["a"]).with_listeners(on_end=str),
    "returned": lambda step, _: RunnableLambda(lambda _: step, blocking=False),
    "nested": lambda step, leaf: RunnableParallel(
        a=RunnableLambda(lambda _: [1]) | step.with_retry(**NO_BACKOFF).map() | leaf.other
    ).with_fallbacks([leaf.other]),
}

WAYS: dict[str, Callable[[Call, Any], Any]] = {
    "invoke": lambda call, step: call.invoke(step, "x"),
    "stream": lambda call, step: stream_of(call, step, "x"),
    "transform": lambda call, step: transform_of(call, step, ["x"]),
    "batch": lambda call, step: call.batch(step, ["x"], return_exceptions=True),
    "as completed": lambda call, step: call.batch_as_completed(step, ["x"], return_exceptions=True),
}


@pytest.mark.parametrize("end", ENDS, ids=lambda error: error.__name__)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_an_interrupt_goes_through_everything(
    way: str, place: str, end: type[BaseException], call: Call
) -> None:
    """It is raised as it is after one call, from functions and generators, and never a value."""
    for kind in ("call", "acall", "chunks", "flow"):
        if kind == "acall" and call.mode == "sync":
            continue
        leaf = Leaf(end)
        function: Any = getattr(leaf, kind)
        step: Any = RunnableGenerator(function) if kind == "flow" else RunnableLambda(function)
        runnable = PLACES[place](step, leaf)
        check_interrupted(leaf, lambda runnable=runnable: WAYS[way](call, runnable))
