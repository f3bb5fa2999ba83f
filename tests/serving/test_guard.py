"""Who may call a server, with what, and how much of it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from runnables import ConfigError, RunnableLambda
from runnables.serving import Limits, add_routes, create_app, serve
from tests.serving.requests_of import PROTOCOLS, Protocol
from tests.serving.servers import Served, raw_request, serving, wait_for


def upper(text: str) -> str:
    """Return a string in capitals."""
    return text.upper()


CHAIN = {"upper": RunnableLambda(upper)}

WRONG_KEYS = ("Bearer wrong", "Basic first", "Bearer", "bearer", "first", "Bearer ersteé")

BAD_BODIES = (
    *(b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"a":' * 3000, b"{}"),
    *(b'{"messages": 3}', b'{"model": 3}', b'{"input": {"a": 1e999}}', b'{"inputs": [3]}'),
    b'{"messages": [{}], "model": "upper"}',
    b'{"messages": [{"role": "user", "parts": 3}], "threadId": "t", "runId": "r", "input": 3}',
)


def ask(served: Served, protocol: Protocol, **options: Any) -> httpx.Response:
    """Ask a chain in a protocol."""
    url = served.url + protocol.path.format(name="upper")
    sent: dict[str, Any] = {"json": protocol.body("upper", "hi")} | options
    return httpx.post(url, **sent)


def test_only_known_names_of_the_host_are_served() -> None:
    """A page that reaches this machine under a name of its own is refused."""
    with serving(CHAIN) as served:
        for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example"):
            connection = http.client.HTTPConnection("127.0.0.1", served.port)
            connection.putrequest("GET", "/v1/models", skip_host=True)
            if host:
                connection.putheader("Host", host)
            connection.endheaders()
            assert connection.getresponse().status == 400
            connection.close()
        for host in ("localhost", f"127.0.0.1:{served.port}", "[::1]:80", "LOCALHOST"):
            assert httpx.get(f"{served.url}/v1/models", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_no_key_no_run(protocol: Protocol) -> None:
    """With keys, every endpoint asks for one of them; the health of the server does not."""
    with serving(CHAIN, api_keys=["first", "second"]) as served:
        for header in ({}, *({"authorization": key.encode()} for key in WRONG_KEYS)):
            answer = ask(served, protocol, headers=header)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert served.service.counts.runs == 0
        for key in ("first", "second"):
            answer = ask(served, protocol, headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == 200
        assert httpx.get(f"{served.url}/health").json()["runs"] == 2


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_form_of_another_site_is_refused(protocol: Protocol) -> None:
    """What a page may send without asking, text and forms, is no request here."""
    with serving(CHAIN) as served:
        content = json.dumps(protocol.body("upper", "hi"))
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            headers = {"content-type": kind, "origin": "https://evil.example"}
            answer = ask(served, protocol, json=None, content=content, headers=headers)
            assert answer.status_code == 415
        assert served.service.counts.runs == 0


def test_pages_of_other_origins_need_leave() -> None:
    """The browser reads nothing by default, and of the named origins alone otherwise."""
    page = {"origin": "https://chat.example"}
    asking = {**page, "access-control-request-method": "POST",
              "access-control-request-headers": "content-type"}  # fmt: skip
    with serving(CHAIN) as served:
        answer = httpx.options(f"{served.url}/upper/invoke", headers=asking)
        assert "access-control-allow-origin" not in answer.headers
    with serving(CHAIN, allowed_origins=["https://chat.example"]) as served:
        answer = httpx.options(f"{served.url}/upper/invoke", headers=asking)
        assert answer.headers["access-control-allow-origin"] == "https://chat.example"


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_bad_body_is_refused_without_a_run(protocol: Protocol) -> None:
    """The status is 4xx, and the text is for the client."""
    with serving(CHAIN) as served:
        headers = {"content-type": "application/json"}
        for content in BAD_BODIES:
            answer = ask(served, protocol, json=None, content=content, headers=headers)
            assert 400 <= answer.status_code < 500, content
            assert answer.text
            assert "Traceback" not in answer.text
        assert served.service.counts.runs == 0


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_body_that_is_too_large_is_refused(protocol: Protocol) -> None:
    """Also where its length is not said."""
    with serving(CHAIN, limits=Limits(max_body_bytes=1000)) as served:
        content = json.dumps(protocol.body("upper", "x" * 2000)).encode()
        headers = {"content-type": "application/json"}
        assert ask(served, protocol, json=None, content=content, headers=headers).status_code == 413
        parts = iter([content[:500], content[500:]])
        assert ask(served, protocol, json=None, content=parts, headers=headers).status_code == 413


def test_too_many_open_runs_are_refused(server: Served) -> None:
    """The limit counts what is open, not what was; the client reads when to come again."""
    chain = server.service.chains["endless"].chain
    with serving({"endless": chain}, limits=Limits(max_runs=2)) as served:
        body = {"input": "x"}
        open_runs = [raw_request(served, "/endless/stream", body) for _ in range(2)]
        wait_for(lambda: served.service.counts.open == 2)
        answer = httpx.post(f"{served.url}/endless/stream", json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        for connection in open_runs:
            connection.close()
        wait_for(lambda: served.service.counts.open == 0)
        assert served.service.counts.refused == 1


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_run_that_takes_too_long_is_ended(protocol: Protocol, server: Served) -> None:
    """A stream ends with its protocol's error, and any other answer with the status."""
    chains = {"upper": server.service.chains["endless"].chain}
    with serving(chains, limits=Limits(max_seconds=0.2), shows_steps=True) as served:
        answer = ask(served, protocol)
        assert answer.status_code == (200 if protocol.streamed else 504)
        assert "took too long" in answer.text
        assert served.service.counts.open == 0


def test_a_request_that_never_ends_holds_nothing(server: Served) -> None:
    """A client that leaves in the middle of its body leaves no run."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
    connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n{")
    connection.close()
    assert httpx.get(f"{server.url}/health").json()["open"] == 0


def test_an_application_of_ones_own_has_the_routes_below_a_path() -> None:
    """The routes of several chains stand beside those of a FastAPI application."""
    app = FastAPI()

    @app.get("/own")
    def own() -> str:
        return "mine"

    add_routes(app, RunnableLambda(str.upper), "/upper")
    add_routes(app, RunnableLambda(str.lower), "/lower", name="small")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        assert httpx.get(f"{url}/own").json() == "mine"
        upper = httpx.post(f"{url}/upper/invoke", json={"input": "aB"})
        lower = httpx.post(f"{url}/lower/invoke", json={"input": "aB"})
        assert (upper.json()["output"], lower.json()["output"]) == ("AB", "ab")
        models = httpx.get(f"{url}/lower/v1/models").json()["data"]
        assert [model["id"] for model in models] == ["small"]
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: create_app(3), "cannot be served"),
        (lambda: create_app({}), "no chain"),
        (lambda: create_app(CHAIN, name="x"), "for one chain"),
        (lambda: create_app(CHAIN, config_keys=["tag"]), "Did you mean 'tags'"),
        (lambda: create_app(CHAIN, config_keys="tags"), "a list of keys"),
        (lambda: create_app(CHAIN, api_keys="key"), "api_keys: expected a list"),
        (lambda: create_app(CHAIN, api_keys=[""]), "a key is empty"),
        (lambda: create_app(CHAIN, allowed_hosts="a.example"), "allowed_hosts: expected a list"),
        (lambda: create_app(CHAIN, allowed_origins="https://a.example"), "allowed_origins: exp"),
        (lambda: Limits(max_runs=0), "max_runs=0"),
        (lambda: Limits(max_seconds=-1), "max_seconds"),
        (lambda: add_routes(FastAPI(), str.upper, "upper"), "such as '/translate'"),
        (lambda: serve(CHAIN, host="0.0.0.0"), "allowed_hosts"),
    ],
)
def test_a_server_that_cannot_be_right_is_refused(make: Any, words: str) -> None:
    """The error comes before anything listens, and names the way out."""
    with pytest.raises(ConfigError, match=words):
        make()
