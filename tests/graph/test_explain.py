"""What `explain` says is what the chain does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from runnables import (
    ChatPromptTemplate,
    Embeddings,
    FakeListChatModel,
    JsonOutputParser,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    StrOutputParser,
    explain,
    merge_chunks,
)
from runnables.graph.reading import findings_in
from tests.graph.chains import CHAINS, model
from tests.graph.strategies import CHAINS as RANDOM_CHAINS
from tests.laws.registry import REGISTRY

NOT_STREAMED = "Streaming: the output comes as one chunk."
NO_WAIT = "Waiting: no step waits for the end of a stream."


def upper(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk.upper()


def test_a_chain_that_streams() -> None:
    """The step that makes chunks is named, and each that passes them on."""
    prompt = ChatPromptTemplate.from_template("{text}")
    assert explain(
        prompt | model() | StrOutputParser() | RunnableGenerator(upper)
    ).splitlines() == [
        "Streaming: the output comes in chunks.",
        "- step 2 of 4 (FakeListChatModel) yields its output in chunks",
        "- step 3 of 4 (StrOutputParser) works on chunks as they come",
        "- step 4 of 4 (upper) works on chunks as they come",
        NO_WAIT,
        "At once: in a batch up to 32 calls, or max_concurrency.",
        "Batching: each input makes calls of its own.",
    ]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (str.upper, "a function takes a whole value; a generator function would get chunks"),
        (RunnableGenerator(upper).with_retry(), "a retry keeps the whole input, for the next"),
        (RunnableGenerator(upper).with_timeout(9), "a step with a time limit takes a whole input"),
        (RunnableGenerator(upper).with_cache(), "the whole input is the key of the cache"),
        (RunnableGenerator(upper).with_fallbacks([str]), "the fallbacks get the same whole input"),
        (RunnableBranch((bool, str), str), "the conditions need the whole input"),
        (FakeListChatModel(responses=["a"]), "a model reads a whole prompt"),
        (ChatPromptTemplate.from_template("{text}"), "a prompt needs all its values"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_what_a_stream_waits_for(step: Any, reason: str) -> None:
    """A step that needs its whole input is named, with the reason."""
    words = RunnableLambda(words_of)
    waits = findings_in(words | step).waits
    assert [wait.startswith("step 2 of 2") and reason in wait for wait in waits] == [True]


def words_of(text: str) -> Iterator[str]:
    yield from text.split()


def test_snapshots_hold_up_a_parser_of_strings() -> None:
    """A parser that would work on parts of a string waits for the last snapshot."""
    found = findings_in(model() | JsonOutputParser() | StrOutputParser())
    assert ["no parts of a string" in wait for wait in found.waits] == [True]
    assert not found.output.several


def test_a_picked_key_streams_as_it_does_upstream() -> None:
    """One key of a dict of steps is the stream of that branch."""
    branches = RunnableParallel(a=model(), b=len)
    assert findings_in(branches | RunnablePick("a") | StrOutputParser()).output.several
    assert not findings_in(branches | RunnablePick("b")).output.several


def test_what_runs_at_once() -> None:
    """Branches, the items of a map and the tools of an agent run at once, and limits are named."""
    step = RunnableParallel(a=len, b=str).with_config(max_concurrency=2)
    chain = RunnableLambda(str.split) | step.map()
    assert findings_in(chain).at_once == [
        "step 2 of 2 (RunnableEach<RunnableParallel<a,b>>): the items of the list",
        "step 2 of 2 (RunnableEach<RunnableParallel<a,b>>), each item: at most 2 calls, "
        "for each input",
        'step 2 of 2 (RunnableEach<RunnableParallel<a,b>>), each item: the branches "a", "b"',
    ]
    assert findings_in(CHAINS["agent"]()).at_once == ["calculator: the tools of one answer"]


class Lengths(Embeddings):
    """An embedding model that counts its requests."""

    max_batch_size = 3

    def __init__(self) -> None:
        super().__init__()
        self._sizes: list[int] = []
        self._lock = threading.Lock()

    def embed_documents(self, strings: list[str]) -> list[list[float]]:
        with self._lock:
            self._sizes.append(len(strings))
        return [[float(len(text))] for text in strings]


def _around(step: Any) -> dict[str, Runnable[Any, Any]]:
    return {
        "alone": step | RunnablePassthrough(),
        "retry": step.with_retry() | RunnablePassthrough(),
        "fallback": step.with_fallbacks([len]) | RunnablePassthrough(),
        "branch": RunnableBranch((bool, step), step) | RunnablePassthrough(),
        "time limit": step.with_timeout(9) | RunnablePassthrough(),
        "parallel": RunnableParallel(a=step, b=len),
    }


@pytest.mark.parametrize("name", _around(Lengths()))
def test_what_is_batched(name: str) -> None:
    """A step that is said to take many inputs in one call does so in a batch, others do not."""
    step = Lengths()
    chain = _around(step)[name]
    said = findings_in(chain).batched
    assert said and all("takes up to 3 inputs in one call" in each for each in said)
    chain.batch(["a", "b", "c"], max_concurrency=1)
    assert ("but here one" in said[0]) == (step._sizes == [1, 1, 1])
    assert ("but here one" in said[0]) == (name == "time limit")


def test_what_explain_takes() -> None:
    """It takes what `|` takes."""
    assert explain(len).splitlines()[:2] == [NOT_STREAMED, NO_WAIT]
    assert 'the branches "a", "b"' in explain({"a": len, "b": str})


@given(RANDOM_CHAINS)
def test_any_chain_can_be_explained(chain: Runnable[Any, Any]) -> None:
    """There is a sentence for each question."""
    starts = [line.split(":")[0] for line in explain(chain).splitlines() if line[0] != "-"]
    assert starts == ["Streaming", "Waiting", "At once", "Batching"]


ONE_CHUNK = [
    specimen
    for specimen in REGISTRY
    if specimen.sync
    and "returns" not in str(specimen)  # a runnable, which cannot be seen before
    and not findings_in(specimen.make()).output.several
]


@pytest.mark.parametrize("specimen", ONE_CHUNK, ids=str)
@settings(max_examples=5, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_one_chunk_is_one_chunk(specimen: Any, data: st.DataObject) -> None:
    """A runnable whose output is said to come as one chunk never yields two."""
    runnable = specimen.make()
    try:
        chunks = list(runnable.stream(data.draw(specimen.inputs)))
    except Exception:  # inputs that it refuses
        return
    assert len(chunks) <= 1


def test_steps_that_pass_chunks_on_do_so_before_the_end() -> None:
    """Where no step waits, the first chunk leaves before the last one is made."""
    log: list[str] = []

    def slowly(text: str) -> Iterator[str]:
        for word in text.split():
            log.append(word)
            yield word

    chain = RunnableLambda(slowly) | RunnableGenerator(upper)
    assert NO_WAIT in explain(chain)
    with chain.stream("a b c") as chunks:
        assert next(iter(chunks)) == "A"
        assert log == ["a"]
    whole = RunnableLambda(slowly) | str.upper
    assert NO_WAIT not in explain(whole)
    assert merge_chunks(list(whole.stream("a b"))) == "AB"
