"""What a chat model is, whoever provides it.

A provider writes one or more of four hooks, which get messages and checked options:

    _generate(messages, options) -> AIMessage               _agenerate, the same in async
    _stream(messages, options) -> Iterator[AIMessageChunk]   _astream, the same in async

What it does not write is made of what it wrote: an answer is its stream joined, a stream is an
answer in one piece, and an async hook without a client of its own is the sync one in a thread.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    cast,
)

from runnables.core.config import Scope, activate
from runnables.core.signatures import checks_keywords
from runnables.core.stream_runs import awith_chunk_events, with_chunk_events
from runnables.core.user_code import aiterate_in_scope, iterate_in_scope
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import CustomMerge, Merge
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, aclose, close
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, SyncAsyncError
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.base import BaseMessage
from runnables.messages.convert import MessageLikeRepresentation, convert_to_messages
from runnables.messages.kinds import AnyMessage, final_chunk, message_chunk_to_message
from runnables.messages.prompt_values import ChatPromptValue, StringPromptValue
from runnables.models.calls import agenerate, astream, generate, join_answer, stream
from runnables.models.options import BASE_OPTIONS, check_numbers, merged_options
from runnables.models.request_policies import RequestPolicy
from runnables.models.structured.output import StructuredOutput

if TYPE_CHECKING:
    from runnables.cache.stores import BaseCache
    from runnables.compose.policies.failures import Restart
    from runnables.compose.runnable import Runnable
    from runnables.core.events import Run
    from runnables.messages.convert import LanguageModelInput
    from runnables.models.rate_limits import BaseRateLimiter
    from runnables.models.structured.schemas import Tool


class ChatModel(RequestPolicy, StructuredOutput, internal=True):
    """A model that answers conversations.

    Its settings are the defaults of the options of the same names; `invoke(..., temperature=0)`
    and `bind(temperature=0)` override them, and None takes one away.

    Args:
        model: which model, as the provider calls it.
        temperature: how freely the model chooses, from 0 (the likeliest) up.
        max_tokens: how many tokens an answer may have.
        stop: texts before which an answer ends.
        seed: makes answers repeatable, where the provider can.
        top_p: choose among the likeliest tokens of this total probability.
        name: what observers call the model.
        max_retries, max_retry_delay, rate_limiter, cache: see `RequestPolicy`.

    Raises:
        ConfigError: a number that is none, or out of range; a keyword that there is not.
    """

    run_type: ClassVar[str] = "chat_model"
    known_options: ClassVar[frozenset[str]] = BASE_OPTIONS
    """The names of the options that calls may give; subclasses add theirs."""
    merge: Merge = CustomMerge(join_answer, in_parts=True)

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
    ) -> None:
        self._guard(max_retries, max_retry_delay, rate_limiter, cache)
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
        """A prompt value, a text, or a list of messages."""
        return StringPromptValue | ChatPromptValue | str | list[AnyMessage]

    @property
    def _accepted_type(self) -> Any:
        return self.InputType | BaseMessage | dict[str, Any] | Iterable[Any]

    @property
    def OutputType(self) -> Any:
        """The answer."""
        return AIMessage

    # -- what a provider writes

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        """Answer a conversation."""
        self._require("_stream", "_generate", "invoke")
        return join_answer(list(self._stream(messages, options)))

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        """Answer a conversation, without blocking the loop."""
        if not self._writes("_astream"):
            return await to_thread(self._generate, messages, options)
        return join_answer([chunk async for chunk in self._astream(messages, options)])

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        """Answer a conversation in pieces. Closing the iterator stops the work."""
        self._require("_generate", "_stream", "stream")
        yield final_chunk(self._generate(messages, options))

    def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        """Answer a conversation in pieces, without blocking the loop."""
        if self._writes("_stream"):
            from runnables.engine.bridge import iterate_in_threads  # most models write `_astream`

            return iterate_in_threads(lambda: self._stream(messages, options))
        return self._aone_piece(messages, options)

    async def _aone_piece(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        yield final_chunk(await self._agenerate(messages, options))

    def _writes(self, hook: str) -> bool:
        """Whether a subclass wrote this hook."""
        return getattr(type(self), hook) is not getattr(ChatModel, hook)

    def _require(self, hook: str, other: str, method: str) -> None:
        """Raise where there is nothing that a hook could be made of."""
        if self._writes(hook):
            return
        if self._writes("_agenerate") or self._writes("_astream"):
            raise SyncAsyncError(
                f"{type(self).__name__} is async, so `{method}` cannot run it. "
                f"Use `a{method}` instead."
            )
        raise TypeError(
            f"{type(self).__name__} does not say how to answer: write `{other}` or `{hook}` "
            "(or `_agenerate`, `_astream`)."
        )

    # -- running

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        options = self._options(kwargs)
        with activate(scope):
            return self._checked(generate(self, self._messages(value), options))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        options = self._options(kwargs)
        with activate(scope):
            return self._checked(await agenerate(self, self._messages(value), options))

    def _invoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """Stream the answer where a handler asks for its pieces, and the model has them."""
        if not (run.wants_chunks and self._writes("_stream")):
            return self._invoke(value, run.scope, kwargs)
        info = StreamInfo(self.merge, self)
        # who invokes sees none of the pieces, so that another attempt may begin anew
        chunks = self._streamed(value, self._options(kwargs), run.scope, "restart")
        return self._checked(collect(Stream(with_chunk_events(run, chunks, info), info)))

    async def _ainvoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """Stream the answer where a handler asks for its pieces, and the model has them."""
        if not (run.wants_chunks and (self._writes("_astream") or self._writes("_stream"))):
            return await self._ainvoke(value, run.scope, kwargs)
        info = StreamInfo(self.merge, self)
        # who invokes sees none of the pieces, so that another attempt may begin anew
        chunks = self._astreamed(value, self._options(kwargs), run.scope, "restart")
        return self._checked(
            await acollect(AsyncStream(awith_chunk_events(run, chunks, info), info))
        )

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        options = self._options(kwargs)
        chunks = self._streamed(collect(input), options, scope, "raise")
        try:
            yield from chunks
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
        chunks = self._astreamed(await acollect(input), options, scope, "raise")
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await aclose(chunks)

    def _streamed(
        self, value: Any, options: dict[str, Any], scope: Scope | None, on_restart: Restart
    ) -> Iterable[Any]:
        chunks = stream(self, self._messages(value), options, on_restart)
        return chunks if scope is None else iterate_in_scope(chunks, scope)

    def _astreamed(
        self, value: Any, options: dict[str, Any], scope: Scope | None, on_restart: Restart
    ) -> AsyncIterable[Any]:
        chunks = astream(self, self._messages(value), options, on_restart)
        return chunks if scope is None else aiterate_in_scope(chunks, scope)

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        """The options of a call, over the model's settings, in the form for the hooks."""
        owner = type(self).__name__
        options = merged_options(owner, self.known_options, vars(self), given)
        if "tools" in options:
            from runnables.models.structured.schemas import convert_to_openai_tool

            options["tools"] = [convert_to_openai_tool(tool) for tool in options["tools"]]
        if "tool_choice" in options:
            from runnables.models.structured.schemas import checked_tool_choice

            tools = options.get("tools", [])
            options["tool_choice"] = checked_tool_choice(options["tool_choice"], tools)
        return options

    def _messages(self, value: Any) -> list[BaseMessage]:
        """The conversation that an input stands for.

        Raises:
            ConfigError: it has no message.
        """
        messages = convert_to_messages(value)
        if not messages:
            raise ConfigError(f"{type(self).__name__} was given no message to answer.")
        return messages

    def _checked(self, answer: Any) -> AIMessage:
        if not isinstance(answer, AIMessage):
            raise TypeError(
                f"{type(self).__name__}._generate gave {answer!r}: it returns an AIMessage."
            )
        return cast("AIMessage", message_chunk_to_message(answer))

    # -- the same with tools, or with a type for its answer

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The same model, which may call tools.

        Args:
            tools: what `convert_to_openai_tool` reads: tools, functions, pydantic models, dicts.
            tool_choice: "auto", "none", "any" (it must call one), or the name of a tool.
            **kwargs: further options to bind.

        Raises:
            ConfigError: something that is no tool, a choice that is none of them, or an option
                that the model does not know.
        """
        if isinstance(tools, (str, Mapping)) or not isinstance(cast("object", tools), Iterable):
            raise ConfigError(f"bind_tools takes a list of tools, got {tools!r}.")
        bound = {"tools": list(tools), "tool_choice": tool_choice, **kwargs}
        options = self._options(bound)
        return self.bind(**{name: options[name] for name in bound if name in options})

    def _bindable(self, options: dict[str, Any]) -> dict[str, Any]:
        self._options(options)  # raises now what would else be raised when it runs
        return options

    # -- counting

    def get_num_tokens(self, text: str) -> int:
        """How many tokens a text has for this model; an estimate, where it cannot be told."""
        return -(-len(text) // 4)

    def get_num_tokens_from_messages(self, messages: Sequence[MessageLikeRepresentation]) -> int:
        """How many tokens a conversation has for this model; an estimate by default."""
        from runnables.messages.tokens import count_tokens_approximately  # few programs count

        return count_tokens_approximately(messages)
