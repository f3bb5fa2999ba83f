"""Law 7: what is no `Exception` ends everything around it, wherever in a chain it is raised."""

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
    """A user's signal of their own."""


ENDS: list[type[BaseException]] = [KeyboardInterrupt, SystemExit, asyncio.CancelledError, Own]


class Leaf:
    """Raises, and remembers how often it was called; `other` must never be."""

    def __init__(self, end: type[BaseException]) -> None:
        self.end = end
        self.calls: list[str] = []

    def call(self, _: Any) -> Any:
        self.calls.append("leaf")
        raise self.end

    async def acall(self, _: Any) -> Any:
        self.call(_)

    def pieces(self, _: Any) -> Any:
        yield "a"
        self.call(_)

    def flow(self, chunks: Any) -> Any:
        for chunk in chunks:
            yield chunk
            self.call(chunk)

    def other(self, _: Any) -> Any:
        self.calls.append("other")


def check_interrupted(leaf: Leaf, do: Callable[[], Any]) -> None:
    """The interrupt comes out as it is, after one call."""
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
    "alone": lambda it, _: it,
    "first": lambda it, leaf: it | RunnableLambda(leaf.other),
    "last": lambda it, _: RunnableLambda(_fine) | it,
    "parallel": lambda it, _: RunnableParallel(a=it, b=_fine),
    "map": lambda it, _: RunnableLambda(lambda _: [1]) | it.map(),
    "assign": lambda it, _: {"x": RunnableLambda(_fine)} | RunnablePassthrough.assign(a=it),
    "branch": lambda it, leaf: RunnableBranch((bool, it), leaf.other),
    "condition": lambda it, leaf: RunnableBranch((it, leaf.other), leaf.other),
    "retry": lambda it, _: it.with_retry(**NO_BACKOFF),
    "retry of everything": lambda it, _: it.with_retry(
        **AGAIN, retry_if_exception_type=(BaseException,)
    ),
    "fallback": lambda it, leaf: it.with_fallbacks([leaf.other]),
    "fallback of everything": lambda it, leaf: it.with_fallbacks(
        [leaf.other], exceptions_to_handle=(BaseException,), on_restart="restart"
    ),
    "timeout": lambda it, _: it.with_timeout(60),
    "bound": lambda it, _: it.with_config(tags=["a"]).with_listeners(on_end=str),
    "returned": lambda it, _: RunnableLambda(lambda _: it, blocking=False),
    "nested": lambda it, leaf: RunnableParallel(
        a=RunnableLambda(lambda _: [1]) | it.with_retry(**NO_BACKOFF).map() | leaf.other
    ).with_fallbacks([leaf.other]),
}

WAYS: dict[str, Callable[[Call, Any], Any]] = {
    "invoke": lambda call, it: call.invoke(it, "x"),
    "stream": lambda call, it: stream_of(call, it, "x"),
    "transform": lambda call, it: transform_of(call, it, ["x"]),
    "batch": lambda call, it: call.batch(it, ["x"], return_exceptions=True),
    "as completed": lambda call, it: call.batch_as_completed(it, ["x"], return_exceptions=True),
}


@pytest.mark.parametrize("end", ENDS, ids=lambda it: it.__name__)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_an_interrupt_goes_through_everything(
    way: str, place: str, end: type[BaseException], call: Call
) -> None:
    """Functions and generators: one call, no other, never a value; it comes out as it is."""
    for kind in ("call", "acall", "pieces", "flow"):
        if kind == "acall" and call.colour == "sync":
            continue
        leaf = Leaf(end)
        function: Any = getattr(leaf, kind)
        step: Any = RunnableGenerator(function) if kind == "flow" else RunnableLambda(function)
        runnable = PLACES[place](step, leaf)
        check_interrupted(leaf, lambda runnable=runnable: WAYS[way](call, runnable))
