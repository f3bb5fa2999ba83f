"""Limits for what models may spend, in tokens or in money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from runnables.core.config import activate, ensure_scope
from runnables.core.handlers import usage_of
from runnables.core.signatures import checks_keywords
from runnables.engine.cancellation import lock
from runnables.errors import BudgetExceeded, ConfigError
from runnables.messages.usage import UsageMetadata, add_usage, sum_usage
from runnables.models.prices import checked_prices, cost_of
from runnables.models.usage import MODELS, model_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.core.handlers import Event
    from runnables.models.prices import Price


class Budget:
    """A limit for what the models in a block of code may spend; also a handler, for `callbacks`.

    Once it is spent, the next call of a model raises BudgetExceeded before it begins. Calls that
    are under way go on, so those that run at the same time may exceed it. A cached answer costs
    nothing; a stream that is closed early costs what it has reported by then.

    Args:
        tokens: how many tokens, input and output.
        cost: how much money, in the currency of the prices.
        prices: what a million tokens of a model cost, by its name, with or without the date of
            a snapshot: (input, output), (input, output, input read from the provider's cache),
            or the same and the input written into that cache.

    Raises:
        ConfigError: neither tokens nor cost, a cost without prices, or prices in another shape.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> usage = UsageMetadata(input_tokens=70, output_tokens=50, total_tokens=120)
        >>> model = ScriptedChatModel(["Ahoy!"], cycle=True, usage=usage)
        >>> with Budget(tokens=100) as budget:
        ...     answer = model.invoke("Hello")
        ...     try:
        ...         model.invoke("Hello again")
        ...     except BudgetExceeded as error:
        ...         print(error)
        ScriptedChatModel is not called any more: 120 of 100 tokens are spent.
    """

    raise_error = True  # a handler's errors end the run only where it asks for that
    run_types = MODELS

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
        self.prices = checked_prices(prices)
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
        self._streaming: dict[str, list[UsageMetadata]] = {}  # of streams under way, by the run
        self._spent_tokens = 0
        self._spent_cost = 0.0
        self._unpriced: str | None = None
        self._block: activate | None = None

    @property
    def spent_tokens(self) -> int:
        """Return how many tokens were spent so far."""
        return self._spent_tokens

    @property
    def spent_cost(self) -> float:
        """Return how much money was spent so far, on models with a price."""
        return self._spent_cost

    @property
    def by_model(self) -> dict[str, UsageMetadata]:
        """Return what each model has used so far, by the name that its provider reports."""
        with lock:
            return dict(self._by_model)

    def __repr__(self) -> str:
        limits = {"tokens": self.tokens, "cost": self.cost}
        keywords = [f"{name}={limit!r}" for name, limit in limits.items() if limit is not None]
        spent = f"spent {self._spent_tokens:,} tokens"
        if self.prices:
            spent += f", {self._spent_cost:.6g} in money"
        return f"<Budget({', '.join(keywords)}): {spent}>"

    def __enter__(self) -> Self:
        if self._block is not None:
            raise ConfigError(
                f"{self!r} is used by a block already. Make one budget for each nested block."
            )
        self._block = activate(ensure_scope(None).merged({"callbacks": [self]}))
        self._block.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        block, self._block = self._block, None
        assert block is not None, "left without having been entered"
        block.__exit__()

    def on_event(self, event: Event) -> None:
        """Refuse a call that begins when the budget is spent, and count what calls used.

        Raises:
            BudgetExceeded: the budget is spent.
        """
        if event.run_type not in MODELS:
            return
        if event.kind == "start":
            self._check(event.name)
        elif event.kind == "chunk":
            if (usage := usage_of(event.chunk)) is not None:
                self._streaming.setdefault(event.run_id, []).append(usage)
        elif event.kind in ("end", "error", "cancelled"):
            usages = self._streaming.pop(event.run_id, None)
            if event.kind == "end":
                usages = [event.usage] if event.usage else None
            if usages:
                self.add(model_of(event), sum_usage(usages))

    def _check(self, name: str) -> None:
        if (reason := self._why_spent()) is not None:
            raise BudgetExceeded(f"{name} is not called any more: {reason}.")

    @property
    def is_spent(self) -> bool:
        """Tell whether nothing is left, so that no call of a model begins any more."""
        return self._why_spent() is not None

    def _why_spent(self) -> str | None:
        """Return why no call may begin; None where one may."""
        if self.tokens is not None and self._spent_tokens >= self.tokens:
            return f"{self._spent_tokens:,} of {self.tokens:,} tokens are spent"
        if self.cost is None:
            return None
        if self._unpriced is not None:
            return (
                f"the cost so far is unknown, as prices= has no {self._unpriced!r} "
                f"(it has {', '.join(self.prices)})"
            )
        if self._spent_cost >= self.cost:
            return f"{self._spent_cost:.6g} of {self.cost:.6g} in money is spent"
        return None

    def add(self, name: str, usage: UsageMetadata) -> None:
        """Count what a call has used that no event has reported here.

        Args:
            name: the model.
            usage: its tokens.
        """
        usage = sum_usage([usage])  # without what is below zero, which would be a refund
        cost = cost_of(name, usage, self.prices)
        tokens = usage["total_tokens"] or usage["input_tokens"] + usage["output_tokens"]
        with lock:
            self._by_model[name] = add_usage(self._by_model.get(name), usage)
            self._spent_tokens += tokens
            if cost is not None:
                self._spent_cost += cost
            elif tokens:
                self._unpriced = name
