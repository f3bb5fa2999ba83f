"""What can go wrong: refusals, silence, cut connections; and streams that are left."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
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
    endless,
)
from runnables.testing.require_pytest import pytest
from runnables.testing.sync_async import SyncAsyncCall, on_new_loop
from runnables.testing.wire_format import Answer, ScriptedReply

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
WORDS = ScriptedReply("one two three four five six seven eight nine ten eleven twelve")
GARBAGE = [
    pytest.param(Answer(b'{"half": ', 200), id="half of the JSON"),
    pytest.param(Answer(b"<html>Bad gateway</html>", 200, type="text/html"), id="a page"),
    pytest.param(Answer(b"", 200), id="nothing"),
    pytest.param(Answer({}, 200), id="an empty object"),
    pytest.param(Answer([1, 2], 200), id="a list"),
]
SOON = 20.0
"""Seconds within which whatever fails has failed, on a busy machine."""


class Failures(ModelTests):
    """Every fault is a typed error, in time, and a cut answer is never taken for a whole one."""

    @pytest.mark.parametrize("way", ["whole", "stream"])
    @pytest.mark.parametrize(("status", "kind"), STATUSES)
    def test_a_refusal_is_a_typed_error(
        self, call: SyncAsyncCall, server: ReplayServer, status: int, kind: Any, way: str
    ) -> None:
        """It has the status, the words of the service, and the provider; and no key."""
        server.enqueue(self.failing(status, "This is the reason."))
        with pytest.raises(ModelError) as caught:
            self._run(call, self._model(server), way)
        error = caught.value
        assert isinstance(error, kind), f"{status} is {error!r}"
        assert error.status == status
        assert "This is the reason." in str(error)
        assert error.provider
        self._assert_no_key(error)
        assert len(server.asked) == 1, "asked again without max_retries"

    @pytest.mark.parametrize("way", ["whole", "stream"])
    def test_a_rate_limit_says_how_long(
        self, call: SyncAsyncCall, server: ReplayServer, way: str
    ) -> None:
        """`retry_after` has the seconds of the header."""
        server.enqueue(self.failing(429, "Slow down.", retry_after="7"))
        with pytest.raises(RateLimitError) as caught:
            self._run(call, self._model(server), way)
        assert caught.value.retry_after == 7

    @pytest.mark.parametrize("way", ["whole", "stream"])
    def test_a_fault_that_passes_is_tried_again(
        self, call: SyncAsyncCall, server: ReplayServer, way: str
    ) -> None:
        """With `max_retries`; what the client did wrong is not."""
        model = self._model(server, max_retries=2)
        server.enqueue(self.failing(503, "Busy.", retry_after="0"), self.encode(WORDS))
        assert self._run(call, model, way)
        assert len(server.asked) == 2
        server.enqueue(self.failing(400, "Wrong."), self.encode(WORDS))
        with pytest.raises(InvalidRequestError):
            self._run(call, model, way)
        assert len(server.asked) == 1

    @pytest.mark.parametrize("way", ["whole", "stream"])
    @pytest.mark.parametrize("answer", GARBAGE)
    def test_an_answer_that_cannot_be_read_is_a_typed_error(
        self, call: SyncAsyncCall, server: ReplayServer, answer: Answer, way: str
    ) -> None:
        """Not a KeyError, and not an empty message."""
        server.enqueue(answer)
        with pytest.raises(ModelError):
            self._run(call, self._model(server), way)

    def test_a_page_of_a_proxy_is_a_typed_error(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """A 502 whose body is no JSON."""
        server.enqueue(Answer(b"<html>Bad gateway</html>", 502, type="text/html"))
        with pytest.raises(ServerError) as caught:
            call.value(self._model(server), "Hi")
        assert caught.value.status == 502

    # -- time

    @pytest.mark.parametrize("way", ["whole", "stream"])
    def test_silence_is_a_timeout(
        self, call: SyncAsyncCall, server: ReplayServer, way: str
    ) -> None:
        """A service that never answers, with a `timeout`; its connection is closed."""
        server.enqueue(Stall())
        began = time.monotonic()
        with pytest.raises(ModelTimeoutError):
            self._run(call, self._model(server, timeout=0.2), way)
        assert time.monotonic() - began < SOON
        assert server.wait_for_disconnect(), "the connection stays open"

    def test_silence_in_a_stream_is_a_timeout(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """What came before it was given."""
        server.enqueue(self._begun("hang"))
        chunks: list[Any] = []
        with pytest.raises(ModelTimeoutError):
            call.chunks(self._model(server, timeout=0.3), "Hi", into=chunks)
        assert "one" in "".join(chunk.text for chunk in chunks)

    def test_nobody_there_is_a_connection_error(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """An address at which nothing listens."""
        model = self.make(base_url=f"http://127.0.0.1:{_free_port()}", max_retries=0)
        for way in ("whole", "stream"):
            with pytest.raises(ModelConnectionError) as caught:
                self._run(call, model, way)
            self._assert_no_key(caught.value)

    # -- cuts

    @pytest.mark.parametrize("way", ["whole", "stream"])
    def test_a_connection_that_breaks_at_once_is_an_error(
        self, call: SyncAsyncCall, server: ReplayServer, way: str
    ) -> None:
        """In the middle of an answer, or before the first event of a stream."""
        if way == "whole":
            server.enqueue(Disconnect(self.wire_format.answer(WORDS)))
        else:
            server.enqueue(StreamedResponse([], self.wire_format.stream_type, "cut"))
        with pytest.raises(ModelConnectionError):
            self._run(call, self._model(server), way)

    @pytest.mark.parametrize("end", ["cut", "whole"])
    def test_a_stream_that_breaks_off_is_an_error(
        self, call: SyncAsyncCall, server: ReplayServer, end: str
    ) -> None:
        """Cut by the network, or ended without its last event: never taken for the answer."""
        server.enqueue(self._begun(end))
        chunks: list[Any] = []
        with pytest.raises(ModelConnectionError):
            call.chunks(self._model(server), "Hi", into=chunks)
        assert "one" in "".join(chunk.text for chunk in chunks), "what came before is lost"
        assert all(chunk.chunk_position != "last" for chunk in chunks)

    def test_half_an_event_is_an_error(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """The stream ends in the middle of one."""
        events = self.wire_format.events(WORDS)[: -self.wire_format.terminal]
        last = events[-1]
        cut = [*events[:-1], last[: len(last) // 2]]
        server.enqueue(StreamedResponse(cut, self.wire_format.stream_type, "whole"))
        with pytest.raises(ModelError):
            call.chunks(self._model(server), "Hi")

    def test_events_may_be_cut_anywhere(self, call: SyncAsyncCall, server: ReplayServer) -> None:
        """The network knows nothing of events, nor of letters: one byte at a time will do."""
        said = ScriptedReply("Grüße 车 😀!")
        data = b"".join(self.wire_format.events(said))
        pieces = [data[at : at + 1] for at in range(len(data))]
        server.enqueue(StreamedResponse(pieces, self.wire_format.stream_type))
        chunks = call.chunks(self._model(server), "Hi")
        assert "".join(chunk.text for chunk in chunks) == said.text
        server.enqueue(StreamedResponse([data], self.wire_format.stream_type))
        chunks = call.chunks(self._model(server), "Hi")
        assert "".join(chunk.text for chunk in chunks) == said.text

    def test_a_fault_in_a_stream_is_a_typed_error(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """In the service's own words, after the text that came."""
        fault = self.skip_unless_supported(lambda: self.wire_format.fault("This is the reason."))
        events = self.wire_format.events(WORDS)
        begun = [*events[: -self.wire_format.terminal - 1], fault]
        server.enqueue(StreamedResponse(begun, self.wire_format.stream_type))
        chunks: list[Any] = []
        with pytest.raises(ModelError, match="This is the reason."):
            call.chunks(self._model(server), "Hi", into=chunks)
        assert "one" in "".join(chunk.text for chunk in chunks)

    # -- leaving

    def test_leaving_a_stream_closes_the_connection(
        self, call: SyncAsyncCall, server: ReplayServer
    ) -> None:
        """Where the service is silent, and where it goes on and on."""
        server.enqueue(self._begun("hang"))
        assert call.chunks(self._model(server), "Hi", take=2)
        assert server.wait_for_disconnect(), "the connection stays open"
        first, *more = self.wire_format.events(WORDS)[: -self.wire_format.terminal]
        forever = _then([first], endless(more[1:-1]))
        server.enqueue(StreamedResponse(forever, self.wire_format.stream_type))
        assert call.chunks(self._model(server), "Hi", take=4)
        assert server.wait_for_disconnect(), "the connection stays open"

    def test_cancelling_closes_the_connection(self, server: ReplayServer) -> None:
        """A task that waits for an answer is cancelled."""
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

    # -- what these tests share

    def _model(self, server: ReplayServer, **settings: Any) -> Any:
        return self.make(base_url=server.url, **{"max_retries": 0, **settings})

    def _run(self, call: SyncAsyncCall, model: Any, way: str) -> Any:
        return call.value(model, "Hi") if way == "whole" else call.chunks(model, "Hi")

    def _begun(self, end: str) -> StreamedResponse:
        """A stream that has most of its text, but not its end."""
        events = self.wire_format.events(WORDS)
        return StreamedResponse(
            events[: -self.wire_format.terminal], self.wire_format.stream_type, end
        )

    def _assert_no_key(self, error: BaseException) -> None:
        if self.key is None:
            return
        shown = [str(error), repr(error), *getattr(error, "__notes__", ())]
        assert not any(self.key in it for it in shown), "the key shows in the error"


def _then(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from rest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
