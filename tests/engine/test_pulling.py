"""Items that many tasks pull from one list: in order, each once, and no further than wanted."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from runnables.engine.pulling import NO_ITEM, Puller


class Counting(Puller):
    """Items that are doubled in a thread; 7 cannot be. It notes what was pulled."""

    def __init__(self, items: Any, ahead: int) -> None:
        super().__init__(items)
        self.is_blocking = True
        self.ahead = ahead
        self.pulled: list[int] = []

    def prepare(self, item: int) -> int:
        if item == 7:
            raise ValueError("no 7")
        self.pulled.append(item)
        return item * 2


async def _worker(puller: Puller, taken: list[int]) -> None:
    while (item := await puller.apull()) is not NO_ITEM:
        taken.append(item)
        await asyncio.sleep(0)


@pytest.mark.parametrize("ahead", [1, 3, 100])
@pytest.mark.parametrize("tasks", [1, 4])
def test_tasks_get_each_item_once_and_in_order(ahead: int, tasks: int) -> None:
    """However many a thread pulls at once."""

    async def main() -> list[int]:
        puller, taken = Counting(range(100, 120), ahead), list[int]()
        await asyncio.gather(*(_worker(puller, taken) for _ in range(tasks)))
        assert await puller.apull() is NO_ITEM
        return taken

    assert asyncio.run(main()) == list(range(200, 240, 2))


@pytest.mark.parametrize("ahead", [1, 3, 100])
def test_threads_get_each_item_once(ahead: int) -> None:
    """However many are pulled at once, for all of them; each thread gets its own in order."""
    puller, taken = Counting(range(100, 400), ahead), [list[int]() for _ in range(4)]

    def work(own: list[int]) -> None:
        while (item := puller.pull()) is not NO_ITEM:
            own.append(item)

    threads = [threading.Thread(target=work, args=(own,)) for own in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(item for own in taken for item in own) == list(range(200, 800, 2))
    assert all(own == sorted(own) for own in taken)
    assert puller.pull() is NO_ITEM


def test_a_thread_gets_the_items_before_one_that_fails() -> None:
    """Then its error, and no more."""
    puller = Counting([5, 6, 7, 8], 100)
    assert [puller.pull(), puller.pull()] == [10, 12]
    with pytest.raises(ValueError, match="no 7"):
        puller.pull()
    assert puller.pull() is NO_ITEM


def test_no_more_is_pulled_from_a_list_than_was_asked_for() -> None:
    """Three ahead; from an iterator, whose next item may have to be waited for, one at a time."""

    async def first(items: Any) -> list[int]:
        puller = Counting(items, 3)
        assert await puller.apull() == 0
        return puller.pulled

    assert asyncio.run(first([0, 1, 2, 3])) == [0, 1, 2]
    assert asyncio.run(first(iter([0, 1, 2, 3]))) == [0]


@pytest.mark.parametrize("ahead", [1, 100])
def test_items_before_one_that_fails_are_given_out(ahead: int) -> None:
    """Its error comes in its place, once; then there are no more."""

    async def main() -> None:
        puller = Counting([5, 6, 7, 8], ahead)
        assert [await puller.apull(), await puller.apull()] == [10, 12]
        with pytest.raises(ValueError, match="no 7"):
            await puller.apull()
        assert await puller.apull() is NO_ITEM

    asyncio.run(main())


def test_no_thread_is_asked_once_it_is_over() -> None:
    """A job of a million rows that stops early pulls none of the rest."""

    async def main() -> None:
        for items in ([1, 2, 3], iter([1, 2, 3])):
            puller = Counting(items, 1)
            await puller.apull()
            puller.is_over = True
            pulled = puller.apull()
            with pytest.raises(StopIteration) as ended:  # it ends without waiting for anything
                pulled.send(None)
            assert ended.value.value is NO_ITEM

    asyncio.run(main())


def test_a_task_that_is_cancelled_leaves_items_to_the_others() -> None:
    """Also the one for which a thread pulls, and those that wait for it."""
    entered, released = asyncio.Event(), asyncio.Event()

    class Slow(Counting):
        def prepare(self, item: int) -> int:
            if item == 0:
                loop.call_soon_threadsafe(entered.set)
                asyncio.run_coroutine_threadsafe(released.wait(), loop).result()
            return super().prepare(item)

    async def main() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        puller, taken = Slow(range(7), 2), list[int]()
        asking, waiting = (asyncio.ensure_future(puller.apull()) for _ in range(2))
        worker = asyncio.create_task(_worker(puller, taken))
        await entered.wait()
        asking.cancel()
        waiting.cancel()
        await asyncio.wait([asking, waiting])
        released.set()
        await worker
        assert taken == [2 * number for number in range(taken[0] // 2, 7)]

    loop: asyncio.AbstractEventLoop
    asyncio.run(main())
