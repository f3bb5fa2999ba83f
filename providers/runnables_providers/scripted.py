"""A model that plays a script, for tests: what it says, when, how it fails, and what it was asked.

    model = ScriptedChatModel(["Hello!", RateLimitError("slow down"), ["Hel", Delay(0.5), "lo"]])

Each call takes the next answer of the script. An answer is

- a str or an AIMessage, streamed word by word;
- a list of pieces, streamed as they stand: str, AIMessageChunk, `Delay`, or an exception, which
  is raised there;
- an exception, which is raised at once;
- a function of the messages that gives any of these.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from runnables.engine.timeouts import async_sleep, sleep
from runnables.errors import ConfigError
from runnables.messages import AIMessage, AIMessageChunk, BaseMessage, UsageMetadata
from runnables.models import ChatModel, atruncate_stream, truncate_stream
from runnables.models.fakes import by_words, in_pieces


@dataclass(frozen=True)
class Delay:
    """A pause in an answer, which a cancelled call does not wait for."""

    seconds: float


Piece: TypeAlias = str | AIMessageChunk | Delay | BaseException | type[BaseException]
"""A piece of a streamed answer."""

Answer: TypeAlias = (
    str
    | AIMessage
    | BaseException
    | type[BaseException]
    | Sequence[Piece]
    | Callable[[list[BaseMessage]], Any]
)
"""What a script says for one call."""


@dataclass(frozen=True)
class ScriptedCall:
    """What the model was asked.

    Attributes:
        messages: the conversation.
        options: the options of the call, over the model's settings.
    """

    messages: list[BaseMessage]
    options: dict[str, Any]


class ScriptedChatModel(ChatModel):
    """Plays a script, and remembers what it was asked.

    Args:
        script: the answers, one a call (see the module).
        cycle: begin again at the end of the script, instead of failing.
        usage: what each answer reports, unless it has a usage of its own.
        response_metadata: facts that each answer reports.
        model: a name.
        stop: texts before which answers end.
        name: what observers call the model.

    Raises:
        ConfigError: a script with no answer.
    """

    def __init__(
        self,
        script: Sequence[Answer] | str = ("Hello!",),
        *,
        cycle: bool = False,
        usage: UsageMetadata | None = None,
        response_metadata: dict[str, Any] | None = None,
        model: str | None = None,
        stop: Sequence[str] | str | None = None,
        name: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(model=model, stop=stop, name=name, **settings)
        self.script = [script] if isinstance(script, str) else list(script)
        self.cycle = cycle
        self.usage = usage
        self.response_metadata = response_metadata
        if not self.script:
            raise ConfigError("ScriptedChatModel: the script has no answer.")
        self._rewind()

    def _rewind(self) -> None:
        """Begin anew, having been asked nothing."""
        # Several threads play at once: what they share are counters and lists, which are safe.
        self._turns = itertools.count()
        self._calls: list[ScriptedCall] = []
        self._opened: list[int] = []
        self._closed: list[int] = []

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._rewind()

    # -- what a test wants to know

    @property
    def calls(self) -> list[ScriptedCall]:
        """What the model was asked, in the order of the calls."""
        return list(self._calls)

    @property
    def opened(self) -> int:
        """How many answers have begun."""
        return len(self._opened)

    @property
    def closed(self) -> int:
        """How many of them are over: played to the end, failed, or left."""
        return len(self._closed)

    # -- playing

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        return truncate_stream(self._play(messages, options), options.get("stop", ()))

    def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        return atruncate_stream(self._aplay(messages, options), options.get("stop", ()))

    def _play(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        turn = self._begin(messages, options)
        try:
            for piece in self._pieces(turn, messages):
                if isinstance(piece, Delay):
                    sleep(piece.seconds)
                else:
                    yield _as_chunk(piece)
        finally:
            self._closed.append(turn)

    async def _aplay(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        turn = self._begin(messages, options)
        try:
            for piece in self._pieces(turn, messages):
                if isinstance(piece, Delay):
                    await async_sleep(piece.seconds)
                else:
                    yield _as_chunk(piece)
        finally:
            self._closed.append(turn)

    def _begin(self, messages: list[BaseMessage], options: dict[str, Any]) -> int:
        turn = next(self._turns)
        self._calls.append(ScriptedCall(list(messages), dict(options)))
        self._opened.append(turn)
        return turn

    def _pieces(self, turn: int, messages: list[BaseMessage]) -> Iterator[Any]:
        """The pieces of the answer for one call."""
        answer: Any = self._answer(turn)
        if callable(answer) and not _is_error(answer):
            answer = answer(messages)
        if isinstance(answer, str):
            answer = AIMessage(answer)
        if isinstance(answer, AIMessage) and not isinstance(answer, AIMessageChunk):
            yield from in_pieces(self._with_facts(answer), by_words)
            return
        yield from answer if isinstance(answer, (list, tuple)) else [answer]
        yield self._with_facts(AIMessageChunk(chunk_position="last"))

    def _answer(self, turn: int) -> Answer:
        if self.cycle:
            return self.script[turn % len(self.script)]
        if turn >= len(self.script):
            raise RuntimeError(
                f"The script has {len(self.script)} answers, and this is call {turn + 1}. "
                "Add an answer, or play it again and again with cycle=True."
            )
        return self.script[turn]

    def _with_facts(self, answer: Any) -> Any:
        facts = {**(self.response_metadata or {}), **answer.response_metadata}
        usage = answer.usage_metadata or self.usage
        return answer.model_copy(update={"response_metadata": facts, "usage_metadata": usage})


def _is_error(piece: Any) -> bool:
    return isinstance(piece, BaseException) or (
        isinstance(piece, type) and issubclass(piece, BaseException)
    )


def _as_chunk(piece: Any) -> AIMessageChunk:
    if _is_error(piece):
        raise piece
    if isinstance(piece, AIMessageChunk):
        return piece
    if isinstance(piece, str):
        return AIMessageChunk(piece)
    raise TypeError(
        f"{piece!r} is no piece of an answer: expected a str, an AIMessageChunk, a Delay or an "
        "exception."
    )
