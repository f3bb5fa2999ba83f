"""The options of a model call: defaults of the model, overridden by the call, checked by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, cast

from runnables.callables import unknown_option
from runnables.errors import ConfigError

BASE_OPTIONS: Final = frozenset(
    "model temperature max_tokens stop seed top_p tools tool_choice response_format".split()
)
"""What any chat model may be asked for."""


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
        ConfigError: an option that the model does not know.
    """
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
