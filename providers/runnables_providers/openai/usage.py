"""Counts of tokens, as OpenAI's interfaces and the servers that copy them report them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from runnables.messages import UsageMetadata
from runnables_providers._remote.json_values import object_of

_COUNTS: Final = frozenset(
    "prompt_tokens completion_tokens input_tokens output_tokens total_tokens "
    "prompt_tokens_details completion_tokens_details input_tokens_details output_tokens_details "
    "prompt_cache_hit_tokens prompt_cache_miss_tokens cached_tokens num_cached_tokens "
    "cache_read_input_tokens cache_creation_input_tokens".split()
)
"""The keys that are read here."""

_CACHE_READ: Final = (
    "prompt_cache_hit_tokens",  # DeepSeek
    "cached_tokens",  # Moonshot
    "num_cached_tokens",  # Mistral
    "cache_read_input_tokens",  # proxies of Anthropic's models
)
"""Names for `cached_tokens`, outside of the details."""

_OUR_NAMES: Final[Mapping[str, str]] = {
    "cached_tokens": "cache_read",
    "cache_write_tokens": "cache_creation",
    "cache_creation_tokens": "cache_creation",
    "reasoning_tokens": "reasoning",
    "audio_tokens": "audio",
}
"""The names of the kinds of tokens that all models share."""


def read_usage(usage: Mapping[str, Any] | None) -> UsageMetadata | None:
    """Return the counts of an answer; None where the service reports none."""
    if not usage:
        return None
    read = _count(usage, "prompt_tokens", "input_tokens")
    written = _count(usage, "completion_tokens", "output_tokens")
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=_count(usage, "total_tokens") or read + written,
    )
    inputs = _details(usage, "prompt_tokens_details", "input_tokens_details")
    if cached := _count(usage, *_CACHE_READ):
        inputs.setdefault("cache_read", cached)
    if created := _count(usage, "cache_creation_input_tokens"):
        inputs.setdefault("cache_creation", created)
    if inputs:
        found["input_token_details"] = cast("Any", inputs)
    if outputs := _details(usage, "completion_tokens_details", "output_tokens_details"):
        found["output_token_details"] = cast("Any", outputs)
    return found


def other_usage(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a service reports beside the counts, such as OpenRouter's cost, for metadata."""
    rest = {
        key: value
        for key, value in (usage or {}).items()
        if value is not None and key not in _COUNTS
    }
    return {"usage": rest} if rest else {}


def _count(counts: Mapping[str, Any], *names: str) -> int:
    return next((int(counts[name]) for name in names if counts.get(name)), 0)


def _details(usage: Mapping[str, Any], *names: str) -> dict[str, int]:
    """Return the counts by kind; a kind that has no name of ours keeps the service's."""
    counts = object_of(next((usage[name] for name in names if usage.get(name)), None))
    return {
        _OUR_NAMES.get(name, name.removesuffix("_tokens")): int(count)
        for name, count in counts.items()
        if isinstance(count, (int, float)) and count
    }
