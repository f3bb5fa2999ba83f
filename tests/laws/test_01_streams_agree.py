"""Law 1: merging the chunks of a stream gives what invoke gives, however the input was cut."""

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
    make: Callable[[], Runnable[Any, Any]], value: Any, pieces: list[Any], call: Call
) -> None:
    """The stream of the whole input, and of the input in pieces, add up to what invoke gives."""
    whole = without_notes(outcome(lambda: call.invoke(make(), value)))
    streamed = without_notes(outcome(lambda: stream_of(call, make(), value).value))
    assert streamed == whole, "the stream disagrees with invoke"
    cut = without_notes(outcome(lambda: transform_of(call, make(), pieces).value))
    assert cut == whole, f"the input in pieces {pieces!r} makes a difference"


def check_next_step_gets_the_value(
    make: Callable[[], Runnable[Any, Any]], value: Any, call: Call
) -> None:
    """A step downstream that needs the whole gets it by the upstream's own merge."""
    got: list[Any] = []
    chain = make() | RunnableLambda(got.append, blocking=False)
    whole = without_notes(outcome(lambda: call.invoke(make(), value)))
    streamed = without_notes(outcome(lambda: stream_of(call, chain, value) and got[-1]))
    assert streamed == whole


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_a_stream_adds_up_to_what_invoke_gives(specimen: Specimen, call: Call) -> None:
    """Over the whole registry, errors included, for any cut of the input."""
    if not specimen.runs_in(call.colour):
        pytest.skip("async only")

    @settings(max_examples=12)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        value = data.draw(specimen.inputs)
        check_stream_agrees(specimen.make, value, data.draw(cuts(value)), call)

    law()


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_the_next_step_gets_what_invoke_gives(specimen: Specimen, call: Call) -> None:
    """Over the whole registry, with a function behind it that needs the whole."""
    if not specimen.runs_in(call.colour):
        pytest.skip("async only")

    @settings(max_examples=6)
    @given(specimen.inputs)
    def law(value: Any) -> None:
        check_next_step_gets_the_value(specimen.make, value, call)

    law()


def test_snapshots_of_a_parser_are_not_added(call: Call) -> None:
    """`model | json | f` gives f the list that invoke gives it, not the sum of its snapshots."""

    def model(_: str) -> Any:
        yield from ["[1, ", "2", ", 3]"]

    chain = RunnableLambda(model) | JsonOutputParser() | (lambda it: list(it))
    assert call.invoke(chain, "") == [1, 2, 3]
    assert stream_of(call, chain, "").value == [1, 2, 3]


def test_the_stream_says_how_it_adds_up(call: Call) -> None:
    """Behind steps that pass chunks on, and behind choices, the merge is that of the source."""
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
    """More than one: a TypeError that says how to declare it. One alone is the value."""

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
    """A function of the list of chunks: in invoke, in the next step, in a branch, in a map."""
    lengths = RunnableGenerator(steps.lengths, merge=steps.total)
    words = RunnableLambda(steps.words)
    chains: list[tuple[Any, Any, Any]] = [
        (words | lengths, "a bc d", 6),
        (words | lengths | steps.double, "a bc d", 12),
        (words | {"n": lengths, "m": lengths | steps.double}, "a bc d", {"n": 6, "m": 12}),
        ((words | lengths).map(), ["a bc", "d"], [4, 1]),
        ({"n": words | lengths} | RunnablePassthrough.assign(m=lambda it: it["n"]), "a b", None),
    ]
    for chain, value, expected in chains:
        assert stream_of(call, chain, value).value == call.invoke(chain, value)
        assert expected is None or call.invoke(chain, value) == expected


def test_merge_chunks_is_the_public_way_to_add_up() -> None:
    """`runnables.merge_chunks` with the stream's merge."""
    stream = RunnableLambda(steps.growing, merge="last").stream("ab")
    assert merge_chunks(list(stream), stream.merge) == "ab"
