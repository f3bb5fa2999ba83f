"""The graph of a chain: nodes, edges and groups, which every picture is made of.

`Runnable.get_graph` makes one (`builder.py`). The shape that it is drawn from is a tree
(`shapes.py`); nodes, edges and groups are its plain form, for programs that read a graph. Ids are
`n0`, `n1`, ... and `g0`, `g1`, ...: names of steps are labels only, so that none of them can break
a picture.

Two imports wait until they are needed: the picture in text is made of shapes, which need this
module, and what draws an image loads a client of HTTP.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias, cast

from runnables.graph.mermaid import mermaid_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.graph.draw_method import MermaidDrawMethod
    from runnables.graph.shapes import Shape

Kind: TypeAlias = Literal[
    "input",
    "output",
    "prompt",
    "chat_model",
    "llm",
    "embeddings",
    "parser",
    "tool",
    "retriever",
    "function",
    "generator",
    "runnable",
    "choice",
    "join",
    "junction",
]
"""What a node is: a step by its kind, or a place where lines part or meet."""

Direction: TypeAlias = Literal["TD", "LR"]


@dataclass(frozen=True)
class Node:
    """A step of a chain, or a place where its lines part or meet.

    Attributes:
        id: `n0`, `n1`, ...: safe in every format.
        name: the name of its runs in events; of a lambda, its source. Secrets are hidden.
        kind: what it is: "prompt", "chat_model", "function", "choice", ...
        notes: what holds for it: the policies around it, the model's name.
        group: the id of the innermost group that it is in.
        data: the runnable itself, where there is one.

    Example:
        >>> graph = (RunnableLambda(len) | str).get_graph()
        >>> [node.name for node in graph.nodes.values()]
        ['input', 'len', 'str', 'output']
    """

    id: str
    name: str
    kind: Kind
    notes: tuple[str, ...] = ()
    group: str | None = None
    data: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Edge:
    """A way from one node to another.

    Attributes:
        source: the id of the node that it leaves.
        target: the id of the node that it leads to.
        data: when it is taken, or what it carries; None: it needs no words.
        conditional: whether a run may also take another way.

    Example:
        >>> graph = RunnableLambda(len).get_graph()
        >>> graph.edges[0].source, graph.edges[0].target, graph.edges[0].conditional
        ('n0', 'n1', False)
    """

    source: str
    target: str
    data: str | None = None
    conditional: bool = False


@dataclass(frozen=True)
class Group:
    """Nodes that belong together: a chain inside a chain, an agent, what a policy holds for.

    Attributes:
        id: `g0`, `g1`, ...
        name: what it is called.
        parent: the id of the group that it is in.

    Example:
        >>> graph = (RunnableLambda(len) | str).with_retry().get_graph()
        >>> [group.name for group in graph.groups.values()]
        ['retry: up to 3 attempts']
    """

    id: str
    name: str
    parent: str | None = None


@dataclass(frozen=True)
class Graph:
    """The graph of a chain; `chain.get_graph()` makes one.

    Attributes:
        name: the name of the chain.
        nodes: the nodes by id, in the order in which a reader meets them.
        edges: the edges between them.
        groups: the groups by id.

    Example:
        >>> print(RunnablePassthrough().get_graph().draw_ascii(unicode=False))
               +-------+
               | input |
               +---+---+
                   v
        +---------------------+
        | RunnablePassthrough |
        +----------+----------+
                   v
              +--------+
              | output |
              +--------+
    """

    name: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    groups: Mapping[str, Group]
    _shape: Shape = field(repr=False, compare=False)

    def first_node(self) -> Node:
        """Return the node of the input."""
        return next(node for node in self.nodes.values() if node.kind == "input")

    def last_node(self) -> Node:
        """Return the node of the output."""
        return next(node for node in self.nodes.values() if node.kind == "output")

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return nodes, edges and groups as lists of plain dicts.

        Example:
            >>> RunnableLambda(len).get_graph().to_json()["nodes"][1]
            {'id': 'n1', 'name': 'len', 'kind': 'function'}
        """
        return {
            "nodes": [
                _plain(
                    id=node.id,
                    name=node.name,
                    kind=node.kind,
                    notes=list(node.notes),
                    group=node.group,
                )
                for node in self.nodes.values()
            ],
            "edges": [
                _plain(
                    source=edge.source,
                    target=edge.target,
                    data=edge.data,
                    conditional=edge.conditional,
                )
                for edge in self.edges
            ],
            "groups": [
                _plain(id=group.id, name=group.name, parent=group.parent)
                for group in self.groups.values()
            ],
        }

    def draw_mermaid(self, *, direction: Direction = "TD", with_styles: bool = True) -> str:
        """Return the picture as a Mermaid flowchart.

        GitHub, GitLab and JupyterLab draw such a string.

        Args:
            direction: "TD", from top to bottom, or "LR", from left to right.
            with_styles: whether each kind of steps has its fill.

        Example:
            >>> print(RunnableLambda(len).get_graph().draw_mermaid(with_styles=False))
            flowchart TD
                n0(["input"])
                n1["len"]
                n2(["output"])
                n0 --> n1
                n1 --> n2
        """
        return mermaid_text(self, direction, with_styles)

    def draw_ascii(self, *, unicode: bool = True, max_width: int = 100) -> str:
        """Return the picture as text, with lines and boxes.

        Args:
            unicode: whether lines are drawn with box characters; if not, with `+`, `-` and `|`.
            max_width: branches that are wider side by side stand one below the other.
        """
        from runnables.graph.text import text_picture

        return text_picture(self._shape, unicode=unicode, max_width=max_width)

    def print_ascii(self, file: IO[str] | None = None, *, max_width: int = 100) -> None:
        """Print the picture as text, with the lines that the file can show.

        Args:
            file: where to print; by default standard output.
            max_width: as for `draw_ascii`.
        """
        file = sys.stdout if file is None else file
        picture = self.draw_ascii(max_width=max_width)
        encoding = getattr(file, "encoding", None) or "utf-8"
        try:
            picture.encode(encoding)
        except UnicodeEncodeError:
            picture = self.draw_ascii(unicode=False, max_width=max_width)
            picture = picture.encode(encoding, "backslashreplace").decode(encoding)
        print(picture, file=file)

    def draw_svg(self, *, direction: Direction = "TD") -> str:
        """Return the picture as SVG, drawn by Mermaid itself, without a browser or a network.

        It needs the extra `graph-image`, and takes a second or more. Its labels are HTML inside of
        the SVG, which browsers show; for other programs there is `draw_mermaid_png`.

        Args:
            direction: as for `draw_mermaid`.

        Raises:
            MissingExtra: the extra is not installed.
        """
        from runnables.graph.images import drawn_by_mermaid

        return cast("str", drawn_by_mermaid(self.draw_mermaid(direction=direction)).svg())

    def draw_mermaid_png(
        self,
        output_file_path: str | None = None,
        *,
        direction: Direction = "TD",
        draw_method: MermaidDrawMethod | None = None,
    ) -> bytes:
        """Return the picture as PNG, on white, drawn as `draw_svg` does: no service is asked.

        At the end of the process, the library that makes the PNG may print lines about leaks of
        its own; they mean nothing.

        Args:
            output_file_path: a file to write it to, too.
            direction: as for `draw_mermaid`.
            draw_method: has no effect: neither a service nor a browser is needed.

        Raises:
            MissingExtra: the extra `graph-image` is not installed.
        """
        from runnables.graph.images import drawn_by_mermaid

        drawn = drawn_by_mermaid(self.draw_mermaid(direction=direction))
        image = cast("bytes", drawn.png(background="#ffffff"))
        if output_file_path is not None:
            Path(output_file_path).write_bytes(image)
        return image

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return the picture for a notebook, and for a terminal."""
        return {"text/vnd.mermaid": self.draw_mermaid(), "text/plain": self.draw_ascii()}


def _plain(**values: Any) -> dict[str, Any]:
    """Return the values that are set."""
    return {key: value for key, value in values.items() if value not in (None, [], False)}
