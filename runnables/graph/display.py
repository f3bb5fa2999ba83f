"""What a notebook shows of a chain: its picture, as Mermaid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.errors import RunnablesError
from runnables.graph.builder import graph_of

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable

_MAX_EDGES: Final = 500
_MAX_LENGTH: Final = 50_000
"""What Mermaid draws at most: more than that is an error in the place of a picture."""


def picture_bundle(runnable: Runnable[Any, Any]) -> dict[str, str]:
    """Return the picture of a chain by its type; nothing for a single step, or a huge chain.

    There is no text in it, so that a notebook adds the repr. A chain that cannot be drawn, since a
    choice that is bound to it does not exist, or needs a package that is missing, has its repr.
    """
    if not any(True for _ in runnable._children()):
        return {}
    try:
        graph = graph_of(runnable)
    except (RecursionError, RunnablesError):
        return {}
    text = graph.draw_mermaid()
    is_huge = len(graph.edges) > _MAX_EDGES or len(text) > _MAX_LENGTH
    return {} if is_huge else {"text/vnd.mermaid": text}
