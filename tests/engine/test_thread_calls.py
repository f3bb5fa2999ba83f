"""Sync functions in async runs, each in a worker thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from runnables import RunnableConfig, RunnableLambda, RunnableParallel

LONG = 5
"""Seconds until a test stops waiting for what would never come."""


def test_a_cancelled_call_leaves_no_scope_behind() -> None:
    """Its tags, handlers and limit do not apply to what the same task does next."""
    goes_on = threading.Event()

    def tags(_: object, config: RunnableConfig) -> list[str]:
        return config.get("tags", [])

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()

        def block(_: int) -> None:
            loop.call_soon_threadsafe(task.cancel)
            goes_on.wait(LONG)

        with pytest.raises(asyncio.CancelledError):
            await RunnableLambda(block).ainvoke(1, {"tags": ["of the cancelled call"]})
        task.uncancel()
        goes_on.set()
        assert await RunnableLambda(tags, blocking=False).ainvoke(1) == []

    asyncio.run(main())


class HidesItsNames(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise KeyError(name)


class Falsy(Exception):
    def __bool__(self) -> bool:
        raise KeyError("bool")

    def __eq__(self, other: object) -> bool:
        raise KeyError("eq")

    def __hash__(self) -> int:
        raise KeyError("hash")


@pytest.mark.parametrize("kind", [HidesItsNames, Falsy, ValueError])
def test_an_error_whose_class_misbehaves_is_raised(kind: type[Exception]) -> None:
    """By sync functions and generators, in a thread or not, and no call waits for ever."""

    def fail(_: Any) -> Any:
        raise kind("own")

    def fail_later(_: Any) -> Iterator[str]:
        yield "a"
        raise kind("own")

    async def raised(call: Coroutine[Any, Any, Any]) -> object:
        try:
            async with asyncio.timeout(5):
                return await call
        except BaseException as error:
            return type(error)

    async def read(chain: Any) -> list[Any]:
        return [chunk async for chunk in chain.astream("a")]

    for function in (fail, fail_later):
        step: Any = RunnableLambda(function)
        for chain in (step, step | step, RunnableParallel(a=step, b=len), step.with_timeout(5)):
            with pytest.raises(BaseException) as caught:
                chain.invoke("a")
            assert caught.type is kind
            assert asyncio.run(raised(chain.ainvoke("a"))) is kind
            assert asyncio.run(raised(chain.abatch(["a", "b"]))) is kind
            assert asyncio.run(raised(read(chain))) is kind
