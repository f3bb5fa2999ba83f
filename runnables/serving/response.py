"""The HTTP response of a run, which stops the run as soon as its client has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from anyio import CancelScope
from starlette.responses import Response

from runnables.engine.tasks import wait_all
from runnables.serving.failures import CANCELLED, LATE, logger
from runnables.serving.parts import Failure, Part
from runnables.serving.sse import COMMENT
from runnables.serving.tasks import Turns

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

KEEP_ALIVE: Final = 10.0
"""After how many seconds without a frame, or at most twice as many, a comment is sent, so that
proxies keep the connection."""

EVENT_STREAM: Final = "text/event-stream"
EVENT_HEADERS: Final[Mapping[str, str]] = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""What keeps caches and proxies from holding frames back."""

_CLIENT_LEFT: Final = 499
"""The status for the log of a request whose client left before any byte was sent (nginx's)."""


@dataclass(frozen=True)
class AnswerFormat:
    """What a protocol makes of one answer.

    Attributes:
        encode: returns the bytes of a part; none where the protocol does not show it.
        refuse: makes the response of a failure before the first byte.
        media_type: the content type; with "text/event-stream", comments keep a silent connection.
        headers: more headers.
    """

    encode: Callable[[Part], bytes]
    refuse: Callable[[Failure], Response]
    media_type: str = EVENT_STREAM
    headers: Mapping[str, str] = field(default_factory=lambda: EVENT_HEADERS)

    def encoded(self, part: Part) -> bytes | Failure:
        """Return the bytes of a part; a failure where it has no form in JSON."""
        try:
            return self.encode(part)
        except Exception:
            logger.exception("a part of an answer cannot be encoded")
            return Failure("The answer cannot be sent.")


class Host(Protocol):
    """What decides about the answers that are sent, and counts them."""

    @property
    def max_seconds(self) -> float | None:
        """The longest time of one answer; None: any."""
        ...

    def begin(self, response: RunResponse, /) -> Failure | None:
        """Count an answer that begins; return why it must not."""
        ...

    def end(self, response: RunResponse, /, *, was_left: bool) -> None:
        """Count an answer that has ended."""
        ...

    def count_failure(self) -> None:
        """Count an answer that has failed."""
        ...


class RunResponse(Response):
    """A response whose body is made while it is sent.

    The client's leaving cancels the run: each `finally` in it has ended, also those that await,
    before the response returns. (Starlette's own StreamingResponse cancels a second time, within
    each `await` of a `finally`, and does not end a run that waits for a slow reader.)

    A failure before the first byte becomes a status; one after it the protocol's own last frame.

    Args:
        parts: the parts of the answer; the response closes them.
        answer_format: the protocol.
        host: the longest time, and the counts of what is open.
    """

    def __init__(
        self, parts: AsyncGenerator[Part, None], answer_format: AnswerFormat, host: Host
    ) -> None:
        super().__init__(media_type=answer_format.media_type, headers=dict(answer_format.headers))
        del self.headers["content-length"]
        self._parts = parts
        self._format = answer_format
        self._host = host
        self._work: asyncio.Task[None] | None = None
        self._is_cancelled = False
        self._stopped: Failure | None = None
        self._has_started = False
        self._has_ended = False
        self._is_sending = False
        self._has_sent = False  # since the last look

    def stop(self, failure: Failure) -> None:
        """End the run; its client reads this failure as the end."""
        self._stopped = self._stopped or failure
        self._cancel_work()

    def _cancel_work(self) -> None:
        """Cancel the run once: a second time would cut each `await` of a `finally` in it."""
        if self._work is not None and not self._is_cancelled:
            self._is_cancelled = True
            self._work.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, until it ends or the client has left."""
        if (failure := self._host.begin(self)) is not None:
            await self._format.refuse(failure)(scope, receive, send)
            return
        self._work = work = asyncio.create_task(self._send_all(scope, receive, send))
        left = asyncio.create_task(_left(receive))
        helpers: list[asyncio.Task[None]] = [left]
        if self._format.media_type == EVENT_STREAM:
            helpers.append(asyncio.create_task(self._keep_alive(send)))
        limit = self._host.max_seconds
        timer = None
        if limit is not None:
            timer = asyncio.get_running_loop().call_later(limit, self.stop, LATE)
        try:
            await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            was_left = not work.done() and self._stopped is None
            if timer is not None:
                timer.cancel()
            with CancelScope(shield=True):  # anyio would cancel each `await` of a `finally` again
                try:
                    self._cancel_work()
                    for helper in helpers:
                        helper.cancel()
                    await wait_all({*helpers, work})
                    await wait_all({asyncio.ensure_future(self._parts.aclose())})
                finally:
                    self._host.end(self, was_left=was_left)
        if not work.cancelled():
            with suppress(OSError):  # the client has left
                work.result()
        elif not was_left:
            await self._send_failure(self._stopped or CANCELLED, scope, receive, send)
        elif not self._has_started:
            # Middleware that waits for a response would log an error without one.
            await Response(status_code=_CLIENT_LEFT)(scope, receive, send)

    async def _send_all(self, scope: Scope, receive: Receive, send: Send) -> None:
        turns = Turns()
        async for part in self._parts:
            encoded = part if isinstance(part, Failure) else self._format.encoded(part)
            if isinstance(encoded, Failure):
                await self._send_failure(encoded, scope, receive, send)
                return
            if encoded:
                await self._send(send, encoded)
            await turns.give()
        await self._end(send)

    async def _send_failure(
        self, failure: Failure, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._host.count_failure()
        if not self._has_started:
            self._has_started = self._has_ended = True
            await self._format.refuse(failure)(scope, receive, send)
        elif not self._has_ended:
            await self._send(send, self._format.encode(failure))
            await self._end(send)

    async def _send(self, send: Send, frame: bytes) -> None:
        if not self._has_started:
            self._has_started = True
            await send({
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            })  # fmt: skip
        self._is_sending = self._has_sent = True
        await send({"type": "http.response.body", "body": frame, "more_body": True})
        self._is_sending = False

    async def _end(self, send: Send) -> None:
        self._has_ended = True
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _keep_alive(self, send: Send) -> None:
        """Send a comment whenever nothing was sent for a while; the first one sends the status."""
        while not self._has_ended:
            self._has_sent = False
            await asyncio.sleep(KEEP_ALIVE)
            if not (self._has_sent or self._is_sending):
                with suppress(OSError):
                    await self._send(send, COMMENT)


async def _left(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
