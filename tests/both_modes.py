"""One way to call a runnable, sync and async, so that each test is written once.

A test with the fixture `call` runs twice. In sync mode, `call.invoke(r, x)` is `r.invoke(x)` in
the test's own thread. No event loop runs there, so sync code that needs one fails. In async mode,
it is `await r.ainvoke(x)` on a new loop, which must be left clean: a task or a stream that is
still open fails the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing, closing
from itertools import islice
from typing import Any, Protocol, TypeVar

from tests.leaks import nothing_left_in_loop

T = TypeVar("T")


class Call(Protocol):
    """Calls runnables, sync or async; streams are returned as lists.

    `take=n` leaves a stream after n chunks, and closes it.

    Attributes:
        mode: "sync" or "async".
    """

    mode: str

    def invoke(self, runnable: Any, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Return the output for one input."""
        ...

    def stream(
        self, runnable: Any, input: Any, config: Any = None, *, take: int | None = None, **kw: Any
    ) -> list[Any]:
        """Return the chunks for one input."""
        ...

    def transform(
        self,
        runnable: Any,
        chunks: Iterable[Any],
        config: Any = None,
        *,
        take: int | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the chunks for an input that comes in chunks."""
        ...

    def batch(self, runnable: Any, inputs: Iterable[Any], config: Any = None, **kw: Any) -> Any:
        """Return the outputs for many inputs, in their order."""
        ...

    def batch_as_completed(
        self,
        runnable: Any,
        inputs: Iterable[Any],
        config: Any = None,
        *,
        take: int | None = None,
        **kwargs: Any,
    ) -> list[tuple[int, Any]]:
        """Return pairs of index and output for many inputs, as they are done."""
        ...

    def events(
        self, runnable: Any, input: Any, config: Any = None, *, take: int | None = None, **kw: Any
    ) -> list[Any]:
        """Return the events of a run."""
        ...

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run the sync function, or the coroutine, for calls that are not listed here."""
        ...


class SyncCall:
    """Calls the sync methods, in the thread of the test."""

    mode = "sync"

    def invoke(self, runnable: Any, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return runnable.invoke(input, config, **kwargs)

    def stream(
        self, runnable: Any, input: Any, config: Any = None, *, take: int | None = None, **kw: Any
    ) -> list[Any]:
        return _take(runnable.stream(input, config, **kw), take)

    def transform(
        self,
        runnable: Any,
        chunks: Iterable[Any],
        config: Any = None,
        *,
        take: int | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        return _take(runnable.transform(iter(chunks), config, **kwargs), take)

    def batch(self, runnable: Any, inputs: Iterable[Any], config: Any = None, **kw: Any) -> Any:
        return runnable.batch(inputs, config, **kw)

    def batch_as_completed(
        self,
        runnable: Any,
        inputs: Iterable[Any],
        config: Any = None,
        *,
        take: int | None = None,
        **kwargs: Any,
    ) -> list[tuple[int, Any]]:
        return _take(runnable.batch_as_completed(inputs, config, **kwargs), take)

    def events(
        self, runnable: Any, input: Any, config: Any = None, *, take: int | None = None, **kw: Any
    ) -> list[Any]:
        return _take(runnable.stream_events(input, config, **kw), take)

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return sync()


class AsyncCall:
    """Calls the async methods, each on a new event loop that must be left clean."""

    mode = "async"

    def invoke(self, runnable: Any, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return run_clean(runnable.ainvoke(input, config, **kwargs))

    def stream(
        self, runnable: Any, input: Any, config: Any = None, *, take: int | None = None, **kw: Any
    ) -> list[Any]:
        return run_clean(_atake(lambda: runnable.astream(input, config, **kw), take))

    def transform(
        self,
        runnable: Any,
        chunks: Iterable[Any],
        config: Any = None,
        *,
        take: int | None = None,
        **kwargs: Any,
    ) -> list[Any]:
        async def source() -> AsyncIterator[Any]:
            for chunk in chunks:
                yield chunk

        return run_clean(_atake(lambda: runnable.atransform(source(), config, **kwargs), take))

    def batch(self, runnable: Any, inputs: Iterable[Any], config: Any = None, **kw: Any) -> Any:
        return run_clean(runnable.abatch(inputs, config, **kw))

    def batch_as_completed(
        self,
        runnable: Any,
        inputs: Iterable[Any],
        config: Any = None,
        *,
        take: int | None = None,
        **kwargs: Any,
    ) -> list[tuple[int, Any]]:
        return run_clean(
            _atake(lambda: runnable.abatch_as_completed(inputs, config, **kwargs), take)
        )

    def events(
        self, runnable: Any, input: Any, config: Any = None, *, take: int | None = None, **kw: Any
    ) -> list[Any]:
        return run_clean(_atake(lambda: runnable.astream_events(input, config, **kw), take))

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return run_clean(coroutine())


def run_clean(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own; fail where it leaves a task or a stream behind."""

    async def main() -> T:
        async with nothing_left_in_loop():
            return await coroutine

    with asyncio.Runner() as runner:
        return runner.run(main())


def _take(stream: Iterator[T], take: int | None) -> list[T]:
    with closing(stream):  # type: ignore[type-var]  # streams are iterators that can be closed
        return list(islice(stream, take))


async def _atake(start: Callable[[], Any], take: int | None) -> list[Any]:
    chunks: list[Any] = []
    if take == 0:
        return chunks
    async with aclosing(start()) as stream:
        async for chunk in stream:
            chunks.append(chunk)
            if len(chunks) == take:
                break
    return chunks
