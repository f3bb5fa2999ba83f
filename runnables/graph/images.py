"""A Mermaid text as an image: drawn by Mermaid itself, inside this process, without a network."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from runnables.core.installation import missing_extra

_CONFIG: Final = {"flowchart": {"wrappingWidth": 400}}
"""Space for a label of the longest kind, on one line."""


def drawn_by_mermaid(text: str) -> Any:
    """Return what `mermaidx` makes of a Mermaid text: an object with `svg()` and `png()`.

    It has Mermaid's own JavaScript, and an engine that runs it, in two threads that stay, idle.

    Raises:
        MissingExtra: the extra `graph-image` is not installed.
    """
    try:
        mermaidx: Any = import_module("mermaidx")
    except ImportError:
        raise missing_extra("A picture as an image", "mermaidx", "graph-image") from None
    return mermaidx.render(text, config=_CONFIG)
