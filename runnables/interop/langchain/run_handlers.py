"""Conversion of the handlers in a config of ours that users' code passes on to LangChain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.core.config import check_handlers
from runnables.interop.langchain.border import manager_of

if TYPE_CHECKING:
    from runnables.core.run_handlers import RunHandlers


def to_theirs(handlers: RunHandlers) -> Any:
    """Return LangChain's manager of handlers of ours, within the run around them."""
    return manager_of(
        check_handlers(list(handlers)),
        check_handlers(handlers.own),
        handlers.parents,
        handlers.path,
    )
