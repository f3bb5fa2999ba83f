"""Timeouts: a runnable with a time limit."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.bounds import check_seconds
from runnables.core.subclassing import config_of
from runnables.core.values import with_settings
from runnables.engine.collect import acollect, collect
from runnables.engine.stream import StreamInfo, aclose, owned
from runnables.engine.thread_generator import END, ThreadGenerator
from runnables.engine.timeouts import Expired, arun_with_timeout, run_with_timeout
from runnables.errors import StepTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from runnables.compose.runnable import Runnable
    from runnables.core.config import Scope


class RunnableTimeout(ForwardingWrapper[Input, Output], internal=True):
    """A runnable with a time limit; `StepTimeout` names it when it takes longer.

    In async runs the work is cancelled. In sync runs it is done by a worker thread, which cannot be
    stopped: the work is asked to stop (see `is_cancelled`), and its output is dropped. For a
    stream, only the time spent waiting for chunks counts, summed over all chunks.

    `with_timeout` makes one.

    Args:
        bound: the runnable, or what `|` takes for one.
        seconds: the limit; more than 0.

    Raises:
        ConfigError: a limit that is no number, or not more than 0.

    Example:
        >>> import asyncio
        >>> slow = RunnableTimeout(asyncio.sleep, seconds=0.01)
        >>> try:
        ...     asyncio.run(slow.ainvoke(10))
        ... except StepTimeout as error:
        ...     print(error)
        sleep took longer than 0.01 s
    """

    def __init__(self, bound: Any, seconds: float) -> None:
        self.seconds = check_seconds("with_timeout({})", seconds)
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)

    def __repr__(self) -> str:
        return f"({self.bound!r}).with_timeout({self.seconds!r})"

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        return with_settings(self, {"bound": made})

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.bound

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        work = partial(self.bound.invoke, value, config_of(scope), **kwargs)
        try:
            return run_with_timeout(work, self.seconds)
        except Expired:
            raise self._expired() from None

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        work = partial(self.bound.ainvoke, value, config_of(scope), **kwargs)
        try:
            return await arun_with_timeout(work, self.seconds)
        except Expired:
            raise self._expired() from None

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        value = collect(input)
        chunks = info.delegate_to(self.bound.stream(value, config_of(scope), **kwargs))
        items = ThreadGenerator(lambda: iter(chunks), info.outer)
        left = self.seconds
        try:
            while left > 0:
                began = time.monotonic()
                chunk = items.next(left)
                left -= time.monotonic() - began
                if chunk is END:
                    return
                yield chunk
            raise self._expired()
        except Expired:
            raise self._expired() from None
        finally:
            items.close()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        chunks = info.delegate_to(self.bound.astream(value, config_of(scope), **kwargs))
        left = self.seconds
        items = owned(chunks)
        try:
            while left > 0:
                began = time.monotonic()
                chunk = await arun_with_timeout(partial(anext, items, END), left)
                left -= time.monotonic() - began
                if chunk is END:
                    return
                yield chunk
            raise self._expired()
        except Expired:
            raise self._expired() from None
        finally:
            await aclose(chunks)

    def _expired(self) -> StepTimeout:
        return StepTimeout(self.bound.get_name(), self.seconds)
