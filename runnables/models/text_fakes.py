"""Fakes that answer with strings, as models of text do."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from runnables.engine.timeouts import async_sleep, sleep
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.kinds import text_message
from runnables.models.text import TextModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from runnables.cache.stores import BaseCache
    from runnables.core.handlers import Callbacks
    from runnables.messages.base import BaseMessage


class FakeListLLM(TextModel, internal=True):
    """A model of text that answers with strings, one a call, in a cycle.

    The options of a model, such as `stop=`, change nothing.

    Args:
        responses: the answers.
        sleep: seconds to wait before each answer.
        i: the index of the first answer. Where there is none, every call raises an IndexError.
        name: the model's name in events and traces.
        cache: where answers are stored, and looked up first.
        callbacks: handlers that receive the events of its runs.

    Example:
        >>> model = FakeListLLM(responses=["Ahoy!", "Hi!"])
        >>> [model.invoke("Hello") for _ in range(3)]
        ['Ahoy!', 'Hi!', 'Ahoy!']
    """

    _calls: Iterator[int] | None = None

    def __init__(
        self,
        responses: Sequence[str],
        *,
        sleep: float | None = None,
        i: int = 0,
        name: str | None = None,
        cache: BaseCache | None = None,
        callbacks: Callbacks = None,
    ) -> None:
        super().__init__(name=name, cache=cache, callbacks=callbacks)
        self.responses = list(responses)
        self.sleep = sleep
        self.i = i

    def _next(self) -> str:
        if self.i >= len(self.responses):
            raise IndexError(f"{type(self).__name__} has no response with the index {self.i}.")
        if self._calls is None:
            self._calls = itertools.count()
        return self.responses[(self.i + next(self._calls)) % len(self.responses)]

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        sleep(self.sleep or 0)
        return text_message(self._next())

    async def _agenerate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        await async_sleep(self.sleep or 0)
        return text_message(self._next())


class FakeStreamingListLLM(FakeListLLM, internal=True):
    """A `FakeListLLM` that streams its answers letter by letter, `sleep` seconds apart.

    Example:
        >>> list(FakeStreamingListLLM(["Hi!"]).stream("Hello"))
        ['H', 'i', '!']
    """

    def _stream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> Iterator[AIMessageChunk]:
        for letter in self._next() or [""]:
            sleep(self.sleep or 0)
            yield AIMessageChunk(letter)

    async def _astream(
        self, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AsyncIterator[AIMessageChunk]:
        for letter in self._next() or [""]:
            await async_sleep(self.sleep or 0)
            yield AIMessageChunk(letter)
