"""What an embedding model is, whoever provides it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from runnables.compose.runnable import Runnable
from runnables.core.config import Scope, activate
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, did_you_mean
from runnables.models.request_policies import RequestPolicy

if TYPE_CHECKING:
    from runnables.models.rate_limits import BaseRateLimiter

R = TypeVar("R")


class Embeddings(RequestPolicy, Runnable[str, list[float]], internal=True):
    """A model that gives each text a vector, near vectors to texts of near meaning.

    A provider writes `embed_documents`, and what else it can do better: `embed_query`, where
    questions are embedded in another way than what answers them, and the async twins. It makes
    each of its requests through `_request`, or its twin.

    As a runnable it embeds one text as a query; `batch` sends many texts at once.

    Args:
        max_retries, max_retry_delay, rate_limiter: see `RequestPolicy`.
    """

    run_type: ClassVar[str] = "embeddings"
    max_batch_size: int = 256
    """How many texts are sent at once at most."""

    def __init__(
        self,
        *,
        max_retries: int | None = None,
        max_retry_delay: float | None = None,
        rate_limiter: BaseRateLimiter | None = None,
    ) -> None:
        self._guard(max_retries, max_retry_delay, rate_limiter)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts, in their order."""
        raise NotImplementedError(f"{type(self).__name__} says nothing of `embed_documents`")

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts, in their order; in a worker thread by default."""
        return await to_thread(self.embed_documents, texts)

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text that is to be compared with those of documents."""
        return self.embed_documents([text])[0]

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a text that is to be compared with those of documents."""
        return (await self.aembed_documents([text]))[0]

    # -- for providers

    def _request(self, send: Callable[[], R], texts: Sequence[str]) -> R:
        """What one request gives: sent in its turn, and again after errors that may pass."""
        return self._requested(send, partial(_tokens, texts))

    async def _arequest(self, send: Callable[[], Awaitable[R]], texts: Sequence[str]) -> R:
        """What one request gives: sent in its turn, and again after errors that may pass."""
        return await self._arequested(send, partial(_tokens, texts))

    # -- as a runnable

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            return self.embed_query(self._text(value, kwargs))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            return await self.aembed_query(self._text(value, kwargs))

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        texts = [self._text(value, kwargs) for value in values]
        with activate(scope):
            if self._asks_differently():
                return [self.embed_query(text) for text in texts]
            return self._one_each(texts, self.embed_documents(texts))

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        texts = [self._text(value, kwargs) for value in values]
        with activate(scope):
            if self._asks_differently():
                return [await self.aembed_query(text) for text in texts]
            return self._one_each(texts, await self.aembed_documents(texts))

    def _asks_differently(self) -> bool:
        """Whether queries are embedded in another way, so that they cannot go as documents."""
        own, base = type(self), Embeddings
        return own.embed_query is not base.embed_query or own.aembed_query is not base.aembed_query

    def _one_each(self, texts: Sequence[str], vectors: list[list[float]]) -> list[list[float]]:
        if len(vectors) != len(texts):
            raise ValueError(
                f"{type(self).__name__} gave {len(vectors)} vectors for {len(texts)} texts."
            )
        return vectors

    def _text(self, value: Any, options: dict[str, Any]) -> str:
        for option in options:
            raise ConfigError(
                f"{type(self).__name__} has no option {option!r} for a call."
                f"{did_you_mean(option, self._settings())} Its settings are given when it is made."
            )
        if not isinstance(value, str):
            raise TypeError(
                f"{type(self).__name__} embeds a text, got {type(value).__name__!r}. For many "
                "texts use `batch`, or `embed_documents`."
            )
        return value


def _tokens(texts: Sequence[str]) -> float:
    """About how many tokens texts have."""
    return sum(-(-len(text) // 4) for text in texts)
