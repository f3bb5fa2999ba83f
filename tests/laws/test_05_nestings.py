"""Law 5 over random nestings: every limit around a leaf holds, and its slots are used."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings, strategies as st

from runnables import RunnableLambda
from tests.both_modes import Call
from tests.laws.nestings import (
    NODES,
    UNLIMITED,
    Limit,
    Node,
    Path,
    Place,
    Watch,
    build,
    expected,
    in_order,
)
from tests.laws.outcomes import stream_of

WAYS = (
    "invoke",
    "with_config",
    "stream",
    "batch",
    "batch, limit in the config",
    "as completed",
    "as completed, limit in the config",
)
MANY_WAYS = frozenset(WAYS[3:])


def run(call: Call, way: str, node: Node, limit: int, watch: Watch, is_async: bool) -> Any:
    """Call the runnable of a node under a limit; a batch has two items, 0 and 1."""
    chain = watch.limited(limit) | build(node, watch, is_async)
    two: Any = [Place(("0",)), Place(("1",))]
    config: Any = {"max_concurrency": limit}
    if way == "invoke":
        return call.invoke(chain, Place(), config)
    if way == "with_config":
        return call.invoke(chain.with_config(config), Place())
    if way == "stream":
        return stream_of(call, chain, Place(), config).value
    chain = build(node, watch, is_async)
    outer = watch.limited(limit).invoke(Place())
    two = [Place((name,), outer.limits) for name in "01"]
    if way == "batch":
        return call.batch(chain, two, max_concurrency=limit)
    if way == "batch, limit in the config":
        return call.batch(chain, two, config)
    keywords = {"max_concurrency": limit} if way == "as completed" else {"config": config}
    pairs = call.batch_as_completed(chain, two, **keywords)
    return [value for _, value in sorted(pairs, key=lambda pair: pair[0])]


def check_limits(watch: Watch) -> None:
    """Check that no call ran more leaves than its limit, nor more threads than slots."""
    exceeded = [(limit.peak, limit.limit) for limit in watch.limits if limit.peak > limit.limit]
    assert not exceeded, f"leaves at once, and the limit: {exceeded}"
    assert len(watch.threads) <= watch.limits[0].limit, f"more threads than slots: {watch.threads}"


def leaves_of(way: str, node: Node) -> list[Path]:
    starts: list[Path] = [("0",), ("1",)] if way in MANY_WAYS else [()]
    return [leaf for start in starts for leaf in in_order(node, start)]


@pytest.mark.parametrize("way", WAYS)
def test_every_limit_around_a_leaf_holds(way: str, call: Call) -> None:
    """With random limits around and inside, the limits hold and the output is right."""

    @settings(max_examples=60)
    @given(NODES, st.integers(1, 8), st.booleans())
    def law(node: Node, limit: int, functions: bool) -> None:
        watch = Watch()
        is_async = call.mode == "async" and not functions
        result = run(call, way, node, limit, watch, is_async)
        value = expected(node)
        assert result == ([value, value] if way in MANY_WAYS else value)
        assert sorted(watch.began) == sorted(leaves_of(way, node))
        check_limits(watch)

    law()


@pytest.mark.parametrize("way", WAYS)
def test_a_limit_of_one_runs_depth_first(way: str, call: Call) -> None:
    """One worker does all: leaves begin in the order in which they are written."""

    @settings(max_examples=25)
    @given(NODES, st.booleans())
    def law(node: Node, functions: bool) -> None:
        watch = Watch()
        run(call, way, node, 1, watch, call.mode == "async" and not functions)
        assert watch.began == leaves_of(way, node)
        check_limits(watch)

    law()


@pytest.mark.parametrize("way", [way for way in WAYS if way != "stream"])  # see the gap below
def test_as_many_leaves_as_slots_run_at_once(way: str, call: Call) -> None:
    """With a slot for each leaf, all leaves of any nesting run at once."""

    # leaves that wait in vain take a second, so a failing example is not shrunk
    @settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
    @given(UNLIMITED, st.booleans())
    def law(node: Node, functions: bool) -> None:
        leaves = len(leaves_of(way, node))
        watch = Watch(meet=leaves)
        run(call, way, node, leaves, watch, call.mode == "async" and not functions)
        assert watch.limits[0].peak == leaves, "slots were left idle"
        check_limits(watch)

    law()


BOUND = [
    ("invoke", {"max_concurrency": 8}),
    ("stream", {"max_concurrency": 8}),
    ("batch", {}),
    ("batch", {"max_concurrency": 8}),
    ("as completed", {}),
]


@pytest.mark.parametrize(("way", "config"), BOUND)
def test_a_bound_limit_holds_in_a_call_with_a_wider_one(way: str, config: Any, call: Call) -> None:
    """`with_config(max_concurrency=1)` holds in a call whose config says 8, and in a batch."""
    watch = Watch(meet=2, patience=0.1)
    limit = Limit(1)
    places = [Place((name,), (limit,)) for name in "01"]
    leaf = RunnableLambda(watch.call)
    many, one = (runnable.with_config(max_concurrency=1) for runnable in (leaf.map(), leaf))
    if way == "invoke":
        call.invoke(many, places, config)
    elif way == "stream":
        call.stream(many, places, config)
    elif way == "batch":
        call.batch(one, places, **config)
    else:
        call.batch_as_completed(one, places)
    assert limit.peak == 1


LEAF = Node("leaf")
NESTED = [
    Node("map", 2, (Node("map", 2, (LEAF,)),)),
    Node("parallel", 1, (LEAF, Node("batch in a function", 3, (LEAF,)))),
    Node("parallel", 1, (LEAF, Node("parallel", 1, (LEAF, LEAF)))),
]


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="a fan-out inside a streamed one keeps an idle slot"
)
@pytest.mark.parametrize("node", NESTED, ids=str)
def test_nested_streams_use_all_slots(node: Node, call: Call) -> None:
    """With as many slots as leaves, all leaves run at once in fan-outs inside streamed ones."""
    watch = Watch(meet=node.leaves, patience=0.1)
    run(call, "stream", node, node.leaves, watch, is_async=False)
    assert watch.limits[0].peak == node.leaves
