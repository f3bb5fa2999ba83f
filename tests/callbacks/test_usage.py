"""Counting tokens and costs under the names of LangChain's handlers."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from runnables import (
    ConfigError,
    InMemoryCache,
    OpenAICallbackHandler,
    RunnableLambda,
    RunnableParallel,
    Usage,
    UsageMetadataCallbackHandler,
    get_openai_callback,
    get_usage_metadata_callback,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

USAGE: Any = {
    "input_tokens": 1000,
    "output_tokens": 200,
    "total_tokens": 1200,
    "input_token_details": {"cache_read": 400},
    "output_token_details": {"reasoning": 50},
}


def named(name: str, **settings: Any) -> ScriptedChatModel:
    metadata = {"model_name": name}
    return ScriptedChatModel(
        ["Ahoy!"], cycle=True, usage=USAGE, response_metadata=metadata, **settings
    )


def test_usage_is_counted_by_model(call: Call) -> None:
    """In a block, and by a handler in the config; invoked, streamed and in a batch."""
    both = RunnableParallel(a=named("m-1"), b=named("m-2"))
    handler = UsageMetadataCallbackHandler()
    with get_usage_metadata_callback() as callback:
        call.invoke(both, "x", {"callbacks": [handler]})
        call.stream(named("m-1"), "x")
        call.batch(named("m-2"), ["x"] * 4)
    call.invoke(both, "after the block")
    counted = {name: usage["input_tokens"] for name, usage in callback.usage_metadata.items()}
    assert counted == {"m-1": 2000, "m-2": 5000}
    assert {*handler.usage_metadata} == {"m-1", "m-2"}
    assert isinstance(handler, Usage) and handler.calls == 2


def test_the_attributes_are_those_of_the_openai_handler(call: Call) -> None:
    """An answer without usage is a request, too; one from a cache is none."""
    cached = named("m-1", cache=InMemoryCache())
    with get_openai_callback(prices={"m-1": (2.0, 10.0, 1.0)}) as cb:
        call.batch(cached, ["same"] * 1)
        call.batch(cached, ["same"] * 3)
        call.invoke(ScriptedChatModel(["no usage"]), "x")
    assert (cb.total_tokens, cb.prompt_tokens, cb.completion_tokens) == (1200, 1000, 200)
    assert (cb.prompt_tokens_cached, cb.reasoning_tokens) == (400, 50)
    assert cb.successful_requests == 2
    assert cb.total_cost == pytest.approx((600 * 2 + 400 * 1 + 200 * 10) / 1e6)
    assert cb.unpriced_models == frozenset()
    assert "Total Tokens" not in repr(cb) and "Tokens Used: 1200" in repr(cb)


def test_a_snapshot_has_the_price_of_its_model(call: Call) -> None:
    """As for a budget."""
    handler = OpenAICallbackHandler(prices={"m-1": (1.0, 0.0)})
    call.invoke(named("m-1-2026-05-01"), "x", {"callbacks": [handler]})
    assert handler.total_cost == pytest.approx(0.001)


def test_a_cost_that_leaves_models_out_says_so(call: Call) -> None:
    """It warns, names them, and is the cost of the others."""
    with get_openai_callback(prices={"m-1": (2.0, 10.0)}) as cb:
        call.batch(named("m-1"), ["x"])
        call.batch(named("m-2"), ["x"])
    with pytest.warns(UserWarning, match="total_cost leaves out m-2: pass what"):
        assert cb.total_cost == pytest.approx(0.004)
    assert cb.unpriced_models == {"m-2"}
    assert "without m-2" in repr(cb)


def test_nothing_used_costs_nothing() -> None:
    """Without a warning."""
    with warnings.catch_warnings(), get_openai_callback() as cb:
        warnings.simplefilter("error")
        assert (cb.total_cost, cb.total_tokens, cb.successful_requests) == (0.0, 0, 0)


def test_bad_prices_are_refused() -> None:
    """When the callback is made, as for a budget."""
    prices: Any = {"m-1": 2.0}
    with pytest.raises(ConfigError, match="expected what a million tokens cost"):
        get_openai_callback(prices=prices)
    with pytest.raises(ConfigError, match="price"):
        get_openai_callback(price=prices)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_a_block_reaches_threads_tasks_and_generators() -> None:
    """Where the context goes, the handler goes; a generator that opens one keeps it."""
    model = named("m-1")

    def chunks(_: Any) -> Iterator[int]:
        with get_openai_callback() as cb:
            for _ in range(3):
                model.invoke("x")
                yield cb.successful_requests

    async def tasks() -> None:
        await asyncio.gather(*(model.ainvoke("x") for _ in range(3)))

    with get_openai_callback() as outer:
        assert list(RunnableLambda(chunks, merge="last").stream("x")) == [1, 2, 3]
        asyncio.run(tasks())
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(copy_context().run, model.invoke, "x") for _ in range(3)]
            assert [run.result().text for run in runs] == ["Ahoy!"] * 3
    assert outer.successful_requests == 9
