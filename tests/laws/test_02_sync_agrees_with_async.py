"""Law 2: sync agrees with async: results, order, errors and their notes, events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough
from tests.both_modes import AsyncCall, Call, SyncCall
from tests.laws import steps
from tests.laws.outcomes import Failed, Gave, Outcome, cuts, outcome, stream_of, transform_of
from tests.laws.recorder import Recorder
from tests.laws.registry import REGISTRY
from tests.laws.specimens import Specimen

SYNC, ASYNC = SyncCall(), AsyncCall()
Make = Callable[[], Runnable[Any, Any]]
Do = Callable[[Call, Runnable[Any, Any], Any], Any]


def check_colours_agree(
    make: Make, do: Callable[[Call, Runnable[Any, Any]], Any], *, at_once: bool = False
) -> None:
    """What a call gives or raises, and what it tells, is the same in both colours.

    Where branches run at once and one fails, timing decides how far the others have come. Then
    the same is promised of: who raised, the runs around it, and what the others gave that ended.
    """
    (sync, sync_told), (coloured, async_told) = _watched(SYNC, make, do), _watched(ASYNC, make, do)
    assert coloured == sync, "the colours disagree"
    if at_once and isinstance(sync, Failed):
        check_failures_agree(sync, sync_told, async_told)
    else:
        assert async_told.tree() == sync_told.tree(), "the colours tell different things"


def check_failures_agree(error: Failed, sync_told: Recorder, async_told: Recorder) -> None:
    """The same run has failed, for the same reason; siblings that ended gave the same."""
    sync, coloured = (it.cause(error.kind, error.text) for it in (sync_told, async_told))
    assert coloured == sync, "the colours tell of different failures"
    sync_outputs, async_outputs = sync_told.outputs(), async_told.outputs()
    for who in sync_outputs.keys() & async_outputs.keys():
        assert async_outputs[who] == sync_outputs[who], "a sibling ended differently"


def _watched(
    call: Call, make: Make, do: Callable[[Call, Runnable[Any, Any]], Any]
) -> tuple[Outcome, Recorder]:
    quiet = outcome(lambda: do(call, make()))
    recorder = Recorder()
    watched = make().with_config(recorder.config)
    told = outcome(lambda: do(call, watched))
    assert told == quiet, f"{call.colour}: it makes a difference whether somebody watches"
    recorder.settle()
    assert recorder.unsound() == [], f"{call.colour}: a run did not tell one start and one end"
    return told, recorder


def _streaming(specimen: Specimen, stream: Callable[[Call, Any], Any]) -> Any:
    """The chunks in their order, or sorted where branches run at once."""

    def do(call: Call, runnable: Any) -> list[Any]:
        chunks = stream(call, runnable).chunks
        return chunks if specimen.ordered else sorted(map(repr, chunks))

    return do


BOTH = [specimen for specimen in REGISTRY if specimen.sync]


@pytest.mark.parametrize("specimen", BOTH, ids=str)
def test_invoke_agrees_with_ainvoke(specimen: Specimen) -> None:
    """Results, errors with their notes, and events; with and without a watcher."""

    @settings(max_examples=6)
    @given(specimen.inputs)
    def law(value: Any) -> None:
        check_colours_agree(
            specimen.make, lambda call, it: call.invoke(it, value), at_once=not specimen.ordered
        )

    law()


@pytest.mark.parametrize("specimen", BOTH, ids=str)
def test_stream_agrees_with_astream(specimen: Specimen) -> None:
    """Chunks one by one, errors with their notes, and events."""

    @settings(max_examples=6)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        value = data.draw(specimen.inputs)
        pieces = data.draw(cuts(value))
        for stream in (
            lambda call, it: stream_of(call, it, value),
            lambda call, it: transform_of(call, it, pieces),
        ):
            do = _streaming(specimen, stream)
            check_colours_agree(specimen.make, do, at_once=not specimen.ordered)

    law()


@pytest.mark.parametrize("specimen", [it for it in BOTH if not it.remembers], ids=str)
def test_batch_agrees_with_abatch(specimen: Specimen) -> None:
    """Results in the order of the inputs, each with its own error.

    No input comes twice: what fails so many times for each would count both at once.
    """

    @settings(max_examples=4)
    @given(st.lists(specimen.inputs, max_size=3, unique_by=repr))
    def law(values: list[Any]) -> None:
        outcomes = [
            [_as_outcome(it) for it in call.batch(specimen.make(), values, return_exceptions=True)]
            for call in (SYNC, ASYNC)
        ]
        assert outcomes[0] == outcomes[1]

    law()


def _as_outcome(result: Any) -> Outcome:
    if isinstance(result, Exception):
        return outcome(lambda: _raise(result))
    return Gave(result)


def _raise(error: Exception) -> None:
    raise error


# --- every kind of function in every kind of call ---------------------------------------------


def plain(text: str) -> str:
    return text * 2


async def aplain(text: str) -> str:
    return text * 2


def pieces(text: str) -> Any:
    yield text
    yield text


async def apieces(text: str) -> Any:
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
    "generator": RunnableLambda(pieces),
    "async generator": RunnableLambda(apieces),
    "stream generator": RunnableGenerator(flow),
    "async stream generator": RunnableGenerator(aflow),
}
PLACES: dict[str, Callable[[Any], Any]] = {
    "alone": lambda it: it,
    "first": lambda it: it | RunnablePassthrough(),
    "last": lambda it: RunnablePassthrough() | it,
    "retry": lambda it: it.with_retry(wait_exponential_jitter=False),
    "bound": lambda it: it.with_config(tags=["a"]),
    "timeout": lambda it: it.with_timeout(60),
    "returned": lambda it: RunnableLambda(lambda _: it, blocking=False),
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
    """Functions and generators of both colours, in calls of both colours, in several places."""
    runnable = PLACES[place](KINDS[kind])
    if call.colour == "async" or "async" not in kind:
        assert _do(call, method, runnable) == "aa"
        return
    use = {"transform": "astream", "stream": "astream"}.get(method, "ainvoke")
    with pytest.raises(TypeError, match=f"Use `{use}` instead"):
        _do(call, method, runnable)


def test_an_async_only_class_names_the_call_to_use() -> None:
    """A user's class without a sync half says so, instead of returning a coroutine."""
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
    """A sync lambda around an async function: async calls await it, sync calls say what to do."""
    runnable = RunnableLambda(lambda it: aplain(it))
    assert ASYNC.invoke(runnable, "a") == "aa"
    with pytest.raises(TypeError, match="Use `ainvoke` instead"):
        SYNC.invoke(runnable, "a")


def test_the_async_half_is_preferred_in_async_calls(call: Call) -> None:
    """Of two halves, the one in the colour of the call runs."""
    ran: list[str] = []

    def sync_half(_: Any) -> None:
        ran.append("sync")

    async def async_half(_: Any) -> None:
        ran.append("async")

    call.invoke(RunnableLambda(sync_half, async_half), 1)
    call.stream(RunnableLambda(sync_half, async_half), 1)
    assert ran == [call.colour] * 2


def test_failures_are_compared_with_their_notes() -> None:
    """The test of the test: outcomes that differ in a note only are different."""
    assert Failed(ValueError, "x", ("in a",)) != Failed(ValueError, "x", ("in b",))
