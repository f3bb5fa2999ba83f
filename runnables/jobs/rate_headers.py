"""What services say of their limits in the headers of responses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class StatedLimits(NamedTuple):
    """The limits that a service states for a minute; None: it states none.

    Attributes:
        requests: how many requests.
        tokens: how many tokens.
        tokens_left: how many tokens are left of them now.
    """

    requests: float | None = None
    tokens: float | None = None
    tokens_left: float | None = None


_NOTHING: Final = StatedLimits()

_PREFIXES: Final = ("x-ratelimit-", "anthropic-ratelimit-")


def stated_limits(headers: Mapping[str, str] | None) -> StatedLimits:
    """Return the limits that the headers of a response state.

    Args:
        headers: those of OpenAI and services like it (`x-ratelimit-limit-requests`), or of
            Anthropic (`anthropic-ratelimit-requests-limit`); in upper or lower case.

    Example:
        >>> stated_limits({"x-ratelimit-limit-requests": "600"}).requests
        600.0
    """
    if not headers:
        return _NOTHING
    found = {
        name.lower(): value for name, value in headers.items() if name.lower().startswith(_PREFIXES)
    }
    if not found:
        return _NOTHING
    return StatedLimits(
        _number(found, "limit", "requests"),
        _number(found, "limit", "tokens"),
        _number(found, "remaining", "tokens"),
    )


def _number(headers: Mapping[str, str], what: str, of: str) -> float | None:
    for name in (f"x-ratelimit-{what}-{of}", f"anthropic-ratelimit-{of}-{what}"):
        try:
            number = float(headers[name])
        except (KeyError, ValueError):
            continue
        if math.isfinite(number) and number >= 0 and (number > 0 or what != "limit"):
            return number
    return None
