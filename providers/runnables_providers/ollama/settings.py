"""Settings and options of Ollama's chat models, in Ollama's words.

Calls take the options, too; a setting is their default.
https://docs.ollama.com/modelfile and https://docs.ollama.com/api/chat describe them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from runnables.models.settings import ChatSettings
from runnables_providers._remote.settings import (
    OtherEmbeddingsNames,
    RemoteChatSettings,
    RemoteEmbeddingsSettings,
    RemoteTextSettings,
)


class ModelOptions(TypedDict, total=False):
    """Options that Ollama passes on to the model: `options` in a request."""

    frequency_penalty: float | None
    """Makes tokens less likely the more often they were used."""
    main_gpu: int | None
    """Which GPU holds what is not shared between several."""
    min_p: float | None
    """Leave out tokens that are less likely than this part of the likeliest one."""
    mirostat: int | None
    """Control of perplexity by Mirostat: 0 (off), 1 or 2."""
    mirostat_eta: float | None
    """How fast Mirostat adapts."""
    mirostat_tau: float | None
    """The perplexity that Mirostat aims at."""
    num_batch: int | None
    """How many tokens of a prompt are read in one step."""
    num_ctx: int | None
    """How many tokens a conversation and its answer may have together."""
    num_gpu: int | None
    """How many layers of the model run on the GPU."""
    num_keep: int | None
    """How many tokens of the prompt stay where the context overflows."""
    num_predict: int | None
    """Ollama's name of `max_tokens`."""
    num_thread: int | None
    """How many threads compute."""
    presence_penalty: float | None
    """Makes tokens less likely once they were used."""
    repeat_last_n: int | None
    """How many of the last tokens `repeat_penalty` looks at."""
    repeat_penalty: float | None
    """Makes tokens less likely that were used lately; 1: not at all."""
    top_k: int | None
    """Choose among this many of the likeliest tokens."""
    typical_p: float | None
    """Choose among the tokens of typical likelihood, of this total probability."""
    use_mmap: bool | None
    """Whether the model file is mapped into memory."""


class RequestOptions(TypedDict, total=False):
    """Options that are fields of a request of their own."""

    keep_alive: str | float | None
    """How long the model stays loaded: "5m", or seconds."""
    logprobs: bool | None
    """Whether the likelihood of each token is reported."""
    shift: bool | None
    """Whether the beginning of the conversation is dropped where the context overflows."""
    think: bool | str | None
    """Whether, or how much, the model reasons: True, False, "low", "medium", "high"."""
    top_logprobs: int | None
    """How many of the likeliest tokens are reported, with `logprobs`."""
    truncate: bool | None
    """Whether a conversation that is too long is cut."""


class OtherOllamaNames(TypedDict, total=False):
    """Other names of settings of Ollama's models."""

    format: Mapping[str, Any] | str | None
    """Ollama's name of `response_format`: "json", or a schema."""
    reasoning: bool | str | None
    """LangChain's name of `think`."""


class OllamaSettings(
    ChatSettings, RemoteChatSettings, OtherOllamaNames, ModelOptions, RequestOptions, total=False
):
    """Settings that `ChatOllama` has in common with other remote models, and its options."""


class OllamaTextSettings(
    ChatSettings, RemoteTextSettings, OtherOllamaNames, ModelOptions, RequestOptions, total=False
):
    """Settings that `OllamaLLM` has in common with other remote models, and its options."""

    response_format: Mapping[str, Any] | None
    """The schema of answers, as OpenAI writes it."""


class OllamaEmbeddingsSettings(RemoteEmbeddingsSettings, OtherEmbeddingsNames, total=False):
    """Settings that `OllamaEmbeddings` has in common with other remote embeddings."""
