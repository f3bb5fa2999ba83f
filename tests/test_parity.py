"""What is written twice, sync and async, says the same twice."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.sync_async_pairs import Pair, Reader

ROOT = Path(__file__).resolve().parents[1]
PROVIDERS = ROOT / "providers" / "runnables_providers"

ALLOWED: Mapping[str, str] = {
    "runnables.core.subclassing:_without_restarts": "only one of them has something to await",
    "runnables.compose.generators:RunnableGenerator._restarting": (
        "async, a sync generator is run, too"
    ),
    "runnables.compose.binding:listeners": "the sync door refuses async functions",
    "runnables.core.event_stream:stream_events": "a thread waits for its consumer, a task asks it",
    "runnables.core.events:emit": "a sync run has the loop that waits for it await a handler",
    "runnables.core.events:Run.__enter__": (
        "only a sync run can meet a handler that it cannot await"
    ),
    "runnables.core.stream_runs:StreamRun.__enter__": "as Run.__enter__",
    "runnables.compose.functions:RunnableLambda.invoke": "async, a sync function is run, too",
    "runnables.compose.functions:RunnableLambda._invoke": (
        "async, a sync function goes to a worker thread"
    ),
    "runnables.compose.functions:RunnableLambda._call": "only one of them has something to await",
    "runnables.compose.functions:RunnableLambda._transform": "async, a sync function is run, too",
    "runnables.compose.generators:RunnableGenerator._transform": (
        "async, a sync generator is run, too"
    ),
    "runnables.models.chat:ChatModel._generate": "without an async half, the sync one is run",
    "runnables.models.chat:ChatModel._stream": "without an async half, the sync one is run",
    "runnables.models.chat:ChatModel._invoke_observed": "async, the sync hook will do, too",
    "runnables.tools.function_tool:StructuredTool._run": (
        "without an async half, the sync one is run"
    ),
    "runnables.compose.policies.timeout:RunnableTimeout._transform": (
        "a thread cannot be stopped, a task can"
    ),
}
"""Twins that differ, or a method that has none, and why; an entry that is not needed fails."""

COLOURED = ("runnables.engine",)
"""The rooms where threads and tasks are made: their halves differ, which is why they are rooms."""

PUBLIC = ("invoke", "stream", "transform", "batch", "batch_as_completed")


def _read() -> Reader:
    files = [*(ROOT / "runnables").rglob("*.py"), *PROVIDERS.rglob("*.py")]
    trees = {_module(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(files)}
    return Reader(trees)


def _module(path: Path) -> str:
    return ".".join(
        path.relative_to(PROVIDERS.parent if path.is_relative_to(PROVIDERS) else ROOT)
        .with_suffix("")
        .parts
    ).removesuffix(".__init__")


READER = _read()
TWINS = [it for it in READER.twins() if not it.where.startswith(COLOURED)]
LONELY = [it.where for it in READER.lonely(PUBLIC) if not it.where.startswith(COLOURED)]


@pytest.mark.parametrize("twins", TWINS, ids=lambda twins: twins.where)
def test_twins_say_the_same(twins: Pair) -> None:
    """Without async and await, the async half is its sync half."""
    difference = READER.difference(twins)
    if difference and twins.where not in ALLOWED:
        pytest.fail(f"{twins.where} has drifted from its twin:\n{difference}", pytrace=False)


def test_no_public_method_has_one_colour_only() -> None:
    """Whoever overrides `invoke` or `stream` overrides its twin as well."""
    assert [where for where in LONELY if where not in ALLOWED] == []


def test_the_allow_list_has_no_idle_entry() -> None:
    """An exception that is no longer needed goes away."""
    needed = {it.where for it in TWINS if READER.difference(it)} | set(LONELY)
    assert set(ALLOWED) - needed == set()


SEED = '''
class Step:
    def invoke(self, x):
        """Do it."""
        with closing(self.stream(x)) as chunks:
            for chunk in chunks:
                if self._wanted(chunk):
                    return {key: f(chunk) for key, f in self.steps}

    async def ainvoke(self, x):
        """Do it, too."""
        async with aclosing(self.astream(x)) as chunks:
            async for chunk in chunks:
                if self._wanted(chunk):
                    return {key: await to_thread(f, chunk) for key, f in self.steps}

    def stream(self, x):
        yield from self.invoke(x)

    async def astream(self, x):
        async for chunk in await self.ainvoke(x):
            yield chunk

    def _wanted(self, chunk): ...
'''


def _differences(source: str) -> list[str]:
    reader = Reader({"seed": ast.parse(source)})
    return [it.where for it in reader.twins() if reader.difference(it)]


def test_twins_that_differ_in_colour_only_pass() -> None:
    """What async code must write differently is not a difference."""
    assert len(list(Reader({"seed": ast.parse(SEED)}).twins())) == 2
    assert _differences(SEED) == []


@pytest.mark.parametrize(
    ("here", "slip"),
    [
        pytest.param("await to_thread(f, chunk)", "await to_thread(f, x)", id="another argument"),
        pytest.param("self.astream(x)", "self.astream()", id="a lost argument"),
        pytest.param("async with aclosing(", "with nothing(", id="a stream that is not closed"),
        pytest.param("async for chunk in chunks", "async for chunk in x", id="another loop"),
    ],
)
def test_a_seeded_slip_in_one_twin_is_found(here: str, slip: str) -> None:
    """The test of the test: the slip is reported, and only in the twin where it is."""
    assert here in SEED
    assert _differences(SEED.replace(here, slip)) == ["seed:Step.invoke"]


def test_a_decision_that_only_one_twin_takes_is_found() -> None:
    """The likeliest drift: a condition added to the sync half alone."""
    drifted = SEED.replace("if self._wanted(chunk):", "if chunk:", 1)
    assert _differences(drifted) == ["seed:Step.invoke"]


def test_an_async_half_that_only_runs_its_sync_half_in_a_thread_passes() -> None:
    """But not one that runs another method, nor one that blocks the loop with its sync half."""
    pair = "class Step:\n def f(self, x): raise Never\n async def af(self, x): return {}"
    assert _differences(pair.format("await to_thread(self.f, x)")) == []
    assert _differences(pair.format("await to_thread(self.g, x)")) == ["seed:Step.f"]
    assert _differences(pair.format("self.f(x)")) == ["seed:Step.f"]


def test_a_method_without_its_twin_is_found() -> None:
    """A public method in one colour only is reported by its name."""
    seed = Reader({"seed": ast.parse("class Step:\n    def stream(self, x): ...")})
    assert [it.where for it in seed.lonely(PUBLIC)] == ["seed:Step.stream"]
