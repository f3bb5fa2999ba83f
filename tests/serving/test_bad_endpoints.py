"""Wrong requests at the page's endpoints, those that read a run again, and MCP's: all are refused.

None of them is a failure of the server, hangs, or shows its inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from runnables import RunnableLambda
from runnables.serving import Resume
from tests.serving.mcp_requests import NEW, OLD, call_body, call_headers
from tests.serving.servers import Served, serving
from tests.serving.test_bad_requests import HOST, INSIDE, answer_to, request, upper

GETS = (
    *("/upper/page/runs/{}", "/upper/page/runs/{}/steps/x", "/upper/page/runs/x/steps/{}"),
    *("/upper/page/runs/x/steps/y?whole={}", "/upper/page/meta?x={}", "/upper/page/{}"),
    *("/upper/api/chat/{}/stream", "/upper/api/chat/{}/stream?x={}", "/v1/responses/resp_{}"),
    *("/v1/responses/resp_x?stream={}", "/v1/responses/resp_x?stream=true&starting_after={}"),
    *("/v1/responses/{}", "/docs?x={}", "/docs/{}", "/openapi.json?{}"),
)
"""What is read; "{}" is what a client may put there."""

WORDS = (
    *(b"%00", b"..", b"%2e%2e", b"..%2f..%2fhealth", b"%ff%fe", b"%F0%9F%98%80", b"a\xff", b"\x00"),
    *(
        b"%0d%0aX-Evil:%201",
        b"-1",
        b"1e3",
        b"NaN",
        b"9" * 5000,
        b"%D9%A3",
        b"{run}",
        b"'%22%3Cb%3E",
    ),
    *(b"", b"//evil.example", b"%ED%A0%80", b"a" * 30_000, b"true&stream=false&starting_after=1"),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    chains = {"upper": RunnableLambda(upper)}
    with serving(chains, page=True, shows_steps=True, resume=Resume(), mcp=True) as server:
        yield server


def refused(served: Served, sent: bytes) -> bytes:
    """Return the answer to a request, after which nothing has run, and the server is as before."""
    before = served.service.counts.runs
    received = answer_to(served, sent)
    assert not INSIDE.search(received), received
    assert b"x-evil:" not in received.lower()
    assert received[9:10] in (b"2", b"3", b"4"), received
    assert (served.service.counts.runs, served.service.counts.open) == (before, 0)
    return received


@pytest.mark.leaks("the server keeps the idle thread that has made the page of the endpoints")
@pytest.mark.parametrize("path", GETS)
def test_a_word_in_a_path_is_read_or_refused(path: str, served: Served) -> None:
    """Ids and numbers of no run, of any length and of any bytes; no redirect leads elsewhere."""
    before, *after = path.encode().split(b"{}")
    for word in WORDS:
        line = b"GET " + before + b"".join(word + part for part in after) + b" HTTP/1.1"
        received = refused(served, request(line, HOST))
        assert b"//evil.example" not in received.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: repr(word[:20]))
def test_a_word_in_the_path_of_a_stop_is_refused(word: bytes, served: Served) -> None:
    """There is nothing to stop."""
    for line in (
        b"DELETE /upper/api/chat/" + word + b"/stream HTTP/1.1",
        b"POST /v1/responses/resp_" + word + b"/cancel HTTP/1.1",
    ):
        refused(served, request(line, HOST, b"Content-Length: 0"))


READ = (
    *("/docs", "/upper/", "/", "/page/meta", "/upper/page/meta", "/upper/page/picture"),
    *("/upper/page/runs", "/upper/page/runs/x", "/upper/page/runs/x/steps/y"),
    *("/v1/responses/resp_x", "/page/app.js", "/upper/page/app.js"),
)
ALLOWED = {path: {"GET", "HEAD"} for path in READ} | {
    "/upper/page/run": {"POST"},
    "/v1/responses/resp_x/cancel": {"POST"},
    "/mcp": {"POST"},
    "/upper/api/chat/x/stream": {"GET", "HEAD", "DELETE"},
}


@pytest.mark.parametrize("path", ALLOWED)
def test_another_method_is_refused_here_too(path: str, served: Served) -> None:
    """The status is 405, and says which are right."""
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "SPY"} - ALLOWED[path]:
        line = f"{method} {path} HTTP/1.1".encode()
        received = refused(served, request(line, HOST, b"Content-Length: 0"))
        assert received.startswith(b"HTTP/1.1 405"), (method, received)
        (allow,) = [part for part in received.split(b"\r\n") if part.lower().startswith(b"allow: ")]
        assert set(allow[7:].decode().split(", ")) == ALLOWED[path]


BODIES = {
    "none": b"",
    "half": b'{"input": ',
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "no input": b"{}",
    "a wrong type": b'{"input": {"a": [1]}}',
    "deep": b'{"input": ' + b"[" * 100_000,
    "deep and whole": b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "bad UTF-8": b'{"input": "\xff"}',
    "half a character": b'{"input": "\\ud800"}',
    "no number": b'{"input": NaN}',
    "a huge number": b'{"input": ' + b"9" * 5000 + b"}",
    "UTF-16": '{"input": "x"}'.encode("utf-16"),
}


@pytest.mark.parametrize("path", ["/upper/page/run", "/mcp"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_wrong_is_refused(path: str, body: bytes, served: Served) -> None:
    """With the client's error; so is one of another content type."""
    for content_type in ("application/json", "text/plain", ""):
        headers = {**call_headers(OLD, "upper"), "content-type": content_type}
        received = refused(served, post(path, body, headers))
        assert received[9:10] == b"4", received


@pytest.mark.parametrize("path", ["/upper/page/run", "/mcp"])
def test_a_body_that_does_not_come_is_not_awaited_here_either(
    path: str, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time the client reads status 408."""
    monkeypatch.setattr("runnables.serving.requests.BODY_SECONDS", 0.05)
    line = f"POST {path} HTTP/1.1".encode()
    sent = request(line, HOST, b"Content-Type: application/json", b"Content-Length: 100")
    assert refused(served, sent + b"{").startswith(b"HTTP/1.1 408")


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return the bytes of a request with a body."""
    lines = [f"{name}: {value}".encode() for name, value in headers.items() if value]
    length = b"Content-Length: %d" % len(body)
    return request(f"POST {path} HTTP/1.1".encode(), HOST, length, *lines, body=body)


CHANGES: dict[str, Any] = {
    "no id": {"id": ...},
    "no method": {"method": ...},
    "a method that is no string": {"method": 3},
    "an unknown method": {"method": "tools/destroy"},
    "no params": {"params": ...},
    "params that are a list": {"params": [1]},
    "params that are null": {"params": None},
    "a name that is no string": {"params": {"name": {"a": 1}, "arguments": {"input": "x"}}},
    "an unknown tool": {"params": {"name": "x" * 10_000, "arguments": {"input": "x"}}},
    "arguments that are a string": {"params": {"name": "upper", "arguments": "x"}},
    "arguments of a wrong type": {"params": {"name": "upper", "arguments": {"input": [1]}}},
    "arguments that are unknown": {"params": {"name": "upper", "arguments": {"\0": 1}}},
    "an id that is an object": {"id": {"a": 1}},
    "an id that is null": {"id": None},
    "another JSON-RPC": {"jsonrpc": "1.0"},
    "a result": {"method": ..., "params": ..., "result": {}},
}


@pytest.mark.parametrize("version", [NEW, OLD])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_wrong_call_of_mcp_is_answered(change: Any, version: str, served: Served) -> None:
    """With an error, or not at all; nothing runs."""
    changed = {**call_body(version, "upper", {"input": "x"}), **change}
    body = {key: value for key, value in changed.items() if value is not ...}
    received = refused(
        served, post("/mcp", json.dumps(body).encode(), call_headers(version, "upper"))
    )
    head, _, content = received.partition(b"\r\n\r\n")
    assert b"error" in content.lower() or b" 202 " in head, received


@pytest.mark.parametrize("name", ["accept", "mcp-protocol-version", "mcp-method", "mcp-name"])
@pytest.mark.parametrize("value", ["", "x", "9" * 5000, "\xff"])
def test_a_wrong_header_of_mcp_is_answered(name: str, value: str, served: Served) -> None:
    """In both revisions, with the client's error or with the answer."""
    for version in (NEW, OLD):
        headers = {**call_headers(version, "upper"), name: value}
        content = json.dumps(call_body(version, "upper", {"input": "x"})).encode()
        lines = [f"{key}: {text}".encode("latin-1") for key, text in headers.items()]
        length = b"Content-Length: %d" % len(content)
        sent = request(b"POST /mcp HTTP/1.1", HOST, length, *lines, body=content)
        received = answer_to(served, sent)
        assert not INSIDE.search(received), received
        assert received[9:10] in (b"2", b"4"), received
        assert served.service.counts.open == 0
