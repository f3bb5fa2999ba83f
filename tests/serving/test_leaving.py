"""A client that leaves stops the run: in every protocol, in every state of a stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

from runnables import RunnableGenerator
from tests.serving.requests_of import PROTOCOLS, Protocol
from tests.serving.servers import Served, cut, raw_request, serving, wait_for
from tests.serving.upstreams import Upstream

STREAMED = [protocol for protocol in PROTOCOLS if protocol.streamed]


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def served(upstream: Upstream) -> Iterator[Served]:
    with serving({"up": RunnableGenerator(upstream.answer)}, shows_steps=True) as server:
        yield server


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_leaving_before_the_first_chunk_stops_the_run(
    protocol: Protocol, served: Served, upstream: Upstream
) -> None:
    """A client that leaves while the service is silent ends it, with all its `finally`."""
    path = protocol.path.format(name="up")
    connection = raw_request(served, path, protocol.body("up", "silent"))
    wait_for(lambda: upstream.began)
    cut(connection)
    wait_for(lambda: upstream.closed)
    wait_for(lambda: served.service.counts.open == 0)
    assert served.service.counts.left == 1


@pytest.mark.parametrize("protocol", STREAMED, ids=lambda protocol: protocol.name)
def test_leaving_between_two_chunks_stops_the_run(
    protocol: Protocol, served: Served, upstream: Upstream
) -> None:
    """A client that leaves after the first chunk ends the run before the next one."""
    connection = raw_request(served, protocol.path.format(name="up"), protocol.body("up", "one"))
    received = b""
    while b"first" not in received:
        received += connection.recv(4096)
    cut(connection)
    wait_for(lambda: upstream.closed)
    assert upstream.chunks == 1


@pytest.mark.parametrize("protocol", STREAMED, ids=lambda protocol: protocol.name)
def test_a_slow_reader_that_leaves_stops_the_run(
    protocol: Protocol, served: Served, upstream: Upstream
) -> None:
    """A client that reads nothing holds the run back, and ends it by leaving."""
    body = protocol.body("up", "fast")
    connection = raw_request(served, protocol.path.format(name="up"), body, receive_buffer=4096)
    seen = -1
    still = threading.Event()
    while upstream.chunks != seen or not seen:  # until what was sent fills all buffers
        seen = upstream.chunks
        still.wait(0.1)
    assert not upstream.closed
    cut(connection)
    wait_for(lambda: upstream.closed)
    assert upstream.chunks <= seen + 1


@pytest.mark.parametrize("protocol", STREAMED, ids=lambda protocol: protocol.name)
def test_a_chain_that_never_waits_is_stopped_too(
    protocol: Protocol, served: Served, upstream: Upstream
) -> None:
    """Other clients get their turn while its chunks are sent, and its reader's leaving is seen."""
    body = protocol.body("up", "greedy")
    connection = raw_request(served, protocol.path.format(name="up"), body)
    for _ in range(10):
        assert connection.recv(65536)
    assert httpx.get(f"{served.url}/health").json()["open"] == 1
    cut(connection)
    wait_for(lambda: upstream.closed)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_server_that_stops_ends_open_runs_and_tells_why(
    protocol: Protocol, upstream: Upstream
) -> None:
    """At shutdown the run is closed, and a stream ends with its protocol's own error."""
    kind = "one" if protocol.streamed else "silent"
    with serving({"up": RunnableGenerator(upstream.answer)}, shows_steps=True) as served:
        body = protocol.body("up", kind)
        connection = raw_request(served, protocol.path.format(name="up"), body)
        wait_for(lambda: upstream.began)
        received = b""
        while protocol.streamed and b"first" not in received:
            received += connection.recv(4096)
        served.server.should_exit = True
        while more := connection.recv(4096):
            received += more
        connection.close()
    assert upstream.closed == 1
    assert b"shutting down" in received
    assert received.endswith((b"0\r\n\r\n", b"}", b"down."))


def test_cut_connections_leave_nothing(served: Served, upstream: Upstream) -> None:
    """After many leavings no run is open, and there are as many threads as before."""
    threads = threading.active_count()
    for number in range(100):
        protocol = STREAMED[number % len(STREAMED)]
        body = protocol.body("up", "one")
        cut(raw_request(served, protocol.path.format(name="up"), body))
    wait_for(lambda: upstream.began == upstream.closed and not served.service.counts.open)
    assert threading.active_count() <= threads
