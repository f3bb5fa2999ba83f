"""Micro-batches reach bulk steps wherever they are in a chain, and only those see them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from runnables import (
    ConfigurableField,
    Embeddings,
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from tests.both_modes import Call
from tests.core.bulk_steps import Tens, no_four, seen, sizes
from tests.laws.gauges import Gauge, Signal
from tests.laws.recorder import Recorder

Make = Callable[[Runnable[Any, Any]], Runnable[Any, Any]]


def echo(value: Any) -> Any:
    return value


PLACES: dict[str, Make] = {
    "alone": lambda bulk: bulk,
    "first": lambda bulk: bulk | RunnableLambda(echo),
    "last": lambda bulk: RunnableLambda(echo) | bulk,
    "in the middle": lambda bulk: RunnableLambda(echo) | bulk | echo,
    "in a branch of a parallel": lambda bulk: RunnableParallel(a=bulk, b=echo),
    "in a dict": lambda bulk: RunnablePassthrough() | {"a": echo, "b": bulk} | echo,
    "in an assign": lambda bulk: (
        RunnableParallel(x=RunnablePassthrough())
        | RunnablePassthrough.assign(y=RunnableLambda(lambda state: state["x"]) | bulk)
    ),
    "in a parallel of a parallel": lambda bulk: RunnableParallel(
        a=RunnableParallel(b=RunnableLambda(echo) | bulk, c=echo), d=echo
    ),
    "in a named sequence": lambda bulk: RunnableLambda(echo).pipe(bulk, name="inner") | echo,
    "bound": lambda bulk: RunnableLambda(echo) | bulk.with_config(tags=["a"], run_name="b"),
    "with types": lambda bulk: bulk.with_types(input_type=int),
    "in a chain with a config": lambda bulk: (RunnableLambda(echo) | bulk).with_config(tags=["a"]),
    "in a chain with a limit": lambda bulk: (RunnableLambda(echo) | bulk).with_config(
        max_concurrency=2
    ),
    "with retry": lambda bulk: bulk.with_retry(),
    "in a chain with retry": lambda bulk: (RunnableLambda(echo) | bulk | echo).with_retry(),
    "with fallbacks": lambda bulk: bulk.with_fallbacks([RunnableLambda(echo)]),
    "in a fallback": lambda bulk: RunnableLambda(_fail).with_fallbacks([bulk]),
    "in a branch": lambda bulk: RunnableBranch((lambda _: True, bulk), echo),
    "in the default of a branch": lambda bulk: RunnableBranch((lambda _: False, echo), bulk),
    "behind a router": lambda bulk: (
        RunnableLambda(_to_bulk) | RouterRunnable({"bulk": bulk, "echo": echo})
    ),
    "in a map": lambda bulk: RunnableLambda(lambda value: [value]) | bulk.map(),
    "an alternative": lambda bulk: (
        RunnableLambda(echo)
        .configurable_alternatives(ConfigurableField(id="which"), default_key="echo", bulk=bulk)
        .with_config(configurable={"which": "bulk"})
    ),
    "cached": lambda bulk: (RunnableLambda(echo) | bulk).with_cache(key="bulk"),
}


def _to_bulk(value: Any) -> Any:
    return {"key": "bulk", "input": value}


def _fail(_: object) -> Any:
    raise KeyError("not this one")


@pytest.mark.parametrize("limit", [1, 2, 8])
@pytest.mark.parametrize("place", PLACES)
def test_nine_rows_make_three_calls_of_three(place: str, limit: int, call: Call) -> None:
    """Wherever the step is; and each row has the output that `invoke` returns."""
    make, bulk = PLACES[place], Tens(3)
    expected = [call.invoke(make(Tens(3)), number) for number in range(9)]
    assert call.batch(make(bulk), range(9), max_concurrency=limit) == expected
    assert sizes(bulk) == [3, 3, 3]
    bulk = Tens(3)
    pairs = call.batch_as_completed(make(bulk), iter(range(9)), max_concurrency=limit)
    assert sorted(pairs, key=lambda pair: pair[0]) == list(enumerate(expected))
    assert sizes(bulk) == [3, 3, 3]
    assert limit > 1 or [index for index, _ in pairs] == list(range(9)), "not in order"


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_the_last_batch_is_as_small_as_it_must_be(limit: int, call: Call) -> None:
    """What no other row can join goes at once."""
    bulk = Tens(4)
    chain = RunnableLambda(echo) | {"a": bulk, "b": echo}
    call.batch(chain, range(10), max_concurrency=limit)
    assert sizes(bulk) == [4, 4, 2]
    assert set(seen(bulk).values()) == {1}


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_two_bulk_steps_in_a_row_each_get_batches_of_their_own(limit: int, call: Call) -> None:
    """Of different sizes, with another step between them."""
    one, two = Tens(6), Tens(4)
    chain = one | RunnableLambda(lambda number: number + 1) | two
    outputs = call.batch(chain, range(12), max_concurrency=limit)
    assert outputs == [10 * (10 * number + 1) for number in range(12)]
    assert sizes(one) == [6, 6]
    assert sizes(two) == [4, 4, 4]


@pytest.mark.parametrize("limit", [1, 3])
def test_two_bulk_steps_side_by_side_each_get_batches_of_their_own(limit: int, call: Call) -> None:
    """In two branches of one parallel."""
    one, two = Tens(3), Tens(2)
    chain = {"a": one, "b": two} | RunnableLambda(echo)
    outputs = call.batch(chain, range(6), max_concurrency=limit)
    assert outputs == [{"a": 10 * number, "b": 10 * number} for number in range(6)]
    assert sizes(one) == [3, 3]
    assert sizes(two) == [2, 2, 2]


def test_one_bulk_step_at_two_places_gathers_at_each(call: Call) -> None:
    """The same object before and after another step."""
    bulk = Tens(3)
    chain = bulk | RunnableLambda(lambda number: -number - 1) | bulk
    assert call.batch(chain, range(3), max_concurrency=2) == [-10, -110, -210]
    assert sizes(bulk) == [3, 3]


@pytest.mark.parametrize("limit", [1, 2])
def test_rows_of_two_branches_gather_in_each(limit: int, call: Call) -> None:
    """Rows that take another branch are not waited for in vain."""
    even, odd = Tens(3), Tens(2)
    # in threads, it would be a matter of time whether a row is still on its way to a branch
    is_even = RunnableLambda(lambda number: number % 2 == 0, blocking=False)
    chain = RunnableBranch((is_even, even), odd | RunnableLambda(echo, blocking=False))
    pairs = call.batch_as_completed(chain, range(12), max_concurrency=limit)
    assert sorted(pairs) == [(number, 10 * number) for number in range(12)]
    assert sizes(even) == [3, 3]
    assert sizes(odd) == [2, 2, 2]


def test_a_rare_branch_waits_for_a_batch_of_other_rows_at_most(call: Call) -> None:
    """So its row is done although the inputs are endless and no other row takes the branch."""
    rare = Tens(5)
    chain = RunnableBranch((lambda number: number == 3, rare), echo)
    pairs = call.batch_as_completed(chain, count(), take=30, max_concurrency=2)
    assert (3, 30) in pairs
    assert rare.calls == [[3]]


def test_the_items_of_a_map_go_together(call: Call) -> None:
    """Those of one input in `invoke`, and those of several in a batch."""
    bulk = Tens(4)
    chain = (RunnableLambda(echo) | bulk).map()
    assert call.invoke(chain, [1, 2, 3]) == [10, 20, 30]
    assert bulk.calls == [[1, 2, 3]]
    bulk._calls.clear()
    assert call.batch(chain, [[1], [2, 3], [4]]) == [[10], [20, 30], [40]]
    assert sizes(bulk) == [4]


def test_an_embedder_in_a_dict_makes_one_request(call: Call) -> None:
    """Three strings are one batch."""
    requests: list[list[str]] = []

    class Lengths(Embeddings):
        def embed_documents(self, strings: Sequence[str]) -> list[list[float]]:
            requests.append(list(strings))
            return [[float(len(string))] for string in strings]

    chain: Any = {"vector": Lengths(), "text": RunnablePassthrough()} | RunnablePassthrough()
    assert [row["vector"] for row in call.batch(chain, ["a", "bb", "ccc"])] == [[1.0], [2.0], [3.0]]
    assert requests == [["a", "bb", "ccc"]]


def test_a_part_with_a_lower_limit_runs_as_a_whole(call: Call) -> None:
    """Its limit holds for each call of it, so nothing of it is shared by rows."""
    gauge = Gauge(1)
    leaf = gauge.call if call.mode == "sync" else gauge.acall
    inner = RunnableParallel(a=Tens(3) | RunnableLambda(leaf), b=RunnableLambda(leaf))
    chain = inner.with_config(max_concurrency=1) | RunnableLambda(echo)
    assert call.batch(chain, [1], max_concurrency=4) == [{"a": 10, "b": 1}]
    assert gauge.peak == 1


def test_a_users_class_that_overrides_invoke_keeps_its_way(call: Call) -> None:
    """A batch calls what the user wrote, not the steps inside."""

    class Twice(RunnableParallel[Any]):
        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return [super().invoke(input, config, **kwargs)] * 2

        async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return [await super().ainvoke(input, config, **kwargs)] * 2

    assert call.batch(Twice(a=Tens(3)), [1, 2]) == [[{"a": 10}] * 2, [{"a": 20}] * 2]


# -- context and events


def test_every_run_that_began_ends(call: Call) -> None:
    """Rows that wait when a batch fails, or is left, report their end."""
    for leave in (True, False):
        recorder = Recorder()
        chain = RunnableLambda(echo) | {"a": Tens(3, None if leave else no_four)} | echo
        config: Any = {"callbacks": [recorder]}
        if leave:
            call.batch_as_completed(chain, count(), config, take=1, max_concurrency=2)
        else:
            with pytest.raises(ValueError, match="four"):
                call.batch(chain, range(9), config, max_concurrency=2)
        began = {event.run_id for event in recorder.events if event.kind == "start"}
        ended = [event.run_id for event in recorder.events if event.kind in ENDS]
        assert sorted(began) == sorted(ended)


ENDS = ("end", "error", "cancelled")


def test_a_bulk_call_is_one_run(call: Call) -> None:
    """Its input and its output are lists; every row has a run of its own."""
    recorder = Recorder()
    call.batch(RunnableLambda(echo) | Tens(3), range(3), {"callbacks": [recorder]})
    ends = [event for event in recorder.events if event.kind == "end"]
    assert [event.output for event in ends if event.name == "Tens"] == [[0, 10, 20]]
    assert sorted(event.output for event in ends if event.name == "RunnableSequence") == [0, 10, 20]


# -- the limit


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_steps_around_a_bulk_step_keep_the_limit_and_use_it(limit: int, call: Call) -> None:
    """Rows that wait for a bulk call hold neither a slot nor a thread."""
    before, after = Gauge(limit), Gauge(limit)
    first, second = (
        RunnableLambda(gauge.call if call.mode == "sync" else gauge.acall)
        for gauge in (before, after)
    )
    chain = first | {"a": Tens(20), "b": RunnablePassthrough()} | second
    assert len(call.batch(chain, range(60), max_concurrency=limit)) == 60
    for gauge in (before, after):
        assert gauge.peak == limit
        assert len(gauge.threads) <= limit, gauge.threads


def test_bulk_calls_that_end_their_rows_run_side_by_side(call: Call) -> None:
    """As many at once as the limit says, where no step that blocks follows."""
    together = threading.Barrier(3)

    def meet(_: Sequence[Any]) -> None:
        together.wait(4)

    for chain in (lambda bulk: bulk, lambda bulk: {"a": bulk} | RunnablePassthrough().pick("a")):
        bulk = Tens(5, meet)
        call.batch(chain(bulk), range(15), max_concurrency=3)
        assert bulk.peak == 3


def test_a_batch_in_a_batch_shares_the_limit(call: Call) -> None:
    """The inner one gathers, too, with the slots that are left."""
    bulk = Tens(3)
    chain = RunnableLambda(echo) | bulk

    def inner(number: int) -> Any:
        return chain.batch([number, number + 1, number + 2])

    async def ainner(number: int) -> Any:
        return await chain.abatch([number, number + 1, number + 2])

    outer = RunnableLambda(inner if call.mode == "sync" else ainner)
    outputs = call.batch(outer, [0, 10], max_concurrency=2)
    assert outputs == [[0, 10, 20], [100, 110, 120]]
    assert bulk.calls == [[0, 1, 2], [10, 11, 12]]


def test_leaving_a_batch_stops_it(call: Call) -> None:
    """No bulk call begins afterwards, and nothing is left open."""
    bulk = Tens(4)
    chain = RunnableLambda(echo) | bulk | echo
    call.batch_as_completed(chain, count(), take=2, max_concurrency=3)
    made = len(bulk.calls)
    Signal().wait(0.05)
    assert len(bulk.calls) == made
