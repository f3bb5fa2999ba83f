"""A job as it travels to workers: its chain, its config, and what they are to do with its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.jobs.executors.messages import JobSetup, job_head, to_bytes
from runnables.jobs.executors.packing import Packer

if TYPE_CHECKING:
    from runnables.core.config import Scope
    from runnables.core.handlers import Handler

_SENT: Final = ("tags", "metadata", "recursion_limit", "configurable")
"""The keys of a config that travel. Handlers stay with the driver; the limit is divided."""


def config_of(scope: Scope) -> dict[str, Any]:
    """Return what travels of the surroundings of a call."""
    config = {key: scope[key] for key in _SENT if key in scope}
    if scope.next_name is not None:
        config["run_name"] = scope.next_name
    return config


def pack_job(
    chain: Any,
    kwargs: dict[str, Any],
    scope: Scope,
    handlers: tuple[Handler, ...],
    *,
    retry_for: float,
    row_timeout: float | None,
    is_async: bool,
    is_adaptive: bool,
    send_secrets: bool,
) -> bytes:
    """Return a job as bytes.

    Args:
        chain: what runs on each row.
        kwargs: the options of the calls.
        scope: the surroundings of the job.
        handlers: those in the driver that receive events.
        retry_for: for how many seconds a row is tried again.
        row_timeout: for how many seconds a row may run.
        is_async: whether rows run in an event loop.
        is_adaptive: whether each process learns how many calls its service takes.
        send_secrets: whether keys travel, too.

    Raises:
        ConfigError: a part of the chain cannot travel.
    """
    packer = Packer(send_secrets=send_secrets)
    packed = packer.pack_chain(chain, kwargs)
    wants_chunks = any(getattr(handler, "wants_chunks", False) for handler in handlers)
    setup = JobSetup(
        packed,
        config_of(scope),
        retry_for,
        row_timeout,
        is_async,
        is_adaptive,
        (bool(handlers), wants_chunks),
        scope.parents,
        scope.path,
        tuple(dict.fromkeys(packer.withheld)),
        packer.has_limiters,
    )
    return to_bytes(job_head(packer.pack(setup, "The config of the call")))
