"""What is sent, and what comes back."""

from __future__ import annotations

import gzip
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from runnables.errors import ConfigError, InvalidRequestError, MissingExtra, ModelError
from runnables_providers._http import ClientConfig, Request, Timeouts, require_http, send, stream
from runnables_providers._http.lines import LONGEST
from runnables_providers._http.sync_calls import MAX_BUFFERED
from tests.both_modes import Call
from tests.leaks import wait_for
from tests.providers.http.calls import KEY, pieces, reply, request, told
from tests.providers.http.service import END, HANG, STREAM, Cut, chunk, head, plain, serving

ROOT = Path(__file__).resolve().parents[3]


def test_a_request_is_sent_as_it_is(call: Call) -> None:
    """Method, path, headers and body; and the answer's status, headers and body come back."""
    with serving(plain('{"b": 2}', "201 Created", {"X-Request-ID": "r-1"})) as server:
        answer = reply(call, request(server.url))
    [asked] = server.asked
    assert asked.line == f"POST /v1/chat?key={KEY} HTTP/1.1"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["user-agent"] == "runnables"
    assert asked.body == b'{"a": 1}'
    assert (answer.status, answer.headers["x-request-id"], answer.body) == (201, "r-1", b'{"b": 2}')


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many Requests", "500 Oh"])
def test_a_refusal_is_an_answer(call: Call, status: str) -> None:
    """What it means is not for the edge to say."""
    with serving(plain("no", status)) as server:
        answer = reply(call, request(server.url))
    assert (answer.status, answer.body) == (int(status[:3]), b"no")


def test_a_stream_comes_in_pieces_and_can_be_read_to_its_end(call: Call) -> None:
    """However the server cut it, nothing is lost."""
    said = [b"a" * 10, b"b" * 100_000, b"c"]
    with serving(STREAM, *map(chunk, said), END) as server:
        assert b"".join(pieces(call, request(server.url))) == b"".join(said)
        assert reply(call, request(server.url)).body == b"".join(said)
    assert server.opened == (1 if call.mode == "sync" else 2)  # a loop for each async call


def test_more_than_there_is_room_for_waits_for_its_reader(call: Call) -> None:
    """A large answer comes through whole, in bounded pieces."""
    megabyte = bytes(range(256)) * 4096
    with serving(STREAM, *[chunk(megabyte)] * 5, END) as server:
        assert b"".join(pieces(call, request(server.url))) == megabyte * 5


def test_a_reader_that_pauses_stops_the_server() -> None:
    """Only so much is read ahead of a sync reader; the rest stays where it is."""
    with serving(STREAM, *[chunk(b"x" * 2**20)] * 50, END) as server:
        with stream(request(server.url), ClientConfig(), "acme") as streamed:
            pump = streamed._exchange._pump
            assert wait_for(lambda: pump._room is not None, 5)
            assert MAX_BUFFERED < pump._given < 4 * MAX_BUFFERED
            assert len(streamed.read()) == 50 * 2**20


def test_a_large_body_is_sent_without_a_warning(call: Call) -> None:
    """Pictures travel in requests."""
    body = b"x" * 3_000_000
    with serving(plain()) as server:
        assert reply(call, request(server.url, body)).status == 200
    assert server.asked[0].body == body


def test_a_compressed_answer_comes_unpacked(call: Call) -> None:
    """As a whole, and streamed."""
    packed = gzip.compress(b"hello " * 1000)
    with serving(plain(packed, headers={"Content-Encoding": "gzip"})) as server:
        assert reply(call, request(server.url)).body == b"hello " * 1000
    assert "gzip" in server.asked[0].headers["accept-encoding"]


def test_an_answer_has_a_largest_size(call: Call) -> None:
    """Unpacked: a few bytes may stand for as much memory as there is."""
    packed = gzip.compress(bytes(LONGEST + 2**20), 1)
    with serving(plain(packed, headers={"Content-Encoding": "gzip"})) as server:
        with pytest.raises(InvalidRequestError, match="acme: the answer has more than 67,108,864"):
            reply(call, request(server.url))


def test_an_answer_may_end_with_its_connection(call: Call) -> None:
    """As in HTTP/1.0, without a length."""
    with serving(head() + b"all of it", Cut()) as server:
        assert reply(call, request(server.url)).body == b"all of it"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirection_is_not_followed(call: Call, status: str) -> None:
    """The key does not go to whoever is named."""
    with serving(plain()) as other, serving(plain("", status, {"Location": other.url})) as server:
        answer = reply(call, request(server.url))
    assert (answer.status, answer.headers["location"]) == (int(status[:3]), other.url)
    assert other.asked == []


def test_a_key_with_a_line_break_is_refused_without_showing_it(call: Call) -> None:
    """It would end the header, and begin another."""
    with serving(plain()) as server, pytest.raises(InvalidRequestError) as caught:
        reply(call, Request("POST", server.url, {"authorization": f"Bearer {KEY}\n"}))
    assert "line break" in str(caught.value)
    assert KEY not in told(caught.value)
    assert server.asked == []


@pytest.mark.parametrize("why", ["no server", "a bad header", "no answer"])
def test_no_frame_of_an_error_has_the_key_among_its_variables(call: Call, why: str) -> None:
    """But ours, whose requests print without it: reports of errors may show all variables."""
    what = request("http://127.0.0.1:1")
    more = {"x-more": "a\nb"} if why == "a bad header" else {}
    with serving(HANG) as server, pytest.raises(ModelError) as caught:
        url = what.url if why == "no server" else server.url
        asked = Request("POST", url, {**what.headers, **more})
        reply(call, asked, ClientConfig(Timeouts(first=0.1)))
    behind: list[BaseException | None] = [caught.value]
    for error in behind:
        if error is not None:
            behind += (error.__cause__, error.__context__)
            for frame, _ in traceback.walk_tb(error.__traceback__):
                if "aiohttp" in frame.f_code.co_filename:
                    assert KEY not in repr(frame.f_locals)


def test_a_request_prints_without_its_key() -> None:
    """Neither headers nor what stands behind the question mark."""
    assert KEY not in repr(request("http://x"))


@pytest.mark.parametrize("name", ["connect", "first", "between", "total"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_limit_is_more_than_nothing(name: str, seconds: float) -> None:
    """A slip is told where it was made."""
    with pytest.raises(ConfigError, match=name):
        Timeouts(**{name: seconds})


def _python(script: str) -> str:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_the_library_is_loaded_by_the_first_call() -> None:
    """Not by importing a provider, nor by making a model."""
    script = """
    import sys, runnables_providers._http, runnables_providers.openai
    runnables_providers.openai.ChatOpenAI("m", api_key="k")
    print([it for it in ("aiohttp", "urllib.request", "http.client") if it in sys.modules])
    """
    assert _python(script.replace("\n    ", "\n")) == "[]"


def test_a_missing_library_is_told_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the call, and by whoever asks before."""
    monkeypatch.setattr("runnables_providers._http.client._loaded", None)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(MissingExtra, match=r"runnables\[openai\]"):
        send(request("http://127.0.0.1:1"), ClientConfig(), "openai")
    with pytest.raises(MissingExtra, match=r"ChatAcme needs the package 'aiohttp'.*\[acme\]"):
        require_http("ChatAcme", "acme")
