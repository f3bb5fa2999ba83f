"""Budgets: no call begins once they are spent, and nothing is counted twice."""

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
from tests.models.test_request_policies import WAYS, ChunkHandler, Quick, ways


def usage(input: int, output: int, **details: int) -> Any:
    tokens: Any = {"input_tokens": input, "output_tokens": output, "total_tokens": input + output}
    return {**tokens, "input_token_details": details} if details else tokens


def model(**settings: Any) -> ScriptedChatModel:
    return ScriptedChatModel(["a b"], cycle=True, **{"usage": usage(30, 40), **settings})


@pytest.mark.parametrize("way", WAYS)
def test_no_call_begins_once_the_budget_is_spent(way: str, call: Call) -> None:
    """The call that exceeds it goes on to its end; the next one never reaches the model."""
    chat = model()
    with Budget(tokens=100) as budget:
        assert ways(call, chat)[way]() == "a b"
        assert ways(call, chat)[way]() == "a b"
        assert budget.spent_tokens == 140
        with pytest.raises(BudgetExceeded, match="140 of 100 tokens"):
            ways(call, chat)[way]()
    assert chat.opened == 2
    assert ways(call, chat)[way]() == "a b"
    assert budget.spent_tokens == 140


def test_it_holds_for_a_chain_that_has_it_in_its_config(call: Call) -> None:
    """It counts all models of the chain, also those that functions return, and no others."""
    first, second = model(), model()
    chain = (
        first | StrOutputParser() | RunnableLambda(lambda _: second) | StrOutputParser()
    ).with_config(callbacks=[Budget(tokens=200)])
    assert call.batch(chain, ["hi"], max_concurrency=1) == ["a b"]
    with pytest.raises(BudgetExceeded) as caught:
        call.batch(chain, ["hi"] * 5, max_concurrency=1)
    assert (first.opened, second.opened) == (2, 1)
    assert "in step 3 of 4" in "".join(caught.value.__notes__)
    call.invoke(first, "hi")


def test_in_a_batch_only_the_items_beyond_the_budget_fail(call: Call) -> None:
    """The items before have their answers."""
    chat = model()
    with Budget(tokens=70 * 3):
        outputs = call.batch(chat, ["hi"] * 5, max_concurrency=1, return_exceptions=True)
    assert [type(output).__name__ for output in outputs] == ["AIMessage"] * 3 + [
        "BudgetExceeded"
    ] * 2


def test_a_stream_that_is_closed_early_costs_what_it_has_reported(call: Call) -> None:
    """Some services report the input tokens with the first chunk."""
    chunks: Any = [[AIMessageChunk("a", usage_metadata=usage(30, 1)), "b", "c"]]
    with Budget(tokens=100) as budget:
        call.stream(ScriptedChatModel(chunks), "hi", take=1)
        assert budget.spent_tokens == 31
        with pytest.raises(ServerError):
            call.stream(ScriptedChatModel([[*chunks[0], ServerError("x")]]), "hi")
        assert budget.spent_tokens == 62
        call.stream(ScriptedChatModel(chunks), "hi")
        assert budget.spent_tokens == 93
    assert not budget._streaming


def test_cached_answers_cost_nothing(call: Call) -> None:
    """Those of the model's cache, and of `with_cache`, by any method; also if closed early."""
    for chat in (model(cache=InMemoryCache()), model().with_cache()):
        with Budget(tokens=71) as budget:
            for way in (*WAYS, *WAYS):
                ways(call, chat)[way]()
            call.stream(chat, "hi", take=1)
        assert budget.spent_tokens == 70


def test_retries_and_fallbacks_end_with_the_budget(call: Call) -> None:
    """There is no other attempt, and a fallback under the same budget is refused, too."""
    chat, other = model(), model()
    wrapped = chat.with_retry(**NO_BACKOFF).with_fallbacks([other])
    with Budget(tokens=10):
        call.invoke(wrapped, "hi")
        with pytest.raises(BudgetExceeded) as caught:
            call.invoke(wrapped, "hi")
    assert (chat.opened, other.opened) == (1, 0)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


def test_a_fallback_takes_over_if_only_the_first_model_has_a_budget(call: Call) -> None:
    """An expensive model answers up to its budget, then a cheap one does."""
    dear, cheap = model(), model()
    both = dear.with_config(callbacks=[Budget(tokens=100)]).with_fallbacks([cheap])
    for _ in range(4):
        call.invoke(both, "hi")
    assert (dear.opened, cheap.opened) == (2, 2)


def test_failed_attempts_cost_what_they_report(call: Call) -> None:
    """The answer of the last attempt is counted once."""
    chat = Quick([ServerError("x"), "a b"], usage=usage(30, 40), max_retries=1)
    with Budget(tokens=100) as budget:
        call.invoke(chat, "hi")
        assert budget.spent_tokens == 70


def test_embeddings_are_refused_as_well(call: Call) -> None:
    """They report no usage and cost nothing, but do not run once the budget is spent."""
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
    ("name", "tokens", "cost"),
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
def test_tokens_cost_what_the_prices_say(name: str, tokens: Any, cost: float, call: Call) -> None:
    """Input, output, cache reads and cache writes have their prices; snapshots have the model's."""
    with Budget(cost=1e9, prices=PRICES) as budget:
        call.invoke(model(usage=tokens, response_metadata={"model_name": name}), "hi")
    assert budget.spent_cost == pytest.approx(cost)
    assert budget.by_model == {name: tokens}


def test_a_cost_is_a_limit(call: Call) -> None:
    """No call begins once the cost is reached."""
    chat = model(usage=usage(100_000, 0), response_metadata={"model_name": "dear"})
    with Budget(cost=1.5, prices=PRICES) as budget:
        for _ in range(2):
            call.invoke(chat, "hi")
        with pytest.raises(BudgetExceeded, match="2 of 1.5 in money"):
            call.invoke(chat, "hi")
    assert repr(budget) == "<Budget(cost=1.5): spent 200,000 tokens, 2 in money>"


@pytest.mark.parametrize("name", ["some-4-5-20250929", "dear-mini", "unknown"])
def test_a_model_without_a_price_is_not_taken_for_free(name: str, call: Call) -> None:
    """The first answer comes; then the cost is unknown, so no other call begins."""
    chat = model(response_metadata={"model_name": name})
    with Budget(cost=1, prices=PRICES):
        call.invoke(chat, "hi")
        with pytest.raises(BudgetExceeded, match=f"prices= has no '{name}'"):
            call.invoke(chat, "hi")
    with Budget(tokens=1000, prices=PRICES):
        call.invoke(chat, "hi")
        call.invoke(chat, "hi")


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
def test_a_wrong_budget_is_refused_when_it_is_made(wrong: Any) -> None:
    """Limits and prices are needed, and must be numbers."""
    with pytest.raises(ConfigError):
        Budget(**wrong)


# -- blocks and handlers


def test_blocks_nest_and_follow_one_another(call: Call) -> None:
    """Of two budgets the smaller one counts; a budget goes on counting in a later block."""
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
def test_handlers_get_start_and_end_of_a_refused_call(first: bool, way: str, call: Call) -> None:
    """A start has an end, whether the budget is the first handler or the last."""
    seen: Any = ChunkHandler() if way == "observed" else Recorder()
    budget = Budget(tokens=0)
    callbacks = [budget, seen] if first else [seen, budget]
    chat = model().with_config(callbacks=callbacks)
    with pytest.raises(BudgetExceeded):
        ways(call, chat)[way]()
    own = [event.kind for event in seen.events if event.run_type == "chat_model"]
    assert own == ["start", "error"]
    assert chat.opened == 0  # type: ignore[attr-defined]  # a method of the model
