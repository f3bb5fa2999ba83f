"""Law 9: an error says where it happened, in one note on the user's own exception."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from runnables import RunnableLambda, RunnableParallel
from tests.both_modes import Call
from tests.laws.recorder import Recorder
from tests.laws.specimens import NO_BACKOFF

ROOT_OF_OURS = "/runnables/"


def fails(_: Any) -> Any:
    raise ValueError("own")


def fine(value: Any) -> Any:
    return value


STEP = RunnableLambda(fails)
WHERE: list[tuple[str, Any, Any, str]] = [
    ("sequence", RunnableLambda(fine) | fails | fine, 1, "in step 2 of 3 (fails)"),
    ("parallel", RunnableParallel(summary=STEP), 1, 'in branch "summary"'),
    ("map", STEP.map(), [1], "in item 0"),
    ("retry", STEP.with_retry(**NO_BACKOFF, stop_after_attempt=1), 1, "in attempt 1"),
    (
        "nested",
        RunnableLambda(fine) | RunnableParallel(summary=RunnableLambda(fine) | fails),
        1,
        'in step 2 of 2 (fails), branch "summary", step 2 of 2 (RunnableParallel<summary>)',
    ),
    (
        "retry in a sequence",
        RunnableLambda(fine) | STEP.with_retry(**NO_BACKOFF, stop_after_attempt=1),
        1,
        "in attempt 1, step 2 of 2 (RunnableRetry)",
    ),
]


def check_where(do: Callable[[], Any], note: str) -> None:
    """Check that the user's own exception is raised, with exactly this note."""
    with pytest.raises(Exception, match="own") as caught:
        do()
    assert type(caught.value) is ValueError, "the exception is not the user's own"
    assert str(caught.value) == "own"
    assert caught.value.__notes__ == [note]


@pytest.mark.parametrize(
    ("runnable", "value", "note"), [case[1:] for case in WHERE], ids=[case[0] for case in WHERE]
)
def test_one_note_says_where(runnable: Any, value: Any, note: str, call: Call) -> None:
    """The user's own exception has exactly one note, invoked and streamed."""
    for do in (call.invoke, call.stream):
        check_where(lambda do=do: do(runnable, value), note)


def test_a_batch_names_the_item(call: Call) -> None:
    """The note of an item has its steps first, also in a collected exception."""

    def third(number: int) -> int:
        if number == 2:
            raise ValueError("own")
        return number

    chain = RunnableLambda(fine) | third
    with pytest.raises(ValueError, match="own") as caught:
        call.batch(chain, range(3))
    assert caught.value.__notes__ == ["in step 2 of 2 (third), batch item 2"]
    collected = call.batch(chain, range(3), return_exceptions=True)
    assert collected[2].__notes__ == ["in step 2 of 2 (third), batch item 2"]


def test_a_note_of_the_user_stays(call: Call) -> None:
    """The library's note follows it, as a note of its own."""

    def noted(_: Any) -> Any:
        error = ValueError("own")
        error.add_note("mine")
        raise error

    with pytest.raises(ValueError, match="own") as caught:
        call.invoke(RunnableLambda(noted) | fine, 1)
    assert caught.value.__notes__ == ["mine", "in step 1 of 2 (noted)"]


@pytest.mark.parametrize("config", [None, Recorder().config], ids=["plain", "observed"])
def test_a_traceback_has_few_frames_of_the_library(config: Any) -> None:
    """A sequence and a function add at most two frames each to those of the user."""
    with pytest.raises(ValueError, match="own") as caught:
        (RunnableLambda(fine) | fails).invoke(1, config)
    frames = traceback.extract_tb(caught.value.__traceback__)
    ours = [frame.name for frame in frames if ROOT_OF_OURS in frame.filename]
    assert frames[-1].name == "fails"
    assert len(ours) <= 4, ours
