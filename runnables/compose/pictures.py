"""The methods of every runnable that draw it.

What draws them imports all of this package, so each method imports it when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.core.contract import BaseRunnable
from runnables.core.typevars import Input, Output

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig
    from runnables.graph.graph import Graph


class Pictures(BaseRunnable[Input, Output], internal=True):
    """The methods of `Runnable` that draw it."""

    def get_graph(self, config: RunnableConfig | None = None, *, xray: bool | int = True) -> Graph:
        """Return the graph of its steps, which draws itself as Mermaid, text or SVG.

        What a function calls inside itself cannot be seen.

        Args:
            config: a config that chooses alternatives: only the chosen ones are in the graph.
            xray: how many levels of chains inside of chains are shown from inside; True: all;
                False: none, so that each is one node.

        Raises:
            ConfigError: a choice that there is not.

        Example:
            >>> graph = (RunnableLambda(len) | str).get_graph()
            >>> [node.name for node in graph.nodes.values()]
            ['input', 'len', 'str', 'output']
        """
        from runnables.graph.builder import graph_of

        return graph_of(cast("Runnable[Any, Any]", self), config, xray)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return its picture, for a notebook, which adds the repr."""
        from runnables.graph.display import picture_bundle

        return picture_bundle(cast("Runnable[Any, Any]", self))
