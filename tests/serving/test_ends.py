"""Every answer has an end that its client understands, whatever happens to the run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from runnables import RunnableGenerator
from runnables.serving import create_app
from runnables.serving.service import Service
from tests.serving.requests_of import PROTOCOLS, Protocol

STREAMED = [protocol for protocol in PROTOCOLS if protocol.streamed]


class Call:
    """One request to an application, whose client a test lets leave.

    Attributes:
        service: what the application serves.
        has_first: set when the first chunk has been sent.
        has_left: set it, and the client has left.
        sent: the bodies that were sent.
        status: the status that was sent.
    """

    def __init__(self, answer: Any, protocol: Protocol) -> None:
        self._app = create_app({"up": RunnableGenerator(answer)}, shows_steps=True)
        self.service: Service = self._app.state.service
        self.has_first, self.has_left = asyncio.Event(), asyncio.Event()
        self.sent: list[bytes] = []
        self.status = 0
        body = json.dumps(protocol.body("up", "hi")).encode()
        self._requests: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]
        path = protocol.path.format(name="up")
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        self._scope = {"type": "http", "method": "POST", "path": path, "headers": headers,
                       "query_string": b"", "root_path": ""}  # fmt: skip

    async def run(self) -> bytes:
        """Send the request; return all that was sent back."""
        await self._app(self._scope, self._receive, self._send)
        return b"".join(self.sent)

    async def _receive(self) -> Any:
        if self._requests:
            return self._requests.pop()
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.sent.append(message.get("body", b""))
        if b"first" in self.sent[-1]:
            self.has_first.set()


def stop(call: Call) -> None:
    """Shut down the server."""
    call.service.stop()


def leave(call: Call) -> None:
    """Let the client leave."""
    call.has_left.set()


@pytest.mark.parametrize("ends", [(stop, stop), (stop, leave), (leave, stop)])
@pytest.mark.parametrize("protocol", STREAMED, ids=lambda protocol: protocol.name)
async def test_a_run_that_is_ended_twice_closes_once_and_wholly(
    protocol: Protocol, ends: tuple[Callable[[Call], None], ...]
) -> None:
    """A second end cuts no `finally` that waits: the connection of the service is closed."""
    is_closing, may_close, closed = asyncio.Event(), asyncio.Event(), list[str]()

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in inputs:
            pass
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            is_closing.set()
            await may_close.wait()
            closed.append("closed")

    call = Call(answer, protocol)
    running = asyncio.create_task(call.run())
    await call.has_first.wait()
    ends[0](call)
    await is_closing.wait()
    ends[1](call)
    await settled()
    may_close.set()
    await running
    assert closed == ["closed"]
    assert call.service.counts.open == 0


async def settled() -> None:
    """Let all tasks go on as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("after_first", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
async def test_a_chain_that_cancels_itself_has_failed(
    protocol: Protocol, after_first: bool
) -> None:
    """Its client has not left, and reads an error instead of an answer that looks whole."""

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in inputs:
            pass
        if after_first:
            yield "first"
        raise asyncio.CancelledError

    call = Call(answer, protocol)
    received = await call.run()
    assert b"has been cancelled" in received
    assert call.status in (200, 500)
    assert (call.service.counts.left, call.service.counts.failed) == (0, 1)


class NoText:
    """A value that has no form in JSON, and no text."""

    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
async def test_an_output_that_cannot_be_sent_is_an_error(protocol: Protocol) -> None:
    """The client reads an error, and the stream ends with it."""

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[Any]:
        async for _ in inputs:
            pass
        yield {"a": 1}
        yield {"b": NoText()}

    call = Call(answer, protocol)
    assert b"cannot be sent" in await call.run()
    assert call.service.counts.failed == 1


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
async def test_half_a_character_does_not_end_an_answer(protocol: Protocol) -> None:
    """Some services cut text within a character; what comes behind it arrives all the same."""

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in inputs:
            pass
        for text in ("a\ud83d", "\ude00", "behind"):
            yield text

    received = (await Call(answer, protocol).run()).decode()
    assert "behind" in received
    if not protocol.streamed:
        assert "a😀behind" in received
