"""Law 1: the chunks of a stream add up to what invoke returns, however the input was cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import (
    SNAPSHOTS,
    JsonOutputParser,
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnablePassthrough,
    merge_chunks,
)
from tests.both_modes import Call
from tests.laws import steps
from tests.laws.outcomes import cuts, outcome, stream_of, transform_of, without_notes
from tests.laws.registry import REGISTRY
from tests.laws.specimens import Specimen


def check_stream_agrees(
    make: Callable[[], Runnable[Any, Any]], value: Any, chunks: list[Any], call: Call
) -> None:
    """Check that the streams of the whole input and of its chunks add up to `invoke`'s output."""
    whole = without_notes(outcome(lambda: call.invoke(make(), value)))
    streamed = without_notes(outcome(lambda: stream_of(call, make(), value).value))
    assert streamed == whole, "the stream disagrees with invoke"
    cut = without_notes(outcome(lambda: transform_of(call, make(), chunks).value))
    assert cut == whole, f"the input in chunks {chunks!r} makes a difference"


def check_next_step_receives_the_value(
    make: Callable[[], Runnable[Any, Any]], value: Any, call: Call
) -> None:
    """Check that the next step receives its input merged as the step before declares."""
    received: list[Any] = []
    chain = make() | RunnableLambda(received.append, blocking=False)
    whole = without_notes(outcome(lambda: call.invoke(make(), value)))
    streamed = without_notes(outcome(lambda: stream_of(call, chain, value) and received[-1]))
    assert streamed == whole


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_a_stream_adds_up_to_what_invoke_returns(specimen: Specimen, call: Call) -> None:
    """This holds for the whole registry, errors included, however the input is cut."""
    if not specimen.runs_in(call.mode):
        pytest.skip("async only")

    @settings(max_examples=12)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        value = data.draw(specimen.inputs)
        check_stream_agrees(specimen.make, value, data.draw(cuts(value)), call)

    law()


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_the_next_step_receives_what_invoke_returns(specimen: Specimen, call: Call) -> None:
    """This holds for the whole registry, in front of a function of a whole input."""
    if not specimen.runs_in(call.mode):
        pytest.skip("async only")

    @settings(max_examples=6)
    @given(specimen.inputs)
    def law(value: Any) -> None:
        check_next_step_receives_the_value(specimen.make, value, call)

    law()


def test_snapshots_of_a_parser_are_not_added(call: Call) -> None:
    """In `model | json | f`, f receives the last snapshot, as with `invoke`."""

    def model(_: str) -> Any:
        yield from ["[1, ", "2", ", 3]"]

    chain = RunnableLambda(model) | JsonOutputParser() | (lambda values: list(values))
    assert call.invoke(chain, "") == [1, 2, 3]
    assert stream_of(call, chain, "").value == [1, 2, 3]


def test_a_stream_knows_its_merge(call: Call) -> None:
    """Behind steps that pass chunks on, and behind choices, it is the merge of the source."""
    snapshots = RunnableLambda(steps.growing, merge="last")
    for chain in (
        snapshots | RunnablePassthrough(),
        RunnablePassthrough() | snapshots.with_config(tags=["a"]),
        snapshots.with_retry(),
        RunnableLambda(steps.choose_stream),
    ):
        assert stream_of(call, chain, "abc").value == "abc"
    with snapshots.stream("abc") as stream:
        assert stream.merge is SNAPSHOTS


@pytest.mark.parametrize("make", [RunnableLambda, RunnableGenerator])
def test_chunks_without_a_merge_are_a_clear_error(make: Any, call: Call) -> None:
    """More than one chunk is a TypeError that says how to declare it; one alone is the value."""

    def many(_: Any) -> Any:
        yield 1
        yield 2

    def one(_: Any) -> Any:
        yield 1

    with pytest.raises(TypeError, match=r"'int' have no declared way.*merge='last'.*merge=funct"):
        call.invoke(make(many), "")
    with pytest.raises(TypeError, match="merge='last'"):
        stream_of(call, make(many) | steps.increment, "")
    assert call.stream(make(many), "") == [1, 2]
    assert call.invoke(make(one), "") == 1


def test_a_declared_merge_is_used_everywhere(call: Call) -> None:
    """A function that merges chunks serves invoke, the next step, a branch, and a map."""
    lengths = RunnableGenerator(steps.lengths, merge=steps.total)
    words = RunnableLambda(steps.words)
    chains: list[tuple[Any, Any, Any]] = [
        (words | lengths, "a bc d", 6),
        (words | lengths | steps.double, "a bc d", 12),
        (words | {"n": lengths, "m": lengths | steps.double}, "a bc d", {"n": 6, "m": 12}),
        ((words | lengths).map(), ["a bc", "d"], [4, 1]),
        (
            {"n": words | lengths} | RunnablePassthrough.assign(m=lambda value: value["n"]),
            "a b",
            None,
        ),
    ]
    for chain, value, expected in chains:
        assert stream_of(call, chain, value).value == call.invoke(chain, value)
        assert expected is None or call.invoke(chain, value) == expected


def test_merge_chunks_adds_up_the_chunks_of_a_stream() -> None:
    """It takes the chunks and the merge of the stream."""
    stream = RunnableLambda(steps.growing, merge="last").stream("ab")
    assert merge_chunks(list(stream), stream.merge) == "ab"
