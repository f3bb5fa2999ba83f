"""The types of graphs and of what draws them."""

from __future__ import annotations

from typing import Any, assert_type

from runnables import Edge, Graph, Group, Node, RunnableLambda, explain


def typed() -> None:
    chain = RunnableLambda(len) | str
    assert_type(chain.get_graph(), Graph)
    graph = chain.get_graph({"configurable": {"model": "fast"}}, xray=2)
    assert_type(graph.first_node(), Node)
    assert_type(graph.edges, tuple[Edge, ...])
    assert_type([*graph.groups.values()], list[Group])
    assert_type(graph.nodes["n0"].notes, tuple[str, ...])
    assert_type(graph.draw_mermaid(direction="LR", with_styles=False), str)
    assert_type(graph.draw_ascii(unicode=False, max_width=80), str)
    assert_type(graph.draw_svg(), str)
    assert_type(graph.draw_mermaid_png(), bytes)
    assert_type(graph.to_json(), dict[str, list[dict[str, Any]]])
    assert_type(explain(chain), str)
    graph.draw_mermaid(direction="up")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - no such direction
