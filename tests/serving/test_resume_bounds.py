"""What runs without readers may take, whose they are, and how they end with their server."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette

from runnables import ConfigError, RunnableGenerator
from runnables.serving import Limits, Resume, add_routes
from tests.serving.servers import PATIENCE, Served, cut, events, raw_request, serving, wait_for
from tests.serving.test_resume_chat import END, chat_url, health, kept, leave_after, message
from tests.serving.upstreams import GatedUpstream


@pytest.fixture
def upstream() -> GatedUpstream:
    return GatedUpstream()


def ask(served: Served, chat_id: str, **options: Any) -> httpx.Response:
    """Send a message in a chat, and read the answer to its end."""
    return httpx.post(f"{served.url}/up/api/chat", json=message(END, chat_id), **options)


def test_a_run_belongs_to_the_key_that_started_it(upstream: GatedUpstream) -> None:
    """Another key neither reads nor stops nor replaces it, and has a chat of the same id."""
    mine, other = ({"authorization": f"Bearer {key}"} for key in ("mine", "other"))
    with kept(upstream, api_keys=["mine", "other"]) as served:
        body = {"model": "up", "input": "1", "background": True}
        given = httpx.post(f"{served.url}/v1/responses", json=body, headers=mine).json()
        response_url = f"{served.url}/v1/responses/{given['id']}"
        whole = ask(served, "c", headers=mine)
        for url in (chat_url(served), response_url):
            assert httpx.get(url).status_code == 401
            assert httpx.get(url, headers=mine).status_code == 200
            assert httpx.get(url, headers=other).status_code in (204, 404)
        assert httpx.delete(chat_url(served), headers=other).status_code == 204
        assert httpx.post(f"{response_url}/cancel", headers=other).status_code == 404
        assert upstream.ends == ["finished"]
        assert ask(served, "c", headers=other).text != whole.text
        assert httpx.get(chat_url(served), headers=mine).text == whole.text


def test_a_run_belongs_to_who_an_application_says(upstream: GatedUpstream) -> None:
    """An application with logins of its own names the owner of each request."""
    resume = Resume(owner=lambda request: request.headers.get("x-user", ""))
    with kept(upstream, resume=resume) as served:
        whole = ask(served, "c", headers={"x-user": "ann"})
        assert httpx.get(chat_url(served), headers={"x-user": "ann"}).text == whole.text
        assert httpx.get(chat_url(served), headers={"x-user": "bob"}).status_code == 204
        assert httpx.get(chat_url(served)).status_code == 204


def test_runs_without_readers_count_among_the_open_ones(upstream: GatedUpstream) -> None:
    """No more are taken than the limit says."""
    with kept(upstream, limits=Limits(max_runs=2)) as served:
        for chat_id in ("a", "b"):
            leave_after(served, message(3, chat_id), b"The ")
        assert ask(served, "c").status_code == 503
        assert served.service.counts.refused == 1
        assert httpx.delete(chat_url(served, "a")).status_code == 204
        assert ask(served, "c").status_code == 200


def test_a_run_without_a_reader_ends_when_it_takes_too_long(upstream: GatedUpstream) -> None:
    """Who comes later reads that it took too long."""
    with kept(upstream, limits=Limits(max_seconds=0.2)) as served:
        leave_after(served, message(3), b"The ")
        wait_for(lambda: upstream.closed and not served.service.counts.open)
        assert "took too long" in httpx.get(chat_url(served)).text
        assert served.service.counts.failed == 1


@contextmanager
def never_waiting(grace: float) -> Generator[tuple[Served, httpx.Client, threading.Event]]:
    """Serve a chain whose run never waits and has lost its reader, with a client that is ready.

    The event says that the run has ended.
    """
    released, ended = threading.Event(), threading.Event()

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            while not released.is_set():
                yield "again "
        finally:
            ended.set()

    with (
        serving({"up": RunnableGenerator(answer)}, resume=Resume(grace=grace)) as served,
        httpx.Client() as client,  # beside a busy thread, to make one takes long
    ):
        try:
            leave_after(served, message(0), b"again")
            yield served, client, ended
        finally:
            released.set()  # a server that is kept busy would never end


def test_a_run_without_a_reader_that_never_waits_leaves_others_their_turn() -> None:
    """Its server answers others meanwhile, and stops it on request; other threads run, too."""
    with never_waiting(grace=3600) as (served, client, ended):
        wait_for(lambda: client.get(f"{served.url}/health").json()["detached"] == 1)
        assert client.delete(chat_url(served)).status_code == 204
        assert ended.wait(PATIENCE)


def test_a_run_that_never_waits_ends_when_its_time_without_a_reader_is_over() -> None:
    """It is stopped from outside: it gives its server no time of its own accord."""
    with never_waiting(grace=0.5) as (_, _, ended):
        assert ended.wait(PATIENCE)


def test_the_first_that_has_ended_makes_way_and_then_none_is_kept(
    upstream: GatedUpstream,
) -> None:
    """A run that cannot be kept is answered, and stops when its reader leaves."""
    with kept(upstream, resume=Resume(max_runs=2)) as served:
        for chat_id in ("a", "b", "c"):
            assert ask(served, chat_id).status_code == 200
        found = [httpx.get(chat_url(served, chat_id)).status_code for chat_id in ("a", "b", "c")]
        assert found == [204, 200, 200]
        for chat_id in ("d", "e"):
            leave_after(served, message(3, chat_id), b"The ")
        assert ask(served, "f").text.endswith("data: [DONE]\n\n")
        assert httpx.get(chat_url(served, "f")).status_code == 204
        body = {"model": "up", "input": str(END), "background": True}
        response = httpx.post(f"{served.url}/v1/responses", json=body).json()
        assert (response["status"], response["background"]) == ("completed", False)
        streamed = httpx.post(f"{served.url}/v1/responses", json={**body, "stream": True})
        assert events(streamed.text)[-1]["response"]["background"] is False
        assert (health(served)["kept"], health(served)["detached"]) == (2, 2)


def test_an_answer_that_is_longer_than_what_is_kept_is_refused(upstream: GatedUpstream) -> None:
    """Its reader has read all of it; it cannot be read from the first frame again."""
    with kept(upstream, resume=Resume(max_bytes=600)) as served:
        assert len(events(ask(served, "c").text)) > 10
        answer = httpx.get(chat_url(served))
        assert (answer.status_code, answer.content) == (204, b"")
        assert "longer than what is kept" in answer.headers["x-reason"]
        body = {"model": "up", "input": str(END), "background": True, "stream": True}
        read = events(httpx.post(f"{served.url}/v1/responses", json=body).text)
        url = f"{served.url}/v1/responses/{read[0]['response']['id']}"
        for params in ({"stream": "true"}, {}):
            answer = httpx.get(url, params=params)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "response_too_long"
        last = {"stream": "true", "starting_after": read[-1]["sequence_number"]}
        assert events(httpx.get(url, params=last).text) == []


def test_many_long_answers_without_readers_take_bounded_memory() -> None:
    """64 runs that have sent 1.6 MB hold 256 kB each, and nothing when they are stopped."""
    begun: list[str] = []

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        begun.append("".join([part async for part in inputs]))
        for _ in range(100):
            yield "x" * 16_000
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    resume = Resume(grace=100, max_runs=64, max_bytes=256_000)
    tracemalloc.start()
    try:
        with serving({"up": RunnableGenerator(answer)}, resume=resume) as served:
            leave_after(served, message(0, "first"), b"xxx")
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            for number in range(63):
                cut(raw_request(served, "/up/api/chat", message(0, f"c{number}")))
            wait_for(lambda: len(begun) == 64)
            kept_runs = served.service.kept
            assert kept_runs is not None
            runs = kept_runs._runs  # to see their sizes
            wait_for(lambda: all(run.frames.end >= 100 for run in runs.values()))
            taken = tracemalloc.get_traced_memory()[0] - before
            assert sum(run.frames.size for run in runs.values()) <= 64 * 256_000
            assert taken < 25_000_000
            with httpx.Client() as client:
                for number in range(63):
                    client.delete(chat_url(served, f"c{number}"))
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] - before < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_shutdown_ends_runs_with_and_without_readers(upstream: GatedUpstream) -> None:
    """Readers read the last frame of their protocol; each `finally` has run when it is over."""
    with kept(upstream) as served:
        leave_after(served, message(3, "left"), b"The ")
        connection = raw_request(served, "/up/api/chat", message(3, "read"))
        received = b""
        while b"The " not in received:
            received += connection.recv(4096)
        served.server.should_exit = True
        while more := connection.recv(4096):
            received += more
        connection.close()
    assert upstream.ends == ["closed", "closed"]
    assert b"shutting down" in received
    assert b"data: [DONE]" in received


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
def test_an_application_of_ones_own_ends_its_runs(upstream: GatedUpstream, kind: Any) -> None:
    """Its own lifespan still runs, and the `finally` of a run without a reader, too."""
    log: list[str] = []

    class Lifespan:
        def __init__(self, app: Any) -> None: ...

        async def __aenter__(self) -> None:
            log.append("start")

        async def __aexit__(self, *error: object) -> None:
            log.append(f"end after {len(upstream.ends)}")

    app = kind(lifespan=Lifespan)
    add_routes(app, RunnableGenerator(upstream.answer), "/up", resume=Resume(grace=100))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    name = httpx.get(f"{url}/up/v1/models").json()["data"][0]["id"]
    httpx.post(f"{url}/up/v1/responses", json={"model": name, "input": "1", "background": True})
    wait_for(lambda: upstream.began)
    server.should_exit = True
    thread.join(PATIENCE)
    assert log == ["start", "end after 1"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grace": 0}, "grace=0"),
        ({"keep": -1}, "keep=-1"),
        ({"max_runs": 0}, "max_runs=0"),
        ({"max_bytes": 0}, "max_bytes=0"),
    ],
)
def test_options_that_cannot_be_right_are_refused(options: Any, words: str) -> None:
    """The error names the option and its value."""
    with pytest.raises(ConfigError, match=words):
        Resume(**options)
