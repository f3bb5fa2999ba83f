"""A usage below zero, which a broken service may report, takes back nothing that was used."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    AIMessage,
    AIMessageChunk,
    Budget,
    BudgetExceeded,
    InMemoryRateLimiter,
    Usage,
    UsageMetadata,
    add_usage,
    merge_chunks,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

PRICES = {"ScriptedChatModel": (1.0, 1.0, 0.5)}


def usage(read: int, written: int, total: int | None = None, **details: int) -> UsageMetadata:
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written if total is None else total,
    )
    if details:
        found["input_token_details"] = details  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues] - any keys
    return found


BROKEN: dict[str, UsageMetadata] = {
    "all": usage(-100, -50),
    "input": usage(-100, 5),
    "output": usage(5, -100),
    "total": usage(5, 5, total=-1_000),
    "details": usage(5, 5, cache_read=-1_000, cache_creation=-1_000),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_budget_is_not_refunded(broken: UsageMetadata, call: Call) -> None:
    """What other calls have spent stays spent, in tokens and in money."""
    answers = [AIMessage("a", usage_metadata=usage(30, 20)), AIMessage("b", usage_metadata=broken)]
    model = ScriptedChatModel(answers, cycle=True)
    budget = Budget(tokens=100, cost=1, prices=PRICES)
    config: Any = {"callbacks": [budget]}
    spent: list[tuple[float, float]] = []
    with pytest.raises(BudgetExceeded):
        for _ in range(10):
            call.invoke(model, "x", config)
            spent.append((budget.spent_tokens, budget.spent_cost))
    assert spent == sorted(spent)
    assert budget.spent_tokens >= 100


def test_a_total_below_zero_counts_as_its_parts(call: Call) -> None:
    """Nothing else says how much was used."""
    model = ScriptedChatModel([AIMessage("b", usage_metadata=BROKEN["total"])])
    budget = Budget(tokens=100)
    call.invoke(model, "x", {"callbacks": [budget]})
    assert budget.spent_tokens == 10


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_sums_never_fall(broken: UsageMetadata, call: Call) -> None:
    """Neither those of a handler, nor of a block, nor of chunks."""
    first = usage(30, 20, cache_read=10)
    answers = [AIMessage("a", usage_metadata=first), AIMessage("b", usage_metadata=broken)]
    handler = Usage()
    with track_usage() as block:
        for _ in answers:
            call.invoke(ScriptedChatModel(answers), "x", {"callbacks": [handler]})
    chunks = [AIMessageChunk("a", usage_metadata=first), AIMessageChunk("b", usage_metadata=broken)]
    merged: Any = merge_chunks(chunks)
    for total in (handler.total, block.total, add_usage(first, broken), merged.usage_metadata):
        assert total["input_tokens"] >= 30
        assert total["output_tokens"] >= 20
        assert total["total_tokens"] >= 50
        assert total["input_token_details"]["cache_read"] >= 10


def test_a_rate_limit_gets_no_tokens_for_a_negative_usage() -> None:
    """A call gives back what it has reserved at most."""
    limiter = InMemoryRateLimiter(tokens_per_minute=1_000)  # half of them may go at once
    assert limiter.acquire(tokens=400)
    limiter.settle(100, -5_000)
    assert not limiter.acquire(tokens=300, blocking=False)
    assert limiter.acquire(tokens=150, blocking=False)


def test_a_call_that_takes_less_than_none_is_no_gift() -> None:
    """It takes none."""
    limiter = InMemoryRateLimiter(tokens_per_minute=1_000, requests_per_minute=6_000)
    assert limiter.acquire(tokens=900)
    assert limiter.acquire(tokens=-5_000)
    assert not limiter.acquire(tokens=300, blocking=False)
