"""Embeddings of an Ollama server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack, cast

from runnables_providers._remote.embeddings import HTTPEmbeddings, floats
from runnables_providers._remote.other_names import OLLAMA_EMBEDDINGS_NAMES, takes_other_names
from runnables_providers.ollama.service import OllamaRemote, checked_model

if TYPE_CHECKING:
    from runnables_providers._remote.settings import RemoteEmbeddingsSettings
    from runnables_providers.ollama.settings import OllamaEmbeddingsSettings


@takes_other_names(OLLAMA_EMBEDDINGS_NAMES)
class OllamaEmbeddings(OllamaRemote, HTTPEmbeddings, internal=True):
    """Embeddings of an Ollama server, over its own API.

    Args:
        model: a model that the server has, such as "nomic-embed-text".
        truncate: whether a string that is too long is cut; False: it is an error; None: the
            server's default.
        keep_alive: how long the model stays loaded: "5m", or seconds.
        options: options of the model, such as `{"num_ctx": 8192}`.
        **settings: the settings below.

    Keyword Args:
        base_url (str): where the server is: a URL, or a host and a port; by default OLLAMA_HOST of
            the environment, or port 11434 of this machine.
        api_key (str | SecretStr | Callable[[], str]): a key for ollama.com, or for a gateway before
            the server; by default OLLAMA_API_KEY of the environment. A server of one's own needs
            none.
        dimensions (int): how many numbers a vector has, for models that can shorten theirs.
        max_batch_size (int): the most strings in one request; by default 256.
        timeout (float | Timeouts): seconds to wait for the first byte of an answer, and between two
            chunks of it; or `Timeouts`, which has each limit by name.
        max_retries (int | None): how often a request is repeated after an error that may pass; 2 by
            default.
        max_retry_delay (float): the longest delay, in seconds, that the service may ask for before
            a retry; 60 by default.
        rate_limiter (BaseRateLimiter): spaces the requests of all models that share it.
        default_headers (Mapping[str, str]): more headers of each request; their values never print.
        extra_body (Mapping[str, Any]): more keys of each request, passed on unchanged, which
            override all others.
        name (str): the name of the model in traces, events and logs.

    Raises:
        ConfigError: no model is named, or a setting is unknown or out of range.

    Example:
        >>> from runnables_providers.ollama import OllamaEmbeddings
        >>> OllamaEmbeddings("nomic-embed-text", keep_alive="5m")
        OllamaEmbeddings(keep_alive='5m', model='nomic-embed-text', ...)
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        truncate: bool | None = None,
        keep_alive: str | float | None = None,
        options: Mapping[str, Any] | None = None,
        **settings: Unpack[OllamaEmbeddingsSettings],
    ) -> None:
        self.truncate = truncate
        self.keep_alive = keep_alive
        self.options = None if options is None else dict(options)
        super().__init__(model, **cast("RemoteEmbeddingsSettings", settings))
        checked_model(model)

    def _path(self) -> str:
        return "/api/embed"

    def _body(self, strings: Sequence[str], *, query: bool) -> Mapping[str, Any]:
        fields = {
            "truncate": self.truncate,
            "keep_alive": self.keep_alive,
            "options": self.options,
            "dimensions": self.dimensions,
        }
        fields = {key: value for key, value in fields.items() if value is not None}
        return {"model": self.model, "input": list(strings), **fields}

    def _vectors(self, body: Any) -> list[list[float]]:
        return [floats(vector) for vector in body["embeddings"]]
