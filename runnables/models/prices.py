"""What the tokens of models cost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from runnables.messages.usage import UsageMetadata

Price: TypeAlias = Sequence[float]
"""What a million tokens cost: input and output; then, where they have prices of their own, input
that is read from the provider's cache, and input that is written into it."""

_SNAPSHOT: Final = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{3,4}|latest)$")
"""The end of a name that says which snapshot of a model answers, such as "-2025-08-07"."""


def checked_prices(prices: Mapping[str, Price] | None) -> dict[str, tuple[float, ...]]:
    """Return the prices of models, after a check.

    Raises:
        ConfigError: a price in another shape.
    """
    return {name: _checked(name, price) for name, price in (prices or {}).items()}


def _checked(name: str, price: Any) -> tuple[float, ...]:
    numbers: tuple[Any, ...] = tuple(price) if type(price) in (tuple, list) else ()
    are_prices = all(isinstance(number, (int, float)) and number >= 0 for number in numbers)
    if not 2 <= len(numbers) <= 4 or not are_prices:
        raise ConfigError(
            f"prices[{name!r}]={price!r}: expected what a million tokens cost, (input, output), "
            "(input, output, cache read) or (input, output, cache read, cache write)"
        )
    return numbers


def cost_of(
    name: str, usage: UsageMetadata, prices: Mapping[str, tuple[float, ...]]
) -> float | None:
    """Return what the tokens of a model cost; None where there is no price for it.

    The name counts with or without the date of a snapshot. The input includes the tokens of the
    provider's cache.
    """
    price = prices.get(name) or prices.get(_SNAPSHOT.sub("", name))
    if price is None:
        return None
    details = usage.get("input_token_details", {})
    cache_read, cache_written = details.get("cache_read", 0), details.get("cache_creation", 0)
    plain = max(usage["input_tokens"] - cache_read - cache_written, 0)
    input_price, output_price, *cache_prices = price
    # without a price of their own, these tokens cost what other input costs
    read_price, write_price = [*cache_prices, input_price, input_price][:2]
    cost = plain * input_price + usage["output_tokens"] * output_price
    return (cost + cache_read * read_price + cache_written * write_price) / 1e6
