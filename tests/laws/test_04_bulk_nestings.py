"""Law 4 for bulk steps in random chains: a batch returns what `invoke` returns for each item."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, strategies as st

from tests.both_modes import Call
from tests.laws.bulk_chains import chain_of, chain_with_tenants, comparable, outcome


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
        alone = [outcome(call, chain, row) for row in rows]
        options: dict[str, Any] = {"max_concurrency": limit, "return_exceptions": True}
        assert [comparable(output) for output in call.batch(chain, rows, **options)] == alone
        pairs = call.batch_as_completed(chain, iter(rows), **options)
        assert limit > 1 or [index for index, _ in pairs] == list(range(count))
        by_index = sorted(pairs, key=lambda pair: pair[0])
        assert [comparable(output) for _, output in by_index] == alone

    law()


def test_what_one_row_sets_does_not_reach_another(call: Call) -> None:
    """Context variables, options, and configs, also those of each row: as `invoke` finds them."""

    @given(
        seed=st.integers(0, 10**6),
        limit=st.integers(1, 4),
        count=st.integers(0, 9),
        has_configs=st.booleans(),
    )
    def law(seed: int, limit: int, count: int, has_configs: bool) -> None:
        rows = [7**number for number in range(count)]
        configs: list[Any] = [
            {"configurable": {"a": number % 2}, "tags": [str(number % 3)]}
            for number in range(count)
        ]
        chain = chain_with_tenants(seed, call)
        options: dict[str, Any] = {"max_concurrency": limit, "return_exceptions": True}
        config = configs if has_configs else None
        alone = [
            outcome(call, chain, row, configs[index] if has_configs else None)
            for index, row in enumerate(rows)
        ]
        outputs = call.batch(chain, rows, config, **options)
        assert [comparable(output) for output in outputs] == alone
        pairs = call.batch_as_completed(chain, rows, config, **options)
        assert limit > 1 or [index for index, _ in pairs] == list(range(count))
        by_index = sorted(pairs, key=lambda pair: pair[0])
        assert [comparable(output) for _, output in by_index] == alone

    law()
