"""The handle of a batch job that runs in the background: watch it, read it, cancel it."""

from __future__ import annotations

import contextvars
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from runnables.core.typevars import Output
from runnables.engine.cancellation import CancelToken, cancelled_error, current_token
from runnables.engine.growing import GrowingList
from runnables.engine.worker_pool import run_in_worker
from runnables.errors import SyncAsyncError

if TYPE_CHECKING:
    import asyncio

    from runnables.errors import BatchStopped
    from runnables.jobs.ending import Ended
    from runnables.jobs.progress import Progress
    from runnables.jobs.run import JobRun
else:
    from runnables.engine import lazy_asyncio as asyncio


@dataclass(frozen=True)
class BatchResult(Generic[Output]):
    """What came of a batch job.

    Attributes:
        outputs: one for each row, in the order of the rows; an exception where a row has failed,
            and None where the job ended before it.
        failures: the exceptions, by the position of their rows.
        ended: why the job ended: "done" when all rows were tried; "max_errors", "budget", "fatal"
            (an error that every row would get) or "cancelled". Another error that ends it is
            raised.
        progress: the numbers at the end.
        error: what ended it early; None when all rows were tried.

    Example:
        >>> result = RunnableLambda(int).start_batch(["7", "seven"]).result()
        >>> result.outputs[0], list(result.failures), result.ended
        (7, [1], 'done')
    """

    outputs: list[Output | Exception | None]
    failures: dict[int, Exception]
    ended: Ended
    progress: Progress
    error: BatchStopped | None


class _Job(Generic[Output]):
    """What both handles share."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._pairs: GrowingList[tuple[int, Any]] = GrowingList()
        self._failure: BaseException | None = None

    def progress(self) -> Progress:
        """Return how far the job has come, from any thread."""
        return self._run.counter.progress

    def done(self) -> bool:
        """Tell whether the job has ended, for whatever reason."""
        return self._pairs.ended

    def _result(self) -> BatchResult[Output]:
        if self._failure is not None:
            raise self._failure
        pairs = self._pairs.items
        count = max((position for position, _ in pairs), default=-1) + 1
        outputs: list[Any] = [None] * max(count, self.progress().total or 0)
        for position, output in pairs:
            outputs[position] = output
        failures = {at: output for at, output in sorted(pairs, key=_position) if _failed(output)}
        run = self._run
        return BatchResult(outputs, failures, run.ended, self.progress(), run.error())

    def _raise_if_broken(self) -> None:
        if self._failure is not None:
            raise self._failure
        if (error := self._run.error()) is not None:
            raise error

    def __repr__(self) -> str:
        state = self._run.ended if self._pairs.ended else "running"
        return f"<{type(self).__name__}: {state}, {self.progress()}>"


class BatchJob(_Job[Output]):
    """A batch that runs in the background, in threads.

    Every method may be called from any thread, also of a notebook. The job ends with the program:
    ask for the `result()` to wait for it.

    Example:
        >>> job = RunnableLambda(str.upper).start_batch(["ahoy", "land"])
        >>> job.result().outputs
        ['AHOY', 'LAND']
        >>> sorted(job.as_completed())
        [(0, 'AHOY'), (1, 'LAND')]
    """

    def __init__(self, run: JobRun) -> None:
        super().__init__(run)
        run.open()  # so that a bad checkpoint is an error here
        self._token = CancelToken()
        context = contextvars.copy_context()
        context.run(current_token.set, self._token)
        run_in_worker(lambda: context.run(self._drive))

    def _drive(self) -> None:
        pairs = self._run.completed()
        try:
            for pair in pairs:
                self._pairs.append(pair)
        except BaseException as error:
            if not (self._token.is_set and isinstance(error, cancelled_error())):
                self._failure = error
        finally:
            pairs.close()
            self._pairs.end()

    def cancel(self) -> None:
        """End the job: no row begins any more, and those under way are cancelled.

        What is done is kept in the checkpoint, if there is one. Does nothing once it has ended.
        """
        self._token.cancel()

    def result(self, timeout: float | None = None) -> BatchResult[Output]:
        """Wait for the end, and return what came of it, also where it ended early.

        Args:
            timeout: the most seconds to wait.

        Raises:
            TimeoutError: it still runs; it goes on.
            Exception: what broke the job itself, such as a checkpoint on a full disk.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not self._pairs.ended:
            if not self._pairs.wait_for(len(self._pairs.items) + 1, until):
                raise TimeoutError(f"{self!r} did not end within {timeout} s")
        return self._result()

    def as_completed(self) -> Iterator[tuple[int, Output | Exception]]:
        """Yield pairs of position and output, or exception, from the first on, as they are done.

        Raises:
            BatchStopped: it ended before all rows were tried; after the pairs that there were.
            Exception: what broke the job itself.
        """
        count = 0
        while True:
            self._pairs.wait_for(count + 1)
            for pair in self._pairs.items[count:]:
                count += 1
                yield pair
            if self._pairs.ended and count == len(self._pairs.items):
                break
        self._raise_if_broken()

    def __iter__(self) -> Iterator[Output | Exception]:
        """Yield the outputs in the order of the rows, each as soon as it is there."""
        early: dict[int, Any] = {}
        expected = 0
        for position, output in self.as_completed():
            early[position] = output
            while expected in early:
                yield early.pop(expected)
                expected += 1


class AsyncBatchJob(_Job[Output]):
    """A batch that runs in the background, in tasks of the event loop that started it.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     job = RunnableLambda(str.upper).astart_batch(["ahoy", "land"])
        ...     return (await job.result()).outputs
        >>> asyncio.run(main())
        ['AHOY', 'LAND']
    """

    def __init__(self, run: JobRun) -> None:
        super().__init__(run)
        if asyncio._get_running_loop() is None:
            raise SyncAsyncError(
                "astart_batch was called where no event loop runs, and its tasks need one. Call it "
                "in an async function, or call start_batch, which uses threads."
            )
        self._task = asyncio.get_running_loop().create_task(self._drive())
        self._task.add_done_callback(lambda _: self._pairs.end())  # also where it never began

    async def _drive(self) -> None:
        pairs = self._run.acompleted()
        try:
            async for pair in pairs:
                self._pairs.append(pair)
        except asyncio.CancelledError:
            pass  # by `cancel`, or the loop ends
        except BaseException as error:
            self._failure = error
        finally:
            try:
                await pairs.aclose()
            finally:
                self._pairs.end()

    def cancel(self) -> None:
        """End the job: no row begins any more, and those under way are cancelled.

        What is done is kept in the checkpoint, if there is one. Does nothing once it has ended.
        """
        self._task.cancel()

    async def result(self) -> BatchResult[Output]:
        """Wait for the end, and return what came of it, also where it ended early.

        Raises:
            Exception: what broke the job itself, such as a checkpoint on a full disk.
        """
        while not self._pairs.ended:
            await self._pairs.await_for(len(self._pairs.items) + 1)
        return self._result()

    async def as_completed(self) -> AsyncIterator[tuple[int, Output | Exception]]:
        """Yield pairs of position and output, or exception, from the first on, as they are done.

        Raises:
            BatchStopped: it ended before all rows were tried; after the pairs that there were.
            Exception: what broke the job itself.
        """
        count = 0
        while True:
            await self._pairs.await_for(count + 1)
            for pair in self._pairs.items[count:]:
                count += 1
                yield pair
            if self._pairs.ended and count == len(self._pairs.items):
                break
        self._raise_if_broken()

    async def __aiter__(self) -> AsyncIterator[Output | Exception]:
        """Yield the outputs in the order of the rows, each as soon as it is there."""
        early: dict[int, Any] = {}
        expected = 0
        async for position, output in self.as_completed():
            early[position] = output
            while expected in early:
                yield early.pop(expected)
                expected += 1


def _position(pair: tuple[int, Any]) -> int:
    return pair[0]


def _failed(output: object) -> bool:
    return isinstance(output, Exception)
