"""How language models run: what chat models and models of text have in common.

A provider writes one or more of four hooks, which get messages and checked options:

    _generate(messages, options) -> AIMessage               _agenerate, the same in async
    _stream(messages, options) -> Iterator[AIMessageChunk]   _astream, the same in async

The hooks that it does not write follow from those that it wrote: an answer is its joined stream,
a stream is an answer as one chunk, and an async hook is the sync one in a worker thread.

What serves caches and retries is imported where a model has them: a program that only asks for text
starts in less time without.
"""

from __future__ import annotations

import math
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.core.config import Scope, activate
from runnables.core.signatures import checks_keywords
from runnables.core.stream_runs import awith_chunk_events, with_chunk_events
from runnables.core.user_code import aiterate_in_scope, iterate_in_scope
from runnables.engine.bridge import iterate_in_threads
from runnables.engine.collect import acollect, collect
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, aclose, close, owned
from runnables.engine.thread_calls import to_thread
from runnables.errors import SyncAsyncError
from runnables.messages.base import BaseMessage
from runnables.messages.call_ids import CallIds, with_call_ids, with_ids
from runnables.messages.convert import MessageLikeRepresentation, convert_to_messages
from runnables.messages.kinds import AnyMessage, final_chunk
from runnables.messages.normalize import ConversationError
from runnables.messages.prompt_values import ChatPromptValue, StringPromptValue
from runnables.messages.script_tokens import text_tokens
from runnables.messages.tokens import count_tokens_approximately
from runnables.models.calls import afill_call_ids, checked_answer, fill_call_ids, join_answer
from runnables.models.hook_forms import open_hook
from runnables.models.options import BASE_OPTIONS, check_numbers, merged_options
from runnables.models.own_handlers import Answer, OwnHandlers
from runnables.models.request_policies import RequestPolicy

if TYPE_CHECKING:
    from runnables.cache.stores import BaseCache
    from runnables.compose.policies.failures import Restart
    from runnables.core.events import Run
    from runnables.core.handlers import Callbacks
    from runnables.messages.ai import AIMessage, AIMessageChunk
    from runnables.models.rate_limits import BaseRateLimiter


class LanguageModel(RequestPolicy, OwnHandlers[Answer], internal=True):
    """The base of `ChatModel`, which describes its settings and its hooks, and of `TextModel`.

    The hooks answer with messages. `ChatModel` returns these, `TextModel` returns their text.
    """

    known_options: ClassVar[frozenset[str]] = BASE_OPTIONS
    """The names of the options that calls may set; subclasses add theirs."""

    @checks_keywords
    def __init__(
        self,
        *,
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        stop: Sequence[str] | str | None = None,
        seed: int | None = None,
        top_p: float | None = None,
        name: str | None = None,
        max_retries: int | None = None,
        max_retry_delay: float | None = None,
        rate_limiter: BaseRateLimiter | None = None,
        cache: BaseCache | None = None,
        callbacks: Callbacks = None,
    ) -> None:
        self._set_policies(max_retries, max_retry_delay, rate_limiter, cache)
        self._set_callbacks(callbacks)
        self.model = model
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.stop = stop
        self.seed = seed
        self.top_p = top_p
        self.name = name
        check_numbers(type(self).__name__, vars(self))

    @property
    def InputType(self) -> Any:
        """Return the type of a prompt value, a string, or a list of messages."""
        return StringPromptValue | ChatPromptValue | str | list[AnyMessage]

    @property
    def _accepted_type(self) -> Any:
        return self.InputType | BaseMessage | dict[str, Any] | Iterable[Any]

    # -- the hooks that a provider writes

    @open_hook
    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        """Answer a conversation."""
        self._require("_stream", "_generate", "invoke")
        return join_answer(list(fill_call_ids(self._stream(messages, options), messages)))

    @open_hook
    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        """Answer a conversation, without blocking the loop."""
        if not self._writes("_astream"):
            return await to_thread(self._generate, messages, options)
        chunks = afill_call_ids(self._astream(messages, options), messages)
        return join_answer([chunk async for chunk in chunks])

    @open_hook
    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        """Answer a conversation chunk by chunk. Closing the iterator stops the work."""
        self._require("_generate", "_stream", "stream")
        yield final_chunk(with_ids(self._generate(messages, options), messages))

    @open_hook
    def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        """Answer a conversation chunk by chunk, without blocking the loop."""
        if self._writes("_stream"):
            return iterate_in_threads(lambda: self._stream(messages, options))
        return self._aone_chunk(messages, options)

    async def _aone_chunk(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        yield final_chunk(with_ids(await self._agenerate(messages, options), messages))

    def _writes(self, hook: str) -> bool:
        """Tell whether a subclass wrote this hook."""
        return getattr(type(self), hook) is not getattr(LanguageModel, hook)

    def _require(self, hook: str, other: str, method: str) -> None:
        """Raise unless the subclass wrote `hook`, which the default of `other` calls."""
        if self._writes(hook):
            return
        if self._writes("_agenerate") or self._writes("_astream"):
            raise SyncAsyncError(
                f"{type(self).__name__} is async, so `{method}` cannot run it. "
                f"Use `a{method}` instead."
            )
        raise TypeError(
            f"{type(self).__name__} has no hook that answers: write `{other}` or `{hook}` "
            "(or `_agenerate`, `_astream`)."
        )

    # -- running

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        options = self._options(kwargs)
        with activate(scope):
            messages = self._messages(value)
            if not self._has_policies:  # most often: a call needs no object
                return checked_answer(self, self._generate(messages, options), messages)
            if self.cache is None:
                return checked_answer(
                    self, self._run_request(self._generate, messages, options), messages
                )
            from runnables.models.cached_calls import cached_answer

            return cached_answer(self, self._generate, messages, options)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        options = self._options(kwargs)
        with activate(scope):
            messages = self._messages(value)
            if not self._has_policies:  # most often: a call needs no object
                return checked_answer(self, await self._agenerate(messages, options), messages)
            if self.cache is None:
                return checked_answer(
                    self, await self._arun_request(self._agenerate, messages, options), messages
                )
            from runnables.models.cached_calls import acached_answer

            return await acached_answer(self, self._agenerate, messages, options)

    def _invoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """Stream the answer where a handler wants its chunks, and the model has some."""
        if not (run.wants_chunks and self._writes("_stream")):
            return self._invoke(value, run.scope, kwargs)
        info = StreamInfo(self.merge, self)
        # the caller sees none of the chunks, so another attempt may start over
        messages = self._messages(value)
        chunks = self._answer_chunks(messages, self._options(kwargs), run.scope, "restart", info)
        chunks = fill_call_ids(chunks, messages)
        return checked_answer(
            self, collect(Stream(with_chunk_events(run, chunks, info), info)), messages
        )

    async def _ainvoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """Stream the answer where a handler wants its chunks, and the model has some."""
        if not (run.wants_chunks and (self._writes("_astream") or self._writes("_stream"))):
            return await self._ainvoke(value, run.scope, kwargs)
        info = StreamInfo(self.merge, self)
        # the caller sees none of the chunks, so another attempt may start over
        messages = self._messages(value)
        chunks = self._aanswer_chunks(messages, self._options(kwargs), run.scope, "restart", info)
        chunks = afill_call_ids(chunks, messages)
        return checked_answer(
            self, await acollect(AsyncStream(awith_chunk_events(run, chunks, info), info)), messages
        )

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        options = self._options(kwargs)
        messages = self._messages(collect(input))
        chunks = self._answer_chunks(messages, options, scope, "raise", info)
        ids = CallIds(messages)
        try:
            for chunk in chunks:
                yield ids.fill(chunk) if getattr(chunk, "tool_call_chunks", None) else chunk
        finally:
            close(chunks)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        options = self._options(kwargs)
        messages = self._messages(await acollect(input))
        chunks = self._aanswer_chunks(messages, options, scope, "raise", info)
        ids = CallIds(messages)
        try:
            async for chunk in owned(chunks):
                yield ids.fill(chunk) if getattr(chunk, "tool_call_chunks", None) else chunk
        finally:
            await aclose(chunks)

    def _answer_chunks(
        self,
        messages: Any,
        options: dict[str, Any],
        scope: Scope | None,
        on_restart: Restart,
        info: StreamInfo,
    ) -> Iterable[Any]:
        """Return the chunks of an answer; with "restart", `RESET` may be among them."""
        chunks: Iterable[Any]
        if not self._has_policies:
            chunks = self._stream(messages, options)
        else:
            chunks = self._stream_request(self._stream, info, on_restart, messages, options)
            if self.cache is not None:
                from runnables.models.cached_calls import cached_chunks

                chunks = cached_chunks(self, chunks, messages, options)
        chunks = chunks if scope is None else iterate_in_scope(chunks, scope, info)
        return self._output_chunks(chunks, scope)

    def _aanswer_chunks(
        self,
        messages: Any,
        options: dict[str, Any],
        scope: Scope | None,
        on_restart: Restart,
        info: StreamInfo,
    ) -> AsyncIterable[Any]:
        """Return the chunks of an answer; with "restart", `RESET` may be among them."""
        chunks: AsyncIterable[Any]
        if not self._has_policies:
            chunks = self._astream(messages, options)
        else:
            chunks = self._astream_request(self._astream, info, on_restart, messages, options)
            if self.cache is not None:
                from runnables.models.cached_calls import acached_chunks

                chunks = acached_chunks(self, chunks, messages, options)
        chunks = chunks if scope is None else aiterate_in_scope(chunks, scope, info)
        return self._aoutput_chunks(chunks, scope)

    def _output_chunks(self, chunks: Iterable[Any], scope: Scope | None) -> Iterable[Any]:
        """Return the chunks of an answer as this kind of model yields them, and `RESET` as it is.

        Args:
            chunks: as the hooks of the model yield them.
            scope: the scope inside the run of the model; None where it is not observed.
        """
        return chunks

    def _aoutput_chunks(
        self, chunks: AsyncIterable[Any], scope: Scope | None
    ) -> AsyncIterable[Any]:
        """Do what `_output_chunks` does, async."""
        return chunks

    def _estimate_tokens(self, messages: list[BaseMessage], options: dict[str, Any]) -> float:
        """Return about how many tokens a conversation and its answer take."""
        return self.get_num_tokens_from_messages(messages) + (options.get("max_tokens") or 0)

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a call, with the model's settings, as the hooks take them."""
        return merged_options(type(self).__name__, self.known_options, vars(self), given)

    def _messages(self, value: Any) -> list[BaseMessage]:
        """Return the conversation that an input stands for; refuse an empty one."""
        messages = convert_to_messages(value)
        if not messages:
            raise ConversationError(f"{type(self).__name__} was given no message to answer.")
        return with_call_ids(messages)

    def _bindable(self, options: dict[str, Any]) -> dict[str, Any]:
        self._options(options)  # raises now what would be raised by a call otherwise
        return options

    # -- counting

    def get_num_tokens(self, text: str) -> int:
        """Return how many tokens a string has for this model; an estimate by default."""
        return math.ceil(text_tokens(text))

    def get_num_tokens_from_messages(self, messages: Sequence[MessageLikeRepresentation]) -> int:
        """Return how many tokens a conversation has for this model; an estimate by default."""
        return count_tokens_approximately(messages)
