"""Calls of LangChain that are a run of ours, which is open already.

A tool of LangChain is a tool here, with a run of its own. LangChain opens a run for the call, too;
both get one id, and only ours is reported. What the call does inside is reported as below it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManager

from runnables.interop.langchain.ambient import hidden, mute_tracers
from runnables.interop.langchain.border import config_of_theirs
from runnables.interop.langchain.bridge import as_id
from runnables.interop.langchain.contexts import outside
from runnables.interop.langchain.event_handler import event_handler
from runnables.interop.langchain.run_ids import OWN_RUNS

if TYPE_CHECKING:
    from collections.abc import Generator

    from runnables.core.config import Scope


@contextmanager
def as_open_run(scope: Scope | None) -> Generator[Any]:
    """Yield the config for a call of LangChain that is the run of a scope.

    Args:
        scope: the scope inside our run; None where no run is open.
    """
    config: dict[str, Any] = config_of_theirs(scope) or {}
    if scope is None or not scope.observed or not scope.parents:
        with outside(scope):
            yield config | {"callbacks": []}
        return
    # All of our handlers in one, also those that stand for handlers of theirs: they hear of the
    # run from us.
    run_id = scope.parents[-1]
    handler = event_handler(scope.handlers, scope.parents[:-1], scope.path)
    handlers: list[Any] = [handler, *mute_tracers(scope.handlers)]
    config |= {
        "callbacks": CallbackManager(handlers, inheritable_handlers=handlers.copy()),
        "run_id": as_id(run_id),
    }
    OWN_RUNS.add(run_id)
    try:
        with outside(scope), hidden(scope.handlers):
            yield config
    finally:
        OWN_RUNS.discard(run_id)
