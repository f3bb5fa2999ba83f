"""Embeddings of Google, over the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runnables_providers._remote.embeddings import HTTPEmbeddings, floats
from runnables_providers.google.service import API_VERSION, GoogleRemote, resource


class GoogleGenerativeAIEmbeddings(GoogleRemote, HTTPEmbeddings, internal=True):
    """Embeddings of Google, over the Gemini API.

    Args:
        model: its name, as "gemini-embedding-001".
        task_type: what the vectors are for ("SEMANTIC_SIMILARITY", "CLASSIFICATION", ...); None:
            for search, where `embed_documents` and `embed_query` differ ("RETRIEVAL_DOCUMENT",
            "RETRIEVAL_QUERY"). As a runnable it embeds queries.
        api_version: the version of the API, as it stands in its addresses.
        **settings: those of `HTTPEmbeddings`.

    Raises:
        AuthenticationError: no key is given or in GOOGLE_API_KEY or GEMINI_API_KEY.
        ConfigError: no model, or a setting that is unknown or out of range.
    """

    max_batch_size: int = 100  # the most that the service takes

    def __init__(
        self,
        model: str | None = None,
        *,
        task_type: str | None = None,
        api_version: str = API_VERSION,
        **settings: Any,
    ) -> None:
        self.task_type = task_type
        self.api_version = api_version
        super().__init__(model, **settings)
        resource(model)  # raises where there is none

    def _path(self) -> str:
        return self._model_path(self.model, "batchEmbedContents")

    def _body(self, texts: Sequence[str], *, query: bool) -> Mapping[str, Any]:
        task = self.task_type or ("RETRIEVAL_QUERY" if query else "RETRIEVAL_DOCUMENT")
        told: dict[str, Any] = {"model": resource(self.model), "taskType": task}
        if self.dimensions is not None:
            told["outputDimensionality"] = self.dimensions
        return {"requests": [{**told, "content": {"parts": [{"text": it}]}} for it in texts]}

    def _vectors(self, body: Any) -> list[list[float]]:
        return [floats(it["values"]) for it in body["embeddings"]]
