"""Embeddings of an Ollama server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runnables_providers._remote.embeddings import HTTPEmbeddings, floats
from runnables_providers.ollama.service import OllamaRemote, checked_model


class OllamaEmbeddings(OllamaRemote, HTTPEmbeddings, internal=True):
    """Embeddings of an Ollama server, over its own API.

    Args:
        model: a model that the server has, as "nomic-embed-text".
        truncate: whether a text that is too long is cut; False: it is an error. None: as the
            server likes.
        keep_alive: how long the model stays loaded ("5m", or seconds).
        options: options of the model, such as `{"num_ctx": 8192}`.
        **settings: those of `HTTPEmbeddings`.

    Raises:
        ConfigError: no model, or a setting that is unknown or out of range.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        truncate: bool | None = None,
        keep_alive: str | float | None = None,
        options: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.truncate = truncate
        self.keep_alive = keep_alive
        self.options = None if options is None else dict(options)
        super().__init__(model, **settings)
        checked_model(model)

    def _path(self) -> str:
        return "/api/embed"

    def _body(self, texts: Sequence[str], *, query: bool) -> Mapping[str, Any]:
        told = {
            "truncate": self.truncate,
            "keep_alive": self.keep_alive,
            "options": self.options,
            "dimensions": self.dimensions,
        }
        known = {key: it for key, it in told.items() if it is not None}
        return {"model": self.model, "input": list(texts), **known}

    def _vectors(self, body: Any) -> list[list[float]]:
        return [floats(it) for it in body["embeddings"]]
