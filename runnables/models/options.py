"""The options of a model call: defaults of the model, overridden by the call, checked by name."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from runnables.core.options import unknown_option
from runnables.errors import ConfigError

BASE_OPTIONS: Final = frozenset(
    "model temperature max_tokens stop seed top_p tools tool_choice response_format".split()
)
"""The options of every chat model."""


_OPEN: Final = sys.float_info.max

Ranges: TypeAlias = Mapping[str, tuple[float, float, bool]]
"""For options by name: the lowest value, the highest, and whether it must be a whole number."""

NUMBERS: Final[Ranges] = {
    "temperature": (0, _OPEN, False),
    "top_p": (0, 1, False),
    "max_tokens": (0, _OPEN, True),  # Anthropic takes 0, which fills its cache
    "seed": (-_OPEN, _OPEN, True),
}
"""The widest ranges; the services of some models take less."""


def check_numbers(owner: str, options: Mapping[str, Any], ranges: Ranges = NUMBERS) -> None:
    """Refuse options that should be numbers and are not; None stands for an unset one.

    Args:
        owner: the name of the model's class, for errors.
        options: any options; those without a range are ignored.
        ranges: the ranges of the numbers.

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
    """Return the options of one call.

    Args:
        owner: the name of the model's class, for errors.
        known: the names of the options that the model knows.
        defaults: the model's settings; those that are no options are ignored.
        given: the options of the call; None unsets the default.

    Raises:
        ConfigError: an option that the model does not know, or a number of the wrong type or
            out of range.
    """
    if given:
        check_numbers(owner, given)
    for name in given:
        if name not in known:
            raise unknown_option(owner, name, sorted(known))
    options = {
        name: value for name, value in defaults.items() if value is not None and name in known
    }
    options.update(given)
    if None in options.values():
        options = {name: value for name, value in options.items() if value is not None}
    if "stop" in options:
        options["stop"] = checked_stop(options["stop"])
    return options


def checked_stop(stop: Any) -> list[str]:
    """Return stop sequences as a list of strings.

    Raises:
        ConfigError: something else, or an empty string, which would stop everything.
    """
    is_list = isinstance(stop, Iterable) and not isinstance(stop, (str, Mapping))
    sequences: list[Any] = list(cast("Iterable[Any]", stop)) if is_list else [stop]
    for sequence in sequences:
        if not isinstance(sequence, str) or not sequence:
            raise ConfigError(
                f"stop={stop!r}: expected a string, or a list of strings, none of them empty"
            )
    return sequences
