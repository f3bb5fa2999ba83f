"""Tests of failures: refusals, timeouts, broken connections, and streams that are closed early."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from typing import Any

from runnables.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from runnables.testing.base import ModelTests
from runnables.testing.replay_server import (
    Disconnect,
    ReplayServer,
    Stall,
    StreamedResponse,
    StreamEnd,
)
from runnables.testing.require_pytest import pytest
from runnables.testing.sync_async import SyncAsyncCall, on_new_loop
from runnables.testing.wire_format import Response, ScriptedReply

STATUSES = [
    (400, InvalidRequestError),
    (401, AuthenticationError),
    (403, PermissionDeniedError),
    (404, InvalidRequestError),
    (408, ModelTimeoutError),
    (413, InvalidRequestError),
    (429, RateLimitError),
    (500, ServerError),
    (503, ServerError),
]
NUMBERS = ScriptedReply("one two three four five six seven eight nine ten eleven twelve")
GARBAGE = [
    pytest.param(Response(b'{"half": ', 200), id="half of a JSON object"),
    pytest.param(Response(b"<html>Bad gateway</html>", 200, content_type="text/html"), id="HTML"),
    pytest.param(Response(b"", 200), id="an empty body"),
    pytest.param(Response({}, 200), id="an empty object"),
    pytest.param(Response([1, 2], 200), id="a list"),
]
TIMEOUT_MARGIN = 20.0
"""Seconds within which a timeout was raised, also on a busy machine."""


class Failures(ModelTests):
    """Tests that each failure raises a typed error, in time, and no cut answer seems complete."""

    @pytest.mark.parametrize("method", ["invoke", "stream"])
    @pytest.mark.parametrize(("status", "error_type"), STATUSES)
    def test_a_refusal_is_a_typed_error(
        self, call: SyncAsyncCall, server: ReplayServer, status: int, error_type: Any, method: str
    ) -> None:
        """The error has the status, the message of the service and the provider, but no key."""
        server.enqueue(self.encode_error(status, "This is the reason."))
        with pytest.raises(ModelError) as raised:
            self._run(call, self._model(server), method)
        error = raised.value
        assert isinstance(error, error_type), f"{status} is {error!r}"
        assert error.status == status
        assert "This is the reason." in str(error)
        assert error.provider
        self._assert_no_key(error)
        assert len(server.requests) == 1, "a retry without max_retries"

    @pytest.mark.parametrize("method", ["invoke", "stream"])
    def test_a_rate_limit_error_has_retry_after(
        self, call: SyncAsyncCall, server: ReplayServer, method: str
    ) -> None:
        """`retry_after` is the seconds of the header."""
        server.enqueue(self.encode_error(429, "Slow down.", retry_after="7"))
        with pytest.raises(RateLimitError) as raised:
            self._run(call, self._model(server), method)
        assert raised.value.retry_after == 7

    @pytest.mark.parametrize("method", ["invoke", "stream"])
    def test_a_temporary_error_is_retried(
        self, call: SyncAsyncCall, server: ReplayServer, method: str
    ) -> None:
        """`max_retries` retries what may pass, and no error of the client."""
        model = self._model(server, max_retries=2)
        server.enqueue(self.encode_error(503, "Busy.", retry_after="0"), self.encode(NUMBERS))
        assert self._run(call, model, method)
        assert len(server.requests) == 2
        server.enqueue(self.encode_error(400, "Wrong."), self.encode(NUMBERS))
        with pytest.raises(InvalidRequestError):
            self._run(call, model, method)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("method", ["invoke", "stream"])
    @pytest.mark.parametrize("response", GARBAGE)
    def test_an_unreadable_response_is_a_typed_error(
        self, call: SyncAsyncCall, server: ReplayServer, response: Response, method: str
    ) -> None:
        """Neither a KeyError nor an empty message comes of it."""
        server.enqueue(response)
        with pytest.raises(ModelError):
            self._run(call, self._model(server), method)

    def test_an_error_page_of_a_proxy_is_a_typed_error(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """A 502 whose body is HTML is a ServerError."""
        server.enqueue(Response(b"<html>Bad gateway</html>", 502, content_type="text/html"))
        with pytest.raises(ServerError) as raised:
            call.output(self._model(server), "Hi")
        assert raised.value.status == 502

    # -- time

    @pytest.mark.parametrize("method", ["invoke", "stream"])
    def test_no_response_is_a_timeout(
        self, call: SyncAsyncCall, server: ReplayServer, method: str
    ) -> None:
        """`timeout` ends the wait for a service that never answers, and closes the connection."""
        server.enqueue(Stall())
        began = time.monotonic()
        with pytest.raises(ModelTimeoutError):
            self._run(call, self._model(server, timeout=0.2), method)
        assert time.monotonic() - began < TIMEOUT_MARGIN
        assert server.wait_for_disconnect(), "the connection stays open"

    def test_a_stalled_stream_is_a_timeout(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """The chunks before the stall are yielded."""
        server.enqueue(self._unfinished("stall"))
        chunks: list[Any] = []
        with pytest.raises(ModelTimeoutError):
            call.chunks(self._model(server, timeout=0.3), "Hi", into=chunks)
        assert "one" in "".join(chunk.text for chunk in chunks)

    def test_a_refused_connection_is_a_connection_error(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """No server listens at the URL."""
        model = self.make(base_url=f"http://127.0.0.1:{_free_port()}", max_retries=0)
        for method in ("invoke", "stream"):
            with pytest.raises(ModelConnectionError) as raised:
                self._run(call, model, method)
            self._assert_no_key(raised.value)

    # -- broken connections

    @pytest.mark.parametrize("method", ["invoke", "stream"])
    def test_a_connection_that_breaks_early_is_an_error(
        self, call: SyncAsyncCall, server: ReplayServer, method: str
    ) -> None:
        """It breaks in the middle of a response, or before the first event of a stream."""
        if method == "invoke":
            server.enqueue(Disconnect(self._wire.response(NUMBERS)))
        else:
            server.enqueue(StreamedResponse([], self._wire.stream_type, "disconnect"))
        with pytest.raises(ModelConnectionError):
            self._run(call, self._model(server), method)

    @pytest.mark.parametrize("end", ["disconnect", "complete"])
    def test_a_stream_that_breaks_off_is_an_error(
        self, call: SyncAsyncCall, server: ReplayServer, end: StreamEnd
    ) -> None:
        """A stream without its last event is no answer, even if the response ends properly."""
        server.enqueue(self._unfinished(end))
        chunks: list[Any] = []
        with pytest.raises(ModelConnectionError):
            call.chunks(self._model(server), "Hi", into=chunks)
        assert "one" in "".join(chunk.text for chunk in chunks), "earlier chunks are lost"
        assert all(chunk.chunk_position != "last" for chunk in chunks)

    def test_half_an_event_is_an_error(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """The stream ends in the middle of an event."""
        events = self._wire.events(NUMBERS)[: -self._wire.terminal]
        last = events[-1]
        cut = [*events[:-1], last[: len(last) // 2]]
        server.enqueue(StreamedResponse(cut, self._wire.stream_type, "complete"))
        with pytest.raises(ModelError):
            call.chunks(self._model(server), "Hi")

    def test_events_may_be_split_anywhere(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """Chunks of one byte, and one chunk with everything, are read alike."""
        reply = ScriptedReply("Grüße 车 😀!")
        data = b"".join(self._wire.events(reply))
        single_bytes = [data[index : index + 1] for index in range(len(data))]
        server.enqueue(StreamedResponse(single_bytes, self._wire.stream_type))
        chunks = call.chunks(self._model(server), "Hi")
        assert "".join(chunk.text for chunk in chunks) == reply.text
        server.enqueue(StreamedResponse([data], self._wire.stream_type))
        chunks = call.chunks(self._model(server), "Hi")
        assert "".join(chunk.text for chunk in chunks) == reply.text

    def test_an_error_in_a_stream_is_a_typed_error(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """It has the message of the service, and comes after the text before it."""
        event = self.skip_unless_supported(lambda: self._wire.stream_error("This is the reason."))
        events = self._wire.events(NUMBERS)
        failing = [*events[: -self._wire.terminal - 1], event]
        server.enqueue(StreamedResponse(failing, self._wire.stream_type))
        chunks: list[Any] = []
        with pytest.raises(ModelError, match="This is the reason."):
            call.chunks(self._model(server), "Hi", into=chunks)
        assert "one" in "".join(chunk.text for chunk in chunks)

    # -- closing early

    def test_closing_a_stream_closes_the_connection(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """Both for a service that stalls, and for one that streams without end."""
        server.enqueue(self._unfinished("stall"))
        assert call.chunks(self._model(server), "Hi", take=2)
        assert server.wait_for_disconnect(), "the connection stays open"
        first, *more = self._wire.events(NUMBERS)[: -self._wire.terminal]
        forever = itertools.chain([first], itertools.cycle(more[1:-1]))
        server.enqueue(StreamedResponse(forever, self._wire.stream_type))
        assert call.chunks(self._model(server), "Hi", take=4)
        assert server.wait_for_disconnect(), "the connection stays open"

    def test_cancelling_closes_the_connection(self, server: ReplayServer) -> None:
        """Cancelling a task that waits for an answer disconnects from the service."""
        server.enqueue(Stall())
        model = self._model(server)

        async def main() -> None:
            task = asyncio.create_task(model.ainvoke("Hi"))
            assert await asyncio.to_thread(server.wait_for_request)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        on_new_loop(main)
        assert server.wait_for_disconnect(), "the connection stays open"

    # -- helpers

    def _model(self, server: ReplayServer, **settings: Any) -> Any:
        return self.make(base_url=server.url, **{"max_retries": 0, **settings})

    def _run(self, call: SyncAsyncCall, model: Any, method: str) -> Any:
        return call.output(model, "Hi") if method == "invoke" else call.chunks(model, "Hi")

    def _unfinished(self, end: StreamEnd) -> StreamedResponse:
        """Return a stream that has most of its text, but lacks its last events."""
        events = self._wire.events(NUMBERS)
        return StreamedResponse(events[: -self._wire.terminal], self._wire.stream_type, end)

    def _assert_no_key(self, error: BaseException) -> None:
        if self.key is None:
            return
        shown = [str(error), repr(error), *getattr(error, "__notes__", ())]
        assert not any(self.key in text for text in shown), "the error shows the key"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
