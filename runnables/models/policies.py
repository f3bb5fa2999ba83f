"""What a model does around its provider's hooks: it asks again after a failure that may pass.

A model without any of these settings pays for none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

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
from runnables.errors import worth_retrying
from runnables.streams import Declared, aclose, close

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from runnables.messages import AIMessage, AIMessageChunk, BaseMessage
    from runnables.models.chat import ChatModel
    from runnables.tries import Restart

PACE: Final = Pace(initial=0.5, max=8.0, jitter=0.5)
"""As the services' own clients wait where the service says nothing."""


class Guarded:
    """The settings of a model that say how it is called; a base of models.

    Attributes:
        max_retries: how often a call is made again after an error that may pass (see
            `worth_retrying`); None: never. Under a `with_retry` that covers the error, never.
        max_retry_delay: the longest delay that the service may ask for, in seconds, and be
            asked again; None: 60.
    """

    # on the class, too: a subclass with an __init__ of its own need not call ours
    max_retries: int | None = None
    max_retry_delay: float | None = None
    _pace: ClassVar[Pace] = PACE

    def _guard(self, max_retries: int | None, max_retry_delay: float | None) -> None:
        """Set them.

        Raises:
            ConfigError: a number below 0.
        """
        if max_retries is not None:
            check_attempts("max_retries", max_retries, 0)
        if max_retry_delay is not None:
            check_delay("max_retry_delay", max_retry_delay)
        self.max_retries = max_retries
        self.max_retry_delay = max_retry_delay

    @property
    def _is_guarded(self) -> bool:
        """Whether any of them asks for something."""
        return bool(self.max_retries)

    def _attempts(self, on_restart: Restart = "raise") -> Attempts:
        delay = MAX_RETRY_DELAY if self.max_retry_delay is None else self.max_retry_delay
        most = 1 + (self.max_retries or 0)
        return Attempts(Rules(most, worth_retrying, self._pace, delay, yields=True), on_restart)


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
        return tried(self._ask, self._model._attempts())

    async def aanswer(self) -> AIMessage:
        return await atried(self._aask, self._model._attempts())

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

    def _ask(self, attempt: int) -> AIMessage:
        return self._model._generate(self._messages, self._options)

    async def _aask(self, attempt: int) -> AIMessage:
        return await self._model._agenerate(self._messages, self._options)

    def _ask_chunks(self, attempt: int) -> Generator[AIMessageChunk, None, None]:
        chunks = self._model._stream(self._messages, self._options)
        try:
            yield from chunks
        finally:
            close(chunks)

    async def _aask_chunks(self, attempt: int) -> AsyncGenerator[AIMessageChunk, None]:
        chunks = self._model._astream(self._messages, self._options)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await aclose(chunks)

    def _declared(self) -> Declared:
        return Declared(self._model.merge, self._model)
