"""Settings of models that are reached over HTTP, as types; see `runnables.models.settings`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from runnables.models.settings import RequestSettings

if TYPE_CHECKING:
    from runnables.models.structured.schemas import Tool
    from runnables_providers._http import Timeouts
    from runnables_providers._remote.keys import Key


class OtherChatNames(TypedDict, total=False):
    """LangChain's names of settings of chat models, and of keywords that mean nothing here."""

    model_name: str
    request_timeout: float | Timeouts | None
    default_request_timeout: float | Timeouts | None
    stop_sequences: Sequence[str] | None
    max_tokens_to_sample: int | None
    max_completion_tokens: int | None
    max_output_tokens: int | None
    model_kwargs: Mapping[str, Any] | None
    streaming: bool
    disable_streaming: bool | str | None
    verbose: bool | None
    tags: list[str] | None


class RemoteSettings(TypedDict, total=False):
    """Settings of every model that is reached over HTTP."""

    api_key: Key | None
    """The key, or a function that returns the one to use now."""
    base_url: str | None
    """Another URL than the service's own."""
    timeout: float | Timeouts | None
    """Seconds to wait for the first byte of an answer, and between two chunks of it."""
    default_headers: Mapping[str, str] | None
    """More headers of each request; their values never print."""
    extra_body: Mapping[str, Any] | None
    """More keys of each request, passed on unchanged, which override all others."""


class RemoteTextSettings(RemoteSettings, OtherChatNames, total=False):
    """Settings of remote language models, with the defaults of options that calls have."""

    extra_headers: Mapping[str, str] | None
    """More headers of a request."""


class RemoteChatSettings(RemoteTextSettings, total=False):
    """Settings of remote chat models, with the defaults of options that calls have."""

    tools: Sequence[Tool] | None
    """Tools that the model may call; `bind_tools` says what they can be."""
    tool_choice: str | Mapping[str, Any] | None
    """Which tool the model calls: "auto", "none", "any", or the name of a tool."""
    response_format: Mapping[str, Any] | None
    """The schema of answers, as OpenAI writes it; `with_structured_output` makes one of a type."""


class RemoteEmbeddingsSettings(RequestSettings, RemoteSettings, total=False):
    """Settings of remote embeddings."""

    dimensions: int | None
    """How many numbers a vector has, for models that can shorten theirs."""
    max_batch_size: int | None
    """The most strings in one request; None: as many as the service takes."""


class OtherEmbeddingsNames(TypedDict, total=False):
    """LangChain's names of settings of embeddings."""

    model_name: str
    request_timeout: float | Timeouts | None
    chunk_size: int | None
    model_kwargs: Mapping[str, Any] | None
    show_progress_bar: bool
