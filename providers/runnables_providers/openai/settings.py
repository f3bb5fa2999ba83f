"""Settings and options of OpenAI's chat models, in OpenAI's words.

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
    RemoteTextSettings,
)

if TYPE_CHECKING:
    from runnables_providers._remote.keys import Key


class SharedOptions(TypedDict, total=False):
    """Options that chat completions and Responses both have."""

    metadata: Mapping[str, str] | None
    """Up to 16 pairs that are stored with the answer."""
    parallel_tool_calls: bool | None
    """Whether the model may call several tools at once."""
    prompt_cache_key: str | None
    """Groups requests whose prompts begin alike, so that the service's cache finds them."""
    prompt_cache_retention: str | None
    """How long the service caches a prompt: "in_memory" or "24h"."""
    reasoning_effort: str | None
    """How much a reasoning model reasons: "none", "minimal", "low", "medium", "high"."""
    safety_identifier: str | None
    """A stable name of the end user, hashed, for the service's abuse checks."""
    service_tier: str | None
    """How the request is processed: "auto", "default", "flex" or "priority"."""
    store: bool | None
    """Whether the service stores the answer."""
    top_logprobs: int | None
    """How many of the likeliest tokens are reported for each token of the answer."""
    user: str | None
    """A name of the end user; the service replaces it by `safety_identifier`."""
    verbosity: str | None
    """How long answers are: "low", "medium" or "high"."""


class CompletionOptions(TypedDict, total=False):
    """Options that only chat completions have."""

    audio: Mapping[str, Any] | None
    """Voice and format of spoken answers."""
    frequency_penalty: float | None
    """Makes tokens less likely the more often they were used, from -2 to 2."""
    function_call: str | Mapping[str, Any] | None
    """Which of the `functions` is called: "auto", "none", or `{"name": ...}`. See `functions`."""
    functions: Sequence[Mapping[str, Any]] | None
    """Functions in the older form, which the service replaces by tools: use `bind_tools`. A call of
    one is `additional_kwargs["function_call"]` of the answer."""
    logit_bias: Mapping[str, float] | None
    """Added to the likelihood of tokens, by their id."""
    logprobs: bool | None
    """Whether the likelihood of each token is reported."""
    modalities: Sequence[str] | None
    """What an answer consists of: "text", "audio"."""
    n: int | None
    """How many answers are generated; the first one is returned."""
    prediction: Mapping[str, Any] | None
    """An answer that is mostly known already, such as a file to edit."""
    presence_penalty: float | None
    """Makes tokens less likely once they were used, from -2 to 2."""
    web_search_options: Mapping[str, Any] | None
    """How the model searches the web."""


class ResponseOptions(TypedDict, total=False):
    """Options that only Responses have."""

    background: bool | None
    """Whether the service works on after the connection has ended. The answer is waited for."""
    conversation: str | Mapping[str, Any] | None
    """A conversation that the service stores, which the answer continues."""
    include: Sequence[str] | None
    """More to report, such as "reasoning.encrypted_content"."""
    instructions: str | None
    """A system message before the conversation."""
    max_tool_calls: int | None
    """How many calls of the service's own tools an answer may make."""
    previous_response_id: str | None
    """The id of a stored answer that this one continues."""
    prompt: Mapping[str, Any] | None
    """A prompt template that the service stores."""
    reasoning: Mapping[str, Any] | None
    """How a reasoning model reasons, and whether it summarizes that."""
    text: Mapping[str, Any] | None
    """The format of the text; see `response_format` and `verbosity`."""
    truncation: str | None
    """What happens to a conversation that is too long: "auto" or "disabled"."""


class TextOptions(TypedDict, total=False):
    """Options of text completions."""

    best_of: int | None
    """How many answers are generated, of which the best is returned; not streamed."""
    echo: bool | None
    """Whether the answer begins with the prompt."""
    frequency_penalty: float | None
    """Makes tokens less likely the more often they were used, from -2 to 2."""
    logit_bias: Mapping[str, float] | None
    """Added to the likelihood of tokens, by their id."""
    logprobs: int | None
    """How many of the likeliest tokens are reported for each token of the answer."""
    n: int | None
    """How many answers are generated; the first one is returned."""
    presence_penalty: float | None
    """Makes tokens less likely once they were used, from -2 to 2."""
    suffix: str | None
    """The text that follows the answer, for models that fill a gap."""
    user: str | None
    """A name of the end user."""


class OtherOpenAINames(TypedDict, total=False):
    """LangChain's names of settings of OpenAI's models, and a keyword that means nothing here."""

    openai_api_key: Key | None
    """LangChain's name of `api_key`."""
    openai_api_base: str | None
    """LangChain's name of `base_url`."""
    openai_organization: str | None
    """LangChain's name of `organization`."""
    tiktoken_model_name: str | None
    """Has no effect here."""


class OpenAISettings(
    ChatSettings,
    RemoteChatSettings,
    OtherOpenAINames,
    SharedOptions,
    CompletionOptions,
    ResponseOptions,
    total=False,
):
    """Settings that `ChatOpenAI` has in common with every remote model, and its options."""


class OpenAITextSettings(
    ChatSettings, RemoteTextSettings, OtherOpenAINames, TextOptions, total=False
):
    """Settings that `OpenAI` has in common with every remote model, and its options."""


class OpenAIEmbeddingsSettings(RemoteEmbeddingsSettings, OtherEmbeddingsNames, total=False):
    """Settings that `OpenAIEmbeddings` has in common with other remote embeddings."""

    openai_api_key: Key | None
    """LangChain's name of `api_key`."""
    openai_api_base: str | None
    """LangChain's name of `base_url`."""
    headers: Mapping[str, str] | None
    """LangChain's name of `default_headers`."""


class AzureSettings(OpenAISettings, total=False):
    """Settings of `ChatOpenAI`, for a subclass."""

    organization: str | None
    """On whose account; by default OPENAI_ORG_ID of the environment."""
    project: str | None
    """For which project; by default OPENAI_PROJECT_ID of the environment."""
    stream_usage: bool
    """Whether to ask for the usage of streams."""
    use_responses_api: bool
    """Whether to use Responses instead of chat completions."""
    deployment_name: str | None
    """LangChain's name of `azure_deployment`."""
    openai_api_version: str | None
    """LangChain's name of `api_version`."""
