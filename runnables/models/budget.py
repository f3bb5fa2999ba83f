"""What models may spend, in tokens or in money."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from runnables.core.config import activate, ensure_scope
from runnables.core.handlers import usage_of
from runnables.core.signatures import checks_keywords
from runnables.engine.cancellation import lock
from runnables.errors import BudgetExceeded, ConfigError
from runnables.messages.usage import UsageMetadata, add_usage, sum_usage
from runnables.models.usage import MODELS, model_of

if TYPE_CHECKING:
    from runnables.core.handlers import Event

Price: TypeAlias = Sequence[float]
"""What a million tokens cost: read, and written; and those read from the provider's cache, and
written into it, where they have prices of their own."""


_SNAPSHOT: Final = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{3,4}|latest)$")
"""The end of a name that says which build of a model answers, such as "-2025-08-07"."""


class Budget:
    """What the models in a block of code may spend; also a handler, for `callbacks`.

        with Budget(tokens=100_000) as budget:
            chain.batch(questions)
        print(budget.spent_tokens)

    Once it is spent, no further call of a model begins: it raises BudgetExceeded. Calls that are
    under way go on, so those that run at the same time may exceed it. An answer from a cache
    costs nothing; a stream that is left costs what it has reported by then.

    Args:
        tokens: how many tokens, read and written.
        cost: how much money, in the currency of the prices.
        prices: what a million tokens of a model cost, by its name, with or without the date of
            a snapshot: (read, written), and further what is read from its provider's cache, and
            written into it.

    Raises:
        ConfigError: neither tokens nor cost, a cost without prices, or prices that are none.
    """

    raise_error = True  # a handler's errors end the run only where it asks for that

    @checks_keywords
    def __init__(
        self,
        *,
        tokens: int | None = None,
        cost: float | None = None,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        self.tokens = tokens
        self.cost = cost
        self.prices = {name: _checked(name, price) for name, price in (prices or {}).items()}
        for name, limit in {"tokens": tokens, "cost": cost}.items():
            is_number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
            if limit is not None and not (is_number and limit >= 0):
                raise ConfigError(f"Budget({name}={limit!r}): expected a number, not below 0.")
        if tokens is None and cost is None:
            raise ConfigError("Budget(): give tokens=, or cost= and prices=.")
        if cost is not None and not prices:
            raise ConfigError(
                f"Budget(cost={cost!r}): prices= says what the tokens of models cost."
            )
        self._by_model: dict[str, UsageMetadata] = {}
        self._heard: dict[str, list[UsageMetadata]] = {}  # of streams under way, by the run
        self._spent_tokens = 0
        self._spent_cost = 0.0
        self._unpriced: str | None = None
        self._block: activate | None = None

    @property
    def spent_tokens(self) -> int:
        """How many tokens were spent so far."""
        return self._spent_tokens

    @property
    def spent_cost(self) -> float:
        """How much money was spent so far, on models with a price."""
        return self._spent_cost

    @property
    def by_model(self) -> dict[str, UsageMetadata]:
        """What each model has used so far, by the name that its provider reports."""
        with lock:
            return dict(self._by_model)

    def __repr__(self) -> str:
        limits = {"tokens": self.tokens, "cost": self.cost}
        said = [f"{name}={limit!r}" for name, limit in limits.items() if limit is not None]
        spent = f"spent {self._spent_tokens:,} tokens"
        if self.prices:
            spent += f", {self._spent_cost:.6g} in money"
        return f"<Budget({', '.join(said)}): {spent}>"

    def __enter__(self) -> Self:
        if self._block is not None:
            raise ConfigError(
                f"{self!r} is used by a block already. Nested blocks: one budget each."
            )
        self._block = activate(ensure_scope(None).merged({"callbacks": [self]}))
        self._block.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        block, self._block = self._block, None
        assert block is not None, "left without having been entered"
        block.__exit__()

    def on_event(self, event: Event) -> None:
        """Refuse a call that begins, and count what another has used.

        Raises:
            BudgetExceeded: it is spent.
        """
        if event.run_type not in MODELS:
            return
        if event.kind == "start":
            self._check(event.name)
        elif event.kind == "chunk":
            if (usage := usage_of(event.chunk)) is not None:
                self._heard.setdefault(event.run_id, []).append(usage)
        elif event.kind in ("end", "error", "cancelled"):
            heard = self._heard.pop(event.run_id, None)
            if event.kind == "end":
                heard = [event.usage] if event.usage else None
            if heard:
                self._add(model_of(event), sum_usage(heard))

    def _check(self, name: str) -> None:
        if (spent := self._is_spent()) is not None:
            raise BudgetExceeded(f"{name} is not asked any more: {spent}.")

    def _is_spent(self) -> str | None:
        """In what way, if it is."""
        if self.tokens is not None and self._spent_tokens >= self.tokens:
            return f"{self._spent_tokens:,} of {self.tokens:,} tokens are spent"
        if self.cost is None:
            return None
        if self._unpriced is not None:
            return (
                f"what was spent cannot be told, as prices= has nothing for {self._unpriced!r} "
                f"(it has {', '.join(self.prices)})"
            )
        if self._spent_cost >= self.cost:
            return f"{self._spent_cost:.6g} of {self.cost:.6g} in money is spent"
        return None

    def _add(self, name: str, usage: UsageMetadata) -> None:
        price = self._price(name)
        with lock:
            self._by_model[name] = add_usage(self._by_model.get(name), usage)
            self._spent_tokens += usage["total_tokens"]
            if price is not None:
                self._spent_cost += _cost(usage, price)
            elif usage["total_tokens"]:
                self._unpriced = name

    def _price(self, name: str) -> tuple[float, ...] | None:
        return self.prices.get(name) or self.prices.get(_SNAPSHOT.sub("", name))


def _checked(name: str, price: Any) -> tuple[float, ...]:
    numbers: tuple[Any, ...] = tuple(price) if type(price) in (tuple, list) else ()
    fits = all(isinstance(it, (int, float)) and it >= 0 for it in numbers)
    if not 2 <= len(numbers) <= 4 or not fits:
        raise ConfigError(
            f"prices[{name!r}]={price!r}: expected what a million tokens cost, (read, written), "
            "(read, written, read from cache) or (read, written, read from cache, into cache)"
        )
    return numbers


def _cost(usage: UsageMetadata, price: tuple[float, ...]) -> float:
    """What the tokens cost; those read from the provider's cache are part of the input."""
    details = usage.get("input_token_details", {})
    cached, written = details.get("cache_read", 0), details.get("cache_creation", 0)
    plain = max(usage["input_tokens"] - cached - written, 0)
    read, answer, from_cache, into_cache = (*price, *(price[0], price[0])[len(price) - 2 :])
    total = plain * read + usage["output_tokens"] * answer + cached * from_cache
    return (total + written * into_cache) / 1e6
