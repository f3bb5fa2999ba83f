"""Runs of LangChain that stand for a run of ours.

Both have one id. LangChain reports the run to its own handlers, and ours reports it to our own,
which knows more: the runnable, its kind, its options.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from langchain_core.runnables.config import get_config_list

from runnables.interop.langchain.convert import to_langchain
from runnables.interop.langchain.parser_errors import their_errors
from runnables.interop.langchain.registry import kind_of_ours

if TYPE_CHECKING:
    from collections.abc import Generator

    from langchain_core.runnables import RunnableConfig

OWN_RUNS: Final[set[str]] = set()
"""The ids of runs of LangChain that stand for a run of ours, which tells our handlers itself."""


@contextmanager
def own_run(config: Any) -> Generator[RunnableConfig]:
    """Choose the id of a run of LangChain that stands for a run of ours; see `OWN_RUNS`.

    Args:
        config: LangChain's config of the call.

    Returns:
        The config with that id.
    """
    full = cast("RunnableConfig", dict(config or {}))
    if type(handlers := full.get("callbacks")) is list:
        full["callbacks"] = [_as_theirs(handler) for handler in handlers]
    chosen = full.get("run_id") or uuid4()
    full["run_id"] = chosen
    run_id = str(chosen)
    OWN_RUNS.add(run_id)
    try:
        with their_errors():
            yield full
    finally:
        OWN_RUNS.discard(run_id)


def _as_theirs(handler: Any) -> Any:
    """Return a handler of ours as LangChain's, which has no use for it as it is."""
    kind = kind_of_ours(handler)
    return to_langchain(handler) if kind is not None and kind.module == "handlers" else handler


@contextmanager
def own_runs(config: Any, count: int) -> Generator[list[RunnableConfig]]:
    """Choose the ids of the runs of a batch of so many inputs; see `own_run`."""
    with ExitStack() as stack:
        configs = [stack.enter_context(own_run(one)) for one in get_config_list(config, count)]
        yield configs
