"""Embeddings that are reached over HTTP.

A provider says how to ask for the vectors of some texts, and how to read them, as plain data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from runnables.core.config import Scope, activate
from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError
from runnables.models import Embeddings
from runnables_providers._remote.service import Remote

if TYPE_CHECKING:
    from runnables.models.rate_limits import BaseRateLimiter
    from runnables_providers._http import Request, Timeouts
    from runnables_providers._remote.keys import Key


class HTTPEmbeddings(Remote, Embeddings):
    """Embeddings that are reached over HTTP.

    Args:
        model: which model, as the service calls it.
        dimensions: how many numbers a vector has, for models that can give fewer than they have.
        max_batch_size: how many texts a request has at most; None: as many as the service takes.
        api_key: the key, or a function that gives the one to use now, asked in the thread or
            loop of each call; by default it is looked up in the environment at each call. An
            empty text: none, whatever the environment has.
        base_url: another address than the service's own.
        timeout: seconds to wait for an answer, or `Timeouts`.
        max_retries: how often to try again after an error that may pass; see `RequestPolicy`.
        max_retry_delay: the longest wait, in seconds, that the service may ask for.
        rate_limiter: lets requests go in their turn; see `RequestPolicy`.
        default_headers: further headers of each request; their values never print.
        extra_body: further keys of each request, as they stand, over all others.
        name: what observers call it.

    Raises:
        AuthenticationError: no key, for a service that wants one.
        ConfigError: an address that is none, a number that is not positive.
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
        self.extra_body = None if extra_body is None else dict(extra_body)
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

    # -- what a provider writes

    def _path(self) -> str:
        """Where to send it: what follows the base address, or a whole address."""
        raise NotImplementedError

    def _body(self, texts: Sequence[str], *, query: bool) -> Mapping[str, Any]:
        """What to send; `query` says whether the texts ask for others or answer them."""
        raise NotImplementedError

    def _vectors(self, body: Any) -> list[list[float]]:
        """The vectors in an answer, in the order of the texts."""
        raise NotImplementedError

    # -- as embeddings, and as a runnable

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts, in their order; in requests of `max_batch_size`, one after another.

        Raises:
            ModelError: the service refuses, fails or cannot be reached.
        """
        return self._embedded(texts, query=False)

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vectors of texts, in order, by one request a `max_batch_size`."""
        return await self._aembedded(texts, query=False)

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text that is to be compared with those of documents."""
        return self._embedded([text], query=True)[0]

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a text that is to be compared with those of documents."""
        return (await self._aembedded([text], query=True))[0]

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        texts = [self._text(value, kwargs) for value in values]
        with activate(scope):
            return self._embedded(texts, query=True)

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        texts = [self._text(value, kwargs) for value in values]
        with activate(scope):
            return await self._aembedded(texts, query=True)

    def _embedded(self, texts: Sequence[str], *, query: bool) -> list[list[float]]:
        found: list[list[float]] = []
        for group in self._groups(texts):
            found += self._request(partial(self._ask, group, query), group)
        return found

    async def _aembedded(self, texts: Sequence[str], *, query: bool) -> list[list[float]]:
        found: list[list[float]] = []
        for group in self._groups(texts):
            found += await self._arequest(partial(self._aask, group, query), group)
        return found

    def _ask(self, texts: Sequence[str], query: bool) -> list[list[float]]:
        return self._fetched(self._build_request(texts, query), partial(self._read, len(texts)))

    async def _aask(self, texts: Sequence[str], query: bool) -> list[list[float]]:
        return await self._afetched(
            self._build_request(texts, query), partial(self._read, len(texts))
        )

    def _build_request(self, texts: Sequence[str], query: bool) -> Request:
        body = {**self._body(texts, query=query), **(self.extra_body or {})}
        return self._post(self._path(), body)

    def _read(self, count: int, body: Any) -> list[list[float]]:
        vectors = self._vectors(body)
        if len(vectors) != count:
            raise ValueError(f"{len(vectors)} vectors for {count} texts")
        return vectors

    def _groups(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        if isinstance(cast("object", texts), str):
            raise TypeError(
                f"{type(self).__name__} was given one text where it takes a list. "
                "Use `embed_query`, or put the text into a list."
            )
        for text in texts:
            if not isinstance(cast("object", text), str):
                raise TypeError(f"{type(self).__name__} embeds texts, got {type(text).__name__!r}.")
        for start in range(0, len(texts), self.max_batch_size):
            yield texts[start : start + self.max_batch_size]


def floats(vector: Any) -> list[float]:
    """A vector of an answer.

    Raises:
        TypeError: it is no list of numbers.
    """
    if not isinstance(vector, list):
        raise TypeError("a vector that is no list")
    return [float(number) for number in cast("Sequence[Any]", vector)]
