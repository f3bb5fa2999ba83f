"""A graph as the text of a Mermaid flowchart.

Ids are ours (`n0`, `g0`), so that no name is a keyword. Labels stand in quotes, and of ASCII only
letters, digits and a few marks stand there as they are. All else is written as a character code:
quotes and brackets, of course, but also what Mermaid's preprocessor looks for in the whole text
(`%%{`, `style ... : ...;`), and what it reads as Markdown ("1. ", "- ", a backtick).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runnables.graph.graph import Direction, Graph, Group, Kind, Node

_BORDERS: Final[Mapping[Kind, tuple[str, str]]] = {
    "input": ("([", "])"),
    "output": ("([", "])"),
    "prompt": ("[/", "/]"),
    "chat_model": ("{{", "}}"),
    "llm": ("{{", "}}"),
    "embeddings": ("{{", "}}"),
    "parser": ("[\\", "\\]"),
    "tool": ("[[", "]]"),
    "retriever": ("[(", ")]"),
    "choice": ("{", "}"),
    "join": ("(", ")"),
    "junction": ("((", "))"),
}
"""What is before and after the label; a box by default."""

_STYLES: Final[Mapping[str, tuple[str, tuple[Kind, ...]]]] = {
    "ends": ("fill:#eeeeee,stroke:#888888,color:#111111", ("input", "output")),
    "models": (
        "fill:#dce8ff,stroke:#3b6fd4,color:#111111",
        ("chat_model", "llm", "embeddings"),
    ),
    "tools": ("fill:#e2f5e1,stroke:#3c8c3a,color:#111111", ("tool", "retriever")),
    "choices": ("fill:#fff2cc,stroke:#b58900,color:#111111", ("choice",)),
}
"""For each class of nodes: its style, readable on light and dark pages, and its kinds."""

_PLAIN: Final = frozenset(" .,'()=?!/_")
"""The marks that mean nothing in a quoted label."""

_LIST_MARKER: Final = re.compile(r"^\s*\d+[.)]")
"""The beginning of a list, which Mermaid does not draw."""


_GROUP: Final = "fill:none,stroke:#888888,stroke-dasharray:4 3"
_TITLES: Final = '%%{init: {"flowchart": {"subGraphTitleMargin": {"top": 4, "bottom": 18}}}}%%'
"""Space for the titles of groups, which lines would cross else."""


def mermaid_text(graph: Graph, direction: Direction, with_styles: bool) -> str:
    """Return the text of a flowchart.

    Args:
        graph: the graph.
        direction: "TD" or "LR".
        with_styles: whether each kind of nodes has its fill.
    """
    lines = [f"flowchart {direction}", *_nodes_in(graph, None, "    ")]
    if with_styles and graph.groups:
        lines.insert(0, _TITLES)
    for edge in graph.edges:
        arrow = "-.->" if edge.conditional else "-->"
        label = f'|"{_escaped(edge.data)}"|' if edge.data else ""
        lines.append(f"    {edge.source} {arrow}{label} {edge.target}")
    if with_styles:
        lines += _styles(graph)
    return "\n".join(lines)


def _nodes_in(graph: Graph, group: str | None, indent: str) -> Iterator[str]:
    """Yield the lines of the nodes in a group, and of the groups in it, as subgraphs."""
    for node in graph.nodes.values():
        if node.group == group:
            yield f"{indent}{_node(node)}"
    for inner in graph.groups.values():
        if inner.parent == group:
            yield from _subgraph(graph, inner, indent)


def _subgraph(graph: Graph, group: Group, indent: str) -> Iterator[str]:
    yield f'{indent}subgraph {group.id}["{_escaped(group.name)}"]'
    yield from _nodes_in(graph, group.id, f"{indent}    ")
    yield f"{indent}end"


def _node(node: Node) -> str:
    start, end = _BORDERS.get(node.kind, ("[", "]"))
    label = "<br>".join(map(_escaped, (node.name, *node.notes)))
    return f'{node.id}{start}"{label or " "}"{end}'


def _styles(graph: Graph) -> Iterator[str]:
    for name, (style, kinds) in _STYLES.items():
        ids = [node.id for node in graph.nodes.values() if node.kind in kinds]
        if ids:
            yield f"    classDef {name} {style}"
            yield f"    class {','.join(ids)} {name}"
    for group in graph.groups:
        yield f"    style {group} {_GROUP}"


def _escaped(text: str) -> str:
    """Return a label with character codes for all that could mean something to Mermaid."""
    text = text.replace("ﬂ°", "fl°")  # by these two letters it marks its own character codes
    marker = _LIST_MARKER.match(text)
    coded = marker.end() - 1 if marker else -1
    return "".join(
        char if _is_plain(char) and place != coded else f"#{ord(char)};"
        for place, char in enumerate(text)
    )


def _is_plain(char: str) -> bool:
    return not char.isascii() or char.isalnum() or char in _PLAIN
