"""Checks of numbers that users set, with one wording for all of them."""

from __future__ import annotations

import math
from typing import Any

from runnables.errors import ConfigError


def check_seconds(setting: str, seconds: Any, *, or_zero: bool = False, other: str = "") -> float:
    """Return a number of seconds; infinity, and what no clock can count to, is no limit.

    Args:
        setting: the setting as it is written, with `{}` for the value: "with_timeout({})".
        seconds: the value.
        or_zero: whether 0 will do.
        other: what else would do, for the message: " or None for no limit".

    Raises:
        ConfigError: no number, NaN, or one that is too low; names the setting and the value.
    """
    is_number: bool = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if is_number and (seconds > 0 or (or_zero and seconds == 0)):
        number: float = seconds
        return number if number <= _MOST else math.inf
    bound = "0 or more" if or_zero else "more than 0"
    hint = " Call its total_seconds()." if hasattr(seconds, "total_seconds") else ""
    raise ConfigError(
        f"{setting.format(repr(seconds))}: expected a number of seconds, {bound}{other}.{hint}"
    )


_MOST = 1e300
"""More is infinity: Python cannot add an int that is too large for a float to a float."""
