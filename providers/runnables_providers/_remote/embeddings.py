"""The base of embeddings that are reached over HTTP.

A provider writes how to build a request for some strings, and how to read the vectors, as plain
data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from runnables.core.config import Scope, activate
from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError
from runnables.models import Embeddings
from runnables.redaction import SecretDict, remember_secrets
from runnables_providers._remote.request_bodies import merged_body, revealed
from runnables_providers._remote.service import Remote, no_model

if TYPE_CHECKING:
    from runnables.models.rate_limits import BaseRateLimiter
    from runnables_providers._http import Request, Timeouts
    from runnables_providers._remote.keys import Key


class HTTPEmbeddings(Remote, Embeddings):
    """Embeddings that are reached over HTTP.

    Args:
        model: the name of the model.
        dimensions: the length of the vectors, for models that can shorten them.
        max_batch_size: the most strings in a request; None: as many as the service accepts.
        api_key: the key, or a function that returns the current key, called in the thread or loop
            of each call; None: the key is looked up in the environment at each call; an empty
            string: no key, whatever the environment has.
        base_url: another base URL than that of the service.
        timeout: seconds to wait for a response, or `Timeouts`.
        max_retries: how often a request is repeated after an error that may pass; None: never.
        max_retry_delay: the longest delay, in seconds, that the service may ask for before a retry;
            60 by default.
        rate_limiter: spaces the requests of all models that share it.
        default_headers: more headers of each request; no repr shows their values.
        extra_body: more keys of each request body; objects in it are merged into those of the
            request, and anything else overrides.
        name: the name in traces.

    Raises:
        AuthenticationError: the service requires a key, and there is none.
        ConfigError: a URL is invalid, or a number is not positive.
    """

    @checks_keywords
    def __init__(
        self,
        model: str | None = None,
        *,
        dimensions: int | None = None,
        max_batch_size: int | None = None,
        api_key: Key | None = None,
        base_url: str | None = None,
        timeout: float | Timeouts | None = None,
        max_retries: int | None = 2,
        max_retry_delay: float | None = None,
        rate_limiter: BaseRateLimiter | None = None,
        default_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        self._check_positive(dimensions=dimensions, max_batch_size=max_batch_size)
        self.model = model
        self.dimensions = dimensions
        self.max_batch_size = max_batch_size or type(self).max_batch_size
        self.extra_body = None if extra_body is None else SecretDict(extra_body)
        self.name = name
        super().__init__(
            max_retries=max_retries, max_retry_delay=max_retry_delay, rate_limiter=rate_limiter
        )
        self._connect(api_key, base_url, timeout, default_headers)

    def _check_positive(self, **counts: int | None) -> None:
        for name, count in counts.items():
            is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 1
            if count is not None and not is_count:
                raise ConfigError(f"{type(self).__name__}: {name}={count!r}: expected 1 or more.")

    @property
    def vector_space(self) -> str | None:
        """Return the service, the model, and the length of the vectors where it is set.

        Not the URL: the same model may move to another host. None: no model is named.
        """
        model = self._sent("model", self.model)
        if not isinstance(model, str) or not model:
            return None
        name = model.removeprefix("models/")  # which Google may have before it
        return ", ".join([f"{self.service.name}: {name}", *self._vector_settings()])

    def _vector_settings(self) -> list[str]:
        """Return the settings that change the vectors, in words."""
        length = self._sent("dimensions", self.dimensions)
        return [f"{length} numbers"] if isinstance(length, int) else []

    def _sent(self, key: str, value: Any) -> Any:
        """Return what a request has at a key: this value, unless `extra_body` overrides it."""
        return value if self.extra_body is None else self.extra_body.get(key, value)

    # -- hooks of a provider

    def _path(self) -> str:
        """Return the path after the base URL, or a whole URL."""
        raise NotImplementedError

    def _body(self, strings: Sequence[str], /, *, query: bool) -> Mapping[str, Any]:
        """Return the body of a request; `query` tells whether these are queries or documents."""
        raise NotImplementedError

    def _vectors(self, body: Any) -> list[list[float]]:
        """Return the vectors in the body of a response, in the order of the strings."""
        raise NotImplementedError

    # -- as embeddings, and as a runnable

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vectors of strings, in order; each request has up to `max_batch_size`.

        Raises:
            ModelError: the service refuses, fails or cannot be reached.
        """
        return self._embed_all(texts, query=False)

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vectors of strings, in order; see `embed_documents`."""
        return await self._aembed_all(texts, query=False)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query, to be compared with those of documents."""
        return self._embed_all([text], query=True)[0]

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a query, to be compared with those of documents."""
        return (await self._aembed_all([text], query=True))[0]

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        strings = [self._text(value, kwargs) for value in values]
        with activate(scope):
            return self._embed_all(strings, query=True)

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        strings = [self._text(value, kwargs) for value in values]
        with activate(scope):
            return await self._aembed_all(strings, query=True)

    def _embed_all(self, strings: Sequence[str], *, query: bool) -> list[list[float]]:
        vectors: list[list[float]] = []
        for batch in self._batches(strings):
            vectors += self._request(partial(self._embed_batch, batch, query), batch)
        return vectors

    async def _aembed_all(self, strings: Sequence[str], *, query: bool) -> list[list[float]]:
        vectors: list[list[float]] = []
        for batch in self._batches(strings):
            vectors += await self._arequest(partial(self._aembed_batch, batch, query), batch)
        return vectors

    def _embed_batch(self, strings: Sequence[str], query: bool) -> list[list[float]]:
        return self._fetch(self._build_request(strings, query), partial(self._read, len(strings)))

    async def _aembed_batch(self, strings: Sequence[str], query: bool) -> list[list[float]]:
        return await self._afetch(
            self._build_request(strings, query), partial(self._read, len(strings))
        )

    def _build_request(self, strings: Sequence[str], query: bool) -> Request:
        if not (self.model or "model" in (self.extra_body or {})):
            raise no_model(type(self).__name__)
        remember_secrets(self.extra_body)
        body = merged_body(self._body(strings, query=query), revealed(self.extra_body or {}))
        return self._post(self._path(), body)

    def _read(self, count: int, body: Any) -> list[list[float]]:
        vectors = self._vectors(body)
        if len(vectors) != count:
            raise ValueError(f"{len(vectors)} vectors for {count} strings")
        return vectors

    def _batches(self, strings: Sequence[str]) -> Iterator[Sequence[str]]:
        if isinstance(cast("object", strings), str):
            raise TypeError(
                f"{type(self).__name__}.embed_documents takes a list of strings, and got a string. "
                "Use `embed_query`, or put the string into a list."
            )
        for text in strings:
            if not isinstance(cast("object", text), str):
                raise TypeError(
                    f"{type(self).__name__} embeds strings, got {type(text).__name__!r}."
                )
        for start in range(0, len(strings), self.max_batch_size):
            yield strings[start : start + self.max_batch_size]


def floats(vector: Any) -> list[float]:
    """Return a vector of a response as floats.

    Raises:
        TypeError: it is not a list of numbers.
    """
    if not isinstance(vector, list):
        raise TypeError("a vector is not a list")
    return [float(number) for number in cast("Sequence[Any]", vector)]
