"""Law 12: handlers, tags and the user's own context variables reach nested calls."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from runnables import RunnableLambda
from tests.both_modes import Call
from tests.laws.recorder import Recorder

NAME: ContextVar[str] = ContextVar("NAME", default="unset")


def test_what_step_1_sets_is_seen_by_step_2(call: Call) -> None:
    """This holds through worker threads, invoked and streamed."""

    def sets(value: str) -> str:
        NAME.set(value)
        return value

    chain = RunnableLambda(sets) | RunnableLambda(lambda _: NAME.get())
    assert call.invoke(chain, "Ada") == "Ada"
    assert call.stream(chain, "Bob")[-1] == "Bob"


def test_items_of_a_batch_do_not_see_each_other(call: Call) -> None:
    """Each item has its own copy of the caller's context."""

    def swap(value: str) -> str:
        before = NAME.get()
        NAME.set(value)
        return before

    token = NAME.set("caller")
    try:
        assert call.batch(RunnableLambda(swap), ["a", "b", "c"]) == ["caller"] * 3
        assert NAME.get() == "caller"
    finally:
        NAME.reset(token)


def test_calls_inside_functions_belong_to_the_run_around_them(call: Call) -> None:
    """Handlers, tags and metadata reach `chain.invoke` in a user's function, and its batch."""
    inner = RunnableLambda(lambda number: number + 1, name="inner")

    def outer(value: int) -> Any:
        return [inner.invoke(value), *inner.batch([value, value])]

    recorder = Recorder()
    config = {**recorder.config, "tags": ["t"], "metadata": {"user": 7}}
    assert call.invoke(RunnableLambda(outer, name="outer"), 1, config) == [2, 2, 2]
    (around,) = recorder.of("outer")
    below = recorder.of("inner")
    assert [event.parent_id for event in below] == [around.run_id] * 3
    assert all("t" in event.tags and event.metadata["user"] == 7 for event in below)
