"""Law 2: sync agrees with async: results, order, errors and their notes, events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough
from tests.both_modes import AsyncCall, Call, SyncCall
from tests.laws import steps
from tests.laws.outcomes import Failed, Outcome, Returned, cuts, outcome, stream_of, transform_of
from tests.laws.recorder import Recorder
from tests.laws.registry import REGISTRY
from tests.laws.specimens import Specimen

SYNC, ASYNC = SyncCall(), AsyncCall()
Make = Callable[[], Runnable[Any, Any]]
Do = Callable[[Call, Runnable[Any, Any], Any], Any]


def check_sync_agrees_with_async(
    make: Make, do: Callable[[Call, Runnable[Any, Any]], Any], *, at_once: bool = False
) -> None:
    """Check that the outcome of a call and its events are the same, sync and async.

    Where branches run at once and one fails, timing decides how far the others have come. Then
    only these must be the same: the run that failed, the runs around it, and the outputs of the
    others that ended.
    """
    sync, sync_recorder = _observed(SYNC, make, do)
    async_, async_recorder = _observed(ASYNC, make, do)
    assert async_ == sync, "sync and async disagree"
    if at_once and isinstance(sync, Failed):
        check_failures_agree(sync, sync_recorder, async_recorder)
    else:
        assert async_recorder.tree() == sync_recorder.tree(), "sync and async events differ"


def check_failures_agree(error: Failed, sync: Recorder, async_: Recorder) -> None:
    """Check that the same run failed for the same reason, and that ended siblings agree."""
    cause = sync.cause(error.kind, error.text)
    assert async_.cause(error.kind, error.text) == cause, "sync and async failures differ"
    sync_outputs, async_outputs = sync.outputs(), async_.outputs()
    for run in sync_outputs.keys() & async_outputs.keys():
        assert async_outputs[run] == sync_outputs[run], "a sibling ended differently"


def _observed(
    call: Call, make: Make, do: Callable[[Call, Runnable[Any, Any]], Any]
) -> tuple[Outcome, Recorder]:
    unobserved = outcome(lambda: do(call, make()))
    recorder = Recorder()
    runnable = make().with_config(recorder.config)
    observed = outcome(lambda: do(call, runnable))
    assert observed == unobserved, f"{call.mode}: a handler changes the outcome"
    recorder.settle()
    assert recorder.unsound() == [], f"{call.mode}: a run without one start and one end"
    return observed, recorder


def _streaming(specimen: Specimen, stream: Callable[[Call, Any], Any]) -> Any:
    """Return a call for the chunks, in order, or sorted where branches run at once."""

    def do(call: Call, runnable: Any) -> list[Any]:
        chunks = stream(call, runnable).chunks
        return chunks if specimen.ordered else sorted(map(repr, chunks))

    return do


BOTH = [specimen for specimen in REGISTRY if specimen.sync]


@pytest.mark.parametrize("specimen", BOTH, ids=str)
def test_invoke_agrees_with_ainvoke(specimen: Specimen) -> None:
    """Outputs, errors with their notes, and events are the same; a handler changes nothing."""

    @settings(max_examples=6)
    @given(specimen.inputs)
    def law(value: Any) -> None:
        check_sync_agrees_with_async(
            specimen.make, lambda call, step: call.invoke(step, value), at_once=not specimen.ordered
        )

    law()


@pytest.mark.parametrize("specimen", BOTH, ids=str)
def test_stream_agrees_with_astream(specimen: Specimen) -> None:
    """Chunks, errors with their notes, and events are the same."""

    @settings(max_examples=6)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        value = data.draw(specimen.inputs)
        chunks = data.draw(cuts(value))
        for stream in (
            lambda call, step: stream_of(call, step, value),
            lambda call, step: transform_of(call, step, chunks),
        ):
            do = _streaming(specimen, stream)
            check_sync_agrees_with_async(specimen.make, do, at_once=not specimen.ordered)

    law()


@pytest.mark.parametrize(
    "specimen", [specimen for specimen in BOTH if not specimen.remembers], ids=str
)
def test_batch_agrees_with_abatch(specimen: Specimen) -> None:
    """Outputs come in the order of the inputs, each with its own error.

    No input comes twice, because a flaky function counts its failures for each input.
    """

    @settings(max_examples=4)
    @given(st.lists(specimen.inputs, max_size=3, unique_by=repr))
    def law(values: list[Any]) -> None:
        outcomes = [
            [
                _as_outcome(result)
                for result in call.batch(specimen.make(), values, return_exceptions=True)
            ]
            for call in (SYNC, ASYNC)
        ]
        assert outcomes[0] == outcomes[1]

    law()


def _as_outcome(result: Any) -> Outcome:
    if isinstance(result, Exception):
        return outcome(lambda: _raise(result))
    return Returned(result)


def _raise(error: Exception) -> None:
    raise error


# --- every kind of function in every kind of call ---------------------------------------------


def plain(text: str) -> str:
    return text * 2


async def aplain(text: str) -> str:
    return text * 2


def chunks(text: str) -> Any:
    yield text
    yield text


async def achunks(text: str) -> Any:
    yield text
    yield text


def flow(chunks: Any) -> Any:
    for chunk in chunks:
        yield chunk
        yield chunk


async def aflow(chunks: Any) -> Any:
    async for chunk in chunks:
        yield chunk
        yield chunk


KINDS = {
    "function": RunnableLambda(plain),
    "async function": RunnableLambda(aplain),
    "generator": RunnableLambda(chunks),
    "async generator": RunnableLambda(achunks),
    "stream generator": RunnableGenerator(flow),
    "async stream generator": RunnableGenerator(aflow),
}
PLACES: dict[str, Callable[[Any], Any]] = {
    "alone": lambda step: step,
    "first": lambda step: step | RunnablePassthrough(),
    "last": lambda step: RunnablePassthrough() | step,
    "retry": lambda step: step.with_retry(wait_exponential_jitter=False),
    "bound": lambda step: step.with_config(tags=["a"]),
    "timeout": lambda step: step.with_timeout(60),
    "returned": lambda step: RunnableLambda(lambda _: step, blocking=False),
}
METHODS = ("invoke", "stream", "transform", "batch", "batch_as_completed")


def _do(call: Call, method: str, runnable: Any) -> Any:
    if method == "invoke":
        return call.invoke(runnable, "a")
    if method == "stream":
        return stream_of(call, runnable, "a").value
    if method == "transform":
        return transform_of(call, runnable, ["a"]).value
    if method == "batch":
        return call.batch(runnable, ["a"])[0]
    return call.batch_as_completed(runnable, ["a"])[0][1]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_every_cell_works_or_names_the_call_to_use(
    method: str, kind: str, place: str, call: Call
) -> None:
    """Sync and async functions, in sync and async calls, in several places."""
    runnable = PLACES[place](KINDS[kind])
    if call.mode == "async" or "async" not in kind:
        assert _do(call, method, runnable) == "aa"
        return
    use = {"transform": "astream", "stream": "astream"}.get(method, "ainvoke")
    with pytest.raises(TypeError, match=f"Use `{use}` instead"):
        _do(call, method, runnable)


def test_an_async_only_class_names_the_call_to_use() -> None:
    """A user's class without sync methods raises, instead of returning a coroutine."""
    for runnable, use in (
        (steps.OnlyAinvoke(), "ainvoke"),
        (steps.OnlyAstream(), "ainvoke"),
        (steps.OnlyAtransform(), "ainvoke"),
    ):
        with pytest.raises(TypeError, match=f"Use `{use}` instead"):
            runnable.invoke(1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="Use `astream` instead"):
            list(runnable.stream(1))  # type: ignore[arg-type]


def test_a_function_that_returns_a_coroutine_is_awaited() -> None:
    """A lambda may call an async function: async calls await it, sync calls name `ainvoke`."""
    runnable = RunnableLambda(lambda text: aplain(text))
    assert ASYNC.invoke(runnable, "a") == "aa"
    with pytest.raises(TypeError, match="Use `ainvoke` instead"):
        SYNC.invoke(runnable, "a")


def test_an_async_call_prefers_the_async_function(call: Call) -> None:
    """Of two functions, the one in the mode of the call runs."""
    ran: list[str] = []

    def sync_half(_: Any) -> None:
        ran.append("sync")

    async def async_half(_: Any) -> None:
        ran.append("async")

    call.invoke(RunnableLambda(sync_half, async_half), 1)
    call.stream(RunnableLambda(sync_half, async_half), 1)
    assert ran == [call.mode] * 2


def test_failures_are_compared_with_their_notes() -> None:
    """The test of the test: outcomes that differ in a note only are different."""
    assert Failed(ValueError, "x", ("in a",)) != Failed(ValueError, "x", ("in b",))
