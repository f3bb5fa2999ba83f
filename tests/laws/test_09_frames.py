"""Law 9 in numbers: exact notes for every combinator, and the frames of the library by level."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runnables
from runnables import (
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from tests.both_modes import Call
from tests.laws.specimens import NO_BACKOFF

OURS = str(Path(runnables.__file__).parent)


def bad(_: Any) -> Any:
    raise ValueError("own")


def fine(value: Any) -> Any:
    return value


def broken(chunks: Any) -> Any:
    for _ in chunks:
        raise ValueError("own")
    yield


LEAF = RunnableLambda(bad)

NOTES: dict[str, tuple[Runnable[Any, Any], Any, str]] = {
    "first of two": (LEAF | RunnableLambda(fine), 1, "in step 1 of 2 (bad)"),
    "named": (
        RunnableLambda(fine) | RunnableLambda(bad, name="it"),
        1,
        "in step 2 of 2 (it)",
    ),
    "generator": (
        RunnableLambda(fine) | RunnableGenerator(broken),
        1,
        "in step 2 of 2 (broken)",
    ),
    "assign": (RunnablePassthrough.assign(a=LEAF), {"x": 1}, 'in branch "a"'),
    "branch": (RunnableBranch((bool, LEAF), fine), 1, "in branch 1 of 1"),
    "router": (RouterRunnable({"a": LEAF}), {"key": "a", "input": 1}, 'in route "a"'),
    "second item": (RunnableBranch((bool, LEAF), fine).map(), [0, 1], "in branch 1 of 1, item 1"),
    "map of maps": (LEAF.map().map(), [[], [1]], "in item 0, item 1"),
    "fallbacks": (
        LEAF.with_fallbacks([LEAF]),
        1,
        "in attempt before the fallbacks",
    ),
    "retry of a chain": (
        (RunnableLambda(fine) | LEAF).with_retry(**NO_BACKOFF),
        1,
        "in step 2 of 2 (bad), attempt 1",
    ),
    "deep": (
        RunnableLambda(fine)
        | {"a": RunnableLambda(lambda value: [value]) | LEAF.with_retry(**NO_BACKOFF).map()},
        1,
        "in attempt 1, item 0, step 2 of 2 (RunnableEach<RunnableRetry>), "
        'branch "a", step 2 of 2 (RunnableParallel<a>)',
    ),
}


@pytest.mark.parametrize("case", NOTES)
def test_every_level_adds_its_part_once(case: str, call: Call) -> None:
    """There is one note, from the inside out, with the item in a batch."""
    runnable, value, note = NOTES[case]
    for do, expected in (
        (lambda: call.invoke(runnable, value), note),
        (lambda: call.stream(runnable, value), note),
        (lambda: call.batch(runnable, [value]), f"{note}, batch item 0"),
        (lambda: call.batch_as_completed(runnable, [value]), f"{note}, batch item 0"),
    ):
        with pytest.raises(ValueError, match="own") as caught:
            do()
        assert type(caught.value) is ValueError
        assert caught.value.__notes__ == [expected]


def test_every_attempt_has_its_number(call: Call) -> None:
    """The raised error and those in its cause have notes with their numbers, in order."""

    def attempt(_: Any) -> Any:
        raise ValueError("another")

    retry = RunnableLambda(attempt).with_retry(**NO_BACKOFF, stop_after_attempt=4)
    for do in (call.invoke, call.stream):
        with pytest.raises(ValueError, match="another") as caught:
            do(retry, 1)
        group = caught.value.__cause__
        assert isinstance(group, ExceptionGroup)
        notes = [error.__notes__ for error in (caught.value, *group.exceptions)]
        assert notes == [[f"in attempt {number}"] for number in range(1, 5)]


def frames_of(call: Callable[[], Any]) -> list[str]:
    """Return the functions of the library in the traceback of a call that fails in `bad`."""
    with pytest.raises(ValueError, match="own") as caught:
        call()
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].name == "bad", "the user's frame comes last"
    return [frame.name for frame in frames if frame.filename.startswith(OURS)]


LEVELS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "function": (lambda: LEAF.invoke(1), ["invoke"]),
    "sequence": (lambda: (RunnableLambda(fine) | LEAF).invoke(1), ["invoke"] * 2),
    "sequence, retry, sequence": (
        lambda: (RunnableLambda(fine) | (LEAF | fine).with_retry(**NO_BACKOFF)).invoke(1),
        ["invoke"] * 4,
    ),
    "retry": (lambda: LEAF.with_retry(**NO_BACKOFF).invoke(1), ["invoke"] * 2),
    "fallback": (lambda: LEAF.with_fallbacks([LEAF]).invoke(1), ["invoke"] * 2),
    "branch": (lambda: RunnableBranch((bool, LEAF), fine).invoke(1), ["invoke"] * 2),
    "bound": (lambda: LEAF.bind().invoke(1), ["invoke"] * 2),
    "call in a function": (
        lambda: RunnableLambda(lambda value: LEAF.invoke(value)).invoke(1),
        ["invoke"] * 2,
    ),
    "parallel": (lambda: RunnableParallel(a=LEAF).invoke(1), ["invoke"] * 2),
    "map": (lambda: LEAF.map().invoke([1]), ["invoke"] * 2),
    "timeout": (lambda: LEAF.with_timeout(60).invoke(1), ["invoke"] * 2),
    "batch": (lambda: LEAF.batch([1]), ["batch"]),
    "batch of a sequence": (lambda: (fine | LEAF).batch([1]), ["batch", "invoke"]),
    "abatch": (lambda: asyncio.run(LEAF.abatch([1])), ["abatch"]),
}


@pytest.mark.parametrize("case", LEVELS)
def test_there_is_one_frame_a_level(case: str) -> None:
    """Each runnable adds one frame to those of the user."""
    call, frames = LEVELS[case]
    assert frames_of(call) == frames


LIMITS: dict[str, tuple[Callable[[], Any], int]] = {
    "with a config": (lambda: LEAF.with_config(tags=["a"]).invoke(1), 3),
    "async": (lambda: asyncio.run(LEAF.ainvoke(1)), 2),
    "stream": (lambda: list(LEAF.stream(1)), 2),
    "stream of a sequence": (lambda: list((RunnableLambda(fine) | LEAF).stream(1)), 2),
    "stream of a parallel": (lambda: list(RunnableParallel(a=LEAF).stream(1)), 7),
}


@pytest.mark.parametrize("case", LIMITS)
def test_other_tracebacks_do_not_grow(case: str) -> None:
    """Where a level still has more than one frame, their number is bounded."""
    call, limit = LIMITS[case]
    assert len(frames_of(call)) <= limit
