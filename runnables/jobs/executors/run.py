"""A job whose rows run in other processes: what the batch methods run where `executor=` is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.core.config import without
from runnables.errors import ConfigError
from runnables.jobs.executors.driver import Driver
from runnables.jobs.executors.job_packing import pack_job
from runnables.jobs.executors.known import engine_for
from runnables.jobs.job_calls import arun_calls, run_calls
from runnables.jobs.run import JobRun
from runnables.models.usage import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from runnables.core.handlers import Handler
    from runnables.engine.slots import Slots
    from runnables.jobs.row_record import RowRecord
    from runnables.jobs.rows import RowSource
    from runnables.models.budget import Budget


class ExecutorRun(JobRun):
    """A run of a job whose rows run in other processes."""

    # -- what the driver reads

    @property
    def source(self) -> RowSource:
        """Return the rows."""
        return self._source

    @property
    def budget(self) -> Budget | None:
        """Return the budget, if there is one."""
        return self._budget

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """Return the handlers around the call, which receive the events of all rows."""
        ours = {id(self._budget), id(self._usage)}  # these count what workers report
        return tuple(one for one in self._scope.handlers if id(one) not in ours)

    @property
    def ends_at_error(self) -> bool:
        """Tell whether a chunk ends with the first row that fails."""
        return self._raise_first

    def own_config(self, position: int) -> dict[str, Any] | None:
        """Return what the config of one row has beside that of all rows."""
        own: dict[str, Any] = {}
        if self._each is not None:
            given: Any = without(self._each[position], "max_concurrency")
            if given.get("callbacks"):
                raise ConfigError(
                    "Handlers of single rows cannot be sent to workers. Put them into one config "
                    "for all rows."
                )
            own = dict(given)
        if position == 0 and self._scope.next_id is not None:
            own["run_id"] = self._scope.next_id
        return own or None

    def spend(self, record: RowRecord, *, is_settled: bool) -> None:
        """Count what models have used for a row, against the budget."""
        answers = record.usage.answers
        if self._budget is not None:
            for name, usage in answers:
                self._budget.add(name, usage)
        if self._usage is not None:  # rows went through one call: which has used what is not known
            self._usage.add(answers)
            record.usage = Usage()
        if not is_settled:
            record.count(self.counter, self._usage)

    # -- the run

    def _outcomes(self) -> Generator[Any, None, None]:
        """Yield what comes of each row, as it comes."""
        driver = self._driver()
        try:
            run_calls(driver.open())
            while pairs := run_calls(driver.next_pairs()):
                yield from pairs
        finally:
            run_calls(driver.close())

    async def _aoutcomes(self) -> AsyncGenerator[Any, None]:
        """Yield what comes of each row, as it comes."""
        driver = self._driver()
        try:
            await arun_calls(driver.open())
            while pairs := await arun_calls(driver.next_pairs()):
                for pair in pairs:
                    yield pair
        finally:
            await arun_calls(driver.close())

    def _driver(self) -> Driver:
        return Driver(self, engine_for(self._options.executor), _limit_of(self.slots))

    def packed(self, *, is_async: bool) -> bytes:
        """Return the job as it travels to workers.

        Args:
            is_async: whether rows run in event loops.

        Raises:
            ConfigError: a part of the chain cannot travel.
        """
        options = self._options
        return pack_job(
            self._runnable,
            self._kwargs,
            self._scope,
            self.handlers,
            retry_for=options.retry_for,
            row_timeout=options.row_timeout,
            is_async=is_async,
            is_adaptive=self._is_adaptive,
            send_secrets=options.send_secrets,
        )


def _limit_of(slots: Slots | None) -> int:
    """Return the lowest of the limits around a call."""
    limits: list[int] = []
    while slots is not None:
        limits.append(slots.limit)
        slots = slots.parent
    return min(limits)
