"""The base of all embedding models."""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from runnables.compose.runnable import Runnable
from runnables.core.config import Scope, activate
from runnables.core.options import option_hint
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError
from runnables.messages.script_tokens import text_tokens
from runnables.models.request_policies import RequestPolicy

if TYPE_CHECKING:
    from runnables.models.rate_limits import BaseRateLimiter

R = TypeVar("R")


def _check_texts(owner: str, texts: Any) -> None:
    """Refuse a string where a list of strings is meant: it would be embedded letter by letter."""
    if isinstance(texts, (str, bytes)):
        raise TypeError(
            f"{owner}.embed_documents takes a list of strings, and got a string. "
            "Use `embed_query`, or put the string into a list."
        )
    if isinstance(texts, Mapping) or not isinstance(texts, Iterable):
        kind = type(cast("object", texts)).__name__
        raise TypeError(f"{owner}.embed_documents takes a list of strings, and got a {kind!r}.")
    for text in cast("Any", texts) if isinstance(texts, (list, tuple)) else ():
        _check_text(owner, text)


def _check_text(owner: str, text: Any) -> None:
    """Refuse anything but a string."""
    if not isinstance(text, str):
        raise TypeError(
            f"{owner} embeds strings, got {type(text).__name__!r}. Use `embed_query` for one "
            "string, and `embed_documents` for a list of them."
        )


_CHECKS: Final[Mapping[str, Callable[[str, Any], None]]] = {
    "embed_documents": _check_texts,
    "aembed_documents": _check_texts,
    "embed_query": _check_text,
    "aembed_query": _check_text,
}
"""The checks of what the methods of a provider get, by their names."""


def _checked(method: Any, check: Callable[[str, Any], None]) -> Any:
    """Return a method that checks its argument first."""
    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def checked_async(self: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
            check(type(self).__name__, value)
            return await method(self, value, *args, **kwargs)

        return checked_async

    @wraps(method)
    def checked(self: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        check(type(self).__name__, value)
        return method(self, value, *args, **kwargs)

    return checked


class Embeddings(RequestPolicy, Runnable[str, list[float]], internal=True):
    """A model that turns strings into vectors, close ones for strings of close meaning.

    A provider writes `embed_documents`, and what else it can do better: `embed_query`, where
    queries are embedded differently from documents, and the async methods. It makes each of its
    requests through `_request` or `_arequest`, and says by `vector_space` which vectors can be
    compared.

    As a runnable it embeds one string as a query; `batch` sends many strings at once.

    Args:
        max_retries: how often a request is repeated after an error that may pass (see
            `is_retryable`); None: never.
        max_retry_delay: the longest delay, in seconds, that the service may ask for before a retry;
            60 by default.
        rate_limiter: spaces the requests of all models that share it.

    Example:
        >>> class Lengths(Embeddings):
        ...     def embed_documents(self, texts):
        ...         return [[float(len(text))] for text in texts]
        >>> Lengths().embed_documents(["a", "ahoy"])
        [[1.0], [4.0]]
        >>> Lengths().invoke("ahoy")
        [4.0]
    """

    run_type: ClassVar[str] = "embeddings"
    max_batch_size: int = 256
    """The largest number of strings in one request."""

    def __init__(
        self,
        *,
        max_retries: int | None = None,
        max_retry_delay: float | None = None,
        rate_limiter: BaseRateLimiter | None = None,
    ) -> None:
        self._set_policies(max_retries, max_retry_delay, rate_limiter)

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(internal=internal, **kwargs)
        for name, check in _CHECKS.items():
            if name in vars(cls):
                setattr(cls, name, _checked(vars(cls)[name], check))

    @property
    def vector_space(self) -> str | None:
        """Return what the vectors depend on, in words, such as the model and their length.

        Vectors can be compared where it is equal: so a store refuses those of another model. None:
        it is not known.
        """
        return None

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each string, in their order."""
        raise NotImplementedError(f"{type(self).__name__} has no `embed_documents`")

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each string, in their order; in a worker thread by default."""
        return await to_thread(self.embed_documents, texts)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a string that is compared with those of documents."""
        return self.embed_documents([text])[0]

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a string that is compared with those of documents."""
        return (await self.aembed_documents([text]))[0]

    # -- for providers

    def _request(self, send: Callable[[], R], texts: Sequence[str]) -> R:
        """Return what one request for these strings returns, under the policies."""

        def request(_: Sequence[str]) -> R:
            return send()

        return self._run_request(request, texts)

    async def _arequest(self, send: Callable[[], Awaitable[R]], texts: Sequence[str]) -> R:
        """Return what one request for these strings returns, under the policies."""

        def request(_: Sequence[str]) -> Awaitable[R]:
            return send()

        return await self._arun_request(request, texts)

    def _estimate_tokens(self, texts: Sequence[str]) -> float:
        """Return about how many tokens these strings have."""
        return sum(math.ceil(text_tokens(text)) for text in texts)

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
            if self._has_own_queries():
                return [self.embed_query(text) for text in texts]
            return self._checked_vectors(texts, self.embed_documents(texts))

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        texts = [self._text(value, kwargs) for value in values]
        with activate(scope):
            if self._has_own_queries():
                return [await self.aembed_query(text) for text in texts]
            return self._checked_vectors(texts, await self.aembed_documents(texts))

    def _has_own_queries(self) -> bool:
        """Tell whether queries are embedded differently from documents, so not along with them."""
        own, base = type(self), Embeddings
        return own.embed_query is not base.embed_query or own.aembed_query is not base.aembed_query

    def _checked_vectors(
        self, texts: Sequence[str], vectors: list[list[float]]
    ) -> list[list[float]]:
        if len(vectors) != len(texts):
            raise ValueError(
                f"{type(self).__name__} returned {len(vectors)} vectors for {len(texts)} strings."
            )
        return vectors

    def _text(self, value: Any, options: dict[str, Any]) -> str:
        for option in options:
            raise ConfigError(
                f"{type(self).__name__} has no option {option!r} for a call."
                f"{option_hint(option, self._settings())} Pass its settings to the class."
            )
        if not isinstance(value, str):
            raise TypeError(
                f"{type(self).__name__} embeds a string, got {type(value).__name__!r}. For many "
                "strings use `batch`, or `embed_documents`."
            )
        return value
