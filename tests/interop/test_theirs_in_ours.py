"""Runnables of LangChain in our pipes: results, streams, leaving, limits, errors, events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core import runnables as theirs
from langchain_core.output_parsers import (
    JsonOutputParser as TheirJsonParser,
    StrOutputParser as TheirStrParser,
)
from langchain_core.runnables.utils import AddableDict

from runnables import (
    JsonOutputParser,
    Runnable,
    RunnableAssign,
    RunnableBinding,
    RunnableBranch,
    RunnableEach,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    StrOutputParser,
    from_langchain,
    to_langchain,
)
from runnables.engine.merging import DELTAS, SNAPSHOTS
from tests.both_modes import Call
from tests.interop.watching import Log, Trace


def shout(text: str) -> str:
    """Return the text with a mark."""
    return text + "!"


class Source:
    """A generator, sync and async, that counts what was read, and whether it was closed."""

    def __init__(self, size: int = 60) -> None:
        self.size = size
        self.read = 0
        self.closed = 0

    def sync(self, _: Any) -> Iterator[str]:
        """Yield numbers as strings."""
        try:
            for index in range(self.size):
                self.read += 1
                yield f"{index} "
        finally:
            self.closed += 1

    async def asynchronous(self, _: Any) -> AsyncIterator[str]:
        """Yield numbers as strings."""
        try:
            for index in range(self.size):
                self.read += 1
                yield f"{index} "
                await asyncio.sleep(0)
        finally:
            self.closed += 1

    def ours(self) -> RunnableLambda[Any, str]:
        """Return the source as a runnable of ours."""
        return RunnableLambda(self.sync, self.asynchronous)

    def theirs(self) -> theirs.RunnableGenerator[Any, str]:
        """Return the source as a generator of LangChain."""
        return theirs.RunnableGenerator(self._of_iterator, self._of_async_iterator)

    def _of_iterator(self, input: Iterator[Any]) -> Iterator[str]:
        for _ in input:
            pass
        yield from self.sync(None)

    async def _of_async_iterator(self, input: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for _ in input:
            pass
        chunks = self.asynchronous(None)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]


# --- results ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chain",
    [
        RunnableLambda(str.upper) | theirs.RunnableLambda(shout),
        RunnableLambda(str.upper) | (theirs.RunnablePassthrough() | theirs.RunnableLambda(shout)),
        from_langchain(theirs.RunnableLambda(str.upper)) | shout,
        from_langchain(theirs.RunnableLambda(str.upper) | theirs.RunnableLambda(shout)),
        RunnableLambda(str.upper) | {"x": theirs.RunnableLambda(shout)} | RunnablePick("x"),
        RunnableLambda(lambda text: theirs.RunnableLambda(lambda text: shout(text.upper()))),
    ],
    ids=["leaf", "sequence", "first", "whole", "in a dict", "returned by a function"],
)
def test_a_runnable_of_langchain_is_a_step_of_our_pipe(
    chain: Runnable[str, str], call: Call
) -> None:
    """All ways of running give the same."""
    assert call.invoke(chain, "ab") == "AB!"
    assert "".join(call.stream(chain, "ab")) == "AB!"
    assert call.batch(chain, ["a", "b"]) == ["A!", "B!"]


def test_conversion_there_and_back_is_the_same_object() -> None:
    """Both ways, so that nothing is wrapped twice."""
    ours, other = RunnableLambda(len), theirs.RunnableLambda(len)
    assert from_langchain(to_langchain(ours)) is ours
    assert to_langchain(from_langchain(other)) is other


@pytest.mark.parametrize("thing", [object(), 3, {1}, theirs], ids=["object", "int", "set", "mod"])
def test_what_is_no_object_of_langchain_is_refused(thing: Any) -> None:
    """The error names it."""
    with pytest.raises(TypeError, match="from_langchain: "):
        from_langchain(thing)


def test_an_option_reaches_the_runnable_of_langchain(call: Call) -> None:
    """Keywords of the call are passed on."""

    def add(number: int, *, by: int = 1) -> int:
        return number + by

    chain = from_langchain(theirs.RunnableLambda(add))
    assert call.invoke(chain, 1, by=5) == 6
    assert call.invoke(chain.bind(by=3), 1) == 4


# --- containers -------------------------------------------------------------------------------


def test_containers_of_langchain_become_ours() -> None:
    """Only the exact classes do; what they hold is converted, too."""
    length = theirs.RunnableLambda(len)
    cases: list[tuple[Any, type]] = [
        (length | str, RunnableSequence),
        (theirs.RunnableParallel(a=length), RunnableParallel),
        (theirs.RunnablePassthrough(), RunnablePassthrough),
        (theirs.RunnablePassthrough.assign(a=length), RunnableAssign),
        (theirs.RunnablePick("a"), RunnablePick),
        (theirs.RunnableBranch((lambda x: True, length), length), RunnableBranch),
        (length.map(), RunnableEach),
        (length.with_config(tags=["t"]), RunnableBinding),
    ]
    for container, expected in cases:
        assert type(from_langchain(container)) is expected


class Loud(theirs.RunnableSequence[Any, Any]):
    """A sequence that does something else."""

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Shout what the steps give."""
        return shout(super().invoke(input, config, **kwargs))


def test_a_subclass_of_a_container_stays_what_it_is() -> None:
    """It may do something else than its base, as this one does."""
    loud = Loud(theirs.RunnableLambda(str.upper), theirs.RunnablePassthrough())
    assert from_langchain(loud).invoke("a") == "A!"


def test_a_passthrough_with_a_function_stays_what_it_is(call: Call) -> None:
    """LangChain calls the function."""
    seen: list[str] = []
    assert call.invoke(from_langchain(theirs.RunnablePassthrough(seen.append)), "a") == "a"
    assert seen == ["a"]


def test_all_containers_together_compute_what_langchain_computes(call: Call) -> None:
    """A chain with each of them, run by both."""
    chain: Any = (
        theirs.RunnablePassthrough.assign(size=lambda row: len(row["text"]))
        | theirs.RunnableParallel(
            size=theirs.RunnablePick("size"),
            words=theirs.RunnableLambda(lambda row: row["text"].split())
            | theirs.RunnableLambda(str.upper).map(),
        )
        | theirs.RunnableBranch(
            (lambda row: row["size"] > 5, lambda row: ("long", row["words"])),
            lambda row: ("short", row["words"]),
        )
    ).with_config(run_name="all")
    for text in ("a b", "a fox and a lantern"):
        assert call.invoke(from_langchain(chain), {"text": text}) == chain.invoke({"text": text})


# --- streams ----------------------------------------------------------------------------------


def test_chunks_pass_through_steps_of_langchain_as_they_come(call: Call) -> None:
    """A generator of ours, a parser of theirs, a parser of ours."""
    source = Source(5)
    chain = source.ours() | TheirStrParser() | StrOutputParser()
    assert call.stream(chain, None) == ["0 ", "1 ", "2 ", "3 ", "4 "]


def test_leaving_a_stream_stops_the_source_before_a_step_of_langchain(call: Call) -> None:
    """LangChain reads a stream that is left to its end, and gets no more from us."""
    source = Source()
    chain = source.ours() | TheirStrParser()
    assert call.stream(chain, None, take=1) == ["0 "]
    assert source.read <= 2
    assert source.closed == 1


def test_leaving_a_stream_stops_a_generator_of_langchain(call: Call) -> None:
    """Its `finally` has run when the stream is closed."""
    source = Source()
    chain = from_langchain(source.theirs()) | StrOutputParser()
    assert call.stream(chain, None, take=1) == ["0 "]
    assert source.read <= 2
    assert source.closed == 1


def test_leaving_a_translated_sequence_stops_its_source(call: Call) -> None:
    """The streams between its steps are ours."""
    source = Source()
    chain = from_langchain(source.theirs() | TheirStrParser() | TheirStrParser())
    assert call.stream(chain, None, take=1) == ["0 "]
    assert source.read <= 2
    assert source.closed == 1


def test_snapshots_of_langchain_replace_one_another(call: Call) -> None:
    """A cumulative parser sends the whole value each time; the last one is the value."""
    chain = from_langchain(TheirJsonParser())
    parts = ['{"a": ', "1", ', "b": [2', "]}"]
    chunks = call.transform(chain, iter(parts))
    assert chunks[-1] == {"a": 1, "b": [2]}
    stream = chain.transform(iter(parts))
    list(stream)
    assert stream.merge is SNAPSHOTS
    assert call.invoke(chain | (lambda value: value), "".join(parts)) == {"a": 1, "b": [2]}


def test_snapshots_of_ours_reach_langchain_as_one_value(call: Call) -> None:
    """LangChain would add 1 and then 1 to 2."""
    chain = JsonOutputParser() | RunnablePick("a") | theirs.RunnableLambda(lambda number: number)
    assert call.transform(chain, iter(['{"a": ', "1", ', "b": [2', "]}"])) == [1]


def test_the_merge_of_langchains_chunks_is_known_with_the_first(call: Call) -> None:
    """Strings add up; of values without a `+` the last one counts; sums of dicts keep all keys."""
    stream = from_langchain(Source(2).theirs()).stream(None)
    assert "".join(stream) == "0 1 "
    assert stream.merge is DELTAS

    def two(_: Iterator[Any]) -> Iterator[Any]:
        yield AddableDict(a="x")
        yield AddableDict(b="y", a="z")

    chain = from_langchain(theirs.RunnableGenerator(two))
    assert chain.invoke(None) == {"a": "xz", "b": "y"}
    assert (chain | (lambda value: value)).invoke(None) == {"a": "xz", "b": "y"}


# --- limits -----------------------------------------------------------------------------------


class Gauge:
    """A step that counts how many of its calls are in flight."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def _enter(self, by: int) -> None:
        with self._lock:
            self._now += by
            self.most = max(self.most, self._now)

    def step(self) -> theirs.RunnableLambda[Any, Any]:
        """Return a step of LangChain that is counted."""

        def work(value: Any) -> Any:
            self._enter(1)
            threading.Event().wait(0.005)
            self._enter(-1)
            return value

        async def awork(value: Any) -> Any:
            self._enter(1)
            await asyncio.sleep(0.005)
            self._enter(-1)
            return value

        return theirs.RunnableLambda(work, awork)


@pytest.mark.parametrize("limit", [1, 2])
def test_our_limit_holds_in_a_parallel_of_langchain(call: Call, limit: int) -> None:
    """It becomes a parallel of ours, and its branches share the limit."""
    gauge = Gauge()
    parallel = theirs.RunnableParallel({name: gauge.step() for name in "abcd"})
    chain = RunnablePassthrough[Any]() | parallel
    config: Any = {"max_concurrency": limit}
    assert call.invoke(chain, 1, config) == dict.fromkeys("abcd", 1)
    call.batch(chain, [1, 2, 3], config)
    assert gauge.most <= limit


def test_our_limit_holds_in_a_chain_that_a_function_calls_as_one_of_langchain(call: Call) -> None:
    """It holds also where the config has nothing but a limit."""
    gauge = Gauge()
    parallel = to_langchain(RunnableParallel({name: gauge.step() for name in "abcd"}))
    chain = RunnableLambda(lambda value: parallel.invoke(value), parallel.ainvoke)
    assert call.invoke(chain, 1, {"max_concurrency": 1}) == dict.fromkeys("abcd", 1)
    assert gauge.most == 1


# --- errors -----------------------------------------------------------------------------------


class Unlucky(Exception):
    """An error of a user's own."""


def test_an_error_of_langchains_step_passes_unchanged(call: Call) -> None:
    """The object is the same, and the notes say which step it was."""
    error = Unlucky("no")

    def fail(_: Any) -> Any:
        raise error

    chain = RunnablePassthrough[Any]() | theirs.RunnableLambda(fail)
    with pytest.raises(Unlucky) as caught:
        call.invoke(chain, 1)
    assert caught.value is error
    assert any("step 2 of 2" in note for note in error.__notes__)


def test_retry_and_fallback_of_ours_work_over_a_step_of_langchain(call: Call) -> None:
    """The third attempt succeeds; without one the fallback does."""
    failures = iter([Unlucky(), Unlucky()])

    def moody(value: int) -> int:
        if (error := next(failures, None)) is not None:
            raise error
        return value

    chain = from_langchain(theirs.RunnableLambda(moody))
    assert call.invoke(chain.with_retry(wait_exponential_jitter=False), 7) == 7

    def fail(_: int) -> int:
        raise Unlucky

    failing = from_langchain(theirs.RunnableLambda(fail))
    assert call.invoke(failing.with_fallbacks([theirs.RunnableLambda(lambda value: value)]), 7) == 7


# --- events -----------------------------------------------------------------------------------


def test_our_handler_sees_the_runs_of_langchain_once(call: Call) -> None:
    """Below the run of ours that called them, each with one start and one end."""
    inner = theirs.RunnableLambda(shout).with_config(run_name="inner")

    def outer(text: str) -> str:
        return str(inner.invoke(text))

    log = Log()
    chain = RunnableLambda(str.upper) | theirs.RunnableLambda(outer).with_config(run_name="outer")
    assert call.invoke(chain, "a", {"callbacks": [log]}) == "A!"
    log.check()
    assert log.tree() == [(0, "RunnableSequence"), (1, "upper"), (1, "outer"), (2, "inner")]


def test_a_handler_of_langchain_sees_our_runs_and_its_own_once(call: Call) -> None:
    """One tree, across both borders."""
    trace, log = Trace(), Log()
    chain = RunnableLambda(len) | theirs.RunnableLambda(str) | RunnableLambda(shout)
    assert call.invoke(chain, "abc", {"callbacks": [trace, log]}) == "3!"
    expected = [(0, "RunnableSequence"), (1, "len"), (1, "str"), (1, "shout")]
    assert trace.tree() == log.tree() == expected
    assert len(trace.roots) == 1
    assert {str(run.id) for run in trace.runs()} == {event.run_id for event in log.events}


def test_runs_of_streams_are_one_tree(call: Call) -> None:
    """Also where each run begins with its first chunk."""
    trace, log = Trace(), Log()
    chain = Source(3).ours() | TheirStrParser() | StrOutputParser()
    assert call.stream(chain, None, {"callbacks": [trace, log]}) == ["0 ", "1 ", "2 "]
    log.check()
    expected = {(0, "RunnableSequence"), (1, "sync"), (1, "StrOutputParser")}
    assert set(log.tree()) == set(trace.tree()) == expected
    assert len(trace.tree()) == len(log.tree()) == 4


def test_run_settings_of_a_step_reach_langchains_run(call: Call) -> None:
    """Its name, tags and metadata."""
    log = Log()
    chain = from_langchain(theirs.RunnableLambda(shout)).with_config(
        run_name="mine", tags=["t"], metadata={"k": 1}
    )
    call.invoke(chain, "a", {"callbacks": [log]})
    (start,) = [event for event in log.events if event.kind == "start"]
    assert (start.name, start.tags, start.metadata["k"]) == ("mine", ("t",), 1)


def test_listeners_of_ours_hear_a_run_of_langchain(call: Call) -> None:
    """They hear of that run, and of none below."""
    received: list[str] = []
    inner = theirs.RunnableLambda(shout)
    chain = from_langchain(theirs.RunnableLambda(lambda text: inner.invoke(text))).with_listeners(
        on_start=lambda event: received.append(event.kind), on_end=lambda e: received.append(e.kind)
    )
    assert call.invoke(chain, "a") == "a!"
    assert received == ["start", "end"]


def test_stream_events_show_the_runs_of_langchain(call: Call) -> None:
    """With the chunks of its runs."""
    chain = RunnablePassthrough[Any]() | Source(2).theirs().with_config(run_name="source")
    events = [event for event in call.events(chain, 1) if event["name"] == "source"]
    kinds = [event["event"] for event in events]
    assert kinds == ["on_chain_start", "on_chain_stream", "on_chain_stream", "on_chain_end"]
