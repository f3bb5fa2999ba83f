"""Sync and async methods that are written twice are the same code."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.sync_async_pairs import Pair, Reader

ROOT = Path(__file__).resolve().parents[1]
PROVIDERS = ROOT / "providers" / "runnables_providers"

ALLOWED: Mapping[str, str] = {
    "runnables.compose.assign:RunnableAssign._transform": "tasks have no thread to keep",
    "runnables.compose.parallel:RunnableParallel._transform": "tasks have no thread to keep",
    "runnables.callbacks.handlers:call_method": "only one of them has something to await",
    "runnables.compose.listeners:listeners": "the sync method refuses async functions",
    "runnables.compose.listeners:_Listener.on_event": "only one of them has something to await",
    "runnables.callbacks.event_stream:stream_events": (
        "a thread waits for its consumer, a task asks it"
    ),
    "runnables.core.events:emit": "a sync run asks the waiting loop to await a handler",
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
    "runnables.interop.langchain.border:start_runs": "only one of them has something to await",
    "runnables.interop.langchain.border:_Below.on_event": (
        "an async run takes the async method of a handler that has both"
    ),
    "runnables.interop.langchain.bridge:Bridge.on_event": (
        "in a worker thread, the loop of the async call awaits their handler"
    ),
    "runnables.interop.langchain.leaf:ForeignRunnable._transform": (
        "LangChain leaves async generators to the loop, which needs time to close them"
    ),
    "runnables.interop.langchain.native:LangChainRunnable.transform": (
        "as ForeignRunnable._transform"
    ),
    "runnables.interop.langchain.model_calls:stream": "as ForeignRunnable._transform",
    "runnables.interop.langchain.native:LangChainRunnable.stream": (
        "an async generator must be closed by its reader"
    ),
    "runnables.interop.langchain.native:LangChainRunnable._stream_work": "as stream",
    "runnables.interop.langchain.native:LangChainRunnable.batch": "LangChain names its halves so",
    "runnables.history.base:get": "async, a sync `get` goes to a worker thread",
    "runnables.history.base:append": "as `get`; and only a task is cancelled from outside",
    "runnables.history.base:BaseChatMessageHistory.get": "what they call has LangChain's names",
    "runnables.history.base:BaseChatMessageHistory.add_messages": (
        "without an async half, the sync one is run"
    ),
    "runnables.history.buffer:ConversationBufferMemory.load_memory_variables": (
        "the sync half is a property, too"
    ),
    "runnables.history.buffer:ConversationBufferMemory.clear": (
        "without an async half of its history, the sync one is run"
    ),
    "runnables.history.summary_memory:ConversationSummaryMemory.load_memory_variables": (
        "a summary is there, so there is nothing to await"
    ),
    "runnables.history.sessions:Sessions._find": "async, a user's function goes to a worker thread",
    "runnables.jobs.job:BatchJob.__init__": "a job in threads has a token, one in tasks a task",
    "runnables.jobs.job:BatchJob._drive": "as __init__",
    "runnables.jobs.job:BatchJob.cancel": "as __init__",
    "runnables.jobs.job:BatchJob.result": "a task that waits has a time limit of asyncio",
    "runnables.jobs.results:JobResults.outputs": "only a sync list is made by `list`",
    "runnables.models.language_model:LanguageModel._generate": (
        "without an async half, the sync one is run"
    ),
    "runnables.models.language_model:LanguageModel._stream": (
        "without an async half, the sync one is run"
    ),
    "runnables.models.language_model:LanguageModel._invoke_observed": (
        "async, the sync hook will do, too"
    ),
    "runnables.models.text:TextModel._invoke_observed": "async, the sync hook will do, too",
    "runnables.prompts.embedding_calls:embed_documents": (
        "without an async half, the sync one is run"
    ),
    "runnables.prompts.embedding_calls:embed_query": "without an async half, the sync one is run",
    "runnables.models.llm:LLM._call": "without an async half, the sync one is run",
    "runnables.tools.approval:_decide": "only one of them has something to await",
    "runnables.tools.function_calls:FunctionCalls.call": (
        "without an async half, the sync one is run"
    ),
    "runnables.retrieval.retriever:BaseRetriever._get_relevant_documents": (
        "without an async half, the sync one is run"
    ),
    "runnables.retrieval.retriever:BaseRetriever._invoke": (
        "without an async half, the sync one is run"
    ),
    "runnables.retrieval.retriever:BaseRetriever._found_many": (
        "without an async half, the sync one is run"
    ),
    "runnables.compose.policies.timeout:RunnableTimeout._transform": (
        "a thread cannot be stopped, a task can"
    ),
}
"""Pairs that differ, or a method without a pair, and why; an entry that is not needed fails."""

NOT_COMPARED = ("runnables.engine",)
"""The folder that makes threads and tasks: its two halves differ, which is its purpose."""

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
PAIRS = [pair for pair in READER.pairs() if not pair.where.startswith(NOT_COMPARED)]
UNPAIRED = [pair.where for pair in READER.unpaired(PUBLIC)]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.where)
def test_both_halves_are_the_same_code(pair: Pair) -> None:
    """Without async and await, the async half is its sync half."""
    difference = READER.difference(pair)
    if difference and pair.where not in ALLOWED:
        pytest.fail(f"the two halves of {pair.where} differ:\n{difference}", pytrace=False)


def test_every_public_method_has_both_halves() -> None:
    """A class that overrides `invoke` or `stream` overrides the async method as well."""
    assert [where for where in UNPAIRED if where not in ALLOWED] == []


def test_the_allow_list_has_no_idle_entry() -> None:
    """An exception that is no longer needed is removed."""
    needed = {pair.where for pair in PAIRS if READER.difference(pair)} | set(UNPAIRED)
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
    return [pair.where for pair in reader.pairs() if reader.difference(pair)]


def test_halves_that_differ_in_async_syntax_only_pass() -> None:
    """Code that async functions must write in another way is not a difference."""
    assert len(list(Reader({"seed": ast.parse(SEED)}).pairs())) == 2
    assert _differences(SEED) == []


@pytest.mark.parametrize(
    ("original", "mistake"),
    [
        pytest.param("await to_thread(f, chunk)", "await to_thread(f, x)", id="another argument"),
        pytest.param("self.astream(x)", "self.astream()", id="a lost argument"),
        pytest.param("async with aclosing(", "with nothing(", id="a stream that is not closed"),
        pytest.param("async for chunk in chunks", "async for chunk in x", id="another loop"),
    ],
)
def test_a_seeded_mistake_in_one_half_is_found(original: str, mistake: str) -> None:
    """The test of the test: the mistake is reported, and only for the pair that has it."""
    assert original in SEED
    assert _differences(SEED.replace(original, mistake)) == ["seed:Step.invoke"]


def test_a_decision_in_one_half_only_is_found() -> None:
    """The likeliest drift: a condition added to the sync half alone."""
    drifted = SEED.replace("if self._wanted(chunk):", "if chunk:", 1)
    assert _differences(drifted) == ["seed:Step.invoke"]


def test_an_async_half_that_only_runs_its_sync_half_in_a_thread_passes() -> None:
    """But not one that runs another method, nor one that blocks the loop with its sync half."""
    pair = "class Step:\n def f(self, x): raise Never\n async def af(self, x): return {}"
    assert _differences(pair.format("await to_thread(self.f, x)")) == []
    assert _differences(pair.format("await to_thread(self.g, x)")) == ["seed:Step.f"]
    assert _differences(pair.format("self.f(x)")) == ["seed:Step.f"]


def test_a_method_without_its_async_half_is_found() -> None:
    """A public method with one half only is reported by its name."""
    seed = Reader({"seed": ast.parse("class Step:\n    def stream(self, x): ...")})
    assert [pair.where for pair in seed.unpaired(PUBLIC)] == ["seed:Step.stream"]
