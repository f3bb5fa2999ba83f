"""Chat models of an Ollama server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from runnables.errors import ConfigError
from runnables_providers._remote.chat import REMOTE_OPTIONS, ApiCall, HTTPChatModel
from runnables_providers._remote.other_names import OLLAMA_NAMES, our_options, takes_other_names
from runnables_providers.ollama.exchange import OPTIONS, OllamaChat
from runnables_providers.ollama.service import OllamaRemote, checked_model

if TYPE_CHECKING:
    from runnables.messages import BaseMessage
    from runnables_providers.ollama.settings import OllamaSettings


@takes_other_names(OLLAMA_NAMES)
class ChatOllama(OllamaRemote, HTTPChatModel, internal=True):
    """A chat model of an Ollama server, over its own API.

    No tool can be forced: a `tool_choice` that asks for it is an error.

    Settings are defaults: a call can override each of the options among them. Also known are
    Ollama's options `frequency_penalty`, `presence_penalty`, `repeat_last_n`, `typical_p`,
    `mirostat`, `mirostat_eta`, `mirostat_tau`, `num_batch`, `num_gpu`, `main_gpu`, `num_thread`,
    `num_keep`, `num_predict`, `use_mmap`, `shift`, `truncate`, `logprobs` and `top_logprobs`.

    Args:
        model: a model that the server has, such as "llama3.2".
        **settings: the settings below.

    Keyword Args:
        base_url (str): where the server is: a URL, or a host and a port; by default OLLAMA_HOST of
            the environment, or port 11434 of this machine.
        api_key (str | SecretStr | Callable[[], str]): a key for ollama.com, or for a gateway before
            the server; by default OLLAMA_API_KEY of the environment. A server of one's own needs
            none.
        temperature (float): how freely the model chooses, from 0 (the likeliest token) up.
        max_tokens (int): the most tokens that an answer may have (Ollama's `num_predict`).
        stop (str | Sequence[str]): strings before which an answer ends.
        seed (int): makes answers repeatable, where the service can.
        top_p (float): choose among the likeliest tokens of this total probability.
        num_ctx (int): how many tokens a conversation and its answer may have together.
        think (bool | str): whether, or how much, the model reasons: True, False, "low", "medium" or
            "high"; the reasoning comes as reasoning blocks.
        keep_alive (str | float): how long the model stays loaded: "5m", or seconds.
        top_k (int): choose among this many of the likeliest tokens.
        min_p (float): leave out tokens that are less likely than this part of the likeliest one.
        repeat_penalty (float): makes tokens less likely that were used lately.
        timeout (float | Timeouts): seconds to wait for the first byte of an answer, and between two
            chunks of it; or `Timeouts`, which has each limit by name.
        max_retries (int | None): how often a request is repeated after an error that may pass; 2 by
            default.
        max_retry_delay (float): the longest delay, in seconds, that the service may ask for before
            a retry; 60 by default.
        rate_limiter (BaseRateLimiter): spaces the requests of all models that share it.
        cache (BaseCache): where answers are stored, and looked for first.
        default_headers (Mapping[str, str]): more headers of each request; their values never print.
        extra_body (Mapping[str, Any]): more keys of each request, passed on unchanged, which
            override all others.
        name (str): the name of the model in traces, events and logs.

    Raises:
        ConfigError: no model is named, the model does not know an option, or `base_url` is no
            URL.

    Example:
        >>> from runnables_providers.ollama import ChatOllama
        >>> ChatOllama("llama3.2", num_ctx=8192)
        ChatOllama(max_retries=2, model='llama3.2', num_ctx=8192)
    """

    known_options: ClassVar[frozenset[str]] = REMOTE_OPTIONS | OPTIONS
    lines: ClassVar[bool] = True

    def __init__(self, model: str | None = None, **settings: Unpack[OllamaSettings]) -> None:
        super().__init__(model, **settings)
        checked_model(model)
        one_limit(type(self).__name__, vars(self), {})

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        if given:
            given = our_options(type(self), given)
        options = one_limit(type(self).__name__, super()._options(given), given)
        choice = options.get("tool_choice", "auto")
        if choice not in ("auto", "none"):
            raise ConfigError(
                f"Ollama cannot force a call: tool_choice={choice!r}. Leave it out, or say "
                "'auto' or 'none'. For an answer that has a schema use with_structured_output."
            )
        return options

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return "/api/chat"

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        return OllamaChat(messages, options)


def one_limit(owner: str, options: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with one limit of the answer's tokens, that of the call where it gives one.

    `num_predict` is no other name of `max_tokens`, as it may be negative.

    Raises:
        ConfigError: two limits.
    """
    limits = {"num_predict": "max_tokens", "max_tokens": "num_predict"}
    if any(options.get(name) is None for name in limits):
        return options
    chosen = [name for name in limits if name in given]
    if len(chosen) != 1:
        raise ConfigError(
            f"{owner} got 'num_predict' and 'max_tokens', two names of one setting: keep one."
        )
    del options[limits[chosen[0]]]
    return options
