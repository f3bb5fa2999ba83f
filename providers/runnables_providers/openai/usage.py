"""Counts of tokens, as OpenAI's interfaces and the servers that copy them report them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from runnables.messages import UsageMetadata

_PLAIN: Final = frozenset(
    "prompt_tokens completion_tokens input_tokens output_tokens total_tokens "
    "prompt_tokens_details completion_tokens_details input_tokens_details "
    "output_tokens_details".split()
)
"""The keys that OpenAI's own counts have."""

_BESIDE_DETAILS: Final[Mapping[str, str]] = {
    "prompt_cache_hit_tokens": "cache_read",  # DeepSeek
    "cached_tokens": "cache_read",  # Moonshot
    "num_cached_tokens": "cache_read",  # Mistral
    "cache_read_input_tokens": "cache_read",  # proxies of Anthropic's models
    "cache_creation_input_tokens": "cache_creation",
}
"""Our names for counts of kinds that some services have outside of the details."""
_READ: Final = _BESIDE_DETAILS.keys() | {"prompt_cache_miss_tokens"}

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
    read = int(usage.get("prompt_tokens") or usage.get("input_tokens") or 0)
    written = int(usage.get("completion_tokens") or usage.get("output_tokens") or 0)
    found = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=int(usage.get("total_tokens") or read + written),
    )
    inputs = _details(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    if not _PLAIN.issuperset(usage):
        for name, ours in _BESIDE_DETAILS.items():
            if count := usage.get(name):
                inputs.setdefault(ours, int(count))
    if inputs:
        found["input_token_details"] = cast("Any", inputs)
    outputs = _details(usage.get("completion_tokens_details") or usage.get("output_tokens_details"))
    if outputs:
        found["output_token_details"] = cast("Any", outputs)
    return found


def other_usage(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a service reports beside the counts, such as OpenRouter's cost, for metadata."""
    if not usage or _PLAIN.issuperset(usage):
        return {}
    rest = {
        key: value
        for key, value in usage.items()
        if value is not None and key not in _PLAIN and key not in _READ
    }
    return {"usage": rest} if rest else {}


def _details(counts: Mapping[str, Any] | None) -> dict[str, int]:
    """Return the counts by kind; a kind that has no name of ours keeps the service's."""
    found: dict[str, int] = {}
    for name, count in counts.items() if counts else ():
        if count and isinstance(count, (int, float)):
            found[_OUR_NAMES.get(name) or name.removesuffix("_tokens")] = int(count)
    return found
