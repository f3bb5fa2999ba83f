"""The shape of a chain: a tree of what follows what, from which all pictures are made.

    Step        one node
    Series      one after another
    Fork        all branches, at once; their outputs meet in a dict
    Choice      one of several
    Attempts    the first; the next where one fails
    Loop        a body that calls others, which come back to it
    Frame       a shape with a border and a title

`flow_of` reads the edges off a shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from runnables.graph.graph import Edge, Group, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Ids: TypeAlias = "tuple[str, ...]"


@dataclass(frozen=True)
class Step:
    """One node."""

    node: Node


@dataclass(frozen=True)
class Series:
    """Shapes one after another."""

    parts: tuple[Shape, ...]


@dataclass(frozen=True)
class Fork:
    """Branches that all run; None stands for the input as it is.

    Attributes:
        branches: the branches by the key of their output.
        join: the node where the outputs meet.
    """

    branches: tuple[tuple[str, Shape | None], ...]
    join: Node


@dataclass(frozen=True)
class Choice:
    """Shapes of which one runs.

    Attributes:
        node: what chooses.
        options: the shapes, by when they run.
    """

    node: Node
    options: tuple[tuple[str, Shape], ...]


@dataclass(frozen=True)
class Attempts:
    """Shapes that are tried in turn, until one does not fail."""

    tries: tuple[Shape, ...]


@dataclass(frozen=True)
class Loop:
    """A body that calls others, which come back to it.

    Attributes:
        body: what the input enters, and the output leaves.
        calls: the others, by when they are called.
    """

    body: Shape
    calls: tuple[tuple[str, Shape], ...]


@dataclass(frozen=True)
class Frame:
    """A shape with a border and a title."""

    group: Group
    inside: Shape


Shape: TypeAlias = Step | Series | Fork | Choice | Attempts | Loop | Frame

FAILED = "if it fails"
"""The label of the way from one attempt to the next."""


class Flow:
    """The nodes and the edges of a shape, in order.

    Args:
        next_id: makes ids for junctions, the nodes where several lines meet several others.
    """

    def __init__(self, next_id: Callable[[], str]) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._next_id = next_id

    def add(self, shape: Shape, group: str | None = None) -> tuple[Ids, Ids]:
        """Add the nodes and edges of a shape; return the nodes that it is entered by, and left."""
        match shape:
            case Step(node):
                return self._add_node(node)
            case Series(parts):
                ends = [self.add(part, group) for part in parts]
                for (_, before), (after, _) in pairwise(ends):
                    self._connect(before, after, group)
                return ends[0][0], ends[-1][1]
            case Fork(branches, join):
                entries = self._add_branches(branches, join, group)
                return entries, (join.id,)
            case Choice(node, options):
                self._add_node(node)
                return (node.id,), self._add_options(node, options, group)
            case Attempts(tries):
                ends = [self.add(part, group) for part in tries]
                for (_, before), (after, _) in pairwise(ends):
                    self._connect(before, after, group, FAILED)
                return ends[0][0], tuple(id for _, exits in ends for id in exits)
            case Loop(body, calls):
                entries, exits = self.add(body, group)
                for label, part in calls:
                    after, before = self.add(part, group)
                    self._connect(exits, after, group, label)
                    self._connect(before, entries, group)
                return entries, exits
            case Frame(inner, inside):
                return self.add(inside, inner.id)

    def _add_node(self, node: Node) -> tuple[Ids, Ids]:
        self.nodes.append(node)
        return (node.id,), (node.id,)

    def _add_branches(
        self, branches: Sequence[tuple[str, Shape | None]], join: Node, group: str | None
    ) -> Ids:
        entries: list[str] = []
        for key, branch in branches:
            if branch is None:
                entries.append(join.id)
                continue
            after, before = self.add(branch, group)
            entries += after
            self.edges += [Edge(id, join.id, key) for id in before]
        self._add_node(join)
        return tuple(dict.fromkeys(entries)) or (join.id,)

    def _add_options(
        self, node: Node, options: Sequence[tuple[str, Shape]], group: str | None
    ) -> Ids:
        exits: list[str] = []
        for label, option in options:
            after, before = self.add(option, group)
            self.edges += [Edge(node.id, id, label, conditional=True) for id in after]
            exits += before
        return tuple(exits)

    def _connect(
        self, before: Ids, after: Ids, group: str | None, label: str | None = None
    ) -> None:
        """Add edges from each to each; where both are several, through a junction."""
        if len(before) > 1 and len(after) > 1:
            junction = Node(self._next_id(), "", "junction", group=group)
            self.nodes.append(junction)
            self.edges += [Edge(id, junction.id, label, label is not None) for id in before]
            before, label = (junction.id,), None
        self.edges += [
            Edge(start, end, label, label is not None) for start in before for end in after
        ]


def in_order(flow: Flow) -> tuple[dict[str, Node], tuple[Edge, ...]]:
    """Return the nodes by id, numbered as a reader meets them, and the edges between these."""
    places = {node.id: place for place, node in enumerate(flow.nodes)}
    nodes = [replace(node, id=f"n{place}") for place, node in enumerate(flow.nodes)]
    edges = sorted(flow.edges, key=lambda edge: (places[edge.source], places[edge.target]))
    return {node.id: node for node in nodes}, tuple(
        replace(edge, source=f"n{places[edge.source]}", target=f"n{places[edge.target]}")
        for edge in edges
    )
