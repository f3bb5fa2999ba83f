"""The budget of a job, in parts: each chunk in flight may spend one.

A chunk whose part is spent begins no further call, and its other rows come back. So all chunks
together spend no more than the budget, and what their calls under way do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.models.budget import Budget


class Part(NamedTuple):
    """What one chunk may spend; infinity where that is not limited."""

    tokens: float = math.inf
    cost: float = math.inf


class BudgetParts:
    """The parts of a budget.

    Args:
        budget: the budget of the job.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._parts: list[Part] = []
        self._rows = 0

    def take(self, rows: int) -> Part | None:
        """Return a part for a chunk of so many rows; None where it has to wait for others to end.

        Half of what is free, or what the rows take by what others took, if that is less.
        """
        budget, parts = self._budget, self._parts
        free_tokens = _free(budget.tokens, budget.spent_tokens, (part.tokens for part in parts))
        free_cost = _free(budget.cost, budget.spent_cost, (part.cost for part in parts))
        if parts and (free_tokens <= self._each(budget.spent_tokens) or free_cost <= 0):
            return None
        part = Part(
            self._part_of(free_tokens, budget.spent_tokens, rows, whole=True),
            self._part_of(free_cost, budget.spent_cost, rows, whole=False),
        )
        parts.append(part)
        return part

    def _each(self, spent: float) -> float:
        """Return what a row has taken, in the mean."""
        return spent / self._rows if self._rows else 0.0

    def _part_of(self, free: float, spent: float, rows: int, *, whole: bool) -> float:
        if free == math.inf:
            return free
        needed = 2 * rows * self._each(spent) or math.inf
        part = min(free / 2, needed)
        return max(1, math.ceil(part)) if whole else part

    def release(self, part: Part, rows: int) -> None:
        """Take back the part of a chunk that has ended, with so many rows done."""
        self._parts.remove(part)
        self._rows += rows

    def settings(self, part: Part) -> dict[str, Any]:
        """Return the arguments of the `Budget` of a chunk."""
        limits: dict[str, Any] = {"prices": self._budget.prices}
        if part.tokens < math.inf:
            limits["tokens"] = int(part.tokens)
        if part.cost < math.inf:
            limits["cost"] = part.cost
        return limits


def _free(limit: float | None, spent: float, reserved: Iterable[float]) -> float:
    return math.inf if limit is None else limit - spent - sum(reserved)
