"""The listener for the headers of responses: they say what the limits of a service are."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

headers_listener: Final[contextvars.ContextVar[Callable[[Mapping[str, str]], None] | None]] = (
    contextvars.ContextVar("runnables_headers_listener", default=None)
)
"""The function that gets the headers of each response, also of a refusal; None: none does. It may
be called in any thread, and does not raise."""


def report_headers(headers: Mapping[str, str]) -> None:
    """Report the headers of a response, their names in lower case; for providers."""
    listener = headers_listener.get()
    if listener is not None:
        listener(headers)
