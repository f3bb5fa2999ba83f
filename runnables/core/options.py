"""Options that do not exist: the errors that name them, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.errors import ConfigError, did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

LIMIT_WORDS: Final = frozenset(
    "concurrency concurrent max_concurrent concurrency_limit max_concurrent_requests max_in_flight "
    "workers max_workers n_workers num_workers nworkers worker_count n_jobs jobs num_jobs max_jobs "
    "threads n_threads num_threads max_threads nthreads thread_count pool_size thread_pool_size "
    "processes n_processes num_processes num_proc n_procs nproc parallel parallelism max_parallel "
    "parallel_requests semaphore".split()
)
"""Words of other libraries for the number of calls that run at once."""

JOB_KEYWORDS: Final = frozenset(
    "progress checkpoint key retry_failed accept_change durability max_errors budget retry_for "
    "row_timeout failed_rows prices via executor send_secrets".split()
)
"""The keywords that make a job of a batch: see `jobs/options.py`."""

BATCH_OPTIONS: Final = (
    "max_concurrency",
    "return_exceptions",
    "config",
    *sorted(keyword for keyword in JOB_KEYWORDS if len(keyword) >= 8),
)
"""The options of a batch that a typo can only mean; short words may be options of the steps."""

LIMIT_HINT: Final = (
    "How many calls run at once is max_concurrency: batch(inputs, max_concurrency=8)."
)

_INSTEAD: Final[Mapping[str, tuple[str, str]]] = {
    "callbacks": ("", "Handlers go into the config: with_config(callbacks=[...])."),
    "streaming": ("", "Every model streams: call `stream`."),
    **dict.fromkeys(LIMIT_WORDS, ("", LIMIT_HINT)),
    **dict.fromkeys(
        ("retries", "max_retries", "num_retries", "n_retries", "attempts", "max_attempts", "tries"),
        ("stop_after_attempt", "stop_after_attempt=3 makes 3 attempts in all."),
    ),
    **dict.fromkeys(
        ("exceptions", "retry_on", "retry_exceptions", "exception_types", "errors"),
        ("retry_if_exception_type", "Did you mean 'retry_if_exception_type'?"),
    ),
    **dict.fromkeys(
        ("wait", "delay", "backoff", "retry_delay", "initial_delay", "wait_seconds"),
        ("exponential_jitter_params", "exponential_jitter_params={'initial': 0.5} sets the waits."),
    ),
    "functions": ("tools", "Functions are tools now: bind_tools([...]), or tools=[...]."),
    "function_call": ("tool_choice", "Did you mean tool_choice='name of the tool'?"),
    "memory": (
        "max_iterations",
        "A history goes around it: RunnableWithMessageHistory(executor, ...).",
    ),
    "timeout": ("seconds", "Did you mean 'seconds'?"),
}
"""Options of other libraries: the option that must be known here for the hint, and the hint."""


def unknown_option(owner: str, name: str, known: Collection[str]) -> ConfigError:
    """Return the error for an option that does not exist, with a similar name or another way.

    Args:
        owner: the class or function that received the option.
        name: the option.
        known: the options that exist.
    """
    hint = option_hint(name, known)
    return ConfigError(f"{owner} has no option {name!r}.{hint} Known: {', '.join(known)}.")


def option_hint(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an option that does not exist, as far as it is known."""
    known = list(known)
    needed, instead = _INSTEAD.get(name, ("", ""))
    applies = instead and (not needed or needed in known)
    return f" {instead}" if applies else did_you_mean(name, known)


def key_hint(key: str, known: Iterable[str]) -> str:
    """Return what was probably meant by a key of a config that does not exist."""
    return " Did you mean 'max_concurrency'?" if key in LIMIT_WORDS else did_you_mean(key, known)


def refuse_options(runnable: object, options: Mapping[str, Any]) -> None:
    """Refuse every option of a call, because nothing would read it.

    Raises:
        ConfigError: names the first option.
    """
    for name in options:
        hint = f" {LIMIT_HINT}" if name in LIMIT_WORDS else ""
        raise ConfigError(f"{runnable!r} takes no option {name!r}.{hint}")


def check_near_options(runnable: object, options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse an option for the steps that can only be a typo of one of the batch's own.

    Args:
        runnable: what is called.
        options: the options for the steps.
        known: the batch's own options.

    Raises:
        ConfigError: names the option and the one that was probably meant.
    """
    for name in options:
        if (found := nearest(name, known, similarity=0.85)) is not None:
            raise ConfigError(
                f"batch of {runnable!r} has no option {name!r}. Did you mean {found!r}?"
            )
