"""Who draws a picture, in LangChain's words: graphs of LangGraph are asked with it."""

from __future__ import annotations

from enum import Enum


class MermaidDrawMethod(Enum):
    """Who draws a picture of LangChain's as PNG: a service, or a browser.

    It is for the graphs of LangGraph, which compare it with their own: it equals that. Graphs of
    this library are drawn in the process itself, whichever is named.

    Example:
        >>> MermaidDrawMethod("api")
        <MermaidDrawMethod.API: 'api'>
    """

    PYPPETEER = "pyppeteer"
    """A browser."""
    API = "api"
    """The service mermaid.ink."""

    def __eq__(self, other: object) -> bool:
        """Tell whether another one names the same, also if it is LangChain's."""
        is_method = type(other).__name__ == type(self).__name__
        return is_method and getattr(other, "value", None) == self.value

    def __hash__(self) -> int:
        """Return the hash of the value."""
        return hash(self.value)
