"""Users' own classes: what they override serves every other method."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest

from runnables import (
    EmptyStream,
    Event,
    JsonOutputParser,
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    StrOutputParser,
)
from tests.both_modes import Call, run_clean


def json_text(_: Any) -> Iterator[str]:
    yield from ('{"a"', ': 1, "b', '": 2}')


VALUE = {"a": 1, "b": 2}
SNAPSHOTS = [{}, {"a": 1}, VALUE]
SOURCE = RunnableLambda(json_text) | JsonOutputParser()


class Whole(Runnable[Any, str]):
    """A class that overrides `stream` alone."""

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        yield repr(input)


class Delegating(Runnable[Any, Any]):
    """A class whose `stream` returns that of another runnable."""

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return SOURCE.stream(input)


class AsyncLetters(Runnable[str, str]):
    """A class that overrides `astream` alone, and counts how often it was closed."""

    closed = 0

    async def astream(self, input: str, config: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]  # pyright reads a generator as a coroutine
        try:
            for letter in input:
                yield letter
        finally:
            type(self).closed += 1


def test_a_stream_receives_its_input_merged_as_the_step_before_says(call: Call) -> None:
    """Snapshots replace each other, also in front of a class that takes the whole input."""
    chain = SOURCE | Whole()
    assert call.stream(chain, 1) == [repr(VALUE)]
    assert call.invoke(chain, 1) == repr(VALUE)


def test_a_stream_that_is_passed_on_keeps_its_merge(call: Call) -> None:
    """Alone and within a pipe, the chunks add up as those of the runnable that made them."""
    for step in (Delegating(), RunnableLambda(str) | Delegating()):
        assert call.stream(step, 1) == SNAPSHOTS
        assert call.invoke(step, 1) == VALUE
    assert call.stream(Delegating() | RunnableLambda(repr), 1) == [repr(VALUE)]


def test_an_async_stream_within_a_pipe_is_closed_before_the_exit_returns() -> None:
    """Its generator does not wait for the garbage collector."""
    chain = RunnableLambda(str) | AsyncLetters()

    async def main() -> None:
        async with aclosing(chain.astream("ab")) as chunks:
            assert await anext(chunks) == "a"
        assert AsyncLetters.closed == 1

    run_clean(main())


class Silent:
    """A handler that does nothing."""

    def on_event(self, event: Event) -> None: ...


@pytest.mark.parametrize("handlers", [[], [Silent()]], ids=["plain", "observed"])
def test_an_empty_stream_is_named_after_its_producer(handlers: list[Silent], call: Call) -> None:
    """The error names the step that yielded nothing, with and without handlers."""

    def nothing(chunks: Iterator[str]) -> Iterator[str]:
        yield from ()

    chain = StrOutputParser() | RunnableGenerator(nothing, name="nothing") | RunnableLambda(len)
    with pytest.raises(EmptyStream, match=r"^RunnableGenerator\(nothing.*yielded no chunk"):
        call.stream(chain, "a", {"callbacks": handlers})
