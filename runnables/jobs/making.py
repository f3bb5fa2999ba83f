"""Makes the run of a job from the arguments of a batch method."""

from __future__ import annotations

from typing import Any, Literal

from runnables.errors import ConfigError
from runnables.jobs.options import JobOptions
from runnables.jobs.run import JobRun


def make_run(
    runnable: Any,
    rows: Any,
    config: Any,
    limit: int | Literal["auto"] | None,
    kwargs: dict[str, Any],
    *,
    collect: bool,
) -> JobRun:
    """Return the run of a call; takes the keywords of a job out of `kwargs`.

    Args:
        runnable: what runs on each row.
        rows: the inputs.
        config: one config for all rows, or a list with one for each.
        limit: how many calls may run at once; "auto": as many as the service takes.
        kwargs: the keywords of the call.
        collect: whether an exception takes the place of an output.

    Raises:
        ConfigError: a keyword out of range, or rows in order with an executor.
    """
    if "return_exceptions" in kwargs:
        raise ConfigError(
            "A job that is started takes no return_exceptions: its result has all exceptions."
        )
    options = JobOptions.taken_from(kwargs)
    raise_first = not collect and options.max_errors is None
    if options.executor is not None:
        if runnable._row_order() is not None:
            raise ConfigError(
                f"{runnable!r} has a history whose turns go in order, so its rows cannot run in "
                "several processes. Leave out executor=."
            )
        from runnables.jobs.executors.run import ExecutorRun  # most jobs need none of it

        kind: type[JobRun] = ExecutorRun
    else:
        kind = JobRun
    return kind(runnable, rows, config, limit, options, kwargs, raise_first=raise_first)
