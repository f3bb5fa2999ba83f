"""Tracers: whole runs, with the runs inside of them."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from runnables import (
    AIMessage,
    BaseRetriever,
    BaseTracer,
    Document,
    HumanMessage,
    Run,
    RunnableLambda,
    chain,
    collect_runs,
    tool,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


class Tree(BaseTracer):
    """Keeps the outermost runs, and what it received of each run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []
        self.received: list[str] = []

    def _persist_run(self, run: Run) -> None:
        self.runs.append(run)

    def _on_run_create(self, run: Run) -> None:
        self.received.append(f"create {run.name}")

    def _on_run_update(self, run: Run) -> None:
        self.received.append(f"update {run.name}")

    def _on_chain_start(self, run: Run) -> None:
        self.received.append(f"start {run.name}")

    def _on_chain_error(self, run: Run) -> None:
        self.received.append(f"error {run.name}")


class Logbook(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(page_content=query)]


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def traced(call: Call, runnable: Any, value: Any, *, stream: bool = False) -> Run:
    """Return the outermost run."""
    tree = Tree()
    method = call.stream if stream else call.invoke
    with contextlib.suppress(ValueError):
        method(runnable, value, {"callbacks": [tree], "tags": ["a"], "metadata": {"b": 1}})
    [run] = tree.runs
    assert not tree.run_map
    return run


@pytest.mark.parametrize("stream", [False, True], ids=["invoke", "stream"])
def test_a_run_has_the_runs_inside_of_it(call: Call, stream: bool) -> None:
    """They have names, inputs and outputs, and the place in the tree."""
    run = traced(call, RunnableLambda(len) | str, "abc", stream=stream)
    assert (run.name, run.inputs, run.outputs) == (
        "RunnableSequence",
        {"input": "abc"},
        {"output": "3"},
    )
    assert [(child.name, child.inputs, child.outputs) for child in run.child_runs] == [
        ("len", {"input": "abc"}, {"output": 3}),
        ("str", {"input": 3}, {"output": "3"}),
    ]
    assert (run.tags, run.metadata, run.extra) == (["a"], {"b": 1}, {"metadata": {"b": 1}})
    for child in run.child_runs:
        assert (child.parent_run_id, child.trace_id) == (run.id, run.id)
        assert child.dotted_order.startswith(f"{run.dotted_order}.")
    assert isinstance(run.id, UUID) and isinstance(run.start_time, datetime)
    assert run.end_time is not None and run.end_time >= run.start_time
    assert (run.parent_run_id, run.error, run.run_type) == (None, None, "chain")


def test_calls_in_a_function_are_in_its_run(call: Call) -> None:
    """Nothing is passed along."""

    @chain
    def twice(text: str) -> int:
        return size.invoke(text) + size.invoke(text * 2)

    size = RunnableLambda(len)
    run = traced(call, twice, "a")
    assert [child.inputs["input"] for child in run.child_runs] == ["a", "aa"]
    assert run.outputs == {"output": 3}


def test_a_failed_run_has_its_error_as_text(call: Call) -> None:
    """It is the error's repr, and its traceback; there is no output."""

    def fail(_: str) -> None:
        raise ValueError("no sea")

    run = traced(call, RunnableLambda(fail), "a")
    assert run.outputs is None
    assert run.error is not None and run.error.startswith("ValueError('no sea')")
    assert "in fail" in run.error


def test_inputs_are_those_of_the_kind_of_run(call: Call) -> None:
    """Models have messages, retrievers a query, tools their arguments."""
    model = traced(call, ScriptedChatModel(["Calm."]), "the sea")
    assert (model.run_type, model.inputs) == ("llm", {"messages": [[HumanMessage("the sea")]]})
    assert model.outputs is not None
    [[generation]] = model.outputs["generations"]
    assert generation == {"text": "Calm.", "message": AIMessage("Calm.")}
    found = traced(call, Logbook(), "sea")
    assert (found.inputs, found.outputs) == (
        {"query": "sea"},
        {"documents": [Document(page_content="sea")]},
    )
    requested = {"type": "tool_call", "name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
    assert traced(call, add, requested).inputs == {"a": 1, "b": 2}


def test_a_tracer_gets_each_run_at_its_start_and_its_end(call: Call) -> None:
    """Also by the kind of run, where it writes that."""
    tree = Tree()
    call.invoke(RunnableLambda(len) | str, "abc", {"callbacks": [tree]})
    assert tree.received == [
        *("create RunnableSequence", "start RunnableSequence"),
        *("create len", "start len", "update len"),
        *("create str", "start str", "update str"),
        "update RunnableSequence",
    ]


def test_a_tracer_of_a_step_gets_the_run_of_that_step(call: Call) -> None:
    """It persists the outermost run that it sees."""
    tree = Tree()
    step = RunnableLambda(len).with_config(callbacks=[tree])
    assert call.invoke(RunnableLambda(str.strip) | step, " abc ") == 3
    [run] = tree.runs
    assert (run.name, run.trace_id) == ("len", run.id)


def test_each_row_of_a_batch_is_a_run(call: Call) -> None:
    """Rows that run at the same time have runs of their own."""
    tree = Tree()
    call.batch(RunnableLambda(len) | str, ["a"] * 20, {"callbacks": [tree]})
    assert len(tree.runs) == 20
    assert all(len(run.child_runs) == 2 for run in tree.runs)


def test_a_tracer_may_write_methods_of_a_handler(call: Call) -> None:
    """They are called as well."""
    seen: list[Any] = []

    class Both(Tree):
        def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
            seen.append(outputs)

    tree = Both()
    call.invoke(RunnableLambda(len), "abc", {"callbacks": [tree]})
    assert (seen, len(tree.runs)) == ([3], 1)


def test_an_async_method_is_refused() -> None:
    """No event could await it."""
    with pytest.raises(TypeError, match=r"Late\._persist_run is async"):

        class Late(BaseTracer):
            async def _persist_run(self, run: Run) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - the error that is tested


def test_a_run_is_copied_with_changes(call: Call) -> None:
    """The copy has the same children."""
    run = traced(call, RunnableLambda(len) | str, "abc")
    other = run.copy(update={"name": "other"})
    assert (other.name, other.child_runs, run.name) == ("other", run.child_runs, "RunnableSequence")


def test_runs_are_collected_in_a_block(call: Call) -> None:
    """And not after it."""
    step = RunnableLambda(len).with_config(tags=["bound"])
    with collect_runs() as collector:
        call.invoke(step, "abc", {"tags": ["passed"]})
        call.invoke(step, "ab")
    call.invoke(step, "a")
    assert [run.inputs["input"] for run in collector.traced_runs] == ["abc", "ab"]
    assert sorted(collector.traced_runs[0].tags) == ["bound", "passed"]
