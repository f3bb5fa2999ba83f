"""Law 3: `|` is associative, the passthrough is its identity, and no wrapper loses another."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import EmptyStream, Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough
from tests.colours import Call
from tests.laws import steps
from tests.laws.outcomes import Failed, Outcome, outcome, stream_of, without_notes
from tests.laws.specimens import TEXTS, Specimen
from tests.laws.zoo import ZOO

STEPS = st.sampled_from(
    [
        RunnableLambda(steps.words),
        RunnableLambda(steps.growing, merge="last"),
        RunnableLambda(steps.shout),
        RunnableLambda(steps.stumble),
        RunnableGenerator(steps.uppercase, steps.auppercase),
        RunnableGenerator(steps.so_far, merge="last"),
        RunnablePassthrough(),
    ]
)


def both(call: Call, runnable: Runnable[Any, Any], value: Any) -> list[Any]:
    whole = outcome(lambda: call.invoke(runnable, value))
    streamed = outcome(lambda: stream_of(call, runnable, value).value)
    return [_known(whole), _known(streamed)]


def _known(what: Outcome) -> Any:
    """An outcome without what names the runnable around: notes, and whose stream is empty."""
    bare = without_notes(what)
    return EmptyStream if isinstance(bare, Failed) and bare.kind is EmptyStream else bare


def test_grouping_makes_no_difference(call: Call) -> None:
    """`(a | b) | c` is `a | (b | c)`: equal, and the same in whole and in pieces."""

    @given(STEPS, STEPS, STEPS, TEXTS)
    def law(a: Any, b: Any, c: Any, text: str) -> None:
        left, right = (a | b) | c, a | (b | c)
        assert left == right
        assert both(call, left, text) == both(call, right, text)

    law()


@pytest.mark.parametrize("specimen", [it for it in ZOO if not it.remembers], ids=str)
def test_the_passthrough_is_the_identity(specimen: Specimen, call: Call) -> None:
    """Before and behind anything of the zoo."""
    if not specimen.runs_in(call.colour):
        pytest.skip("async only")

    @settings(max_examples=3)
    @given(specimen.inputs)
    def law(value: Any) -> None:
        alone = both(call, specimen.make(), value)
        assert both(call, RunnablePassthrough() | specimen.make(), value) == alone
        assert both(call, specimen.make() | RunnablePassthrough(), value) == alone

    law()


WRAPPERS: dict[str, Any] = {
    "bind": lambda it: it.bind(other=5),
    "with_config": lambda it: it.with_config(tags=["a"]),
    "with_retry": lambda it: it.with_retry(wait_exponential_jitter=False),
    "with_types": lambda it: it.with_types(input_type=int),
    "with_fallbacks": lambda it: it.with_fallbacks([steps.double]),
}


@pytest.mark.parametrize("order", list(permutations(WRAPPERS, 3)), ids="-".join)
def test_the_order_of_wrappers_loses_nothing(order: tuple[str, ...], call: Call) -> None:
    """What was bound arrives, and tags arrive, in whatever order they were put around."""
    seen: list[Any] = []

    def leaf(number: int, config: Any, *, other: int = 0) -> int:
        seen.append(config.get("tags"))
        return number + other

    runnable: Any = RunnableLambda(leaf)
    for name in order:
        runnable = WRAPPERS[name](runnable)
    assert call.invoke(runnable, 1) == (6 if "bind" in order else 1)
    assert "with_config" not in order or seen == [["a"]]
