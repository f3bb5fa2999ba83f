"""Graphs: nodes, edges and groups of any chain."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given

import runnables
from runnables import (
    ChatPromptTemplate,
    ConfigError,
    ConfigurableField,
    Edge,
    FakeListChatModel,
    Graph,
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnableSequence,
    StrOutputParser,
)
from runnables.core.description import walk
from tests.graph.chains import CHAINS, model
from tests.graph.strategies import CHAINS as RANDOM_CHAINS
from tests.laws.registry import REGISTRY


def edges(graph: Graph) -> list[tuple[str, str, str | None]]:
    """Return the edges with the names of their nodes, and their labels."""
    named = {node.id: node.name for node in graph.nodes.values()}
    return [(named[edge.source], named[edge.target], edge.data) for edge in graph.edges]


def test_a_pipe_is_a_line() -> None:
    """Input, each step and output follow one another, each with its kind."""
    chain = ChatPromptTemplate.from_template("{text}") | model() | StrOutputParser() | len
    nodes = list(chain.get_graph().nodes.values())
    assert [node.kind for node in nodes] == [
        *("input", "prompt", "chat_model", "parser", "function", "output")
    ]
    assert edges(chain.get_graph()) == [
        (before.name, after.name, None) for before, after in pairwise(nodes)
    ]
    assert nodes[0].notes == ("{text}",)
    assert nodes[2].data == model()


def test_branches_meet_in_a_dict() -> None:
    """A dict of steps has an edge to each, and one from each, with its key."""
    graph = RunnableParallel(a=len, b=str).get_graph()
    assert edges(graph) == [
        ("input", "len", None),
        ("input", "str", None),
        ("len", "{a, b}", "a"),
        ("str", "{a, b}", "b"),
        ("{a, b}", "output", None),
    ]
    assert not any(edge.conditional for edge in graph.edges)


def test_the_branches_of_a_choice_are_conditional() -> None:
    """Of the ways from a branch, a run takes one."""
    graph = CHAINS["branch"]().get_graph()
    taken = {edge.data: edge.conditional for edge in graph.edges if edge.data}
    assert taken == {"lambda n: n > 0": True, "is_odd": True, "else": True}


def test_a_fallback_follows_what_fails() -> None:
    """The first attempt leads to the second, and both lead on."""
    chain = RunnableLambda(len).with_fallbacks([str]) | repr
    assert edges(chain.get_graph()) == [
        ("input", "len", None),
        ("len", "str", "if it fails"),
        ("len", "repr", None),
        ("str", "repr", None),
        ("repr", "output", None),
    ]


def test_an_agent_is_a_loop() -> None:
    """The model calls each tool, and each tool leads back to it."""
    graph = CHAINS["agent"]().get_graph()
    assert edges(graph)[1:-1] == [
        ("ScriptedChatModel", "add", "calls"),
        ("ScriptedChatModel", "multiply", "calls"),
        ("ScriptedChatModel", "output", None),
        ("add", "ScriptedChatModel", None),
    ]
    assert [group.name for group in graph.groups.values()] == ["agent calculator"]


def test_policies_around_a_step_are_notes_on_it() -> None:
    """A retry, a time limit, a cache and bound options do not hide the step."""
    step = model().bind(stop=["x"]).with_timeout(2.5).with_retry(stop_after_attempt=4)
    node = step.with_cache().with_config(max_concurrency=3).get_graph().nodes["n1"]
    assert node.name == "FakeListChatModel"
    assert node.notes == (
        *("bind: stop", "timeout: 2.5 s", "retry: up to 4 attempts", "cache", "at most 3 at once"),
    )


def test_chains_inside_of_chains_are_groups() -> None:
    """A chain with a name, and a policy around several steps, have a group around their nodes."""
    graph = CHAINS["nested"]().get_graph()
    retry, cases = graph.groups.values()
    assert (retry.name, retry.parent) == ("retry: up to 3 attempts", None)
    assert (cases.name, cases.parent) == ("cases", retry.id)
    assert [node.name for node in graph.nodes.values() if node.group == cases.id] == [
        *("upper", "lower")
    ]


@pytest.mark.parametrize(
    ("xray", "names"), [(0, "strip RunnableSequence words"), (1, "strip title cases words")]
)
def test_xray_says_how_deep_a_picture_goes(xray: int, names: str) -> None:
    """What is deeper than so many levels is one node, with its policies."""
    graph = CHAINS["nested"]().get_graph(xray=xray)
    assert [node.name for node in graph.nodes.values()] == ["input", *names.split(), "output"]
    assert graph.nodes["n2"].notes == (() if xray else ("retry: up to 3 attempts",))
    assert len(graph.groups) == xray
    assert CHAINS["nested"]().get_graph(xray=False) == CHAINS["nested"]().get_graph(xray=0)


def test_a_config_chooses_what_is_drawn() -> None:
    """Of alternatives, the chosen one is in the graph; a choice that there is not is an error."""
    which = ConfigurableField(id="case")
    chain = RunnableLambda(str.upper).configurable_alternatives(which, lower=RunnableLambda(repr))
    assert {"upper", "repr"} <= {node.name for node in chain.get_graph().nodes.values()}
    chosen = chain.get_graph({"configurable": {"case": "lower"}})
    assert edges(chosen) == [("input", "repr", None), ("repr", "output", None)]
    bound = chain.with_config(configurable={"case": "lower"})
    assert edges(bound.get_graph()) == edges(chosen)
    with pytest.raises(ConfigError, match="no alternative 'lowr'"):
        chain.get_graph({"configurable": {"case": "lowr"}})


def test_an_alternative_that_is_not_made_yet_is_not_made_for_a_picture() -> None:
    """A function that makes a model, whose package may be missing, is not called."""

    def never() -> Runnable[Any, Any]:
        raise AssertionError

    chain = model().configurable_alternatives(ConfigurableField(id="model"), other=never)
    node = next(node for node in chain.get_graph().nodes.values() if node.name == "other")
    assert node.notes == ("made when chosen",)


def test_many_that_lead_to_many_meet_in_a_junction() -> None:
    """A choice before a dict of steps makes no edge for each pair."""
    chain = RunnableLambda(len).with_fallbacks([str]) | {"a": repr, "b": str}
    graph = chain.get_graph()
    assert [node.kind for node in graph.nodes.values()].count("junction") == 1
    assert len(graph.edges) == 9


def test_a_graph_as_json() -> None:
    """It has plain lists of nodes, edges and groups, without what is not set."""
    plain = CHAINS["fallbacks"]().get_graph().to_json()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["nodes"][1] == {
        "id": "n1",
        "name": "FakeListChatModel",
        "kind": "chat_model",
        "notes": ["timeout: 30 s"],
    }
    assert plain["edges"][1] == {
        "source": "n1",
        "target": "n2",
        "data": "if it fails",
        "conditional": True,
    }
    assert plain["groups"] == []


def test_first_and_last_node() -> None:
    """They are those of the input and the output."""
    graph = RunnableLambda(len).get_graph()
    assert graph.first_node() == graph.nodes["n0"]
    assert graph.last_node().name == "output"


def test_a_graph_pickles() -> None:
    """A graph goes to another process, as the chain does."""
    graph = CHAINS["agent"]().get_graph()
    assert pickle.loads(pickle.dumps(graph)) == graph


def test_no_secret_is_in_a_picture() -> None:
    """Values of options are not shown, nor is a key in a name or a lambda."""
    key = "sk-1234567890abcdef"
    chain = RunnableSequence(
        model().bind(api_key=key, headers={"Authorization": f"Bearer {key}"}),
        RunnableLambda(str, name=f"https://host/?api_key={key}"),
        RunnableLambda(lambda text: dict(api_key="sk-1234567890abcdef", text=text)),  # noqa: C408
        name=f"Bearer {key}",
    )
    graph = RunnableSequence(len, chain, name="outer").get_graph()
    shown = [graph.draw_mermaid(), graph.draw_ascii(), json.dumps(graph.to_json()), repr(graph)]
    shown += (chain | len)._repr_mimebundle_().values()
    shown.append(runnables.explain(chain))
    assert not [text for text in shown if key in text]


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_a_notebook_shows_a_chain_by_itself(chain: Any) -> None:
    """There is a picture as Mermaid, and no text, so that the notebook adds the repr."""
    assert chain()._repr_mimebundle_() == {"text/vnd.mermaid": chain().get_graph().draw_mermaid()}


def test_a_notebook_shows_a_single_step_as_text() -> None:
    """A picture of one box says less than the repr."""
    assert model()._repr_mimebundle_() == {}


def test_a_notebook_shows_no_picture_that_mermaid_refuses() -> None:
    """A huge chain, and one that is too deep to draw, are shown as text."""
    huge = RunnableSequence(*[RunnableLambda(len)] * 600)
    assert huge._repr_mimebundle_() == {}
    deep: Runnable[Any, Any] = RunnableLambda(len)
    for _ in range(400):
        deep = RunnableParallel(a=deep)
    assert deep._repr_mimebundle_() == {}


def test_a_notebook_shows_a_graph() -> None:
    """A graph has both pictures."""
    graph = RunnableLambda(len).get_graph()
    assert graph._repr_mimebundle_() == {
        "text/vnd.mermaid": graph.draw_mermaid(),
        "text/plain": graph.draw_ascii(),
    }


def _reached(start: str, pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return what can be reached from a node."""
    ways = list(pairs)
    found, new = {start}, {start}
    while new := {after for before, after in ways if before in new} - found:
        found |= new
    return found


def _check(graph: Graph) -> None:
    """Fail where a graph is not whole."""
    assert all({edge.source, edge.target} <= graph.nodes.keys() for edge in graph.edges)
    assert all(node.id == id for id, node in graph.nodes.items())
    known = {None, *graph.groups}
    assert {node.group for node in graph.nodes.values()} <= known
    parents = {group.parent for group in graph.groups.values()}
    assert parents <= known
    assert graph.groups.keys() <= {node.group for node in graph.nodes.values()} | parents
    ways = [(edge.source, edge.target) for edge in graph.edges]
    assert _reached(graph.first_node().id, ways) == graph.nodes.keys()
    back = [(edge.target, edge.source) for edge in graph.edges]
    assert _reached(graph.last_node().id, back) == graph.nodes.keys()


@given(RANDOM_CHAINS)
def test_the_graph_of_any_chain_is_whole(chain: Runnable[Any, Any]) -> None:
    """Edges connect known nodes, and each node is on a way from the input to the output."""
    _check(chain.get_graph())
    for xray in (0, 1):
        _check(chain.get_graph(xray=xray))


@pytest.mark.parametrize("specimen", REGISTRY, ids=str)
def test_every_runnable_of_the_library_has_a_graph(specimen: Any) -> None:
    """Each has a whole graph with all that is in it, and shows itself in a notebook."""
    runnable = specimen.make()
    if "growwing" in str(specimen):  # a choice that does not exist is bound to it
        with pytest.raises(ConfigError, match="Did you mean 'growing'"):
            runnable.get_graph()
        assert runnable._repr_mimebundle_() == {}
        return
    graph = runnable.get_graph()
    _check(graph)
    models = [step for step in walk(runnable) if step.run_type == "chat_model"]
    drawn = [node.data for node in graph.nodes.values() if node.kind == "chat_model"]
    assert len(drawn) >= len({id(step) for step in models}) > 0 or not models
    assert isinstance(runnable._repr_mimebundle_(), dict)


def test_edges_of_a_graph_are_plain_values() -> None:
    """Two graphs of equal chains are equal."""
    assert Edge("n0", "n1") == Edge("n0", "n1", None, conditional=False)
    first, second = (FakeListChatModel(responses=["a"]) | len for _ in range(2))
    assert first.get_graph() == second.get_graph()
