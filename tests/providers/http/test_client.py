"""The request on the wire, and the reply."""

from __future__ import annotations

import gzip
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from runnables.errors import ConfigError, InvalidRequestError, MissingExtra, ModelError
from runnables_providers._http import ClientConfig, Request, Timeouts, require_http, send, stream
from runnables_providers._http.lines import MAX_BYTES
from runnables_providers._http.sync_calls import MAX_BUFFERED
from tests.both_modes import Call
from tests.leaks import wait_for
from tests.providers.http.calls import KEY, read_chunks, reply, request, shown
from tests.providers.http.service import END, STALL, STREAM, Disconnect, chunk, head, plain, serving

ROOT = Path(__file__).resolve().parents[3]


def test_a_request_is_sent_unchanged(call: Call) -> None:
    """The server receives the method, path, headers and body, and its response is the reply."""
    with serving(plain('{"b": 2}', "201 Created", {"X-Request-ID": "r-1"})) as server:
        received = reply(call, request(server.url))
    [recorded] = server.requests
    assert recorded.line == f"POST /v1/chat?key={KEY} HTTP/1.1"
    assert recorded.headers["authorization"] == f"Bearer {KEY}"
    assert recorded.headers["user-agent"] == "runnables"
    assert recorded.body == b'{"a": 1}'
    assert (received.status, received.body) == (201, b'{"b": 2}')
    assert received.headers["x-request-id"] == "r-1"


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "500 Oh"])
def test_an_error_status_is_a_reply(call: Call, status: str) -> None:
    """The HTTP layer raises nothing for a status; the providers do."""
    with serving(plain("no", status)) as server:
        received = reply(call, request(server.url))
    assert (received.status, received.body) == (int(status[:3]), b"no")


def test_a_stream_is_read_completely(call: Call) -> None:
    """No byte is lost, whatever the chunks of the server."""
    sent = [b"a" * 10, b"b" * 100_000, b"c"]
    with serving(STREAM, *map(chunk, sent), END) as server:
        assert b"".join(read_chunks(call, request(server.url))) == b"".join(sent)
        assert reply(call, request(server.url)).body == b"".join(sent)
    assert server.opened == (1 if call.mode == "sync" else 2)  # a loop for each async call


def test_a_body_larger_than_the_buffer_is_read_completely(call: Call) -> None:
    """A large body passes through the bounded buffer."""
    megabyte = bytes(range(256)) * 4096
    with serving(STREAM, *[chunk(megabyte)] * 5, END) as server:
        assert b"".join(read_chunks(call, request(server.url))) == megabyte * 5


def test_a_reader_that_pauses_stops_the_server() -> None:
    """The buffer of a sync reader is bounded; the rest stays at the server."""
    with serving(STREAM, *[chunk(b"x" * 2**20)] * 50, END) as server:
        with stream(request(server.url), ClientConfig(), "acme") as streamed:
            relay = streamed._exchange._relay
            assert wait_for(lambda: relay._space_freed is not None, 5)
            assert MAX_BUFFERED < relay._produced < 4 * MAX_BUFFERED
            assert len(streamed.read()) == 50 * 2**20


def test_a_large_body_is_sent_without_a_warning(call: Call) -> None:
    """aiohttp warns of a large body of bytes; images are as large."""
    body = b"x" * 3_000_000
    with serving(plain()) as server:
        assert reply(call, request(server.url, body)).status == 200
    assert server.requests[0].body == body


def test_a_compressed_body_is_decompressed(call: Call) -> None:
    """gzip is requested, and decompressed."""
    compressed = gzip.compress(b"hello " * 1000)
    with serving(plain(compressed, headers={"Content-Encoding": "gzip"})) as server:
        assert reply(call, request(server.url)).body == b"hello " * 1000
    assert "gzip" in server.requests[0].headers["accept-encoding"]


def test_a_body_has_a_largest_size(call: Call) -> None:
    """The limit counts decompressed bytes: a few bytes may decompress to all memory there is."""
    compressed = gzip.compress(bytes(MAX_BYTES + 2**20), 1)
    with serving(plain(compressed, headers={"Content-Encoding": "gzip"})) as server:
        with pytest.raises(InvalidRequestError, match="acme: the answer has more than 67,108,864"):
            reply(call, request(server.url))


def test_a_body_may_end_with_its_connection(call: Call) -> None:
    """A response without a length ends when the connection closes, as in HTTP/1.0."""
    with serving(head() + b"all of it", Disconnect()) as server:
        assert reply(call, request(server.url)).body == b"all of it"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(call: Call, status: str) -> None:
    """The key is not sent to the other host."""
    with serving(plain()) as other, serving(plain("", status, {"Location": other.url})) as server:
        received = reply(call, request(server.url))
    assert (received.status, received.headers["location"]) == (int(status[:3]), other.url)
    assert other.requests == []


def test_a_key_with_a_line_break_is_refused_without_showing_it(call: Call) -> None:
    """A line break would end the header and start another."""
    with serving(plain()) as server, pytest.raises(InvalidRequestError) as raised:
        reply(call, Request("POST", server.url, {"authorization": f"Bearer {KEY}\n"}))
    assert "line break" in str(raised.value)
    assert KEY not in shown(raised.value)
    assert server.requests == []


@pytest.mark.parametrize("cause", ["no server", "a bad header", "no response"])
def test_no_frame_of_aiohttp_in_an_error_holds_the_key(call: Call, cause: str) -> None:
    """Error reports may print the variables of every frame, and aiohttp prints its requests."""
    unreachable = request("http://127.0.0.1:1")
    more = {"x-more": "a\nb"} if cause == "a bad header" else {}
    with serving(STALL) as server, pytest.raises(ModelError) as raised:
        url = unreachable.url if cause == "no server" else server.url
        failing = Request("POST", url, {**unreachable.headers, **more})
        reply(call, failing, ClientConfig(Timeouts(first=0.1)))
    chain: list[BaseException | None] = [raised.value]
    for error in chain:
        if error is not None:
            chain += (error.__cause__, error.__context__)
            for frame, _ in traceback.walk_tb(error.__traceback__):
                if "aiohttp" in frame.f_code.co_filename:
                    assert KEY not in repr(frame.f_locals)


def test_a_request_prints_without_its_key() -> None:
    """The repr leaves out the headers and the query."""
    assert KEY not in repr(request("http://x"))


@pytest.mark.parametrize("name", ["connect", "first", "between", "total"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_limit_must_be_positive(name: str, seconds: float) -> None:
    """The constructor raises, not the first call."""
    with pytest.raises(ConfigError, match=name):
        Timeouts(**{name: seconds})


def _python(script: str) -> str:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.strip()


def test_the_library_is_loaded_by_the_first_call() -> None:
    """Importing a provider and making a model load no HTTP library."""
    script = """
    import sys, runnables_providers._http, runnables_providers.openai
    runnables_providers.openai.ChatOpenAI("m", api_key="k")
    print([name for name in ("aiohttp", "urllib.request", "http.client") if name in sys.modules])
    """
    assert _python(script.replace("\n    ", "\n")) == "[]"


def test_the_error_for_a_missing_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both the call and `require_http` raise it."""
    monkeypatch.setattr("runnables_providers._http.client._loaded", None)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingExtra, match=r"\[openai\]"):
        send(request("http://127.0.0.1:1"), ClientConfig(), "openai")
    with pytest.raises(MissingExtra, match=r"ChatAcme needs the package 'aiohttp'.*\[acme\]"):
        require_http("ChatAcme", "acme")
