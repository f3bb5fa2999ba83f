"""The options of a model call: defaults of the model, overridden by the call, checked by name."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from runnables.core.signatures import unknown_option
from runnables.errors import ConfigError

BASE_OPTIONS: Final = frozenset(
    "model temperature max_tokens stop seed top_p tools tool_choice response_format".split()
)
"""What any chat model may be asked for."""


_OPEN: Final = sys.float_info.max

Ranges: TypeAlias = Mapping[str, tuple[float, float, bool]]
"""For options by name: from, to, and whether only whole numbers."""

NUMBERS: Final[Ranges] = {
    "temperature": (0, _OPEN, False),
    "top_p": (0, 1, False),
    "max_tokens": (0, _OPEN, True),  # Anthropic takes 0, which fills its cache
    "seed": (-_OPEN, _OPEN, True),
}
"""What any model can take; some take less."""


def check_numbers(owner: str, options: Mapping[str, Any], ranges: Ranges = NUMBERS) -> None:
    """Look at those options that are to be numbers; None says nothing.

    Args:
        owner: whose options they are, for the errors.

    Raises:
        ConfigError: no number, or one that is out of range.
    """
    for name, (low, high, whole) in ranges.items():
        value = options.get(name)
        if value is None or _is_number(value, low, high, whole):
            continue
        above = "" if low == -_OPEN else f" of at least {low:g}"
        bounds = above if high == _OPEN else f" from {low:g} to {high:.0f}"
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"{owner}: {name}={value!r}: expected {kind}{bounds}.")


def _is_number(value: Any, low: float, high: float, whole: bool) -> bool:
    kind = int if whole else (int, float)
    return isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high


def merged_options(
    owner: str, known: Collection[str], defaults: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The options of one call.

    Args:
        owner: whose options they are, for the errors.
        known: the names that the model knows.
        defaults: the model's settings; those among them that are options count.
        given: what the call says. None stands for: not even the default.

    Raises:
        ConfigError: an option that the model does not know, a number that is none.
    """
    if given:
        check_numbers(owner, given)
    for name in given:
        if name not in known:
            raise unknown_option(owner, name, sorted(known))
    options = {k: value for k, value in defaults.items() if value is not None and k in known}
    options.update(given)
    if None in options.values():
        options = {name: value for name, value in options.items() if value is not None}
    if "stop" in options:
        options["stop"] = checked_stop(options["stop"])
    return options


def checked_stop(stop: Any) -> list[str]:
    """Stop sequences as a list of texts.

    Raises:
        ConfigError: something else, or an empty text, which would stop everything.
    """
    several = isinstance(stop, Iterable) and not isinstance(stop, (str, Mapping))
    texts: list[Any] = list(cast("Iterable[Any]", stop)) if several else [stop]
    for text in texts:
        if not isinstance(text, str) or not text:
            raise ConfigError(
                f"stop={stop!r}: expected a text, or a list of texts, that are not empty"
            )
    return texts
