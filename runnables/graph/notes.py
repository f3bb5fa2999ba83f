"""What a policy, a binding or a model says of itself in a picture, in a few words."""

from __future__ import annotations

from typing import Any, cast

from runnables.cache.runnable import RunnableCache
from runnables.compose.binding import RunnableBinding
from runnables.compose.configurable import ConfiguredRunnable
from runnables.compose.policies.retry import RunnableRetry
from runnables.compose.policies.timeout import RunnableTimeout
from runnables.compose.wrappers import Wrapper
from runnables.graph.labels import label
from runnables.history.runnable import RunnableWithMessageHistory


def notes_of(runnable: Any) -> str | None:
    """Return the note of a runnable; None where it has none.

    Values of options are left out, since one may be a secret, or long.
    """
    if isinstance(runnable, RunnableBinding):
        return _note_of_binding(cast("Any", runnable))
    if isinstance(runnable, RunnableRetry):
        return f"retry: up to {runnable.stop_after_attempt} attempts"
    if isinstance(runnable, RunnableTimeout):
        return f"timeout: {runnable.seconds:g} s"
    if isinstance(runnable, RunnableCache):
        return "cache"
    if isinstance(runnable, RunnableWithMessageHistory):
        return "history"
    if isinstance(runnable, ConfiguredRunnable):
        return label(f"configurable: {', '.join(_own_fields(runnable))}")
    if isinstance(runnable, Wrapper):
        return label(type(cast("Any", runnable)).__name__)
    model = getattr(runnable, "model", None)
    return label(model) if isinstance(model, str) and hasattr(runnable, "run_type") else None


def _note_of_binding(runnable: RunnableBinding[Any, Any]) -> str | None:
    notes: list[str] = []
    if runnable.kwargs:
        notes.append(f"bind: {', '.join(runnable.kwargs)}")
    if (limit := runnable.config.get("max_concurrency")) is not None:
        notes.append(f"at most {limit} at once")
    return label("; ".join(notes)) if notes else None


def _own_fields(runnable: Any) -> list[str]:
    """Return the ids of the fields that a call may set."""
    inside = {field.id for field, _ in runnable._wrapped()._configurable()}
    return [field.id for field, _ in runnable._configurable() if field.id not in inside]
