"""The methods of every runnable that make a job of a batch.

What they make imports all of this package, so each method imports it when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from runnables.core.contract import BaseRunnable
from runnables.core.typevars import Input, Output

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from runnables.core.batching import Configs
    from runnables.jobs.job import AsyncBatchJob, BatchJob
    from runnables.jobs.run import JobRun


class BatchJobs(BaseRunnable[Input, Output], internal=True):
    """The methods of `Runnable` that start a batch in the background."""

    def start_batch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        **kwargs: Any,
    ) -> BatchJob[Output]:
        """Start a batch in the background, and return its handle at once.

        Args:
            inputs: the rows: any iterable; it is pulled as worker slots get free.
            config: as for `batch`.
            max_concurrency: as for `batch`.
            **kwargs: what makes a job of it, as for `batch`: see `JobOptions`. All other keywords
                are options, as for `invoke`.

        Returns:
            A job to watch, to read and to cancel. Rows that fail do not end it; `max_errors` does.

        Raises:
            ConfigError: a keyword out of range.
            CheckpointError: a checkpoint that cannot be used, or of another chain.

        Example:
            >>> job = RunnableLambda(len).start_batch(["a", "bb"], max_concurrency=2)
            >>> job.result().outputs, job.progress().done
            ([1, 2], 2)
        """
        from runnables.jobs.job import BatchJob

        return BatchJob(self._as_job(inputs, config, max_concurrency, True, kwargs))

    def astart_batch(
        self,
        inputs: Iterable[Input] | AsyncIterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        **kwargs: Any,
    ) -> AsyncBatchJob[Output]:
        """Start a batch in tasks of the running event loop, and return its handle at once.

        Args:
            inputs: the rows: any iterable, also an async one.
            config: as for `batch`.
            max_concurrency: as for `batch`.
            **kwargs: as for `start_batch`.

        Returns:
            A job to watch, to read and to cancel, whose methods are awaited.

        Raises:
            ConfigError: a keyword out of range.
            SyncAsyncError: no event loop runs.

        Example:
            >>> import asyncio
            >>> async def main():
            ...     return (await RunnableLambda(len).astart_batch(["a", "bb"]).result()).outputs
            >>> asyncio.run(main())
            [1, 2]
        """
        from runnables.jobs.job import AsyncBatchJob

        return AsyncBatchJob(self._as_job(inputs, config, max_concurrency, True, kwargs))

    def _as_job(
        self,
        inputs: Any,
        config: Configs,
        limit: int | Literal["auto"] | None,
        collect: bool,
        kwargs: dict[str, Any],
    ) -> JobRun:
        from runnables.jobs.making import make_run

        return make_run(self, inputs, config, limit, kwargs, collect=collect)
