"""Counts of the tokens that a model read and wrote, and their sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NotRequired, cast

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict


@with_config(ConfigDict(extra="allow"))
class InputTokenDetails(TypedDict, total=False):
    """The tokens that a model read, by kind. A provider may add kinds; they need not add up.

    Example:
        >>> details: InputTokenDetails = {"cache_read": 80}
        >>> usage = UsageMetadata(input_tokens=100, output_tokens=5, total_tokens=105)
        >>> usage["input_token_details"] = details
        >>> add_usage(usage, usage)["input_token_details"]
        {'cache_read': 160}
    """

    audio: int
    cache_creation: int
    cache_read: int


@with_config(ConfigDict(extra="allow"))
class OutputTokenDetails(TypedDict, total=False):
    """The tokens that a model wrote, by kind. A provider may add kinds; they need not add up.

    Example:
        >>> details: OutputTokenDetails = {"reasoning": 20}
        >>> usage = UsageMetadata(input_tokens=100, output_tokens=30, total_tokens=130)
        >>> usage["output_token_details"] = details
        >>> add_usage(usage, usage)["output_token_details"]
        {'reasoning': 40}
    """

    audio: int
    reasoning: int


class UsageMetadata(TypedDict):
    """The tokens of one answer, or the sum over several.

    Example:
        >>> usage = UsageMetadata(input_tokens=8, output_tokens=2, total_tokens=10)
        >>> AIMessage("Hello", usage_metadata=usage).usage_metadata["total_tokens"]
        10
    """

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: NotRequired[InputTokenDetails]
    output_token_details: NotRequired[OutputTokenDetails]


def add_usage(left: UsageMetadata | None, right: UsageMetadata | None) -> UsageMetadata:
    """Return the sum of two counts, kind by kind; None and what is below zero count as zero.

    Example:
        >>> usage = UsageMetadata(input_tokens=8, output_tokens=2, total_tokens=10)
        >>> add_usage(usage, usage)
        {'input_tokens': 16, 'output_tokens': 4, 'total_tokens': 20}
    """
    return sum_usage(usage for usage in (left, right) if usage is not None)


def subtract_usage(left: UsageMetadata | None, right: UsageMetadata | None) -> UsageMetadata:
    """Return the difference of two counts, kind by kind, and never below zero; None is zero.

    Example:
        >>> before = UsageMetadata(input_tokens=8, output_tokens=2, total_tokens=10)
        >>> after = UsageMetadata(input_tokens=9, output_tokens=5, total_tokens=14)
        >>> subtract_usage(after, before)
        {'input_tokens': 1, 'output_tokens': 3, 'total_tokens': 4}
    """
    return cast("UsageMetadata", _combine(left or _zero(), right or _zero(), _subtract))


def sum_usage(usages: Iterable[UsageMetadata]) -> UsageMetadata:
    """Return the sum of any number of counts, in which nothing is below zero; of none, zeros."""
    total: Mapping[str, Any] = _zero()
    for usage in usages:
        total = _combine(total, usage, _add)
    return cast("UsageMetadata", total)


def _zero() -> UsageMetadata:
    return UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)


def _add(left: int, right: int) -> int:
    # a service that reports a count below zero must not take back what others have used
    return max(left, 0) + max(right, 0)


def _subtract(left: int, right: int) -> int:
    return max(left - right, 0)


def _combine(
    left: Mapping[str, Any], right: Mapping[str, Any], combine: Callable[[int, int], int]
) -> dict[str, Any]:
    return {
        key: _combine_values(left.get(key), right.get(key), combine)
        for key in dict.fromkeys([*left, *right])
    }


def _combine_values(left: Any, right: Any, combine: Callable[[int, int], int]) -> Any:
    """Combine two counts, or the details of two."""
    if type(left) is type(right) is int:
        return combine(left, right)
    if any(isinstance(side, Mapping) for side in (left, right)):
        return _combine(left or {}, right or {}, combine)
    return combine(left or 0, right or 0)
