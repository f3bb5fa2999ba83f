"""Budgets: no further call once they are spent, whoever calls, and nothing is counted twice."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    AIMessageChunk,
    Budget,
    BudgetExceeded,
    ConfigError,
    InMemoryCache,
    RunnableLambda,
    ServerError,
    StrOutputParser,
)
from runnables.models.fakes import DeterministicFakeEmbedding
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.laws.recorder import Recorder
from tests.laws.specimens import NO_BACKOFF
from tests.models.test_request_policies import WAYS, Quick, Watches, ways


def usage(read: int, written: int, **details: int) -> Any:
    said: Any = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return {**said, "input_token_details": details} if details else said


def model(**settings: Any) -> ScriptedChatModel:
    return ScriptedChatModel(["a b"], cycle=True, **{"usage": usage(30, 40), **settings})


@pytest.mark.parametrize("way", WAYS)
def test_once_it_is_spent_no_further_call_begins(way: str, call: Call) -> None:
    """The call that exceeds it goes on to its end; the next one never reaches the model."""
    asked = model()
    with Budget(tokens=100) as budget:
        assert ways(call, asked)[way]() == "a b"
        assert ways(call, asked)[way]() == "a b"
        assert budget.spent_tokens == 140
        with pytest.raises(BudgetExceeded, match="140 of 100 tokens"):
            ways(call, asked)[way]()
    assert asked.opened == 2
    assert ways(call, asked)[way]() == "a b"
    assert budget.spent_tokens == 140


def test_it_holds_for_a_chain_that_has_it_in_its_config(call: Call) -> None:
    """All models in there together, also those that functions ask; and no other chain."""
    first, second = model(), model()
    chain = (
        first | StrOutputParser() | RunnableLambda(lambda it: second) | StrOutputParser()
    ).with_config(callbacks=[Budget(tokens=200)])
    assert call.batch(chain, ["hi"], max_concurrency=1) == ["a b"]
    with pytest.raises(BudgetExceeded) as caught:
        call.batch(chain, ["hi"] * 5, max_concurrency=1)
    assert (first.opened, second.opened) == (2, 1)
    assert "in step 3 of 4" in "".join(caught.value.__notes__)
    call.invoke(first, "hi")


def test_collected_errors_are_those_that_were_too_many(call: Call) -> None:
    """The items before are whole."""
    asked = model()
    with Budget(tokens=70 * 3):
        outputs = call.batch(asked, ["hi"] * 5, max_concurrency=1, return_exceptions=True)
    assert [type(it).__name__ for it in outputs] == ["AIMessage"] * 3 + ["BudgetExceeded"] * 2


def test_what_a_stream_has_reported_counts_where_it_is_left(call: Call) -> None:
    """Some services report what was read with the first piece."""
    pieces: Any = [[AIMessageChunk("a", usage_metadata=usage(30, 1)), "b", "c"]]
    with Budget(tokens=100) as budget:
        call.stream(ScriptedChatModel(pieces), "hi", take=1)
        assert budget.spent_tokens == 31
        with pytest.raises(ServerError):
            call.stream(ScriptedChatModel([[*pieces[0], ServerError("x")]]), "hi")
        assert budget.spent_tokens == 62
        call.stream(ScriptedChatModel(pieces), "hi")
        assert budget.spent_tokens == 93
    assert not budget._streaming


def test_what_is_answered_from_a_cache_costs_nothing(call: Call) -> None:
    """By the model's own, and by one around it, in every way of asking; left in the midst, too."""
    for asked in (model(cache=InMemoryCache()), model().with_cache()):
        with Budget(tokens=71) as budget:
            for way in (*WAYS, *WAYS):
                ways(call, asked)[way]()
            call.stream(asked, "hi", take=1)
        assert budget.spent_tokens == 70


def test_retries_and_fallbacks_do_not_go_on(call: Call) -> None:
    """Another attempt would not mend it; a fallback under the same budget is refused as well."""
    asked, other = model(), model()
    policed = asked.with_retry(**NO_BACKOFF).with_fallbacks([other])
    with Budget(tokens=10):
        call.invoke(policed, "hi")
        with pytest.raises(BudgetExceeded) as caught:
            call.invoke(policed, "hi")
    assert (asked.opened, other.opened) == (1, 0)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


def test_a_fallback_takes_over_where_the_first_model_has_its_own_budget(call: Call) -> None:
    """An expensive model up to a point, then a cheap one."""
    dear, cheap = model(), model()
    both = dear.with_config(callbacks=[Budget(tokens=100)]).with_fallbacks([cheap])
    for _ in range(4):
        call.invoke(both, "hi")
    assert (dear.opened, cheap.opened) == (2, 2)


def test_failed_attempts_cost_what_they_report(call: Call) -> None:
    """The answer of the last attempt is counted once."""
    asked = Quick([ServerError("x"), "a b"], usage=usage(30, 40), max_retries=1)
    with Budget(tokens=100) as budget:
        call.invoke(asked, "hi")
        assert budget.spent_tokens == 70


def test_embeddings_are_refused_as_well(call: Call) -> None:
    """They report no usage, and so cost nothing; but nothing is spent any more."""
    vectors = DeterministicFakeEmbedding(3)
    with Budget(tokens=10) as budget:
        call.batch(vectors, ["a", "b"])
        assert budget.spent_tokens == 0
        call.invoke(model(), "hi")
        with pytest.raises(BudgetExceeded):
            call.invoke(vectors, "a")


# -- money


PRICES = {"dear": (10, 100), "cheap": [1, 2, 0.1, 1.25], "some-4": (4, 4)}


@pytest.mark.parametrize(
    ("name", "used", "cost"),
    [
        ("dear", usage(1_000_000, 0), 10),
        ("dear", usage(0, 10_000), 1),
        ("dear", usage(100_000, 10_000, cache_read=50_000), 2),
        ("cheap", usage(1_000_000, 0, cache_read=500_000, cache_creation=400_000), 0.65),
        ("cheap-2025-08-07", usage(1_000_000, 500_000), 2),
        ("cheap-20250807", usage(1_000_000, 0), 1),
        ("some-4-latest", usage(500_000, 0), 2),
    ],
)
def test_tokens_cost_what_the_table_says(name: str, used: Any, cost: float, call: Call) -> None:
    """Read, written, read from the provider's cache and written into it; snapshots as the model."""
    with Budget(cost=1e9, prices=PRICES) as budget:
        call.invoke(model(usage=used, response_metadata={"model_name": name}), "hi")
    assert budget.spent_cost == pytest.approx(cost)
    assert budget.by_model == {name: used}


def test_a_cost_is_a_limit(call: Call) -> None:
    """No call begins once it is reached."""
    asked = model(usage=usage(100_000, 0), response_metadata={"model_name": "dear"})
    with Budget(cost=1.5, prices=PRICES) as budget:
        for _ in range(2):
            call.invoke(asked, "hi")
        with pytest.raises(BudgetExceeded, match="2 of 1.5 in money"):
            call.invoke(asked, "hi")
    assert repr(budget) == "<Budget(cost=1.5): spent 200,000 tokens, 2 in money>"


@pytest.mark.parametrize("name", ["some-4-5-20250929", "dear-mini", "unknown"])
def test_a_model_without_a_price_is_not_taken_for_free(name: str, call: Call) -> None:
    """The answer is there, and paid; then what is left cannot be told, so nothing more is asked."""
    asked = model(response_metadata={"model_name": name})
    with Budget(cost=1, prices=PRICES):
        call.invoke(asked, "hi")
        with pytest.raises(BudgetExceeded, match=f"prices= has no '{name}'"):
            call.invoke(asked, "hi")
    with Budget(tokens=1000, prices=PRICES):
        call.invoke(asked, "hi")
        call.invoke(asked, "hi")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"cost": 1},
        {"cost": 1, "prices": {"a": 1}},
        {"cost": 1, "prices": {"a": (1,)}},
        {"cost": 1, "prices": {"a": (1, "2")}},
        {"cost": 1, "prices": {"a": (1, -2)}},
        {"cost": 1, "prices": {"a": "12"}},
        {"tokens": "100"},
        {"tokens": -1},
        {"tokens": True},
        {"tokens": float("nan")},
        {"cost": "1", "prices": {"a": (1, 2)}},
    ],
    ids=repr,
)
def test_half_a_budget_is_refused(wrong: Any) -> None:
    """Where it is made."""
    with pytest.raises(ConfigError):
        Budget(**wrong)


# -- blocks and watchers


def test_blocks_nest_and_follow_one_another(call: Call) -> None:
    """The narrower of two holds; a budget goes on counting in a later block."""
    outer, inner = Budget(tokens=100), Budget(tokens=1000)
    with outer, inner:
        call.invoke(model(), "hi")
    with outer:
        call.invoke(model(), "hi")
        with pytest.raises(BudgetExceeded, match="of 100"):
            call.invoke(model(), "hi")
        with pytest.raises(ConfigError, match="block already"), outer:
            pass
    assert (outer.spent_tokens, inner.spent_tokens) == (140, 70)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", [True, False])
def test_who_watches_sees_the_refused_call_begin_and_end(first: bool, way: str, call: Call) -> None:
    """A start has an end, also where a handler before or behind it refuses the run."""
    seen: Any = Watches() if way == "watched" else Recorder()
    budget = Budget(tokens=0)
    callbacks = [budget, seen] if first else [seen, budget]
    asked = model().with_config(callbacks=callbacks)
    with pytest.raises(BudgetExceeded):
        ways(call, asked)[way]()
    own = [it.kind for it in seen.events if it.run_type == "chat_model"]
    assert own == ["start", "error"]
    assert asked.opened == 0  # type: ignore[attr-defined]  # lent by the model
