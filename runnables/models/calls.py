"""One call of a chat model under its policies: from the cache, in its turn, more than once.

The caches and the retries are loaded by a call of a model that has them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.engine.stream import StreamInfo, aclose, close
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.kinds import final_chunk, message_chunk_to_message
from runnables.models.request_policies import Reservation

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Generator,
        Iterable,
        Sequence,
    )

    from runnables.cache.stores import BaseCache
    from runnables.cache.values import CacheEntry
    from runnables.compose.policies.failures import Restart
    from runnables.messages.base import BaseMessage
    from runnables.models.chat import ChatModel


def generate(model: ChatModel, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
    """What a model answers, under its policies."""
    if model.rate_limiter is None and model.cache is None:  # most often: a call needs no object
        if not model.max_retries:
            return model._generate(messages, options)
        from runnables.compose.policies.attempts import call_with_retries

        return call_with_retries(model._attempts(), model._generate, messages, options)
    call = _Call(model, messages, options)
    return call.ask() if model.cache is None else call.answer(model.cache)


# Where there is nothing to do after an answer, its coroutine is passed on: each that waits around
# another costs the garbage collector as much as it costs to run.
def agenerate(
    model: ChatModel, messages: list[BaseMessage], options: dict[str, Any]
) -> Awaitable[AIMessage]:
    """What a model answers, under its policies."""
    if model.rate_limiter is None and model.cache is None:  # most often: a call needs no object
        if not model.max_retries:
            return model._agenerate(messages, options)
        from runnables.compose.policies.attempts import acall_with_retries

        return acall_with_retries(model._attempts(), model._agenerate, messages, options)
    call = _Call(model, messages, options)
    return call.aask() if model.cache is None else call.aanswer(model.cache)


def stream(
    model: ChatModel, messages: list[BaseMessage], options: dict[str, Any], on_restart: Restart
) -> Iterable[Any]:
    """What a model answers, in pieces, under its policies; with "restart", `RESET` among them."""
    if not model._is_tried:
        return model._stream(messages, options)
    return _Call(model, messages, options).chunks(on_restart)


def astream(
    model: ChatModel, messages: list[BaseMessage], options: dict[str, Any], on_restart: Restart
) -> AsyncIterable[Any]:
    """What a model answers, in pieces, under its policies; with "restart", `RESET` among them."""
    if not model._is_tried:
        return model._astream(messages, options)
    return _Call(model, messages, options).achunks(on_restart)


_UNSAID: Final = frozenset({"id", "usage_metadata", "response_metadata"})
"""Facts of a message that are not said to a model: equal questions may differ in them."""


def _cache_payload(message: BaseMessage) -> dict[str, Any]:
    """What a model gets of a message; its type is one of the fields."""
    names = [name for name in type(message).model_fields if name not in _UNSAID]
    return {name: getattr(message, name) for name in names}


def _marked(answer: AIMessage) -> AIMessage:
    """An answer that was kept, which is ours alone, as one that nobody has paid for again."""
    answer.response_metadata["from_cache"] = True
    return answer


class _Call:
    """One call of a chat model, under its policies."""

    def __init__(
        self, model: ChatModel, messages: list[BaseMessage], options: dict[str, Any]
    ) -> None:
        self._model = model
        self._messages = messages
        self._options = options

    def answer(self, cache: BaseCache) -> AIMessage:
        from runnables.cache.values import NOT_CACHED

        kept = self._kept(cache)
        answer = kept.get()
        if answer is NOT_CACHED:
            answer = self._model._checked(self.ask())
            kept.set(answer)
            return answer
        return _marked(answer)

    async def aanswer(self, cache: BaseCache) -> AIMessage:
        from runnables.cache.values import NOT_CACHED

        kept = self._kept(cache)
        answer = await kept.aget()
        if answer is NOT_CACHED:
            answer = self._model._checked(await self.aask())
            await kept.aset(answer)
            return answer
        return _marked(answer)

    def ask(self) -> AIMessage:
        send = partial(self._model._generate, self._messages, self._options)
        return self._model._requested(send, self._tokens)

    def aask(self) -> Awaitable[AIMessage]:
        send = partial(self._model._agenerate, self._messages, self._options)
        return self._model._arequested(send, self._tokens)

    def chunks(self, on_restart: Restart) -> Iterable[Any]:
        from runnables.compose.policies.attempts import stream_with_retries

        attempts = self._model._attempts(on_restart)
        chunks = stream_with_retries(self._ask_chunks, attempts, self._info())
        return chunks if self._model.cache is None else self._kept_chunks(chunks)

    def achunks(self, on_restart: Restart) -> AsyncIterable[Any]:
        from runnables.compose.policies.attempts import astream_with_retries

        attempts = self._model._attempts(on_restart)
        chunks = astream_with_retries(self._aask_chunks, attempts, self._info())
        return chunks if self._model.cache is None else self._akept_chunks(chunks)

    def _kept_chunks(self, chunks: Generator[Any, None, None]) -> Generator[Any, None, None]:
        from runnables.cache.values import NOT_CACHED

        kept = self._kept(self._model.cache)
        answer = kept.get()
        if answer is not NOT_CACHED:
            yield final_chunk(_marked(answer))
            return
        parts = self._model.merge.accumulator()
        try:
            for chunk in chunks:
                parts.add(chunk)
                yield chunk
        finally:
            chunks.close()
        if not parts.empty:
            kept.set(parts.value())

    async def _akept_chunks(self, chunks: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        from runnables.cache.values import NOT_CACHED

        kept = self._kept(self._model.cache)
        answer = await kept.aget()
        if answer is not NOT_CACHED:
            yield final_chunk(_marked(answer))
            return
        parts = self._model.merge.accumulator()
        try:
            async for chunk in chunks:
                parts.add(chunk)
                yield chunk
        finally:
            await chunks.aclose()
        if not parts.empty:
            await kept.aset(parts.value())

    def _kept(self, cache: Any) -> CacheEntry:
        """Where the answer is kept: by the model, the options and the question."""
        from runnables.cache.keys import digest
        from runnables.cache.values import CacheEntry, Codec

        said = [_cache_payload(message) for message in self._messages]
        key = digest("chat", type(self._model), self._model._identity(), self._options, said)
        return CacheEntry(cache, key, Codec("a chat model", lambda: Any))

    def _ask_chunks(self, attempt: int) -> Iterable[AIMessageChunk]:
        if self._model.rate_limiter is None:
            return self._model._stream(self._messages, self._options)
        return self._permitted_chunks()

    def _aask_chunks(self, attempt: int) -> AsyncIterable[AIMessageChunk]:
        if self._model.rate_limiter is None:
            return self._model._astream(self._messages, self._options)
        return self._apermitted_chunks()

    def _permitted_chunks(self) -> Generator[AIMessageChunk, None, None]:
        permit = Reservation(self._model, self._tokens)
        permit.acquire()
        chunks: Any = None
        try:
            chunks = self._model._stream(self._messages, self._options)
            for chunk in chunks:
                permit.record_usage(chunk)
                yield chunk
            permit.commit()
        except Exception as error:
            permit.cancel(error)
            raise
        finally:
            close(chunks)

    async def _apermitted_chunks(self) -> AsyncGenerator[AIMessageChunk, None]:
        permit = Reservation(self._model, self._tokens)
        await permit.aacquire()
        chunks: Any = None
        try:
            chunks = self._model._astream(self._messages, self._options)
            async for chunk in chunks:
                permit.record_usage(chunk)
                yield chunk
            permit.commit()
        except Exception as error:
            permit.cancel(error)
            raise
        finally:
            await aclose(chunks)

    def _tokens(self) -> float:
        """About how many tokens the question and its answer take."""
        asked = self._model.get_num_tokens_from_messages(self._messages)
        return asked + (self._options.get("max_tokens") or 0)

    def _info(self) -> StreamInfo:
        return StreamInfo(self._model.merge, self._model)


def join_answer(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """The answer that the chunks of a stream make, as the whole message that it is.

    Raises:
        TypeError: something in the stream is no AIMessageChunk.
    """
    for chunk in chunks:
        if not isinstance(cast("object", chunk), AIMessageChunk):
            raise TypeError(
                f"A model's stream gave {chunk!r}: `_stream` yields AIMessageChunk objects."
            )
    joined = chunks[0] if len(chunks) == 1 else AIMessageChunk.merge_chunks(chunks)
    return cast("AIMessage", message_chunk_to_message(joined))
