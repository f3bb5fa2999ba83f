"""Conversion of handlers."""

from __future__ import annotations

from typing import Any

from runnables.core.config import check_handlers
from runnables.core.foreign import ForeignHandlers
from runnables.interop.langchain.bridge import Bridge
from runnables.interop.langchain.event_handler import EventHandler, event_handler


def from_theirs(handler: Any) -> Any:
    """Return our handler that calls the methods of one of LangChain."""
    if isinstance(handler, EventHandler):
        return ForeignHandlers(handler.native)
    return Bridge(handler)


def to_theirs(handler: Any) -> EventHandler:
    """Return the handler of LangChain that turns its calls into events for one of ours."""
    made = event_handler(check_handlers([handler]))
    made.handler = handler
    return made
