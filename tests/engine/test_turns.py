"""Turns: one after another, in order, across threads and event loops; none is left behind."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from runnables.engine import turns
from runnables.engine.turns import Turn, await_turn, current_reader, wait_turn


def test_turns_of_one_key_go_in_order() -> None:
    """Places are taken when turns are made; threads and tasks wait in one queue."""
    order: list[int] = []
    made = [Turn("key") for _ in range(6)]

    def in_thread(turn: Turn) -> None:
        wait_turn(turn)
        order.append(made.index(turn))
        turn.end()

    async def in_task(turn: Turn) -> None:
        await await_turn(turn)
        order.append(made.index(turn))
        turn.end()

    async def main() -> None:
        await asyncio.gather(*map(in_task, made[1::2]))

    threads = [threading.Thread(target=in_thread, args=(turn,)) for turn in reversed(made[0::2])]
    for thread in threads:
        thread.start()
    asyncio.run(main())
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4, 5]


def test_turns_of_other_keys_do_not_wait() -> None:
    """Each key has a queue of its own, which is gone with its turns."""
    first, second = Turn("a"), Turn("b")
    assert first.is_first
    assert second.is_first
    first.end()
    second.end()
    del first, second
    assert "a" not in turns._queues


def test_a_turn_inside_a_turn_is_within_it() -> None:
    """It begins at once, and is first among those inside; outside of it, others wait."""
    outer = Turn("key")
    with outer.active():
        inner, sibling = Turn("key"), Turn("key")
    outside = Turn("key")
    assert inner.is_first
    assert not sibling.is_first
    inner.end()
    assert sibling.is_first
    assert not outside.is_first
    outer.end()
    assert outside.is_first
    sibling.end()
    outside.end()


def test_what_outlives_a_turn_waits_like_others() -> None:
    """A task that a call has started is inside its turn only as long as that lasts."""
    outer = Turn("key")
    with outer.active():
        outer.end()
        late, other = Turn("key"), Turn("key")
    assert late.is_first
    assert not other.is_first
    late.end()
    other.end()


def test_a_waiting_task_that_is_cancelled_leaves_the_queue() -> None:
    """The turn behind it begins."""

    async def main() -> None:
        first, second, third = Turn("key"), Turn("key"), Turn("key")
        waiting = asyncio.create_task(await_turn(second))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        second.end()
        first.end()
        await await_turn(third)
        third.end()

    asyncio.run(main())


def test_the_turn_of_a_closed_event_loop_has_ended() -> None:
    """It can end itself no more; what waits behind it begins."""
    dead = Turn("key")
    asyncio.run(await_turn(dead))
    after = Turn("key")
    wait_turn(after)
    assert after.is_first
    dead.end()
    assert after.is_first
    after.end()


def test_waiting_for_a_stream_that_one_reads_oneself_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not for one that another thread reads, nor for one that goes on meanwhile."""
    monkeypatch.setattr(turns, "STUCK_SECONDS", 0.02)
    stream, waiting = Turn("key"), Turn("key")
    stream.pause(current_reader())
    with pytest.raises(RuntimeError, match="would wait forever"):
        wait_turn(waiting)
    stream.pause("another thread")
    ended = threading.Timer(0.2, stream.end)
    ended.start()
    wait_turn(waiting)
    waiting.end()
    ended.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are of POSIX")
def test_a_forked_child_waits_for_no_turn_of_its_parent() -> None:
    """The calls of the parent do not run there."""
    held = Turn("key")
    child = os.fork()
    if child == 0:
        turn = Turn("key")
        os._exit(0 if turn.is_first else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert held.is_first
    held.end()
