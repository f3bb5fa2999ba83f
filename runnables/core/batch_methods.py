"""The methods that run a runnable on many inputs; `Batch` does their work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from runnables.core.batching import Batch, Configs
from runnables.core.error_notes import clock, leave_run
from runnables.core.missing_input import may_lack_input
from runnables.core.options import JOB_KEYWORDS
from runnables.core.stops import raise_without_stop
from runnables.core.typevars import Input, Output
from runnables.engine.misuse import COMPLETED
from runnables.engine.stream import AsyncStream, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Pairs(Stream[Any]):
    """Pairs of index and output, as they are done."""

    __slots__ = ()
    _ways = COMPLETED


class _AsyncPairs(AsyncStream[Any]):
    """Pairs of index and output, as they are done."""

    __slots__ = ()
    _ways = COMPLETED


class Batching(Generic[Input, Output]):
    """The four ways to run a runnable on many inputs."""

    @overload
    def batch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: Literal[False] = False,
        **kwargs: Any,
    ) -> list[Output]: ...
    @overload
    def batch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: bool,
        **kwargs: Any,
    ) -> list[Output | Exception]: ...
    @may_lack_input
    def batch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Run on every input, several at once, and return the outputs in the order of the inputs.

        Args:
            inputs: any iterable; it is pulled as worker slots get free.
            config: one config for all inputs, or a list with one for each.
            max_concurrency: how many calls of models, tools and functions may run at once below
                this call; 32 by default. The limit of a call around this one holds as well.
                "auto": as many as the service takes, for a job: see `JobOptions`.
            return_exceptions: whether an item's exception takes the place of its output. If
                not, the first exception cancels the rest and is raised.
            **kwargs: options, as for `invoke`.

        Returns:
            A list with one output for each input.

        Raises:
            TypeError: `inputs` is a string, a dict, or no iterable at all.
            ConfigError: a limit below 1, or a list of configs of another length than the inputs.
            Exception: the first one of an item, with a note that says which item it was.

        Example:
            >>> RunnableLambda(len).batch(["a", "bb", "ccc"], max_concurrency=2)
            [1, 2, 3]
        """
        if max_concurrency == "auto" or not JOB_KEYWORDS.isdisjoint(kwargs):
            run = self._as_job(inputs, config, max_concurrency, return_exceptions, kwargs)
            return list(run.outputs())
        job = Batch(self, inputs, config, max_concurrency, return_exceptions, kwargs)
        began = clock.now
        try:
            return job.run()
        except Exception as error:
            raise_without_stop(error, self)
            leave_run(error, self, began)
            raise

    @overload
    async def abatch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: Literal[False] = False,
        **kwargs: Any,
    ) -> list[Output]: ...
    @overload
    async def abatch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: bool,
        **kwargs: Any,
    ) -> list[Output | Exception]: ...
    @may_lack_input
    async def abatch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Do what `batch` does, async; every item is a task of its own.

        Args:
            inputs: any iterable; it is pulled as worker slots get free.
            config: one config for all inputs, or a list with one for each.
            max_concurrency: as for `batch`.
            return_exceptions: as for `batch`.
            **kwargs: options, as for `invoke`.

        Returns:
            A list with one output for each input.

        Example:
            >>> import asyncio
            >>> asyncio.run(RunnableLambda(len).abatch(["a", "bb"]))
            [1, 2]
        """
        if max_concurrency == "auto" or not JOB_KEYWORDS.isdisjoint(kwargs):
            run = self._as_job(inputs, config, max_concurrency, return_exceptions, kwargs)
            return list(await run.aoutputs())
        job = Batch(self, inputs, config, max_concurrency, return_exceptions, kwargs)
        began = clock.now
        try:
            return await job.arun()
        except Exception as error:
            raise_without_stop(error, self)
            leave_run(error, self, began)
            raise

    @overload
    def batch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: Literal[False] = False,
        **kwargs: Any,
    ) -> Stream[tuple[int, Output]]: ...
    @overload
    def batch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: bool,
        **kwargs: Any,
    ) -> Stream[tuple[int, Output | Exception]]: ...
    @may_lack_input
    def batch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Stream[Any]:
        """Run on every input, and yield pairs of index and output as they are done.

        Inputs may be endless. Memory stays flat, because at most one output for each worker slot
        waits for the consumer. Leaving the stream cancels the items that still run.

        Args:
            inputs: any iterable; it is pulled as worker slots get free.
            config: one config for all inputs, or a list with one for each.
            max_concurrency: as for `batch`.
            return_exceptions: as for `batch`.
            **kwargs: options, as for `invoke`.

        Returns:
            An iterator of `(index, output)`, which is also a context manager.

        Example:
            >>> for index, output in RunnableLambda(len).batch_as_completed(["bb"]):
            ...     print(index, output)
            0 2
        """
        if max_concurrency == "auto" or not JOB_KEYWORDS.isdisjoint(kwargs):
            run = self._as_job(inputs, config, max_concurrency, return_exceptions, kwargs)
            return _Pairs(run.pairs())
        job = Batch(self, inputs, config, max_concurrency, return_exceptions, kwargs)
        return _Pairs(job.completed())

    @overload
    def abatch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: Literal[False] = False,
        **kwargs: Any,
    ) -> AsyncStream[tuple[int, Output]]: ...
    @overload
    def abatch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: bool,
        **kwargs: Any,
    ) -> AsyncStream[tuple[int, Output | Exception]]: ...
    @may_lack_input
    def abatch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncStream[Any]:
        """Run `batch_as_completed`, to be consumed with `async for`.

        Args:
            inputs: any iterable; it is pulled as worker slots get free.
            config: one config for all inputs, or a list with one for each.
            max_concurrency: as for `batch`.
            return_exceptions: as for `batch`.
            **kwargs: options, as for `invoke`.

        Returns:
            An async iterator of `(index, output)`, which is also an async context manager.
        """
        if max_concurrency == "auto" or not JOB_KEYWORDS.isdisjoint(kwargs):
            run = self._as_job(inputs, config, max_concurrency, return_exceptions, kwargs)
            return _AsyncPairs(run.apairs())
        job = Batch(self, inputs, config, max_concurrency, return_exceptions, kwargs)
        return _AsyncPairs(job.acompleted())

    def _as_job(
        self,
        inputs: Any,
        config: Configs,
        limit: int | Literal["auto"] | None,
        collect: bool,
        kwargs: dict[str, Any],
    ) -> Any:
        """Return the run of a batch with keywords of a job; takes those out of `kwargs`."""
        raise NotImplementedError
