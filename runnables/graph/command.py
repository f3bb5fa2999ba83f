"""What the command `runnables graph` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable

PictureFormat: TypeAlias = Literal["ascii", "mermaid", "svg"]


def print_picture(chain: Runnable[Any, Any], format: PictureFormat) -> None:
    """Print the picture of a chain.

    Raises:
        MissingExtra: SVG needs an extra that is not installed.
    """
    graph = chain.get_graph()
    if format == "ascii":
        graph.print_ascii()
    else:
        print(graph.draw_mermaid() if format == "mermaid" else graph.draw_svg())
