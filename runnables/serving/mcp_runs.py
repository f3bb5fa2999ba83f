"""The run of a chain for a client of MCP, which stops when the client asks for it or has left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from anyio import CancelScope

from runnables.engine.tasks import wait_all
from runnables.serving.mcp_tool import answered, failed
from runnables.serving.parts import Failure, MessageEnd, Part, Step, TextDelta, Value

if TYPE_CHECKING:
    from mcp.types import CallToolResult

    from runnables.serving.running import ChainRun
    from runnables.serving.service import Service

Report: TypeAlias = Callable[[int, str | None], Awaitable[object]]
"""Reports progress: how many steps there were, and a message."""


class McpRun:
    """One call of a tool.

    Args:
        run: the run of the chain.
        service: the limits, and the counts of what is open.
        report: reports progress; None where the client has not asked for it.
    """

    def __init__(self, run: ChainRun, service: Service, report: Report | None) -> None:
        self._parts = run.parts()
        self._service = service
        self._report = report
        self._steps = 0
        self._work: asyncio.Task[CallToolResult] | None = None
        self._stopped: Failure | None = None
        self._is_cancelled = False
        self._was_left = False

    def leave(self) -> None:
        """End the run, as its client does not wait for it any more."""
        self._was_left = True
        self._cancel_work()

    def stop(self, failure: Failure) -> None:
        """End the run; its client reads this failure as the answer."""
        self._stopped = self._stopped or failure
        self._cancel_work()

    def _cancel_work(self) -> None:
        """Cancel the run once: a second time would cut each `await` of a `finally` in it."""
        if self._work is not None and not self._is_cancelled:
            self._is_cancelled = True
            self._work.cancel()

    async def answer(self) -> CallToolResult:
        """Run the chain, and return the answer of the call.

        Raises:
            CancelledError: the client has left, or asked for an end; each `finally` has run.
        """
        if (failure := self._service.begin(self)) is not None:
            return failed(failure.message)
        self._work = work = asyncio.create_task(self._read())
        try:
            await asyncio.wait({work}, timeout=self._service.limits.max_seconds)
            if not work.done():
                self.stop(Failure("The answer took too long.", 504, "timeout"))
        finally:
            if not work.done() and self._stopped is None:
                self._was_left = True
            with CancelScope(shield=True):  # the SDK would cancel each `await` of a `finally` again
                try:
                    if not work.done():
                        self._cancel_work()
                    await wait_all({work})
                    await wait_all({asyncio.ensure_future(self._parts.aclose())})
                finally:
                    self._service.end(self, was_left=self._was_left)
        if not work.cancelled():
            return work.result()
        if not self._was_left:
            self._service.count_failure()
        return failed((self._stopped or Failure("The chain has been cancelled.")).message)

    async def _read(self) -> CallToolResult:
        deltas: list[str] = []
        last: str | None = None
        value: Any = None
        async for part in self._parts:
            match part:
                case TextDelta():
                    deltas.append(part.text)
                case MessageEnd():
                    last = part.message.text
                case Value():
                    value = part
                case Failure():
                    self._service.count_failure()
                    return failed(part.message)
                case _:
                    pass
            if self._report is not None:
                await self._report_part(self._report, part)
        if value is not None:
            return answered(value.value)
        return answered("".join(deltas) if last is None else last)

    async def _report_part(self, report: Report, part: Part) -> None:
        match part:
            case TextDelta():
                message: str | None = part.text
            case Step(status="running"):
                message = part.name
            case Value(is_whole=False):
                message = None
            case _:
                return
        self._steps += 1
        await report(self._steps, message)
