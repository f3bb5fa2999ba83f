"""A chat model that answers from a script, for tests: it pauses, fails and records its calls."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from runnables.engine.timeouts import async_sleep, sleep
from runnables.errors import ConfigError
from runnables.messages import AIMessage, AIMessageChunk, BaseMessage, UsageMetadata
from runnables.models import ChatModel, atruncate_stream, truncate_stream
from runnables.models.fakes import split_answer, split_words

if TYPE_CHECKING:
    from runnables.models.settings import ChatSettings


@dataclass(frozen=True)
class Delay:
    """A pause in an answer, which a cancelled call does not wait for.

    Attributes:
        seconds: how long it lasts.

    Example:
        >>> from runnables_providers.scripted import Delay, ScriptedChatModel
        >>> model = ScriptedChatModel([["Hel", Delay(0.01), "lo"]])
        >>> [chunk.text for chunk in model.stream("Hi")]
        ['Hel', 'lo', '']
    """

    seconds: float


Chunk: TypeAlias = str | AIMessageChunk | Delay | BaseException | type[BaseException]
"""A chunk of a streamed answer, a pause before the next one, or an error in its place."""

Answer: TypeAlias = (
    str
    | AIMessage
    | BaseException
    | type[BaseException]
    | Sequence[Chunk]
    | Callable[[list[BaseMessage]], Any]
)
"""The answer of a script to one call."""


@dataclass(frozen=True)
class ScriptedCall:
    """A call that the model has received.

    Attributes:
        messages: the conversation.
        options: the model's settings, overridden by the options of the call.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> model = ScriptedChatModel(["Hello!"])
        >>> _ = model.invoke("Hi", temperature=0)
        >>> model.calls[0].messages[0].text, model.calls[0].options
        ('Hi', {'temperature': 0})
    """

    messages: list[BaseMessage]
    options: dict[str, Any]


class ScriptedChatModel(ChatModel):
    """A chat model that answers from a script, and records its calls.

    Each call takes the next answer. An answer is

    - a str or an `AIMessage`, streamed word by word;
    - a list of chunks, streamed unchanged: str, `AIMessageChunk`, `Delay`, or an exception, which
      is raised there;
    - an exception, which is raised at once;
    - a function of the messages that returns any of these.

    Args:
        script: the answers, one a call.
        cycle: start again at the end of the script, instead of failing.
        usage: the usage that each answer reports, unless it has one of its own.
        response_metadata: the metadata that each answer reports.
        model: a name.
        **settings: the settings below.

    Keyword Args:
        stop (str | Sequence[str]): strings before which answers end.
        max_retries (int | None): how often a call is repeated after an error that may pass; 0 by
            default.
        max_retry_delay (float): the longest delay, in seconds, that an error may ask for before a
            retry; 60 by default.
        rate_limiter (BaseRateLimiter): spaces the calls of all models that share it.
        cache (BaseCache): where answers are stored, and looked for first.
        temperature (float): recorded with each call, as are `max_tokens`, `seed` and `top_p`.
        name (str): the name of the model in traces, events and logs.

    Raises:
        ConfigError: the script has no answer.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> model = ScriptedChatModel(["Hello!", RateLimitError("slow down")])
        >>> model.invoke("Hi").text
        'Hello!'
        >>> try:
        ...     model.invoke("Hi")
        ... except RateLimitError as error:
        ...     print(error)
        slow down
    """

    def __init__(
        self,
        script: Sequence[Answer] | str = ("Hello!",),
        *,
        cycle: bool = False,
        usage: UsageMetadata | None = None,
        response_metadata: dict[str, Any] | None = None,
        model: str | None = None,
        **settings: Unpack[ChatSettings],
    ) -> None:
        super().__init__(model=model, **settings)
        self.script = [script] if isinstance(script, str) else list(script)
        self.cycle = cycle
        self.usage = usage
        self.response_metadata = response_metadata
        if not self.script:
            raise ConfigError("ScriptedChatModel: the script has no answer.")
        self._rewind()

    def _rewind(self) -> None:
        """Start the script again, with no calls recorded."""
        # Several threads may call at once: they share only counters and lists, which are safe.
        self._numbers = itertools.count()
        self._calls: list[ScriptedCall] = []
        self._opened: list[int] = []
        self._closed: list[int] = []

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._rewind()

    # -- for assertions

    @property
    def calls(self) -> list[ScriptedCall]:
        """Return the calls that the model has received, in order."""
        return list(self._calls)

    @property
    def opened(self) -> int:
        """Return how many answers have begun."""
        return len(self._opened)

    @property
    def closed(self) -> int:
        """Return how many answers are over: read to the end, failed, or closed."""
        return len(self._closed)

    # -- the answers

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        return truncate_stream(self._run_script(messages, options), options.get("stop", ()))

    def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        return atruncate_stream(self._arun_script(messages, options), options.get("stop", ()))

    def _run_script(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        number = self._begin(messages, options)
        try:
            for chunk in self._chunks(number, messages):
                if isinstance(chunk, Delay):
                    sleep(chunk.seconds)
                else:
                    yield _as_chunk(chunk)
        finally:
            self._closed.append(number)

    async def _arun_script(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        number = self._begin(messages, options)
        try:
            for chunk in self._chunks(number, messages):
                if isinstance(chunk, Delay):
                    await async_sleep(chunk.seconds)
                else:
                    yield _as_chunk(chunk)
        finally:
            self._closed.append(number)

    def _begin(self, messages: list[BaseMessage], options: dict[str, Any]) -> int:
        """Record a call; return its number, from 0."""
        number = next(self._numbers)
        self._calls.append(ScriptedCall(list(messages), dict(options)))
        self._opened.append(number)
        return number

    def _chunks(self, number: int, messages: list[BaseMessage]) -> Iterator[Any]:
        """Yield the chunks of the answer to one call."""
        answer: Any = self._answer(number)
        if callable(answer) and not _is_error(answer):
            answer = answer(messages)
        if isinstance(answer, str):
            answer = AIMessage(answer)
        if isinstance(answer, AIMessage) and not isinstance(answer, AIMessageChunk):
            yield from split_answer(self._with_metadata(answer), split_words)
            return
        yield from answer if isinstance(answer, (list, tuple)) else [answer]
        yield self._with_metadata(AIMessageChunk(chunk_position="last"))

    def _answer(self, number: int) -> Answer:
        if self.cycle:
            return self.script[number % len(self.script)]
        if number >= len(self.script):
            raise RuntimeError(
                f"The script has no answer for call {number + 1} (it has {len(self.script)}). "
                "Add an answer, or repeat the script with cycle=True."
            )
        return self.script[number]

    def _with_metadata(self, answer: Any) -> Any:
        metadata = {**(self.response_metadata or {}), **answer.response_metadata}
        usage = answer.usage_metadata or self.usage
        return answer.model_copy(update={"response_metadata": metadata, "usage_metadata": usage})


def _is_error(chunk: Any) -> bool:
    return isinstance(chunk, BaseException) or (
        isinstance(chunk, type) and issubclass(chunk, BaseException)
    )


def _as_chunk(chunk: Any) -> AIMessageChunk:
    if _is_error(chunk):
        raise chunk
    if isinstance(chunk, AIMessageChunk):
        return chunk
    if isinstance(chunk, str):
        return AIMessageChunk(chunk)
    raise TypeError(
        f"{chunk!r} is no chunk of an answer: expected a str, an AIMessageChunk, a Delay or an "
        "exception."
    )
