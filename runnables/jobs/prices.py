"""What single calls of models cost: by a table of the user's, else by the list of `genai-prices`.

A price is for one call. Some services charge more for long inputs, so that a sum over many calls,
priced at once, would fall into a tier that none of them has reached.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from runnables.errors import MissingExtra
from runnables.models.prices import cost_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.messages.usage import UsageMetadata


def price(
    name: str,
    usage: UsageMetadata,
    prices: Mapping[str, tuple[float, ...]] | None = None,
    *,
    provider: str | None = None,
    context: Mapping[str, str] | None = None,
) -> float | None:
    """Return what one call of a model costs; None where there is no price for it.

    Args:
        name: the name of the model, as its service reports it.
        usage: the tokens of this call.
        prices: what a million tokens cost, by the name of the model, as for `Budget`, checked by
            `checked_prices`. A model that is not in it is looked up in the list of `genai-prices`,
            in dollars, where that is installed; without a table, it has to be.
        provider: the provider whose price it is, as its prices may differ: "openai", "anthropic",
            "google".
        context: what changes the price, as `genai-prices` names it: {"processing": "batch"},
            {"service_tier": "flex"}. It is ignored where the list knows no price for it, and for
            the prices of a table.

    Raises:
        MissingExtra: there is no table, and `genai-prices` is not installed.

    Example:
        >>> usage = UsageMetadata(input_tokens=3000, output_tokens=200, total_tokens=3200)
        >>> price("my-model", usage, {"my-model": (2.0, 10.0)})
        0.008
    """
    cost = None if prices is None else cost_of(name, usage, prices)
    if cost is not None:
        return cost
    try:
        prices_list = known_prices()
    except MissingExtra:
        if prices is not None:
            return None
        raise
    return _list_price(prices_list, name, usage, provider, context)


def known_prices() -> Any:
    """Return the list of prices.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("genai_prices")
    except ImportError as error:
        from runnables.core.installation import missing_extra

        raise missing_extra(
            "A price without a table of your own", "genai-prices", "prices"
        ) from error


def _list_price(
    prices_list: Any,
    name: str,
    usage: UsageMetadata,
    provider: str | None,
    context: Mapping[str, str] | None,
) -> float | None:
    """Return the price of the list, in dollars; None where it has no such model."""
    first, _, rest = name.removeprefix("models/").partition("/")  # "openai/gpt-5-mini", of routers
    details = usage.get("input_token_details", {})
    try:
        found = prices_list.calc_price(
            prices_list.Usage(
                input_tokens=usage["input_tokens"],
                cache_read_tokens=details.get("cache_read", 0),
                cache_write_tokens=details.get("cache_creation", 0),
                output_tokens=usage["output_tokens"],
            ),
            rest or first,
            provider_id=first if rest else provider,
            price_context=dict(context) if context else None,
        )
    except LookupError:
        return None
    return float(found.total_price)
