"""A StopIteration of users' code: the same error in all ways of running, and no early end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import (
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    tool,
)
from tests.both_modes import Call
from tests.laws.specimens import NO_BACKOFF

EMPTY: tuple[Any, ...] = ()


def stops(_: Any) -> Any:
    return next(iter(EMPTY))


def stops_async(_: Any) -> Any:
    raise StopAsyncIteration


async def astops(_: Any) -> Any:
    return next(iter(EMPTY))


async def astops_async(_: Any) -> Any:
    raise StopAsyncIteration


def chunks(_: Any) -> Iterator[Any]:
    yield 1
    yield next(iter(EMPTY))


async def achunks(_: Any) -> AsyncIterator[Any]:
    yield 1
    yield next(iter(EMPTY))


async def achunks_async(_: Any) -> AsyncIterator[Any]:
    yield 1
    raise StopAsyncIteration


def parts(given: Iterator[Any]) -> Iterator[Any]:
    for _ in given:
        yield next(iter(EMPTY))


class Invokes(Runnable[Any, Any]):
    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return next(iter(EMPTY))


class AInvokes(Runnable[Any, Any]):
    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        raise StopAsyncIteration


class Streams(Runnable[Any, Any]):
    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return next(iter(EMPTY))


@tool
def find(x: int) -> int:
    """Find it."""
    return int(next(iter(EMPTY)))


class Handler:
    raise_error = True

    def __repr__(self) -> str:
        return "Handler()"

    def on_event(self, event: Any) -> None:
        if event.kind == "start":
            raise StopIteration


STEPS: dict[str, Any] = {
    "stops": RunnableLambda(stops),
    "stops_async": RunnableLambda(stops_async),
    "RunnableLambda": RunnableLambda(lambda _: next(iter(EMPTY))),
    "in place": RunnableLambda(stops, blocking=False, name="in place"),
    "chunks": RunnableLambda(chunks),
    "parts": RunnableGenerator(parts),
    "Invokes": Invokes(),
    "Streams": Streams(),
    "find": {"x": lambda _: 1} | find,
    r"Handler\(\)": RunnableLambda(str).with_config(callbacks=[Handler()]),
}
ASYNC_STEPS: dict[str, Any] = {
    "astops": RunnableLambda(astops),
    "astops_async": RunnableLambda(astops_async),
    "achunks": RunnableLambda(achunks),
    "achunks_async": RunnableLambda(achunks_async),
    "AInvokes": AInvokes(),
}

PLACES: dict[str, Callable[[Any], Any]] = {
    "alone": lambda step: step,
    "first": lambda step: step | RunnableLambda(str),
    "last": lambda step: RunnableLambda(str) | step,
    "in a mapping": lambda step: RunnableParallel(a=step, b=str),
    "assigned": lambda step: (lambda _: {}) | RunnablePassthrough.assign(a=step),
    "mapped": lambda step: (lambda value: [value]) | step.map(),
    "tried again": lambda step: step.with_retry(**NO_BACKOFF, stop_after_attempt=2),
    "with another": lambda step: step.with_fallbacks([step]),
    "with a time limit": lambda step: step.with_timeout(60),
    "chosen": lambda step: RunnableBranch((lambda _: True, step), step),
    "choosing": lambda step: RunnableBranch((step, str), str),
    "returned": lambda step: RunnableLambda(lambda _: step),
}


def _map(call: Call, chain: Any, config: Any) -> Any:
    return list(map(partial(call.invoke, chain, config=config), ["x", "y"]))


WAYS: dict[str, Callable[[Call, Any, Any], Any]] = {
    "invoke": lambda call, chain, config: call.invoke(chain, "x", config),
    "map": _map,
    "stream": lambda call, chain, config: call.stream(chain, "x", config),
    "transform": lambda call, chain, config: call.transform(chain, ["x"], config),
    "batch": lambda call, chain, config: call.batch(chain, ["x", "y"], config),
    "as completed": lambda call, chain, config: call.batch_as_completed(chain, ["x"], config),
    "events": lambda call, chain, config: call.events(chain, "x", config),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_it_is_an_error_that_names_the_step(way: str, place: str, call: Call) -> None:
    """A RuntimeError, of which the StopIteration is the cause, as PEP 479 has it."""
    for name, step in (STEPS | (ASYNC_STEPS if call.mode == "async" else {})).items():
        for config in (None, {"tags": ["t"]}):
            message = f"{name} raised Stop(Async)?Iteration"
            with pytest.raises(RuntimeError, match=message) as raised:
                WAYS[way](call, PLACES[place](step), config)
            assert type(raised.value) is RuntimeError
            cause = raised.value.__cause__
            if isinstance(cause, ExceptionGroup):  # of the other attempts
                cause = cause.__cause__
            assert isinstance(cause, (StopIteration, StopAsyncIteration))


@given(failing=st.sets(st.integers(0, 5)), kind=st.sampled_from(sorted(STEPS)))
def test_errors_that_are_returned_are_the_same(failing: set[int], kind: str, call: Call) -> None:
    """`return_exceptions=True` gives that error for each item that fails."""
    failing_step, fine = STEPS[kind], RunnableLambda(str)
    chain = RunnableLambda(lambda number: failing_step if number in failing else fine)
    for number, result in enumerate(call.batch(chain, range(6), return_exceptions=True)):
        assert (type(result) is RuntimeError) == (number in failing)


def test_retries_and_fallbacks_see_that_error(call: Call) -> None:
    """Not the StopIteration, whichever way it is run."""
    for step in (RunnableLambda(stops), RunnableLambda(chunks), Invokes()):
        for way in (call.invoke, call.stream):
            seen: list[Any] = []

            def note(error: Exception, seen: list[Any] = seen) -> bool:
                seen.append(type(error))
                return False

            with pytest.raises(RuntimeError):
                way(step.with_retry(retry_if_exception_type=note, **NO_BACKOFF), "x")
            assert set(seen) <= {RuntimeError}
        handed = step.with_fallbacks(
            [RunnableLambda(lambda given: type(given["error"]))], exception_key="error"
        )
        assert call.invoke(handed, {}) is RuntimeError


def test_other_errors_stay_what_they_are(call: Call) -> None:
    """Also a RuntimeError of the user's own with a StopIteration as its cause."""

    def own(_: Any) -> Any:
        try:
            next(iter(EMPTY))
        except StopIteration as error:
            raise RuntimeError("none left") from error

    with pytest.raises(RuntimeError, match="^none left$"):
        call.invoke(RunnableLambda(own), "x")
