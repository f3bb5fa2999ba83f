"""The closing of an async stream that was left open: by `break`, or when its loop ends.

- `break` cannot await it. It runs up to the first point where it has to wait, at once, and the rest
  in a task of its own.
- A loop that ends closes all async generators that it knows, at once. To close one while its owner
  awaits that is an error, which the loop prints. So it gets to know a stream, and no generator in
  it.
"""

from __future__ import annotations

import contextvars
import sys
import types
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runnables.engine.contexts import Steps
from runnables.engine.tasks import task_context

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

    from runnables.engine.stream import AsyncStream
else:
    from runnables.engine import lazy_asyncio as asyncio


def close_now(
    chunks: AsyncGenerator[Any, None],
    loop: asyncio.AbstractEventLoop,
    context: contextvars.Context | None,
) -> None:
    """Run `aclose` as far as it gets without waiting, and the rest of it when the loop goes on.

    An `async for` that is left cannot await anything, and Python would close the generator some
    time later. Most closing needs no waiting, so it is done when `break` is. All of it runs in one
    task of its own, so that a time limit within it does not cancel the task that has left the
    stream, and in the context of the task that has iterated, where its variables were set.
    """
    generator: Any = chunks  # typeshed's AsyncGenerator has no ag_... attributes
    if generator.ag_frame is None or generator.ag_running:
        return
    closing = chunks.aclose()
    here = context is not None and context is task_context()
    context = context or contextvars.copy_context()
    resume = _Resumed(closing)
    # not by the loop's task factory: an eager one would run it now, when nothing is awaited yet
    task = asyncio.Task(_finish(resume), loop=loop, context=context)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
    with _as_current(task, loop):
        try:
            if here:
                resume(closing.send, None)
            else:
                context.run(resume, closing.send, None)
        except StopIteration:
            pass
        except Exception as error:
            loop.call_exception_handler({"message": "A stream failed to close", "exception": error})


def hide_from_loop(generator: AsyncGenerator[Any, None]) -> bool:
    """Keep the running loop from adding a generator to those that it closes at its end.

    A generator asks once for the hook that adds it, at the first call of one of its methods.
    Return False where it has asked before.
    """
    if getattr(generator, "ag_suspended", False):  # it has begun; 3.11 does not tell
        return False
    asked: list[object] = []
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=asked.append)
    try:
        first: Any = generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(firstiter=hooks.firstiter)
    if sys.version_info >= (3, 12):
        # It would warn of a call that is never awaited. What has not begun refuses a value.
        try:
            first.send(asked)
        except (TypeError, StopAsyncIteration):
            pass
    return bool(asked)


class AtLoopEnd:
    """What an ending loop closes in place of a stream, in the context of the stream.

    The loop closes at once all that it knows. So a stream may be closed by a generator of the user
    that the loop closes, too: the first of the two closes it.
    """

    __slots__ = ("__weakref__", "_is_claimed", "_is_ending", "_stream")

    def __init__(self, stream: AsyncStream[Any]) -> None:
        self._stream = weakref.ref(stream)
        self._is_ending = self._is_claimed = False

    def aclose(self) -> Coroutine[Any, Any, None]:
        """Close the stream. The loop calls this of all streams before it awaits any of it."""
        self._is_ending = True
        return self._aclose()

    async def _aclose(self) -> None:
        stream = self._stream()
        if stream is not None:
            await stream.aclose()

    def claim(self) -> bool:
        """Tell whether its caller is to close the stream: not where another one does at the end."""
        is_first = not self._is_claimed
        self._is_claimed = self._is_ending
        return is_first


_closing: set[asyncio.Task[None]] = set()  # a loop itself holds tasks only weakly


@contextmanager
def _as_current(task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> Generator[None]:
    """Make this the loop's current task inside the block, as event loops themselves do."""
    outer = asyncio.current_task(loop)
    if outer is not None:
        asyncio.tasks._leave_task(loop, outer)
    asyncio.tasks._enter_task(loop, task)
    try:
        yield
    finally:
        asyncio.tasks._leave_task(loop, task)
        if outer is not None:
            asyncio.tasks._enter_task(loop, outer)


class _Resumed:
    """An `aclose` that goes on while the task that has left the stream goes on, in one context.

    What it sets in context variables meanwhile, that task does not see.
    """

    def __init__(self, closing: Any) -> None:
        self.closing = closing
        self.awaited: Any = None  # what it waits for
        self.is_done = False
        self._steps = Steps(None)

    def __call__(self, resume: Callable[[Any], Any], argument: Any) -> Any:
        """Resume it; return what it waits for, or raise StopIteration or its error."""
        self._steps.enter()
        self.is_done = True
        try:
            self.awaited = resume(argument)
            self.is_done = False
        finally:
            self._steps.leave(ended=self.is_done)
        return self.awaited


@types.coroutine
def _await_rest(resumed: _Resumed) -> Generator[Any, Any, None]:
    """Resume an `aclose` that waits, as `await` would."""
    awaited, closing = resumed.awaited, resumed.closing
    while True:
        try:
            sent = yield awaited
        except BaseException as error:
            resume, argument = closing.throw, error
        else:
            resume, argument = closing.send, sent
        try:
            awaited = resumed(resume, argument)
        except StopIteration:
            return


async def _finish(resumed: _Resumed) -> None:
    """Await the rest of an `aclose` that has begun."""
    if not resumed.is_done:
        await _await_rest(resumed)
