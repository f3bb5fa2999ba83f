"""Async context managers that a task of their own holds open, since some must be left where they
were entered.

A client with a task group has to be left in the task that has entered it. Here that task does
nothing else, so any other may ask for the end.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
else:
    from runnables.engine import lazy_asyncio as asyncio

T = TypeVar("T")


class HeldOpen(Generic[T]):
    """A context manager that is held open.

    Args:
        make: makes the context manager, in the task that holds it open.
    """

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._make = make
        self._task: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._is_open = False

    async def open(self, seconds: float | None = None) -> T:
        """Enter it; return what it returns.

        Args:
            seconds: how long that may take; None: any time.

        Raises:
            TimeoutError: it took longer.
            BaseException: what entering it has raised.
        """
        opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(opened))
        try:
            waited: set[asyncio.Future[Any]] = {opened, self._task}
            await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not opened.done():
                if self._task.done():
                    self._task.result()  # raises
                raise TimeoutError
        except BaseException:
            await self.close()
            raise
        return opened.result()

    async def _hold(self, opened: asyncio.Future[T]) -> None:
        async with self._make() as value:
            self._is_open = True
            opened.set_result(value)
            await self._over.wait()

    async def close(self) -> None:
        """Leave it, and wait until that is done. What it raises then is dropped."""
        if self._task is not None:
            self._over.set()
            if not self._is_open:
                self._task.cancel()
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.exception()  # asyncio would log one that was never retrieved


class Openable(Protocol):
    """What is opened and closed."""

    async def open(self) -> object:
        """Open it."""

    async def close(self) -> None:
        """Close it, also where opening it has failed."""


async def open_all(things: Sequence[Openable]) -> None:
    """Open several at once; where one fails, close all of them.

    Raises:
        BaseException: the first error.
    """
    found = await asyncio.gather(*(thing.open() for thing in things), return_exceptions=True)
    for outcome in found:
        if isinstance(outcome, BaseException):
            await close_all(things)
            raise outcome


async def close_all(things: Sequence[Openable]) -> None:
    """Close several at once."""
    await asyncio.gather(*(thing.close() for thing in things))
