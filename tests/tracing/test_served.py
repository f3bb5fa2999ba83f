"""Traces of served chains: the trace of the request goes on, and leaving ends the spans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from opentelemetry import propagate
from opentelemetry.context import attach, detach

from runnables import RunnableGenerator
from runnables.serving.app import create_app
from runnables_providers.scripted import ScriptedChatModel
from tests.serving.requests_of import PROTOCOLS, Protocol
from tests.serving.servers import cut, raw_request, serving, wait_for
from tests.tracing.receiver import Receiver

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Traced:
    """An app around another, which takes the trace of each request, as instrumentations do."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request within the trace that its headers name."""
        headers = {name.decode(): value.decode() for name, value in scope.get("headers", ())}
        token = attach(propagate.extract(headers))
        try:
            await self._app(scope, receive, send)
        finally:
            detach(token)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
async def test_the_trace_of_a_request_goes_on(protocol: Protocol, receiver: Receiver) -> None:
    """The outermost run is a child of the caller's span, in every protocol."""
    model = ScriptedChatModel(["Ahoy!"], cycle=True)
    traced = model.with_config(callbacks=[receiver.handler()])
    transport = httpx.ASGITransport(app=Traced(create_app({"up": traced}, shows_steps=True)))
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        path = protocol.path.format(name="up")
        answer = await client.post(path, json=protocol.body("up", "Hi"), headers=headers)
    assert answer.status_code == 200
    parent = receiver.span("ScriptedChatModel").parent
    assert parent is not None
    assert f"{parent.trace_id:032x}-{parent.span_id:016x}" == f"{TRACE}-{SPAN}"


async def _answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
    async for _ in inputs:
        yield "first"
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "protocol", [one for one in PROTOCOLS if one.streamed], ids=lambda protocol: protocol.name
)
def test_a_client_that_leaves_ends_the_spans(protocol: Protocol, receiver: Receiver) -> None:
    """They are stopped, and no context is detached where it was not attached."""
    chain = RunnableGenerator(_answer).with_config(callbacks=[receiver.handler()])
    with serving({"up": chain}, shows_steps=True) as served:
        body = protocol.body("up", "Hi")
        connection = raw_request(served, protocol.path.format(name="up"), body)
        received = b""
        while b"first" not in received:
            received += connection.recv(4096)
        cut(connection)
        wait_for(lambda: receiver.spans)
    assert "runnables.stopped" in receiver.attributes("_answer")
