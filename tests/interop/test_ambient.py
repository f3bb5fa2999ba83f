"""Handlers that LangChain's runs find by themselves: each hears once of each call, with its place.

They are set by a block (`get_usage_metadata_callback`, `collect_runs`) or for the whole program
(LangSmith's tracing). Our runs are reported to them where a run of LangChain is around.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypedDict

import pytest
from langchain_core import runnables as theirs
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage as TheirAIMessage, AIMessageChunk as TheirChunk
from langchain_core.tools import tool as their_tool
from langchain_core.tracers.context import collect_runs, tracing_v2_enabled
from langchain_core.tracers.langchain import wait_for_all_tracers
from langchain_core.tracers.schemas import Run
from langgraph.graph import START, StateGraph
from langsmith import traceable, tracing_context, utils as langsmith_utils

from runnables import BaseRetriever, Document, RunnableLambda, from_langchain, to_langchain
from tests.both_modes import Call
from tests.interop.their_models import USAGE, AsyncTheirModel, TheirModel

Tree = list[tuple[int, str]]
ANSWER = TheirAIMessage("Hi", usage_metadata=USAGE, response_metadata={"model_name": "m-1"})  # type: ignore[arg-type]


class Client:
    """What LangSmith's tracer sends runs to: it stores the tree of them."""

    tracing_queue = None

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []

    def create_run(self, **run: Any) -> None:
        """Store a run that has begun."""
        self.runs.append(run)

    def update_run(self, **run: Any) -> None:
        """Take the end of a run."""

    def tree(self) -> Tree:
        """Return the depth and the name of each run, in the order of their starts."""
        depths: dict[Any, int] = {None: -1}
        for run in self.runs:
            depths[run["id"]] = depths[run.get("parent_run_id")] + 1
        return [(depths[run["id"]], run["name"]) for run in self.runs]


def _tree(roots: list[Run], depth: int = 0) -> Tree:
    found: Tree = []
    for run in roots:
        found += [(depth, run.name), *_tree(run.child_runs, depth + 1)]
    return found


def model() -> TheirModel:
    """Return a model of LangChain that reports its usage."""
    return TheirModel(script=[ANSWER])


def async_model() -> TheirModel:
    """Return one with async methods of its own."""
    return AsyncTheirModel(script=[ANSWER])


@their_tool
def shout(text: str) -> str:
    """Return a string in capitals."""
    upper: str = theirs.RunnableLambda(str.upper).invoke(text)
    return upper


class State(TypedDict):
    """The state of the graph below."""

    text: str


def graph() -> Any:
    """Return a graph of LangGraph with one node."""
    made = StateGraph(State)
    made.add_node(
        "same", lambda state: {"text": theirs.RunnableLambda(_same).invoke(state["text"])}
    )
    made.add_edge(START, "same")
    return made.compile()


def _same(value: Any) -> Any:
    return value


def _as_argument(value: str) -> dict[str, str]:
    return {"text": value}


MODEL = (1, "TheirModel")
PARTS: dict[str, tuple[Callable[[], Any], Tree]] = {
    "model": (lambda: RunnableLambda(_same) | model(), [(1, "_same"), MODEL]),
    "async model": (
        lambda: RunnableLambda(_same) | async_model(),
        [(1, "_same"), (1, "AsyncTheirModel")],
    ),
    "tool": (
        lambda: RunnableLambda(_as_argument) | from_langchain(shout),
        [(1, "_as_argument"), (1, "shout"), (2, "upper")],
    ),
    "model of a function": (lambda: RunnableLambda(lambda x: model().invoke(x)), [MODEL]),
    "lambda": (
        lambda: RunnableLambda(lambda x: theirs.RunnableLambda(_same).invoke(x)),
        [(1, "_same")],
    ),
    "config that is passed on": (
        lambda: RunnableLambda(lambda x, config: model().invoke(x, config)),
        [MODEL],
    ),
    "graph": (
        lambda: RunnableLambda(lambda x, config: graph().invoke({"text": x}, config)["text"]),
        [(1, "LangGraph"), (2, "same"), (3, "_same")],
    ),
    "model of their function": (
        lambda: RunnableLambda(_same) | theirs.RunnableLambda(lambda x: model().invoke(x)),
        [(1, "_same"), (1, "RunnableLambda"), (2, "TheirModel")],
    ),
}
"""Chains of ours with parts of LangChain, and the runs that are inside that of the chain."""

parts = pytest.mark.parametrize("part", PARTS)


def _invoke(call: Call, chain: Any) -> None:
    call.invoke(chain, "a")


def _stream(call: Call, chain: Any) -> None:
    call.stream(chain, "a")


def _batch(call: Call, chain: Any) -> None:
    call.batch(chain, ["a"])


ways = pytest.mark.parametrize("way", [_invoke, _stream, _batch], ids=["invoke", "stream", "batch"])


@parts
@ways
def test_a_collector_has_the_whole_tree_of_a_chain_that_langchain_runs(
    part: str, way: Callable[[Call, Any], None], call: Call
) -> None:
    """Once each run, below the run that it is part of."""
    make, inside = PARTS[part]
    chain = to_langchain(make())
    with collect_runs() as collected:
        way(call, chain)
    assert _tree(collected.traced_runs)[1:] == inside


@parts
@ways
def test_langsmith_has_the_whole_tree_of_a_chain_that_langchain_runs(
    part: str, way: Callable[[Call, Any], None], call: Call
) -> None:
    """With its tracer set by a block."""
    make, inside = PARTS[part]
    chain, client = to_langchain(make()), Client()
    with tracing_v2_enabled(client=client):  # type: ignore[arg-type]
        way(call, chain)
    assert client.tree()[1:] == inside


@pytest.fixture
def client_of_program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Let the environment turn LangSmith's tracing on, and return where it goes."""
    client = Client()
    monkeypatch.setattr("langchain_core.tracers.langchain.get_client", lambda: client)
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    langsmith_utils.get_env_var.cache_clear()
    yield client
    monkeypatch.undo()
    langsmith_utils.get_env_var.cache_clear()


@parts
@ways
def test_tracing_by_the_environment_has_the_whole_tree(
    part: str, way: Callable[[Call, Any], None], client_of_program: Client, call: Call
) -> None:
    """LangChain makes a tracer for each run that has none: not for one that ours has reported."""
    make, inside = PARTS[part]
    way(call, to_langchain(make()))
    assert client_of_program.tree()[1:] == inside


# LangChain's handler for this fails at the start of a tool, also without us
@pytest.mark.parametrize("part", [part for part in PARTS if part != "tool"])
@ways
def test_set_debug_prints_each_run_once(
    part: str,
    way: Callable[[Call, Any], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    call: Call,
) -> None:
    """LangChain makes a handler for this, too, for each run that has none."""
    make, inside = PARTS[part]
    chain = to_langchain(make())
    monkeypatch.setattr("langchain_core.globals._debug", True)
    way(call, chain)
    assert capsys.readouterr().out.count("Entering") == 1 + len(inside)


@pytest.mark.parametrize("part", ["model", "async model", "model of a function"])
@ways
@pytest.mark.parametrize("around", ["ours", "theirs", "function of theirs"])
def test_a_counter_around_a_chain_counts_once(
    part: str, way: Callable[[Call, Any], None], around: str, call: Call
) -> None:
    """For any caller, and afterwards the next call: the block is as it was."""
    chain = PARTS[part][0]()
    if around == "theirs":
        chain = to_langchain(chain)
    elif around == "function of theirs":
        inner = chain
        chain = theirs.RunnableLambda(lambda x: inner.invoke(x))
    with get_usage_metadata_callback() as counter:
        way(call, chain)
        assert counter.usage_metadata["m-1"]["total_tokens"] == 5
        model().invoke("a")
    assert counter.usage_metadata["m-1"]["total_tokens"] == 10


@pytest.mark.parametrize("convert", [_same, to_langchain], ids=["ours", "theirs"])
def test_a_stream_that_was_left_hides_no_counter(convert: Callable[[Any], Any], call: Call) -> None:
    """It has reported no answer; the next call does."""
    chunks = [TheirChunk("A"), TheirChunk("B"), TheirChunk("C", usage_metadata=USAGE)]  # type: ignore[arg-type]
    chain = convert(RunnableLambda(_same) | TheirModel(script=[chunks]))
    with get_usage_metadata_callback() as counter:
        call.stream(chain, "a", take=1)
        model().invoke("a")
    assert counter.usage_metadata["m-1"]["total_tokens"] == 5


def test_a_block_inside_a_function_counts_what_it_runs(call: Call) -> None:
    """Which LangChain did not know when it began the run around."""
    totals: list[int] = []

    def count(text: str) -> str:
        with get_usage_metadata_callback() as counter:
            (RunnableLambda(_same) | model()).invoke(text)
        totals.append(counter.usage_metadata["m-1"]["total_tokens"])
        return text

    call.invoke(to_langchain(RunnableLambda(count)), "a")
    call.invoke(theirs.RunnableLambda(count), "a")
    assert totals == [5, 5]


@ways
def test_a_model_of_langchain_in_a_model_for_langchain_is_one_run(
    way: Callable[[Call, Any], None], call: Call
) -> None:
    """That of the outer one: what is between them is ours, and has been reported by LangChain."""
    chain, client = to_langchain(from_langchain(model()).with_retry()), Client()
    with (
        get_usage_metadata_callback() as counter,
        collect_runs() as collected,
        tracing_v2_enabled(client=client),  # type: ignore[arg-type]
    ):
        way(call, chain)
    assert counter.usage_metadata["m-1"]["total_tokens"] == 5
    assert [depth for depth, _ in _tree(collected.traced_runs)] == [0]
    assert [depth for depth, _ in client.tree()] == [0]


class Reading(BaseRetriever):
    """A retriever of ours that calls a runnable of LangChain without a config."""

    def _get_relevant_documents(self, query: str) -> list[Document]:
        return [Document(theirs.RunnableLambda(_same).invoke(query))]


def test_a_retriever_for_langchain_reports_once_what_it_calls(call: Call) -> None:
    """Though its run opens no context of its own."""
    retriever, client = to_langchain(Reading()), Client()
    with (
        get_usage_metadata_callback(),
        collect_runs() as collected,
        tracing_v2_enabled(client=client),  # type: ignore[arg-type]
    ):
        call.invoke(retriever, "a")
    assert sorted(name for _, name in client.tree()) == ["Reading", "_same"]
    assert sorted(name for _, name in _tree(collected.traced_runs)) == ["Reading", "_same"]


class Parted(Client):
    """A client that also takes what `@traceable` sends, whose ids are strings."""

    otel_exporter = None

    def create_run(self, **run: Any) -> None:
        """Store a run that has begun."""
        parent = run.get("parent_run_id")
        self.runs.append({**run, "id": str(run["id"]), "parent_run_id": parent and str(parent)})


@pytest.mark.parametrize("which", ["theirs", "ours"])
def test_what_runs_within_a_traceable_is_below_it(which: str, call: Call) -> None:
    """It would be a trace of its own: the tracer has to learn of runs that LangSmith began."""
    client: Any = Parted()
    inner = (
        theirs.RunnableLambda(_same) if which == "theirs" else to_langchain(RunnableLambda(_same))
    )

    @traceable(client=client)
    def sync_part(value: str) -> Any:
        return inner.invoke(value)

    @traceable(client=client)
    async def async_part(value: str) -> Any:
        return await inner.ainvoke(value)

    part: Any = sync_part if call.mode == "sync" else async_part
    chain = to_langchain(RunnableLambda(part) | str)
    with tracing_context(enabled=True, client=client):
        assert call.invoke(chain, "a") == "a"
        wait_for_all_tracers()
    depth = {name: depth for depth, name in client.tree()}
    assert depth["RunnableSequence"] == 0
    assert depth["_same"] == depth[part.__name__] + 1
