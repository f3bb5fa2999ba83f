"""Fakes that answer with strings, as the text-completion models of LangChain did."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from runnables.compose.runnable import Runnable
from runnables.engine.collect import acollect, collect
from runnables.engine.timeouts import async_sleep, sleep
from runnables.messages.convert import LanguageModelInput, convert_to_messages
from runnables.models.options import BASE_OPTIONS, merged_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence

    from runnables.core.config import Scope
    from runnables.engine.stream import StreamInfo


class FakeListLLM(Runnable[LanguageModelInput, str], internal=True):
    """A step that takes what a model takes, and answers with strings, one a call, in a cycle.

    It is for tests that were written for text-completion models, of which there are none here.
    The options of a model, such as `stop=`, change nothing.

    Args:
        responses: the answers.
        sleep: seconds to wait before each answer.
        i: the index of the first answer. Where there is none, every call raises an IndexError.

    Example:
        >>> model = FakeListLLM(responses=["Ahoy!", "Hi!"])
        >>> [model.invoke("Hello") for _ in range(3)]
        ['Ahoy!', 'Hi!', 'Ahoy!']
    """

    def __init__(self, responses: Sequence[str], *, sleep: float | None = None, i: int = 0) -> None:
        self.responses = list(responses)
        self.sleep = sleep
        self.i = i
        self._calls = itertools.count()

    def _next(self, value: LanguageModelInput, options: dict[str, Any]) -> str:
        merged_options(type(self).__name__, BASE_OPTIONS, {}, options)  # refuses unknown ones
        convert_to_messages(value)  # what no model takes is refused
        if self.i >= len(self.responses):
            raise IndexError(f"{type(self).__name__} has no response with the index {self.i}.")
        return self.responses[(self.i + next(self._calls)) % len(self.responses)]

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> str:
        sleep(self.sleep or 0)
        return self._next(value, kwargs)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> str:
        await async_sleep(self.sleep or 0)
        return self._next(value, kwargs)


class FakeStreamingListLLM(FakeListLLM, internal=True):
    """A `FakeListLLM` that streams its answers letter by letter, `sleep` seconds apart.

    Example:
        >>> list(FakeStreamingListLLM(["Hi!"]).stream("Hello"))
        ['H', 'i', '!']
    """

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[str, None, None]:
        for letter in self._next(collect(input), kwargs) or [""]:
            sleep(self.sleep or 0)
            yield letter

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[str, None]:
        for letter in self._next(await acollect(input), kwargs) or [""]:
            await async_sleep(self.sleep or 0)
            yield letter
