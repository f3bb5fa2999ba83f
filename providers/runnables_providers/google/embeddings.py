"""Embeddings of Google, over the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack, cast

from runnables_providers._remote.embeddings import HTTPEmbeddings, floats
from runnables_providers._remote.other_names import GOOGLE_EMBEDDINGS_NAMES, takes_other_names
from runnables_providers.google.service import API_VERSION, GoogleRemote, resource

if TYPE_CHECKING:
    from runnables_providers._remote.settings import RemoteEmbeddingsSettings
    from runnables_providers.google.settings import GoogleEmbeddingsSettings


@takes_other_names(GOOGLE_EMBEDDINGS_NAMES)
class GoogleGenerativeAIEmbeddings(GoogleRemote, HTTPEmbeddings, internal=True):
    """Embeddings of Google, over the Gemini API.

    Args:
        model: the name of the model, such as "gemini-embedding-001".
        task_type: what the vectors are for ("SEMANTIC_SIMILARITY", "CLASSIFICATION", ...); None:
            for search, where `embed_documents` and `embed_query` differ ("RETRIEVAL_DOCUMENT",
            "RETRIEVAL_QUERY"). As a runnable it embeds queries.
        api_version: the version of the API, which is part of its URLs.
        **settings: the settings below.

    Keyword Args:
        api_key (str | SecretStr | Callable[[], str]): the key, or a function that returns the one
            to use now, called in the thread or loop of each call; by default GOOGLE_API_KEY or
            GEMINI_API_KEY of the environment, read at each call.
        base_url (str): another URL than Google's; by default GOOGLE_GEMINI_BASE_URL of the
            environment.
        dimensions (int): how many numbers a vector has, for models that can shorten theirs.
        max_batch_size (int): the most strings in one request; by default 100, which Google allows.
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
        AuthenticationError: there is no key for Google's own URL.
        ConfigError: no model is named, or a setting is unknown or out of range.

    Example:
        >>> from runnables_providers.google import GoogleGenerativeAIEmbeddings
        >>> GoogleGenerativeAIEmbeddings("gemini-embedding-001", api_key="...").max_batch_size
        100
    """

    max_batch_size: int = 100  # the service takes no more

    def __init__(
        self,
        model: str | None = None,
        *,
        task_type: str | None = None,
        api_version: str = API_VERSION,
        **settings: Unpack[GoogleEmbeddingsSettings],
    ) -> None:
        self.task_type = task_type
        self.api_version = api_version
        super().__init__(model, **cast("RemoteEmbeddingsSettings", settings))
        resource(model)  # raises where there is none

    def _vector_settings(self) -> list[str]:
        # Without a task, queries and documents have one each, and are made to be compared.
        task = [] if self.task_type is None else [self.task_type]
        return [*super()._vector_settings(), *task]

    def _path(self) -> str:
        return self._model_path(self.model, "batchEmbedContents")

    def _body(self, strings: Sequence[str], *, query: bool) -> Mapping[str, Any]:
        task = self.task_type or ("RETRIEVAL_QUERY" if query else "RETRIEVAL_DOCUMENT")
        common: dict[str, Any] = {"model": resource(self.model), "taskType": task}
        if self.dimensions is not None:
            common["outputDimensionality"] = self.dimensions
        contents = [{"parts": [{"text": text}]} for text in strings]
        return {"requests": [{**common, "content": content} for content in contents]}

    def _vectors(self, body: Any) -> list[list[float]]:
        return [floats(embedding["values"]) for embedding in body["embeddings"]]
