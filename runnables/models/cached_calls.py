"""The answers of a chat model that has a cache; loaded by the first call of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from runnables.cache.keys import digest
from runnables.cache.values import NOT_CACHED, CacheEntry, Codec
from runnables.engine.stream import owned
from runnables.messages.call_ids import with_ids
from runnables.messages.kinds import final_chunk
from runnables.models.calls import ANSWER_CHUNKS, checked_answer

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Awaitable,
        Callable,
        Generator,
    )

    from runnables.messages.ai import AIMessage
    from runnables.messages.base import BaseMessage
    from runnables.models.request_policies import RequestPolicy

    Messages: TypeAlias = list[BaseMessage]
    Options: TypeAlias = dict[str, Any]


def cached_answer(
    policy: RequestPolicy,
    hook: Callable[[Messages, Options], AIMessage],
    messages: Messages,
    options: Options,
) -> AIMessage:
    """Return the cached answer, or ask the model and store what it answers.

    Args:
        policy: the model, with a cache; only its request policies are used.
        hook: asks the model.
        messages: the conversation.
        options: the options of the call.
    """
    entry = cache_entry(policy, messages, options)
    answer = entry.get()
    if answer is not NOT_CACHED:
        return with_ids(mark_cached(answer), messages)
    answer = checked_answer(policy, policy._run_request(hook, messages, options), messages)
    entry.set(answer)
    return answer


async def acached_answer(
    policy: RequestPolicy,
    hook: Callable[[Messages, Options], Awaitable[AIMessage]],
    messages: Messages,
    options: Options,
) -> AIMessage:
    """Do what `cached_answer` does, async."""
    entry = cache_entry(policy, messages, options)
    answer = await entry.aget()
    if answer is not NOT_CACHED:
        return with_ids(mark_cached(answer), messages)
    answer = checked_answer(policy, await policy._arun_request(hook, messages, options), messages)
    await entry.aset(answer)
    return answer


def cached_chunks(
    policy: RequestPolicy,
    chunks: Generator[Any, None, None],
    messages: Messages,
    options: Options,
) -> Generator[Any, None, None]:
    """Yield the cached answer as one chunk, or a model's chunks, and store what they make.

    Args:
        policy: the model, with a cache; only its request policies are used.
        chunks: those of the model, which is asked when the first is taken; closed at the end.
        messages: the conversation.
        options: the options of the call.
    """
    entry = cache_entry(policy, messages, options)
    answer = entry.get()
    if answer is not NOT_CACHED:
        yield final_chunk(with_ids(mark_cached(answer), messages))
        return
    parts = ANSWER_CHUNKS.accumulator()
    try:
        for chunk in chunks:
            parts.add(chunk)
            yield chunk
    finally:
        chunks.close()
    if not parts.empty:
        entry.set(parts.value())


async def acached_chunks(
    policy: RequestPolicy,
    chunks: AsyncGenerator[Any, None],
    messages: Messages,
    options: Options,
) -> AsyncGenerator[Any, None]:
    """Run `cached_chunks`, in async."""
    entry = cache_entry(policy, messages, options)
    answer = await entry.aget()
    if answer is not NOT_CACHED:
        yield final_chunk(with_ids(mark_cached(answer), messages))
        return
    parts = ANSWER_CHUNKS.accumulator()
    try:
        async for chunk in owned(chunks):
            parts.add(chunk)
            yield chunk
    finally:
        await chunks.aclose()
    if not parts.empty:
        await entry.aset(parts.value())


_ANSWERS: Final = Codec("a chat model", lambda: Any)

_METADATA: Final = frozenset({"id", "usage_metadata", "response_metadata"})
"""The fields of a message that no model gets: equal conversations may differ in them."""


def cache_entry(policy: RequestPolicy, messages: Messages, options: Options) -> CacheEntry:
    """Return the entry of an answer, whose key is the model, the options and the conversation."""
    payloads = [_cache_payload(message) for message in messages]
    key = digest("chat", type(policy), policy._identity(), options, payloads)
    assert policy.cache is not None
    return CacheEntry(policy.cache, key, _ANSWERS)


def _cache_payload(message: BaseMessage) -> dict[str, Any]:
    """Return what a model gets of a message; its type is one of the fields."""
    names = [name for name in type(message).model_fields if name not in _METADATA]
    return {name: getattr(message, name) for name in names}


def mark_cached(answer: AIMessage) -> AIMessage:
    """Mark an answer, which was read from a cache for this call alone, as one without costs."""
    answer.response_metadata["from_cache"] = True
    return answer
