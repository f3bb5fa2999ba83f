"""Law 4 for bulk steps in random chains: a batch returns what `invoke` returns for each item."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import example, given, strategies as st

from runnables import (
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough as Passthrough,
)
from tests.both_modes import Call
from tests.core.bulk_steps import Tens
from tests.laws.specimens import NO_BACKOFF

Make = Callable[[], Runnable[Any, Any]]


class Marks(Tens):
    """A bulk step that marks its inputs."""

    def _invoke_batch(self, values: Sequence[Any], scope: Any, kwargs: dict[str, Any]) -> list[Any]:
        assert len(values) <= self.max_batch_size
        if self.fails is not None:
            self.fails(values)
        return [f"bulk {value}" for value in values]


def chain_of(seed: int, call: Call) -> Runnable[Any, Any]:
    """Return a random chain, up to three levels deep, whose bulk steps may fail for some rows."""
    choice = random.Random(seed)

    def build(depth: int) -> Runnable[Any, Any]:
        kind = choice.choice(list(KINDS) if depth else ["bulk", "leaf"])
        if kind == "leaf":
            return RunnableLambda(_aleaf if call.mode == "async" else _leaf)
        if kind == "bulk":
            return Marks(choice.randint(1, 4), choice.choice([None, None, _fail_for_some]))
        made: Runnable[Any, Any] = KINDS[kind](lambda: build(depth - 1), choice)
        return made

    return build(3)


def _leaf(value: Any) -> str:
    return f"leaf {value}"


async def _aleaf(value: Any) -> str:
    return f"leaf {value}"


def _fail_for_some(values: Sequence[Any]) -> None:
    for value in values:
        if len(str(value)) % 5 == 3:
            raise ValueError("not this one")  # of two branches that fail, either error is raised


def _limited(part: Make, choice: random.Random) -> Runnable[Any, Any]:
    return part().with_config(max_concurrency=choice.randint(1, 3))


KINDS: dict[str, Callable[[Make, random.Random], Any]] = {
    "bulk": lambda part, choice: part(),
    "leaf": lambda part, choice: part(),
    "sequence": lambda part, choice: Passthrough() | part() | part(),
    "parallel": lambda part, choice: RunnableParallel(a=part(), b=part()),
    "assign": lambda part, choice: RunnableParallel(x=str) | Passthrough.assign(y=part()),
    "branch": lambda part, choice: RunnableBranch((_is_odd, part()), part()),
    "retry": lambda part, choice: part().with_retry(stop_after_attempt=2, **NO_BACKOFF),
    "fallbacks": lambda part, choice: part().with_fallbacks([part()]),
    "map": lambda part, choice: RunnableLambda(_twice) | part().map(),
    "tags": lambda part, choice: part().with_config(tags=["a"]),
    "limit": _limited,
}


def _twice(value: Any) -> list[Any]:
    return [value, str(value)]


def _is_odd(value: Any) -> bool:
    return len(str(value)) % 2 == 1


def test_a_batch_of_any_chain_is_invoke_item_by_item(call: Call) -> None:
    """Errors included, within any limit; one slot completes the rows in order."""

    # branches of one row are in several bulk calls, and one of them fails
    @example(seed=56, limit=2, count=9)
    @example(seed=115, limit=4, count=9)
    @example(seed=161, limit=4, count=9)
    @given(seed=st.integers(0, 10**6), limit=st.integers(1, 4), count=st.integers(0, 9))
    def law(seed: int, limit: int, count: int) -> None:
        rows = [7**number for number in range(count)]
        chain = chain_of(seed, call)
        alone = [_seen(call, chain, row) for row in rows]
        options: dict[str, Any] = {"max_concurrency": limit, "return_exceptions": True}
        assert [_comparable(output) for output in call.batch(chain, rows, **options)] == alone
        pairs = call.batch_as_completed(chain, iter(rows), **options)
        assert limit > 1 or [index for index, _ in pairs] == list(range(count))
        by_index = sorted(pairs, key=lambda pair: pair[0])
        assert [_comparable(output) for _, output in by_index] == alone

    law()


def _seen(call: Call, chain: Any, row: int) -> Any:
    try:
        return call.invoke(chain, row)
    except Exception as error:
        return _comparable(error)


def _comparable(output: Any) -> Any:
    return (type(output), str(output)) if isinstance(output, Exception) else output
