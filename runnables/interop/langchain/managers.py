"""Conversion of managers: LangChain's handlers of a run, with the id of that run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.core.foreign import ForeignHandlers, is_same
from runnables.interop.langchain.ambient import is_mute
from runnables.interop.langchain.bridge import Bridge
from runnables.interop.langchain.event_handler import EventHandler

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from runnables.core.handlers import Handler


def from_theirs(manager: Any) -> ForeignHandlers:
    """Return the handlers of a manager, with the runs around what they are passed to."""
    handlers = ForeignHandlers(handlers_of_ours(manager.inheritable_handlers))
    handlers.tags = tuple(manager.inheritable_tags)
    handlers.metadata = dict(manager.inheritable_metadata)
    handlers.parents = parents_of(manager.handlers, manager.parent_run_id)
    return handlers


def handlers_of_ours(handlers: Iterable[Any], reported: Collection[str] = ()) -> list[Handler]:
    """Return handlers of LangChain as ours: what stands for some of ours is taken apart.

    Args:
        handlers: handlers of LangChain.
        reported: the ids of the runs that LangChain itself reports to its own handlers.
    """
    found: list[Any] = []
    for handler in handlers:
        if is_mute(handler):
            continue
        made = handler.native if isinstance(handler, EventHandler) else (Bridge(handler, reported),)
        found += (one for one in made if not any(is_same(one, other) for other in found))
    return found


def parents_of(handlers: Iterable[Any], run_id: Any) -> tuple[str, ...]:
    """Return the ids of the runs around what runs within a run of LangChain, that run the last."""
    for handler in handlers:
        if isinstance(handler, EventHandler):
            return handler.parents_of(run_id)
    return () if run_id is None else (str(run_id),)
