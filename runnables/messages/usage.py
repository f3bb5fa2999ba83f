"""How many tokens a model read and wrote, and how such counts add."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NotRequired, cast

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict


@with_config(ConfigDict(extra="allow"))
class InputTokenDetails(TypedDict, total=False):
    """Which kinds of tokens a model read; a provider may add kinds. They need not add up."""

    audio: int
    cache_creation: int
    cache_read: int


@with_config(ConfigDict(extra="allow"))
class OutputTokenDetails(TypedDict, total=False):
    """Which kinds of tokens a model wrote; a provider may add kinds. They need not add up."""

    audio: int
    reasoning: int


class UsageMetadata(TypedDict):
    """The tokens of one answer, or of several that were added."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: NotRequired[InputTokenDetails]
    output_token_details: NotRequired[OutputTokenDetails]


def add_usage(left: UsageMetadata | None, right: UsageMetadata | None) -> UsageMetadata:
    """The sum of two counts, kind by kind; None counts as nothing."""
    return sum_usage(usage for usage in (left, right) if usage is not None)


def subtract_usage(left: UsageMetadata | None, right: UsageMetadata | None) -> UsageMetadata:
    """What `left` counts beyond `right`, kind by kind and never below zero."""
    return cast("UsageMetadata", _combine(left or _zero(), right or _zero(), _subtract))


def sum_usage(usages: Iterable[UsageMetadata]) -> UsageMetadata:
    """The sum of any number of counts; of none, zeros."""
    total: Mapping[str, Any] = _zero()
    for usage in usages:
        total = _combine(total, usage, lambda one, other: one + other)
    return cast("UsageMetadata", total)


def _zero() -> UsageMetadata:
    return UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)


def _subtract(one: int, other: int) -> int:
    return max(one - other, 0)


def _combine(
    left: Mapping[str, Any], right: Mapping[str, Any], of: Callable[[int, int], int]
) -> dict[str, Any]:
    return {
        key: _combine_values(left.get(key), right.get(key), of)
        for key in dict.fromkeys([*left, *right])
    }


def _combine_values(left: Any, right: Any, of: Callable[[int, int], int]) -> Any:
    """A count, or the details of one."""
    if any(isinstance(side, Mapping) for side in (left, right)):
        return _combine(left or {}, right or {}, of)
    return of(left or 0, right or 0)
