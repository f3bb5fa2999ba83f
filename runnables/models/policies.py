"""What a model does around its provider's hooks: it waits for its turn, and asks again after a
failure that may pass.

A model without any of these settings pays for none of them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from runnables.attempts import (
    MAX_RETRY_DELAY,
    Attempts,
    Pace,
    Rules,
    atried,
    atried_chunks,
    check_attempts,
    check_delay,
    tried,
    tried_chunks,
)
from runnables.errors import ConfigError, ModelError, RateLimitError, worth_retrying
from runnables.limits import BaseRateLimiter
from runnables.streams import Declared, aclose, close

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Generator,
        Iterable,
    )

    from runnables.messages import AIMessage, AIMessageChunk, BaseMessage
    from runnables.models.chat import ChatModel
    from runnables.tries import Restart

R = TypeVar("R")

PACE: Final = Pace(initial=0.5, max=8.0, jitter=0.5)
"""As the services' own clients wait where the service says nothing."""


class Guarded:
    """The settings of a model that say how its service is asked; a base of models.

    Attributes:
        max_retries: how often a request is made again after an error that may pass (see
            `worth_retrying`); None: never. Under a `with_retry` that covers the error, never.
        max_retry_delay: the longest delay that the service may ask for, in seconds, and be
            asked again; None: 60.
        rate_limiter: lets requests go, those of all models that share it; each attempt is one.
    """

    # on the class, too: a subclass with an __init__ of its own need not call ours
    max_retries: int | None = None
    max_retry_delay: float | None = None
    rate_limiter: BaseRateLimiter | None = None
    _pace: ClassVar[Pace] = PACE

    def _guard(
        self,
        max_retries: int | None,
        max_retry_delay: float | None,
        rate_limiter: BaseRateLimiter | None,
    ) -> None:
        """Set them.

        Raises:
            ConfigError: a number below 0, or a limiter that is none.
        """
        if max_retries is not None:
            check_attempts("max_retries", max_retries, 0)
        if max_retry_delay is not None:
            check_delay("max_retry_delay", max_retry_delay)
        given: Any = rate_limiter
        if given is not None and not isinstance(given, BaseRateLimiter):
            raise ConfigError(
                f"rate_limiter={given!r}: expected an InMemoryRateLimiter, or another subclass of "
                "BaseRateLimiter"
            )
        self.max_retries = max_retries
        self.max_retry_delay = max_retry_delay
        self.rate_limiter = rate_limiter

    @property
    def _is_guarded(self) -> bool:
        """Whether any of them asks for something."""
        return bool(self.max_retries) or self.rate_limiter is not None

    @property
    def _longest_delay(self) -> float:
        return MAX_RETRY_DELAY if self.max_retry_delay is None else self.max_retry_delay

    def _attempts(self, on_restart: Restart = "raise") -> Attempts:
        rules = Rules(
            most=1 + (self.max_retries or 0),
            mends=worth_retrying,
            pace=self._pace,
            max_delay=self._longest_delay,
            yields=True,
        )
        return Attempts(rules, on_restart)

    def _requested(self, send: Callable[[], R], tokens: Callable[[], float]) -> R:
        """What a request gives, in its turn, and made again after errors that may pass.

        Args:
            send: makes the request.
            tokens: about how many tokens it takes; asked for only where somebody counts.
        """

        def attempt(number: int) -> R:
            permit = Permit(self, tokens)
            permit.get()
            try:
                given = send()
            except Exception as error:
                permit.failed(error)
                raise
            permit.heard(given)
            permit.done()
            return given

        if not self._is_guarded:
            return attempt(1)
        return tried(attempt, self._attempts())

    async def _arequested(self, send: Callable[[], Awaitable[R]], tokens: Callable[[], float]) -> R:
        """What a request gives, in its turn, and made again after errors that may pass.

        Args:
            send: makes the request.
            tokens: about how many tokens it takes; asked for only where somebody counts.
        """

        async def attempt(number: int) -> R:
            permit = Permit(self, tokens)
            await permit.aget()
            try:
                given = await send()
            except Exception as error:
                permit.failed(error)
                raise
            permit.heard(given)
            permit.done()
            return given

        if not self._is_guarded:
            return await attempt(1)
        return await atried(attempt, self._attempts())


_NONE: Final = {"total_tokens": 0}


class Permit:
    """What a limiter has let go for one request, and what became of it.

    Args:
        model: whose request it is.
        tokens: how many tokens it will take; asked for only where somebody counts.
    """

    def __init__(self, model: Guarded, tokens: Callable[[], float]) -> None:
        self._limiter = model.rate_limiter
        self._longest = model._longest_delay
        self._reserved = 0.0
        self._used = 0.0
        if self._limiter is not None and self._limiter.counts_tokens:
            self._reserved = tokens()

    def get(self) -> None:
        """Wait for it."""
        if self._limiter is not None:
            self._limiter.reserve(self._reserved)

    async def aget(self) -> None:
        """Wait for it."""
        if self._limiter is not None:
            await self._limiter.areserve(self._reserved)

    def heard(self, answer: object) -> None:
        """An answer, or a piece of it, has come: count the tokens that it reports."""
        if self._limiter is not None:
            self._used += (getattr(answer, "usage_metadata", None) or _NONE)["total_tokens"]

    def done(self) -> None:
        """The answer is whole. One without a usage has taken what was reserved."""
        if self._limiter is not None and self._used:
            self._limiter.settle(self._reserved, self._used)

    def failed(self, error: Exception) -> None:
        """The request has failed: what a service refuses at once takes no tokens."""
        if self._limiter is None or not isinstance(error, ModelError):
            return
        passes = worth_retrying(error)
        if isinstance(error, RateLimitError) or not passes:
            self._limiter.settle(self._reserved, 0)
        if passes and error.retry_after and 0 < error.retry_after <= self._longest:
            self._limiter.pause(error.retry_after)


def answer_of(model: ChatModel, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
    """What a model answers, under its policies."""
    if not model._is_guarded:
        return model._generate(messages, options)
    return _Call(model, messages, options).answer()


async def aanswer_of(
    model: ChatModel, messages: list[BaseMessage], options: dict[str, Any]
) -> AIMessage:
    """What a model answers, under its policies."""
    if not model._is_guarded:
        return await model._agenerate(messages, options)
    return await _Call(model, messages, options).aanswer()


def chunks_of(
    model: ChatModel, messages: list[BaseMessage], options: dict[str, Any], on_restart: Restart
) -> Iterable[Any]:
    """What a model answers, in pieces, under its policies; with "restart", `RESET` among them."""
    if not model._is_guarded:
        return model._stream(messages, options)
    return _Call(model, messages, options).chunks(on_restart)


def achunks_of(
    model: ChatModel, messages: list[BaseMessage], options: dict[str, Any], on_restart: Restart
) -> AsyncIterable[Any]:
    """What a model answers, in pieces, under its policies; with "restart", `RESET` among them."""
    if not model._is_guarded:
        return model._astream(messages, options)
    return _Call(model, messages, options).achunks(on_restart)


class _Call:
    """One call of a chat model, under its policies."""

    def __init__(
        self, model: ChatModel, messages: list[BaseMessage], options: dict[str, Any]
    ) -> None:
        self._model = model
        self._messages = messages
        self._options = options

    def answer(self) -> AIMessage:
        ask = partial(self._model._generate, self._messages, self._options)
        return self._model._requested(ask, self._tokens)

    async def aanswer(self) -> AIMessage:
        ask = partial(self._model._agenerate, self._messages, self._options)
        return await self._model._arequested(ask, self._tokens)

    def chunks(self, on_restart: Restart) -> Generator[Any, None, None]:
        attempts = self._model._attempts(on_restart)
        yield from tried_chunks(self._ask_chunks, attempts, self._declared())

    async def achunks(self, on_restart: Restart) -> AsyncGenerator[Any, None]:
        attempts = self._model._attempts(on_restart)
        chunks = atried_chunks(self._aask_chunks, attempts, self._declared())
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    def _ask_chunks(self, attempt: int) -> Generator[AIMessageChunk, None, None]:
        permit = Permit(self._model, self._tokens)
        permit.get()
        chunks: Any = None
        try:
            chunks = self._model._stream(self._messages, self._options)
            for chunk in chunks:
                permit.heard(chunk)
                yield chunk
            permit.done()
        except Exception as error:
            permit.failed(error)
            raise
        finally:
            close(chunks)

    async def _aask_chunks(self, attempt: int) -> AsyncGenerator[AIMessageChunk, None]:
        permit = Permit(self._model, self._tokens)
        await permit.aget()
        chunks: Any = None
        try:
            chunks = self._model._astream(self._messages, self._options)
            async for chunk in chunks:
                permit.heard(chunk)
                yield chunk
            permit.done()
        except Exception as error:
            permit.failed(error)
            raise
        finally:
            await aclose(chunks)

    def _tokens(self) -> float:
        """About how many tokens the question and its answer take."""
        asked = self._model.get_num_tokens_from_messages(self._messages)
        return asked + (self._options.get("max_tokens") or 0)

    def _declared(self) -> Declared:
        return Declared(self._model.merge, self._model)
