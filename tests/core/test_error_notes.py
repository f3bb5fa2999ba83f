"""A note never replaces an exception, whatever its class does, and one object collects nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from runnables import (
    Budget,
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    track_usage,
)
from runnables.core.error_notes import add_location, chain_errors
from tests.both_modes import Call
from tests.laws.recorder import Recorder
from tests.laws.specimens import NO_BACKOFF


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


@dataclass
class Unhashable(Exception):
    code: int


class Slotted(Exception):
    __slots__ = ()


class RaisingAddNote(Exception):
    def add_note(self, note: str, /) -> NoReturn:
        raise RuntimeError(note)


class RaisingNotes(Exception):
    @property
    def __notes__(self) -> NoReturn:  # type: ignore[override]  # pyright: ignore - that is the case
        raise RuntimeError("notes")


class TupleOfNotes(Exception):
    __notes__ = ("fixed",)  # type: ignore[assignment]  # pyright: ignore - that is the case


class SharedNotes(Exception):
    __notes__: list[str] = []  # noqa: RUF012 - that is the case


class RaisingSetattr(Exception):
    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RuntimeError(name)


class RaisingGetattr(Exception):
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class RaisingText(Exception):
    def __str__(self) -> NoReturn:
        raise RuntimeError("str")

    def __repr__(self) -> NoReturn:
        raise RuntimeError("repr")


class RaisingEquality(Exception):
    def __eq__(self, other: object) -> NoReturn:
        raise RuntimeError("eq")

    def __hash__(self) -> NoReturn:
        raise RuntimeError("hash")


class RaisingWithTraceback(Exception):
    def with_traceback(self, tb: Any, /) -> NoReturn:
        raise RuntimeError("with_traceback")


class RaisingBool(Exception):
    def __bool__(self) -> NoReturn:
        raise RuntimeError("bool")

    def __len__(self) -> NoReturn:
        raise RuntimeError("len")


ERRORS: list[Callable[[], Exception]] = [
    lambda: Frozen(1), lambda: Unhashable(1), Slotted, RaisingAddNote, RaisingNotes, TupleOfNotes,
    SharedNotes, RaisingSetattr, RaisingGetattr, RaisingText, RaisingEquality,
    RaisingWithTraceback, RaisingBool,
]  # fmt: skip
IDS = [type(error()).__name__ for error in ERRORS]


def fine(value: Any) -> Any:
    return value


def runnables(error: Exception) -> dict[str, tuple[Runnable[Any, Any], Any]]:
    """Return runnables that fail with this error, by what is around it, with an input."""

    def fails(_: Any) -> Any:
        raise error

    def fails_late(_: Any) -> Any:
        yield "chunk"
        raise error

    step = RunnableLambda(fails)
    again = step.with_retry(**NO_BACKOFF, stop_after_attempt=2)
    return {
        "alone": (step, 1),
        "sequence": (RunnableLambda(fine) | fails | fine, 1),
        "generator": (RunnableLambda(fine) | fails_late, 1),
        "parallel": (RunnableParallel(a=step, b=fine), 1),
        "branch": (RunnableBranch((lambda _: True, step), fine), 1),
        "map": (step.map(), [1]),
        "retry": (again, 1),
        "retried stream": (RunnableLambda(fails_late).with_retry(**NO_BACKOFF), 1),
        "fallbacks": (step.with_fallbacks([again]), 1),
        "timeout": (step.with_timeout(9), 1),
        "listeners": (step.with_listeners(on_error=fine), 1),
        "cache": (step.with_cache(), 1),
        "nested": (RunnableLambda(fine) | {"a": RunnableLambda(fine) | step}, 1),
        "returned": (RunnableLambda(lambda _: RunnableLambda(fine) | step), 1),
    }


AROUND = list(runnables(ValueError()))


def check_raises(error: Exception, call: Call, how: str, runnable: Any, *args: Any) -> None:
    """Check that the very object is raised: by `invoke`, `batch`, or a stream.

    It is caught within the loop: the context managers of `contextlib`, such as the one that guards
    the loops of these tests, set attributes of the exceptions that they let through.
    """

    def run() -> object:
        try:
            result = getattr(runnable, how)(*args)
            return list(result) if how == "stream" else result
        except BaseException as raised:
            return raised

    async def arun() -> object:
        try:
            result = getattr(runnable, f"a{how}")(*args)
            return [chunk async for chunk in result] if how == "stream" else await result
        except BaseException as raised:
            return raised

    caught = call.run(run, arun)
    assert caught is error, f"{object.__repr__(caught)} is raised instead"


@pytest.mark.parametrize("make", ERRORS, ids=IDS)
@pytest.mark.parametrize("around", AROUND)
def test_the_users_own_exception_is_raised(
    around: str, make: Callable[[], Exception], call: Call
) -> None:
    """Invoked, streamed and in a batch, with handlers and without, it is the very object."""
    error = make()
    runnable, value = runnables(error)[around]
    for config in (None, {"callbacks": [Recorder()]}):
        check_raises(error, call, "invoke", runnable, value, config)
        check_raises(error, call, "stream", runnable, value, config)
        check_raises(error, call, "batch", runnable, [value], config)
        results = call.batch(runnable, [value, value], config, return_exceptions=True)
        assert [result is error for result in results] == [True, True]


@pytest.mark.parametrize("make", [lambda: Frozen(1), Slotted, RaisingAddNote, RaisingSetattr])
def test_it_has_its_note_where_that_is_possible(make: Callable[[], Exception], call: Call) -> None:
    """A class that refuses attributes still has the note that tracebacks print."""
    error = make()
    check_raises(error, call, "invoke", runnables(error)["sequence"][0], 1)
    assert error.__notes__ == ["in step 2 of 3 (fails)"]


@pytest.mark.parametrize("make", ERRORS, ids=IDS)
def test_blocks_of_ours_let_the_exception_through(make: Callable[[], Exception]) -> None:
    """Also one whose attributes cannot be set, which contextlib's own blocks do."""
    error = make()
    try:
        with track_usage(), Budget(tokens=9):
            raise error
    except BaseException as raised:
        assert raised is error
    else:
        pytest.fail("nothing was raised")


def test_notes_of_a_class_stay_its_own(call: Call) -> None:
    """A list of notes that all exceptions of a class share gets none of one of them."""
    error = SharedNotes()
    check_raises(error, call, "invoke", runnables(error)["sequence"][0], 1)
    assert error.__notes__ == ["in step 2 of 3 (fails)"]
    assert SharedNotes.__notes__ == []


@pytest.mark.parametrize("around", AROUND)
def test_an_object_that_is_raised_many_times_collects_nothing(around: str, call: Call) -> None:
    """The notes of the 200th raise are those of the first, and its causes are bounded."""
    error = ValueError("one object")
    runnable, value = runnables(error)[around]

    def raise_once(how: str) -> list[str]:
        check_raises(error, call, how, runnable, value)
        return list(getattr(error, "__notes__", ()))

    for how in ("invoke", "stream"):
        first = raise_once(how)
        for _ in range(50):
            last = raise_once(how)
        if how == "invoke":
            assert last == first
        assert sum(map(len, last)) < 2_000
    causes, cause = 0, error.__cause__
    while cause is not None:
        causes, cause = causes + 1, cause.__cause__
    assert causes < 20


def test_an_object_raised_in_a_row_of_calls_names_the_last_place(call: Call) -> None:
    """It may pass other steps each time; the places of earlier calls are dropped."""
    error = ValueError("one object")

    def fails(_: Any) -> Any:
        raise error

    chains = [RunnableLambda(fails) | fine, RunnableLambda(fine) | fails]
    for _ in range(1_500):
        for chain in chains:
            with suppress(ValueError):
                chain.invoke(1)
    assert error.__notes__ == ["in step 2 of 2 (fails)"]
    check_raises(error, call, "stream", chains[0], 1)
    assert error.__notes__ == ["in step 1 of 2 (fails)"]
    frames, tb = 0, error.__traceback__
    while tb is not None:
        frames, tb = frames + 1, tb.tb_next
    assert frames < 1_100


def test_an_object_raised_for_each_item_of_a_batch_collects_nothing(call: Call) -> None:
    """Its note is about a few items at most: those that ran at the same time."""
    error = ValueError("one object")

    def fails(_: Any) -> Any:
        raise error

    chain = RunnableLambda(fine) | fails
    results = call.batch(chain, range(3_000), {"max_concurrency": 4}, return_exceptions=True)
    assert all(result is error for result in results)
    assert sum(map(len, error.__notes__)) < 4_000
    results = call.batch(chain, range(3), {"max_concurrency": 1}, return_exceptions=True)
    assert error.__notes__ == ["in step 2 of 2 (fails), batch item 2"]


def test_an_error_that_is_raised_again_on_its_way_keeps_its_places(call: Call) -> None:
    """A function may catch the error of a chain inside it, and raise it: that is one way out."""
    inner = RunnableLambda(fine) | (lambda _: 1 / 0)

    def collects(value: Any) -> Any:
        results = inner.batch([value], return_exceptions=True)
        raise results[0]

    chain = RunnableLambda(fine) | collects
    with pytest.raises(ZeroDivisionError) as caught:
        call.invoke(chain, 1)
    [note] = caught.value.__notes__
    assert note.startswith("in step 2 of 2 (RunnableLambda), batch item 0, step 2 of 2 (collects)")


def test_a_users_note_after_ours_stays(call: Call) -> None:
    """Places after it come in a note of their own."""
    error = ValueError("own")

    def notes(value: Any) -> Any:
        try:
            return inner.invoke(value)
        except ValueError as raised:
            raised.add_note("the user's")
            raise

    def fails(_: Any) -> Any:
        raise error

    inner = RunnableLambda(fine) | fails
    check_raises(error, call, "invoke", RunnableLambda(fine) | notes, 1)
    assert error.__notes__ == [
        "in step 2 of 2 (fails)",
        "the user's",
        "in step 2 of 2 (notes)",
    ]


def test_a_pickled_exception_can_get_more_places() -> None:
    """A process that gets it from another goes on with the note."""
    error = ValueError("own")
    add_location(error, "step 1 of 2 (a)")
    copied = pickle.loads(pickle.dumps(error))
    add_location(copied, "batch item 3", 0)
    assert copied.__notes__ == ["in step 1 of 2 (a), batch item 3"]
    assert error.__notes__ == ["in step 1 of 2 (a)"]


def test_chained_errors_of_one_object_are_bounded() -> None:
    """Each raise of one object adds a group of other errors; the oldest are dropped."""
    first = ValueError("one object")
    for number in range(3_000):
        chain_errors([first, OSError(number)], "the other attempts")
    groups, cause = 0, first.__cause__
    while cause is not None:
        groups, cause = groups + 1, cause.__cause__
    assert 1 <= groups <= 16
