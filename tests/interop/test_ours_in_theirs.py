"""Runnables of ours in LangChain's chains: results, streams, leaving, batches, errors, events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core import runnables as theirs
from langchain_core.output_parsers import StrOutputParser as TheirStrParser
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.runnables.utils import AddableDict

from runnables import (
    ByKey,
    ConfigError,
    ConfigurableField,
    DeterministicFakeEmbedding,
    JsonOutputParser,
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
    from_langchain,
    to_langchain,
)
from runnables.engine.merging import SNAPSHOTS
from tests.both_modes import Call
from tests.interop.test_theirs_in_ours import Source, Unlucky, shout
from tests.interop.watching import Log, Trace


def _stream(call: Call, runnable: Any, value: Any, config: Any = None) -> list[Any]:
    """Return the chunks of a stream of LangChain."""

    async def collected() -> list[Any]:
        return [chunk async for chunk in runnable.astream(value, config)]

    return call.run(lambda: list(runnable.stream(value, config)), collected)


def _batch(call: Call, runnable: Any, values: list[Any], config: Any = None, **kwargs: Any) -> Any:
    return call.run(
        lambda: runnable.batch(values, config, **kwargs),
        lambda: runnable.abatch(values, config, **kwargs),
    )


# --- results ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chain",
    [
        to_langchain(RunnableLambda(str.upper) | shout),
        theirs.RunnableLambda(str.upper) | RunnableLambda(shout),
        theirs.RunnableLambda(str.upper) | to_langchain(RunnableLambda(shout)),
        theirs.RunnableLambda(str.upper)
        | theirs.RunnableParallel(x=RunnableLambda(shout))
        | theirs.RunnablePick("x"),
        theirs.RunnableLambda(str.upper)
        | theirs.RunnableBranch((lambda _: True, RunnableLambda(shout)), RunnableLambda(len)),
        theirs.RunnableLambda(str.upper) | {"x": RunnableLambda(shout)} | (lambda row: row["x"]),
        theirs.RunnableLambda(lambda _: to_langchain(RunnableLambda(str.upper) | shout)),
        theirs.RunnableLambda(lambda _: RunnableLambda(str.upper) | shout) | (lambda step: "AB!"),
    ],
    ids=[
        *("whole", "piped", "piped as theirs", "in a parallel", "in a branch", "in a dict"),
        *("returned by a function", "ours returned by a function"),
    ],
)
def test_a_runnable_of_ours_is_a_step_of_langchains_pipe(chain: Any, call: Call) -> None:
    """All ways of running give the same. What LangChain does not know as a runnable is a value."""
    assert isinstance(chain, theirs.Runnable)
    assert call.invoke(chain, "ab") == "AB!"
    assert "".join(_stream(call, chain, "ab")) == "AB!"


def test_what_is_made_is_a_runnable_of_langchain() -> None:
    """Functions and dicts of steps become one, too; it knows names, types and schemas."""
    made = to_langchain(RunnableLambda(len) | str)
    assert isinstance(made, theirs.Runnable)
    assert made.get_name() == "RunnableSequence"
    assert to_langchain(len).invoke("abc") == 3
    assert to_langchain({"a": len}).invoke("abc") == {"a": 3}
    typed = to_langchain(RunnableLambda(shout))
    assert (typed.InputType, typed.OutputType) == (str, str)
    assert typed.get_input_jsonschema()["type"] == "string"
    assert repr(typed) == "to_langchain(RunnableLambda(shout))"
    assert list(typed.get_graph().nodes)
    with pytest.raises(TypeError, match="cannot become one"):
        to_langchain(3)


def test_options_and_configurable_fields_reach_our_runnable(call: Call) -> None:
    """By LangChain's own `bind` and `with_config`."""

    class Add(Runnable[int, int]):
        def __init__(self, by: int) -> None:
            self.by = by

        def invoke(self, input: int, config: Any = None, **kwargs: Any) -> int:
            return input + self.by + kwargs.get("more", 0)

    ours = Add(1).configurable_fields(by=ConfigurableField(id="by"))
    made = to_langchain(ours)
    assert [spec.id for spec in made.config_specs] == ["by"]
    assert call.invoke(made.with_config(configurable={"by": 5}), 1) == 6
    assert call.invoke(to_langchain(Add(1)).bind(more=10), 1) == 12


# --- called by LangChain's pipe ---------------------------------------------------------------


def test_only_a_call_of_langchains_pipe_is_taken() -> None:
    """Another call is the error that says to write `invoke`."""
    chain: Any = RunnableLambda(len)
    assert to_langchain(chain) == chain("x", config={})
    for wrong in ([("x",), {}], [("x", "runtime"), {"config": {}}], [(), {"config": {}}]):
        arguments, keywords = wrong
        with pytest.raises(TypeError, match=r"Write \.invoke\("):
            chain(*arguments, **keywords)
    with pytest.raises(ConfigError, match="not called like a function"):
        chain("x", config={}, option=1)


def test_a_class_with_a_call_of_its_own_keeps_it() -> None:
    """Such as a model that is called with messages."""

    class Called(Runnable[str, str]):
        def invoke(self, input: str, config: Any = None, **kwargs: Any) -> str:
            return input

        def __call__(self, text: str) -> str:
            return "called " + text

    assert Called()("x") == "called x"


# --- streams ----------------------------------------------------------------------------------


def test_chunks_pass_through_our_step_in_langchains_sequence(call: Call) -> None:
    """With `to_langchain` the input streams, too."""
    source = Source(3)
    chain = source.theirs() | to_langchain(StrOutputParser()) | TheirStrParser()
    assert _stream(call, chain, None) == ["0 ", "1 ", "2 "]


def test_without_to_langchain_the_input_of_our_step_arrives_whole(call: Call) -> None:
    """LangChain makes a function of it, and calls functions with whole values."""
    seen: list[list[str]] = []

    def record(chunks: Iterator[str]) -> Iterator[str]:
        read = list(chunks)
        seen.append(read)
        yield from read

    from runnables import RunnableGenerator

    step = RunnableGenerator(record)
    assert "".join(_stream(call, Source(3).theirs() | step, None)) == "0 1 2 "
    assert "".join(_stream(call, Source(3).theirs() | to_langchain(step), None)) == "0 1 2 "
    assert seen == [["0 1 2 "], ["0 ", "1 ", "2 "]]


def test_leaving_stops_our_runnable(call: Call) -> None:
    """The source is closed when the stream of LangChain is."""
    source = Source()
    made = to_langchain(source.ours() | StrOutputParser())

    def sync() -> str:
        chunks: Any = made.stream(None)
        first = str(next(chunks))
        chunks.close()
        return first

    async def asynchronous() -> str:
        async with aclosing(made.astream(None)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                return str(chunk)
        return ""

    assert call.run(sync, asynchronous) == "0 "
    assert source.read <= 2
    assert source.closed == 1


def test_langchains_own_sequence_reads_a_left_stream_to_its_end() -> None:
    """It does so without us, too; the docs say so."""
    source = Source()
    chain: Any = to_langchain(source.ours()) | TheirStrParser() | TheirStrParser()
    chunks = chain.stream(None)
    next(chunks)
    chunks.close()
    assert (source.read, source.closed) == (source.size, 1)


def _by_key(chunks: Iterator[str]) -> Iterator[dict[str, Any]]:
    for count, text in enumerate(chunks, 1):
        yield {"text": text, "count": count}


@pytest.mark.parametrize(
    ("runnable", "expected"),
    [
        (RunnableParallel(a=StrOutputParser(), b=StrOutputParser()), {"a": "xy", "b": "xy"}),
        (JsonOutputParser(), {"n": 1}),
    ],
    ids=["deltas", "snapshots"],
)
def test_langchain_adds_our_chunks_up_to_what_invoke_gives(
    runnable: Any, expected: Any, call: Call
) -> None:
    """A step of LangChain that needs the whole value gets it."""
    parts = ["x", "y"] if isinstance(runnable, RunnableParallel) else ['{"n": ', "1}"]
    chain = to_langchain(runnable) | theirs.RunnableLambda(lambda value: value)

    async def parts_of() -> Any:
        for part in parts:
            yield part

    async def collected() -> Any:
        return [chunk async for chunk in chain.atransform(parts_of())]

    chunks = call.run(lambda: list(chain.transform(iter(parts))), collected)
    assert chunks == [expected]


def test_snapshots_of_one_key_wait_for_the_end() -> None:
    """The parts of the other keys pass as they come."""
    from runnables import RunnableGenerator

    made = to_langchain(RunnableGenerator(_by_key, merge=ByKey({"count": SNAPSHOTS})))
    chunks = list(made.transform(iter(["a", "b"])))
    assert chunks == [{"text": "a"}, {"text": "b"}, {"count": 2}]
    assert all(isinstance(chunk, AddableDict) for chunk in chunks)


def test_a_stream_that_may_restart_arrives_as_one_value(call: Call) -> None:
    """LangChain cannot take a chunk back."""
    failures = iter([Unlucky()])

    def moody(_: Any) -> Iterator[str]:
        yield "a"
        if (error := next(failures, None)) is not None:
            raise error
        yield "b"

    retried = RunnableLambda(moody).with_retry(wait_exponential_jitter=False, on_restart="restart")
    assert _stream(call, to_langchain(retried), None) == ["ab"]


# --- batches ----------------------------------------------------------------------------------


class Bulk(Runnable[str, str], internal=True):
    """A step that takes many inputs at once, and counts its calls."""

    max_batch_size = 10

    def __init__(self) -> None:
        self._calls: list[int] = []

    def _invoke(self, value: Any, scope: Any, kwargs: Any) -> Any:
        return self._invoke_batch([value], scope, kwargs)[0]

    def _invoke_batch(self, values: Any, scope: Any, kwargs: Any) -> list[Any]:
        self._calls.append(len(values))
        return [shout(value) for value in values]


def test_a_batch_of_langchain_is_one_batch_of_ours(call: Call) -> None:
    """A step that takes many inputs gets them together, also where each row has its run."""
    for callbacks in ([], [Log()], [Trace()]):
        bulk = Bulk()
        made = to_langchain(RunnableLambda(str.upper) | bulk)
        config: Any = {"callbacks": [_for_langchain(one) for one in callbacks]}
        assert _batch(call, made, ["a", "b", "c"], config) == ["A!", "B!", "C!"]
        assert bulk._calls == [3]


def _for_langchain(handler: Any) -> Any:
    return to_langchain(handler) if isinstance(handler, Log) else handler


def test_a_batch_has_a_run_for_each_row(call: Call) -> None:
    """With its own steps below; also where rows fail."""

    def odd(number: int) -> int:
        if number % 2 == 0:
            raise Unlucky(number)
        return number

    trace = Trace()
    made = to_langchain(RunnableLambda(odd) | str)
    config: Any = {"callbacks": [trace]}
    outputs = _batch(call, made, [1, 2, 3], config, return_exceptions=True)
    assert (outputs[0], outputs[2]) == ("1", "3")
    assert isinstance(outputs[1], Unlucky)
    by_input = {run.inputs["input"]: run for run in trace.roots}
    assert [child.name for child in by_input[1].child_runs] == ["odd", "str"]
    assert [child.name for child in by_input[2].child_runs] == ["odd"]
    assert "Unlucky" in str(by_input[2].error)
    with pytest.raises(Unlucky):
        _batch(call, made, [1, 2, 3])
    assert _batch(call, made, []) == []


def test_calls_without_a_config_inside_a_batch_are_below_their_rows(call: Call) -> None:
    """And what the batch has set is gone after it."""
    inner = RunnableLambda(shout)
    other = theirs.RunnableLambda(shout)
    made = to_langchain(RunnableLambda(lambda text: other.invoke(inner.invoke(text)), name="row"))
    trace, log = Trace(), Log()
    config: Any = {"callbacks": [trace, to_langchain(log)]}
    around = var_child_runnable_config.get()
    assert _batch(call, made, ["a", "b"], config) == ["a!!", "b!!"]
    assert var_child_runnable_config.get() is around
    log.check()
    assert sorted(trace.tree()) == sorted(log.tree())
    assert [depth for depth, _ in sorted(log.tree())] == [0, 0, 1, 1, 1, 1]


def test_langchains_limit_holds_over_our_batch(call: Call) -> None:
    """Its `max_concurrency` is ours."""
    lock, now, most = threading.Lock(), 0, 0

    def work(value: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.005)
        with lock:
            now -= 1
        return value

    made = to_langchain(RunnableLambda(work))
    assert _batch(call, made, list(range(6)), {"max_concurrency": 2}) == list(range(6))
    assert most <= 2


def test_a_row_of_embeddings_is_sent_with_the_others() -> None:
    """One request for a batch, through a chain that LangChain runs."""
    ours = RunnableLambda(str.strip) | DeterministicFakeEmbedding(size=2)
    vectors = to_langchain(ours).batch([" a", "b "])
    assert vectors == ours.batch([" a", "b "])


# --- errors -----------------------------------------------------------------------------------


def test_an_error_of_ours_passes_unchanged(call: Call) -> None:
    """LangChain raises the object that our step raised, with our notes."""
    error = Unlucky("no")

    def fail(_: Any) -> Any:
        raise error

    chain = theirs.RunnablePassthrough() | to_langchain(RunnableLambda(str) | fail)
    with pytest.raises(Unlucky) as caught:
        call.invoke(chain, 1)
    assert caught.value is error
    assert any("step 2 of 2" in note for note in error.__notes__)


def test_retry_and_fallback_of_langchain_work_over_our_runnable(call: Call) -> None:
    """They see its errors."""
    failures = iter([Unlucky(), Unlucky()])

    def moody(value: int) -> int:
        if (error := next(failures, None)) is not None:
            raise error
        return value

    made = to_langchain(RunnableLambda(moody))
    assert call.invoke(made.with_retry(wait_exponential_jitter=False), 7) == 7

    def fail(_: int) -> int:
        raise Unlucky

    failing = to_langchain(RunnableLambda(fail))
    assert call.invoke(failing.with_fallbacks([theirs.RunnableLambda(str)]), 7) == "7"


# --- events -----------------------------------------------------------------------------------


def test_a_tracer_sees_our_steps_below_our_run(call: Call) -> None:
    """The names, inputs, outputs and kinds of runs."""
    trace = Trace()
    ours = RunnableLambda(len) | str | StrOutputParser()
    chain = theirs.RunnablePassthrough() | to_langchain(ours).with_config(run_name="ours")
    assert call.invoke(chain, "abc", {"callbacks": [trace]}) == "3"
    assert trace.tree() == [
        (0, "RunnableSequence"),
        (1, "RunnablePassthrough"),
        (1, "ours"),
        *[(2, name) for name in ("len", "str", "StrOutputParser")],
    ]
    (length,) = [run for run in trace.runs() if run.name == "len"]
    assert (length.inputs, length.outputs) == ({"input": "abc"}, {"output": 3})
    (parser,) = [run for run in trace.runs() if run.name == "StrOutputParser"]
    assert parser.run_type == "parser"


def test_our_handler_in_langchains_config_sees_all_runs_once(call: Call) -> None:
    """Those of LangChain and ours, as one tree; ours with what only we know."""
    log = Log()
    chain = theirs.RunnableLambda(str.upper) | to_langchain(RunnableLambda(len) | str)
    assert call.invoke(chain, "abc", {"callbacks": [to_langchain(log)]}) == "3"
    log.check()
    assert log.tree() == [
        *[(0, "RunnableSequence"), (1, "RunnableLambda" if _is_lambda(chain) else "upper")],
        *[(1, "RunnableSequence"), (2, "len"), (2, "str")],
    ]
    (ours,) = [e for e in log.events if e.kind == "start" and len(e.parent_ids) == 1 and e.runnable]
    assert ours.runnable == RunnableLambda(len) | str


def _is_lambda(chain: Any) -> bool:
    return bool(chain.first.get_name() == "RunnableLambda")


def test_runs_of_streams_reach_both_handlers(call: Call) -> None:
    """Our step begins with its first chunk, below LangChain's sequence."""
    trace, log = Trace(), Log()
    chain = Source(2).theirs() | to_langchain(StrOutputParser() | StrOutputParser())
    config: Any = {"callbacks": [trace, to_langchain(log)]}
    assert _stream(call, chain, None, config) == ["0 ", "1 "]
    log.check()
    assert sorted(log.tree()) == sorted(trace.tree())
    assert len(trace.tree()) == 5


def test_three_borders_tell_each_run_once(call: Call) -> None:
    """Ours in theirs in ours, with a handler of each on both sides."""
    trace, log = Trace(), Log()
    inner = theirs.RunnableLambda(shout).with_config(run_name="inner")
    middle = RunnableLambda(lambda text: inner.invoke(text)).with_config(run_name="middle")
    outer = theirs.RunnableLambda(lambda text: to_langchain(middle).invoke(text))
    chain = RunnablePassthrough[Any]() | outer.with_config(run_name="outer")
    assert call.invoke(chain, "a", {"callbacks": [log, trace]}) == "a!"
    log.check()
    expected = ["RunnableSequence", "RunnablePassthrough", "outer", "middle", "inner"]
    assert log.tree() == trace.tree()
    assert [name for _, name in log.tree()] == expected
    assert [depth for depth, _ in log.tree()] == [0, 1, 1, 2, 3]


def test_their_stream_of_events_shows_our_steps() -> None:
    """`astream_events` of LangChain."""
    chain = theirs.RunnablePassthrough() | to_langchain(RunnableLambda(len) | str)

    async def names() -> list[tuple[str, str]]:
        events = chain.astream_events("abc", version="v2")
        return [(event["event"], event["name"]) async for event in events]

    found = asyncio.run(names())
    assert ("on_chain_start", "len") in found
    assert ("on_chain_end", "str") in found


def test_our_runnable_made_theirs_survives_both_ways() -> None:
    """A binding of LangChain around it becomes a binding of ours around the runnable."""
    ours = RunnableLambda(len)
    back = from_langchain(to_langchain(ours).with_config(tags=["t"]))
    assert back.bound is ours
    assert back.config["tags"] == ["t"]
