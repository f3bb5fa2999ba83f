"""Models of text of an Ollama server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from runnables_providers._remote.other_names import OLLAMA_NAMES, our_options, takes_other_names
from runnables_providers._remote.text import REMOTE_TEXT_OPTIONS, HTTPTextModel
from runnables_providers.ollama.chat import one_limit
from runnables_providers.ollama.exchange import OPTIONS
from runnables_providers.ollama.generate import OllamaGenerate
from runnables_providers.ollama.service import OllamaRemote, checked_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.messages import BaseMessage
    from runnables_providers._remote.chat import ApiCall
    from runnables_providers.ollama.settings import OllamaTextSettings


@takes_other_names(OLLAMA_NAMES)
class OllamaLLM(OllamaRemote, HTTPTextModel, internal=True):
    """A model of text of an Ollama server, over its own API.

    It answers a prompt, and returns a string, which has `usage_metadata` and `response_metadata`,
    too. For a model that answers messages, see `ChatOllama`: messages are passed to this one as one
    string. Reasoning is left out of the string.

    Settings are defaults: a call can override each of the options among them. Ollama's options are
    those of `ChatOllama`.

    Args:
        model: a model that the server has, such as "llama3.2".
        **settings: the settings below.

    Keyword Args:
        base_url (str): where the server is: a URL, or a host and a port; by default OLLAMA_HOST of
            the environment, or port 11434 of this machine.
        api_key (str | SecretStr | Callable[[], str]): a key for ollama.com, or for a gateway before
            the server; by default OLLAMA_API_KEY of the environment.
        temperature (float): how freely the model chooses, from 0 (the likeliest token) up.
        max_tokens (int): the most tokens that an answer may have (Ollama's `num_predict`).
        stop (str | Sequence[str]): strings before which an answer ends.
        seed (int): makes answers repeatable, where the service can.
        top_p (float): choose among the likeliest tokens of this total probability.
        num_ctx (int): how many tokens a prompt and its answer may have together.
        response_format (Mapping[str, Any]): the schema of answers, as OpenAI writes it; `format` is
            Ollama's own name of it.
        think (bool | str): whether, or how much, the model reasons.
        keep_alive (str | float): how long the model stays loaded: "5m", or seconds.
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
        >>> from runnables_providers.ollama import OllamaLLM
        >>> OllamaLLM(model="llama3.2", num_ctx=8192)
        OllamaLLM(max_retries=2, model='llama3.2', num_ctx=8192)
    """

    known_options: ClassVar[frozenset[str]] = REMOTE_TEXT_OPTIONS | OPTIONS | {"response_format"}
    lines: ClassVar[bool] = True

    def __init__(self, model: str | None = None, **settings: Unpack[OllamaTextSettings]) -> None:
        super().__init__(model, **settings)
        checked_model(model)
        one_limit(type(self).__name__, vars(self), {})

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        if given:
            given = our_options(type(self), given)
        return one_limit(type(self).__name__, super()._options(given), given)

    def _path(self, options: Mapping[str, Any], *, streamed: bool) -> str:
        return "/api/generate"

    def _exchange(self, messages: list[BaseMessage], options: dict[str, Any]) -> ApiCall:
        return OllamaGenerate(messages, options)
