"""Settings and options of Anthropic's chat models, in the words of the Messages API.

Calls take the options, too; a setting is their default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from runnables.models.settings import UnseededChatSettings
from runnables_providers._remote.settings import RemoteChatSettings

if TYPE_CHECKING:
    from runnables_providers._remote.keys import Key


class AnthropicOptions(TypedDict, total=False):
    """Options that only the Messages API has."""

    betas: Sequence[str] | str | None
    """Features in beta to turn on, by the names that Anthropic gives them."""
    cache_control: Mapping[str, Any] | None
    """How the service caches the prompt, such as `{"type": "ephemeral"}`."""
    container: str | Mapping[str, Any] | None
    """The container in which code of the model runs; by default that of the answers before."""
    effort: str | None
    """How much work the model puts into an answer: "low", "medium", "high"."""
    inference_geo: str | None
    """The region in which the model runs."""
    metadata: Mapping[str, Any] | None
    """Facts about the request, such as `{"user_id": ...}`."""
    parallel_tool_calls: bool | None
    """Whether the model may call several tools at once."""
    service_tier: str | None
    """How the request is processed: "auto" or "standard_only"."""
    speed: str | None
    """How fast the model writes: "standard" or "fast"."""
    thinking: Mapping[str, Any] | None
    """Whether and how the model reasons before it answers, such as `{"type": "adaptive"}`."""
    top_k: int | None
    """Choose among this many of the likeliest tokens."""


class AnthropicSettings(UnseededChatSettings, RemoteChatSettings, AnthropicOptions, total=False):
    """Settings that `ChatAnthropic` has in common with other remote models, and its options."""

    reasoning_effort: str | None
    """LangChain's name of `effort`."""
    anthropic_api_key: Key | None
    """LangChain's name of `api_key`."""
    anthropic_api_url: str | None
    """LangChain's name of `base_url`."""
