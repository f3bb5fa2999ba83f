"""What single calls cost: by a table, by the list of `genai-prices`, and without either."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from runnables import MissingExtra, UsageMetadata
from runnables.jobs.prices import price


def _usage(read: int, written: int, **details: Any) -> UsageMetadata:
    usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    if details:
        usage["input_token_details"] = details  # type: ignore[typeddict-item] # any of its keys
    return usage


@pytest.fixture
def prices_list() -> None:
    """Skip the test where the list of prices is not installed."""
    pytest.importorskip("genai_prices")


def test_a_table_decides_what_its_models_cost() -> None:
    """With or without the date of a snapshot; also where the list has another price."""
    table = {"gpt-4o-mini": (2.0, 10.0)}
    for name in ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"):
        assert price(name, _usage(3000, 200), table) == pytest.approx(0.008)


def test_without_table_and_list_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the extra; with a table, other models just have no price."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(MissingExtra, match="genai-prices"):
        price("gpt-4o-mini", _usage(1, 1))
    assert price("gpt-4o-mini", _usage(1, 1), {"another": (1.0, 1.0)}) is None


@pytest.mark.usefixtures("prices_list")
@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("gpt-4o-mini", "openai"),
        ("gpt-4o-mini-2024-07-18", "openai"),
        ("gpt-4o-mini", None),
        ("openai/gpt-4o-mini", None),
        ("openai/gpt-4o-mini", "router"),
        ("models/gemini-2.5-flash", "google"),
        ("claude-sonnet-4-5", "anthropic"),
    ],
)
def test_the_list_knows_models_by_the_names_of_services(name: str, provider: str | None) -> None:
    """With the name of a provider before it, or a path as Google writes it."""
    found = price(name, _usage(1000, 100), provider=provider)
    assert found is not None
    assert 0.00001 < found < 0.1


@pytest.mark.usefixtures("prices_list")
@pytest.mark.parametrize("name", ["my-model", "ft:unheard-of:org::id", "no-provider/no-model", ""])
def test_a_model_without_a_price_has_none(name: str) -> None:
    """That is no error: a local model costs nothing that we could know."""
    assert price(name, _usage(1000, 100)) is None
    assert price(name, _usage(1000, 100), {}) is None


@pytest.mark.usefixtures("prices_list")
def test_two_calls_cost_less_than_a_long_one() -> None:
    """Each has its own tier: their sum, priced at once, would be charged as a long input."""
    one = price("gemini-2.5-pro", _usage(150_000, 100), provider="google")
    both = price("gemini-2.5-pro", _usage(300_000, 200), provider="google")
    assert one is not None and both is not None
    assert 2 * one < 0.6 * both


@pytest.mark.usefixtures("prices_list")
def test_cached_input_and_batches_cost_less() -> None:
    """The provider's cache, and what is not urgent."""
    full = price("gpt-4o-mini", _usage(1000, 0), provider="openai")
    cached = price("gpt-4o-mini", _usage(1000, 0, cache_read=1000), provider="openai")
    batch = price(
        "gpt-4o-mini", _usage(1000, 0), provider="openai", context={"processing": "batch"}
    )
    assert full is not None and cached is not None
    assert cached < full
    assert batch == pytest.approx(full / 2)
