"""What is read from the headers of responses."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from runnables.jobs.rate_headers import StatedLimits, stated_limits

OPENAI = {
    "x-ratelimit-limit-requests": "600",
    "x-ratelimit-remaining-requests": "599",
    "x-ratelimit-reset-requests": "100ms",
    "x-ratelimit-limit-tokens": "90000",
    "x-ratelimit-remaining-tokens": "89950",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-reset": "2026-11-28T12:00:00Z",
    "anthropic-ratelimit-tokens-limit": "40000",
    "anthropic-ratelimit-tokens-remaining": "0",
}


@pytest.mark.parametrize(
    ("headers", "stated"),
    [
        (OPENAI, StatedLimits(600, 90_000, 89_950)),
        (
            {name.title(): value for name, value in OPENAI.items()},
            StatedLimits(600, 90_000, 89_950),
        ),
        (ANTHROPIC, StatedLimits(50, 40_000, 0)),
        ({"content-type": "application/json"}, StatedLimits()),
        ({}, StatedLimits()),
        (None, StatedLimits()),
        ({"x-ratelimit-limit-requests": "many"}, StatedLimits()),
        ({"x-ratelimit-limit-requests": "nan"}, StatedLimits()),
        ({"x-ratelimit-limit-requests": "0"}, StatedLimits()),
        ({"x-ratelimit-limit-requests": "-1"}, StatedLimits()),
        ({"x-ratelimit-remaining-tokens": "-1"}, StatedLimits()),
    ],
)
def test_limits_are_read_where_they_make_sense(
    headers: Mapping[str, str] | None, stated: StatedLimits
) -> None:
    """Both spellings, in any case; what is no limit is none."""
    assert stated_limits(headers) == stated
