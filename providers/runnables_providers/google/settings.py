"""Settings and options of Google's chat models, in Google's words, in snake case.

Calls take the options, too; a setting is their default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from runnables.models.settings import ChatSettings
from runnables_providers._remote.settings import (
    OtherEmbeddingsNames,
    RemoteChatSettings,
    RemoteEmbeddingsSettings,
)

if TYPE_CHECKING:
    from runnables_providers._remote.keys import Key


class GoogleOptions(TypedDict, total=False):
    """Options that only the Gemini API has."""

    cached_content: str | None
    """The name of a cached beginning of the prompt."""
    frequency_penalty: float | None
    """Makes tokens less likely the more often they were used."""
    image_config: Mapping[str, Any] | None
    """Size and shape of images that the model makes."""
    include_thoughts: bool | None
    """Whether answers have summaries of the reasoning, as reasoning blocks."""
    labels: Mapping[str, str] | None
    """Labels by which the bill can be filtered."""
    logprobs: int | None
    """How many of the likeliest tokens are reported, with `response_logprobs`."""
    media_resolution: str | None
    """How closely the model looks at media, such as "MEDIA_RESOLUTION_LOW"."""
    presence_penalty: float | None
    """Makes tokens less likely once they were used."""
    response_json_schema: Any
    """The JSON schema of answers."""
    response_logprobs: bool | None
    """Whether the likelihood of each token is reported."""
    response_mime_type: str | None
    """The MIME type of answers, such as "application/json"."""
    response_modalities: Sequence[str] | None
    """What an answer consists of: "TEXT", "IMAGE", "AUDIO"."""
    response_schema: Mapping[str, Any] | None
    """The schema of answers, as an OpenAPI schema; see `response_json_schema`."""
    safety_settings: Mapping[str, str] | Sequence[Mapping[str, Any]] | None
    """Thresholds by category, or Google's own list."""
    service_tier: str | None
    """The tier that processes the request: "standard", "flex" or "priority"."""
    speech_config: Mapping[str, Any] | None
    """The voice of spoken answers."""
    thinking_budget: int | None
    """How many tokens the model may reason with; 0: none, -1: as it finds useful."""
    thinking_level: str | None
    """How much a model since Gemini 3 reasons: "minimal", "low", "medium", "high"."""
    tool_config: Mapping[str, Any] | None
    """More keys of `toolConfig`; `tool_choice` sets its mode."""
    top_k: int | None
    """Choose among this many of the likeliest tokens."""


class GoogleSettings(ChatSettings, RemoteChatSettings, GoogleOptions, total=False):
    """Settings that `ChatGoogleGenerativeAI` has in common with other remote models, and its
    options."""

    google_api_key: Key | None
    """LangChain's name of `api_key`."""
    additional_headers: Mapping[str, str] | None
    """LangChain's name of `default_headers`."""
    convert_system_message_to_human: bool
    """Has no effect here."""
    transport: str | None
    """Has no effect here."""
    n: int | None
    """Has no effect here: an input has one answer."""
    reasoning_effort: str | None
    """LangChain's name of `thinking_level`."""
    retries: int | None
    """LangChain's name of `max_retries`."""


class GoogleEmbeddingsSettings(RemoteEmbeddingsSettings, OtherEmbeddingsNames, total=False):
    """Settings that Google's embeddings have in common with other remote embeddings."""

    google_api_key: Key | None
    """LangChain's name of `api_key`."""
    additional_headers: Mapping[str, str] | None
    """LangChain's name of `default_headers`."""
    output_dimensionality: int | None
    """LangChain's name of `dimensions`."""
