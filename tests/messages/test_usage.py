"""Sums and differences of token counts."""

from __future__ import annotations

from runnables.messages import (
    add_usage,
    subtract_usage,
)


def test_usage_never_subtracts_below_zero() -> None:
    """None counts as zero."""
    one = add_usage(None, {"input_tokens": 2, "output_tokens": 1, "total_tokens": 3})
    assert subtract_usage(one, one) == add_usage(None, None)
    assert subtract_usage(None, one) == add_usage(None, None)
    assert subtract_usage(one, None) == one
