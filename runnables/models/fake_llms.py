"""Stand-ins for text-completion models: prepared strings, for chains that were written for one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from runnables.compose.runnable import Runnable
from runnables.engine.collect import acollect, collect
from runnables.engine.timeouts import async_sleep, sleep
from runnables.messages.convert import LanguageModelInput
from runnables.models.options import BASE_OPTIONS, merged_options

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Generator,
        Iterable,
        Iterator,
        Sequence,
    )

    from runnables.core.config import Scope
    from runnables.engine.stream import StreamInfo


class FakeListLLM(Runnable[LanguageModelInput, str], internal=True):
    """A runnable that answers with strings, one a call, in a cycle, whatever the input is.

    It stands in for text-completion models in tests. There are none here: see
    `FakeListChatModel` for one that answers with messages. The options of a model, such as
    `stop=`, are ignored.

    Args:
        responses: the answers.
        i: the place of the first answer to give.
        sleep: seconds to wait before each answer, or before each letter of a stream.
        name: its name in events and traces.

    Example:
        >>> model = FakeListLLM(["Ahoy!", "Hi!"])
        >>> [model.invoke("Hello") for _ in range(3)]
        ['Ahoy!', 'Hi!', 'Ahoy!']
    """

    _calls: Iterator[int] | None = None

    def __init__(
        self,
        responses: Sequence[str],
        *,
        i: int = 0,
        sleep: float | None = None,
        name: str | None = None,
    ) -> None:
        self.responses = list(responses)
        self.i = i
        self.sleep = sleep
        if name is not None:
            self.name = name

    def _answer(self, options: dict[str, Any]) -> str:
        merged_options(type(self).__name__, BASE_OPTIONS, {}, options)  # refuses unknown ones
        if self._calls is None:
            self._calls = itertools.count(self.i)
        return self.responses[next(self._calls) % len(self.responses)]

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> str:
        sleep(self.sleep or 0)
        return self._answer(kwargs)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> str:
        await async_sleep(self.sleep or 0)
        return self._answer(kwargs)


class FakeStreamingListLLM(FakeListLLM, internal=True):
    """A `FakeListLLM` that streams its answers letter by letter.

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
        collect(input)
        for letter in self._answer(kwargs) or [""]:
            sleep(self.sleep or 0)
            yield letter

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[str, None]:
        await acollect(input)
        for letter in self._answer(kwargs) or [""]:
            await async_sleep(self.sleep or 0)
            yield letter
