"""Sync handlers of LangChain in async calls of ours: their threads, and cancellations meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from runnables import RunnableLambda
from tests.interop.watching import Trace


def test_langchains_handler_gets_an_end_though_the_call_is_cancelled_meanwhile() -> None:
    """The call waits for it, as a tracer needs the end of each run that it knows."""
    seen: list[bool] = []

    async def main() -> None:
        loop, turned = asyncio.get_running_loop(), threading.Event()

        def turn(left: int) -> None:
            if left:
                loop.call_soon(turn, left - 1)
            else:
                turned.set()

        def cancel() -> None:
            task.cancel()
            turn(50)  # by then, a task that does not wait has ended

        class Slow(BaseCallbackHandler):
            def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
                loop.call_soon_threadsafe(cancel)
                turned.wait()
                seen.append(task.done())

        task = asyncio.create_task(RunnableLambda(str).ainvoke("a", {"callbacks": [Slow()]}))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == [False]


async def test_langchains_handlers_use_no_threads_of_the_callers_loop() -> None:
    """Those would stay for as long as the loop."""
    trace, before = Trace(), set(threading.enumerate())
    await RunnableLambda(str).ainvoke("a", {"callbacks": [trace]})
    assert trace.tree() == [(0, "str")]
    new = {thread.name for thread in set(threading.enumerate()) - before}
    assert not [name for name in new if name.startswith("asyncio")]
