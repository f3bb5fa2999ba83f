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
    """The user's own exception comes out, no wrapper, with exactly this note."""
    with pytest.raises(Exception, match="own") as caught:
        do()
    assert type(caught.value) is ValueError, "the exception is not the user's own"
    assert str(caught.value) == "own"
    assert caught.value.__notes__ == [note]


@pytest.mark.parametrize(
    ("runnable", "value", "note"), [it[1:] for it in WHERE], ids=[it[0] for it in WHERE]
)
def test_one_note_says_where(runnable: Any, value: Any, note: str, call: Call) -> None:
    """The user's own exception, unwrapped, with exactly one note; in whole and in pieces."""
    for do in (call.invoke, call.stream):
        check_where(lambda do=do: do(runnable, value), note)


def test_a_batch_names_the_item(call: Call) -> None:
    """After the steps inside it; collected exceptions say it, too."""

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


def test_a_note_of_the_users_stays(call: Call) -> None:
    """Ours comes after theirs and goes on in a line of its own."""

    def noted(_: Any) -> Any:
        error = ValueError("own")
        error.add_note("mine")
        raise error

    with pytest.raises(ValueError, match="own") as caught:
        call.invoke(RunnableLambda(noted) | fine, 1)
    assert caught.value.__notes__ == ["mine", "in step 1 of 2 (noted)"]


@pytest.mark.parametrize("config", [None, Recorder().config], ids=["unwatched", "watched"])
def test_a_traceback_has_few_frames_of_ours(config: Any) -> None:
    """Sequence and function: the user's frames, and at most two of ours a level."""
    with pytest.raises(ValueError, match="own") as caught:
        (RunnableLambda(fine) | fails).invoke(1, config)
    frames = traceback.extract_tb(caught.value.__traceback__)
    ours = [it.name for it in frames if ROOT_OF_OURS in it.filename]
    assert frames[-1].name == "fails"
    assert len(ours) <= 4, ours
