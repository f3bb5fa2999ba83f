"""Law 3: `|` is associative, the passthrough is its identity, and wrappers keep each other."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import (
    EmptyStream,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    StrOutputParser,
)
from tests.both_modes import Call
from tests.laws import steps
from tests.laws.outcomes import Failed, Outcome, failed, outcome, stream_of, without_notes
from tests.laws.registry import REGISTRY
from tests.laws.specimens import STRINGS, Specimen

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
    return [_comparable(whole), _comparable(streamed)]


def _comparable(result: Outcome) -> Any:
    """Return an outcome without the parts that name the runnable around: notes and producers."""
    bare = without_notes(result)
    return EmptyStream if isinstance(bare, Failed) and bare.kind is EmptyStream else bare


def test_grouping_makes_no_difference(call: Call) -> None:
    """`(a | b) | c` is `a | (b | c)`: equal, and the same invoked and streamed."""

    @given(STEPS, STEPS, STEPS, STRINGS)
    def law(a: Any, b: Any, c: Any, text: str) -> None:
        left, right = (a | b) | c, a | (b | c)
        assert left == right
        assert both(call, left, text) == both(call, right, text)

    law()


MORE_STEPS = STEPS | st.sampled_from(
    [
        RunnableLambda(steps.shout).with_config(tags=["a"]),
        RunnableLambda(steps.words).with_retry(wait_exponential_jitter=False),
        RunnableLambda(steps.stumble).with_fallbacks([steps.shout]),
        RunnableParallel(a=RunnableLambda(steps.words), b=steps.shout) | RunnablePick("a"),
        RunnableBranch((bool, RunnableGenerator(steps.uppercase, steps.auppercase)), steps.shout),
        steps.Everything(),
        StrOutputParser(),
    ]
)


@st.composite
def two_bracketings(draw: Callable[..., Any]) -> tuple[Any, Any]:
    """Draw the same steps, piped with the brackets in two random places."""
    parts = draw(st.lists(MORE_STEPS, min_size=3, max_size=7))
    return _bracketed(draw, parts), _bracketed(draw, parts)


def _bracketed(draw: Callable[..., Any], parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    cut = draw(st.integers(1, len(parts) - 1))
    return _bracketed(draw, parts[:cut]) | _bracketed(draw, parts[cut:])


def test_no_bracketing_makes_a_difference(call: Call) -> None:
    """Three to seven steps are equal with any brackets, and return the same in every call."""

    @settings(max_examples=60)
    @given(two_bracketings(), st.lists(STRINGS, min_size=1, max_size=2))
    def law(pair: tuple[Any, Any], strings: list[str]) -> None:
        one, other = pair
        assert one == other
        assert hash(one) == hash(other)
        assert repr(one) == repr(other)
        for text in strings:
            assert both(call, one, text) == both(call, other, text)
        batches = [call.batch(chain, strings, return_exceptions=True) for chain in pair]
        assert list(map(_bare, batches[0])) == list(map(_bare, batches[1]))

    law()


def _bare(result: Any) -> Any:
    return _comparable(failed(result)) if isinstance(result, Exception) else result


@pytest.mark.parametrize(
    "specimen", [specimen for specimen in REGISTRY if not specimen.remembers], ids=str
)
def test_the_passthrough_is_the_identity(specimen: Specimen, call: Call) -> None:
    """It changes nothing, before or behind any runnable of the registry."""
    if not specimen.runs_in(call.mode):
        pytest.skip("async only")

    @settings(max_examples=3)
    @given(specimen.inputs)
    def law(value: Any) -> None:
        alone = both(call, specimen.make(), value)
        assert both(call, RunnablePassthrough() | specimen.make(), value) == alone
        assert both(call, specimen.make() | RunnablePassthrough(), value) == alone

    law()


WRAPPERS: dict[str, Any] = {
    "bind": lambda step: step.bind(other=5),
    "with_config": lambda step: step.with_config(tags=["a"]),
    "with_retry": lambda step: step.with_retry(wait_exponential_jitter=False),
    "with_types": lambda step: step.with_types(input_type=int),
    "with_fallbacks": lambda step: step.with_fallbacks([steps.double]),
    "with_timeout": lambda step: step.with_timeout(60),
    "with_listeners": lambda step: step.with_listeners(on_end=str),
}


@pytest.mark.parametrize("order", list(permutations(WRAPPERS, 3)), ids="-".join)
def test_the_order_of_wrappers_loses_nothing(order: tuple[str, ...], call: Call) -> None:
    """Bound options and tags reach the function, whatever the order of the wrappers."""
    seen: list[Any] = []

    def leaf(number: int, config: Any, *, other: int = 0) -> int:
        seen.append(config.get("tags"))
        return number + other

    runnable: Any = RunnableLambda(leaf)
    for name in order:
        runnable = WRAPPERS[name](runnable)
    assert call.invoke(runnable, 1) == (6 if "bind" in order else 1)
    assert "with_config" not in order or seen == [["a"]]
