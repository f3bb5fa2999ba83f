"""The keywords that make a job of a batch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from runnables.core.bounds import check_seconds
from runnables.core.options import JOB_KEYWORDS
from runnables.errors import ConfigError
from runnables.jobs.checkpoint import SYNCHRONOUS, Durability
from runnables.jobs.executors.known import check_executor
from runnables.jobs.progress import Report, check_report
from runnables.jobs.row_keys import KeyOf, check_key
from runnables.models.budget import Budget
from runnables.models.prices import Price, checked_prices


@dataclass(frozen=True)
class JobOptions:
    """What makes a job of a batch.

    Attributes:
        progress: True for a bar, or a function that gets a `Progress` now and then.
        checkpoint: the path of the file that keeps finished rows.
        key: what says the key of a row: the name of a field, a function of the row, or None for
            the content.
        retry_failed: whether rows that an earlier run has given up are tried again.
        accept_change: whether the outputs of another chain in the checkpoint will do.
        durability: "normal": finished rows outlive the process; "full": a power cut, too.
        max_errors: how many rows may fail before the job stops: a count, or a share of the rows
            finished so far, from 100 rows on; None: any number.
        budget: what the models may spend before the job stops; a number counts tokens.
        retry_for: for how many seconds a row is tried again after errors that may pass.
        row_timeout: how many seconds a row may take from its first attempt on, with all others and
            the waits between them; then it has failed, with a `StepTimeout`. Tasks are cancelled,
            threads asked to stop, as by `with_timeout`. None: as long as it takes.
        failed_rows: the path of a file of JSON Lines that gets each row that has failed in this
            run, with its position, its input and its error. An older file is replaced.
        prices: what a million tokens of a model cost, by its name, as for `Budget`.
        via: "provider": models are asked through the batch jobs of their providers, for half the
            price, as `via_provider` does; a checkpoint keeps the ids of these jobs, so that a run
            after a crash waits for them instead of paying twice. "flex": as `via_flex` does.
        executor: where the rows run: a `Client` of Dask, the module ray, an executor of
            `concurrent.futures`, or a function that makes one. None: in this process.
        send_secrets: whether the keys of models, and headers with secrets, are sent to the workers
            of an executor. If not, workers read keys from their own environment.

    Example:
        >>> JobOptions(max_errors=10, retry_for=60.0).max_errors
        10
    """

    progress: Report = False
    checkpoint: str | os.PathLike[str] | None = None
    key: KeyOf = None
    retry_failed: bool = True
    accept_change: bool = False
    durability: Durability = "normal"
    max_errors: float | None = None
    budget: Budget | int | None = None
    retry_for: float = 600.0
    row_timeout: float | None = None
    failed_rows: str | os.PathLike[str] | None = None
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    via: Literal["provider", "flex"] | None = None
    executor: Any = None
    send_secrets: bool = False

    def __post_init__(self) -> None:
        check_report(self.progress)
        check_key(self.key)
        check_seconds("retry_for={}", self.retry_for, or_zero=True)
        if self.row_timeout is not None:
            check_seconds("row_timeout={}", self.row_timeout)
            if self.via == "provider":
                raise ConfigError(
                    f"row_timeout={self.row_timeout!r}: via='provider' sends all rows in one job, "
                    "so none has a time of its own."
                )
        checked_prices(self.prices)
        if self.durability not in SYNCHRONOUS:
            raise ConfigError(f"durability={self.durability!r}: expected 'normal' or 'full'")
        if self.via not in (None, "provider", "flex"):
            raise ConfigError(f"via={self.via!r}: expected 'provider' or 'flex'")
        check_executor(self.executor)
        if self.send_secrets and self.executor is None:
            raise ConfigError("send_secrets=True is for the workers of an executor: say executor=")
        if self.executor is not None and self.via == "provider":
            raise ConfigError("via='provider' sends few requests, for which one process is enough. "
                              "Leave out executor=.")  # fmt: skip
        _check_max_errors(self.max_errors)
        _check_budget(self.budget)
        for name in ("checkpoint", "failed_rows"):
            path: Any = getattr(self, name)
            is_path = isinstance(path, (str, os.PathLike)) and path not in ("", ":memory:")
            if path is not None and not is_path:
                raise ConfigError(f"{name}={path!r}: expected the path of a file")
        if self.checkpoint is None:
            for name in ("key", "accept_change"):
                if getattr(self, name):
                    raise ConfigError(f"{name}={getattr(self, name)!r} is for a checkpoint: say "
                                      "checkpoint='run.sqlite', too")  # fmt: skip

    @classmethod
    def taken_from(cls, keywords: dict[str, Any]) -> Self:
        """Return the options among the keywords of a call, and take them out of there."""
        return cls(**{name: keywords.pop(name) for name in JOB_KEYWORDS if name in keywords})

    @property
    def limit(self) -> Budget | None:
        """Return the budget as an object."""
        return Budget(tokens=self.budget) if isinstance(self.budget, int) else self.budget


def _check_max_errors(most: Any) -> None:
    is_count = isinstance(most, int) and not isinstance(most, bool) and most >= 0
    if most is not None and not is_count and not (isinstance(most, float) and 0 < most < 1):
        raise ConfigError(
            f"max_errors={most!r}: expected a count of rows, or a share of them between 0 and 1"
        )


def _check_budget(budget: Any) -> None:
    is_count = isinstance(budget, int) and not isinstance(budget, bool) and budget > 0
    if budget is not None and not is_count and not isinstance(budget, Budget):
        raise ConfigError(
            f"budget={budget!r}: expected a number of tokens, or "
            "Budget(cost=5.0, prices={'model': (input, output)})"
        )
