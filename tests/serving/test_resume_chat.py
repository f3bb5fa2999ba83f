"""A chat of the AI SDK that is read again after a reload, and stopped by an explicit call."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from runnables import RunnableGenerator
from runnables.serving import Resume
from tests.serving.requests_of import PROTOCOLS
from tests.serving.servers import PATIENCE, Served, cut, raw_request, serving, wait_for
from tests.serving.upstreams import WORDS, GatedUpstream, chunks

END = 99
"""More chunks than an answer has: its gate is never reached."""


@pytest.fixture
def upstream() -> GatedUpstream:
    return GatedUpstream()


@pytest.fixture
def served(upstream: GatedUpstream) -> Iterator[Served]:
    with kept(upstream) as server:
        yield server


def kept(upstream: GatedUpstream, **options: Any) -> Any:
    """Serve a chain whose runs outlive their readers."""
    resume = options.pop("resume", Resume(grace=100, keep=100))
    return serving({"up": RunnableGenerator(upstream.answer)}, resume=resume, **options)


def message(before: int, chat_id: str = "c") -> dict[str, Any]:
    """Return the body of a message in a chat, for an answer with so many chunks before the gate."""
    part = {"type": "text", "text": str(before)}
    return {"id": chat_id, "messages": [{"id": "m", "role": "user", "parts": [part]}]}


def chat_url(served: Served, chat_id: str = "c") -> str:
    """Return the URL of the answer in a chat."""
    return f"{served.url}/up/api/chat/{chat_id}/stream"


def health(served: Served) -> Any:
    """Return how a server is."""
    return httpx.get(f"{served.url}/health").json()


def leave_after(served: Served, body: Any, text: bytes) -> bytes:
    """Send a message, leave when a string has come, and return what has come."""
    connection = raw_request(served, "/up/api/chat", body)
    received = b""
    while text not in received:
        received += connection.recv(4096)
    cut(connection)
    return received


def same(text: str) -> str:
    """Return frames without the id of the message, which is new for each."""
    return re.sub("msg-[0-9a-f]{32}", "msg", text)


def test_an_answer_is_the_same_wherever_it_was_cut(served: Served, upstream: GatedUpstream) -> None:
    """A reader that was cut at any chunk, and one that comes later, read an undisturbed run."""
    with serving({"up": RunnableGenerator(upstream.answer)}) as plain:
        whole = httpx.post(f"{plain.url}/up/api/chat", json=message(END)).text
    assert whole.endswith("data: [DONE]\n\n")
    for before in range(1, len(chunks())):
        chat_id = f"cut-{before}"
        last = chunks()[before - 1].text.encode() or b"reasoning-delta"
        leave_after(served, message(before, chat_id), last)
        wait_for(lambda: health(served)["detached"] == 1)
        with httpx.stream("GET", chat_url(served, chat_id)) as answer:
            parts = answer.iter_text()
            first = next(parts)
            upstream.open()
            read = first + "".join(parts)
        assert same(read) == same(whole)
        assert httpx.get(chat_url(served, chat_id)).text == read
    assert upstream.finished == upstream.began == len(chunks())
    assert served.service.counts.left == 0


def test_two_readers_at_once_and_many_late_ones_read_the_same(
    served: Served, upstream: GatedUpstream
) -> None:
    """Each of 30 readers gets every frame from the first on, whenever it comes."""
    with ThreadPoolExecutor(31) as pool:
        first = pool.submit(httpx.post, f"{served.url}/up/api/chat", json=message(3))
        wait_for(lambda: upstream.began)
        early = [pool.submit(httpx.get, chat_url(served)) for _ in range(15)]
        wait_for(lambda: health(served)["streams"] == 16)
        upstream.open()
        late = [pool.submit(httpx.get, chat_url(served)) for _ in range(15)]
        answers = {answer.result(PATIENCE).text for answer in (first, *early, *late)}
    assert len(answers) == 1
    assert answers.pop().endswith("data: [DONE]\n\n")
    assert upstream.began == 1


def test_an_answer_that_goes_on_with_a_message_is_read_again_without_its_start(
    served: Served,
) -> None:
    """At a second start, a page forgets the message, with the call whose result comes next."""
    body = message(END)
    call: Any = {"type": "dynamic-tool", "toolName": "add", "toolCallId": "t", "input": {}}
    part = {**call, "state": "output-available", "output": 3}
    body["messages"].append({"id": "a", "role": "assistant", "parts": [part]})
    answer = httpx.post(f"{served.url}/up/api/chat", json=body)
    start, rest = answer.text.split("\n\n", 1)
    assert start == 'data: {"type":"start"}'
    assert httpx.get(chat_url(served)).text == rest


def test_there_is_nothing_to_resume_where_no_run_is(served: Served) -> None:
    """The AI SDK takes 204 for that, also of a server that keeps no runs."""
    for url in (chat_url(served), chat_url(served, "a b"), chat_url(served, "x" * 200)):
        for method in ("GET", "DELETE"):
            answer = httpx.request(method, url)
            assert (answer.status_code, answer.content) == (204, b"")
            assert "another process" in answer.headers["x-reason"]
    with serving({"up": RunnableGenerator(GatedUpstream().answer)}) as plain:
        assert httpx.get(chat_url(plain)).status_code == 204


@pytest.mark.parametrize("chat_id", ["", "../x", "a/b", "a b", "x" * 129, "é", "\n", 3, ["c"]])
def test_an_id_that_no_path_should_have_is_refused(served: Served, chat_id: Any) -> None:
    """The client reads which characters it may have; nothing runs."""
    answer = httpx.post(f"{served.url}/up/api/chat", json=message(END, chat_id))
    assert answer.status_code == 400
    assert "letters, digits" in answer.text
    assert served.service.counts.runs == 0


def test_a_message_without_an_id_is_answered_and_not_kept(
    served: Served, upstream: GatedUpstream
) -> None:
    """Leaving stops it."""
    body = message(1)
    del body["id"]
    leave_after(served, body, b"reasoning-delta")
    wait_for(lambda: upstream.closed)
    assert health(served)["kept"] == 0


def test_a_stop_closes_the_run_and_ends_its_readers(
    served: Served, upstream: GatedUpstream
) -> None:
    """When the stop is answered, each `finally` has run; other readers read that it was stopped."""
    with httpx.stream("POST", f"{served.url}/up/api/chat", json=message(3)) as answer:
        parts = answer.iter_text()
        read = next(parts)
        assert httpx.delete(chat_url(served)).status_code == 204
        assert upstream.closed == 1
        read += "".join(parts)
    assert '{"type":"abort","reason":"The answer was stopped."}' in read
    assert read.index('"text-end"') < read.index('"abort"')
    assert read.endswith("data: [DONE]\n\n")
    assert httpx.get(chat_url(served)).status_code == 204
    assert served.service.counts.left == 1
    assert served.service.counts.failed == served.service.counts.open == 0


def test_a_newer_message_replaces_the_run_of_its_chat(
    served: Served, upstream: GatedUpstream
) -> None:
    """The old run has ended when the new one begins; the chat has the answer of the new one."""
    with httpx.stream("POST", f"{served.url}/up/api/chat", json=message(3)) as old:
        parts = old.iter_text()
        read = next(parts)
        new = httpx.post(f"{served.url}/up/api/chat", json=message(END))
        read += "".join(parts)
    assert upstream.ends == ["closed", "finished"]
    assert "A newer message of this chat" in read
    assert new.text.endswith("data: [DONE]\n\n")
    assert httpx.get(chat_url(served)).text == new.text


def test_of_messages_that_come_at_once_one_runs_at_a_time() -> None:
    """The last one stays; the others read that they were replaced, each with its `finally` run."""
    running: list[int] = []
    most: list[int] = []

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in inputs:
            pass
        running.append(1)
        most.append(len(running))
        try:
            for word in WORDS:
                yield word
                await asyncio.sleep(0.01)
        finally:
            await asyncio.sleep(0)
            running.pop()

    with serving({"up": RunnableGenerator(answer)}, resume=Resume()) as served:
        with ThreadPoolExecutor(10) as pool:
            url = f"{served.url}/up/api/chat"
            asked = [pool.submit(httpx.post, url, json=message(END)) for _ in range(10)]
            answers = [answer.result(PATIENCE).text for answer in asked]
        whole = [text for text in answers if '{"type":"finish"' in text]
        assert max(most) == 1
        assert all("A newer message of this chat" in text for text in answers if text not in whole)
        assert httpx.get(chat_url(served)).text in whole
        assert health(served)["kept"] == 1


def test_a_run_without_a_reader_is_stopped_after_its_grace(upstream: GatedUpstream) -> None:
    """Every `finally` runs; who comes later reads what there was, and why it has ended."""
    with kept(upstream, resume=Resume(grace=0.05)) as served:
        received = leave_after(served, message(4), b"tide ")
        assert b"comes" not in received
        wait_for(lambda: upstream.closed and not served.service.counts.open)
        answer = httpx.get(chat_url(served))
        assert '"delta":"tide "' in answer.text
        assert "The answer had no reader for 0.05 seconds." in answer.text
        assert answer.text.endswith("data: [DONE]\n\n")
        assert upstream.finished == 0
        assert served.service.counts.left == 1


def test_a_reader_gives_a_run_all_the_time_that_it_needs(upstream: GatedUpstream) -> None:
    """The time without a reader begins when the last of them has left."""
    with kept(upstream, resume=Resume(grace=0.3)) as served:
        connection = raw_request(served, "/up/api/chat", message(1))
        other = raw_request(served, "/up/api/chat", message(1, "other"))
        wait_for(lambda: upstream.began == 2)
        cut(other)
        wait_for(lambda: upstream.closed == 1)  # the grace is over, for one that began later
        upstream.open()
        received = b""
        while b"[DONE]" not in received:
            received += connection.recv(4096)
        connection.close()
        assert upstream.finished == 1


def test_an_answer_is_forgotten_after_a_while(upstream: GatedUpstream) -> None:
    """Nothing is left of it."""
    with kept(upstream, resume=Resume(keep=0.05)) as served:
        httpx.post(f"{served.url}/up/api/chat", json=message(END))
        wait_for(lambda: health(served)["kept"] == 0)
        assert httpx.get(chat_url(served)).status_code == 204


def test_an_error_before_the_first_chunk_is_the_same_status_again(served: Served) -> None:
    """A reader that comes later reads the status and the text that the first one has read."""
    body = message(END)
    body["messages"][0]["parts"][0]["text"] = "no number"
    first = httpx.post(f"{served.url}/up/api/chat", json=body)
    again = httpx.get(chat_url(served))
    assert (first.status_code, again.status_code) == (500, 500)
    assert first.text == again.text
    assert served.service.counts.failed == 1


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_leaving_still_stops_where_a_protocol_has_no_resume(
    protocol: Any, served: Served, upstream: GatedUpstream
) -> None:
    """Only a chat with an id goes on, and a response that was asked for in the background."""
    connection = raw_request(served, protocol.path.format(name="up"), protocol.body("up", "0"))
    wait_for(lambda: upstream.began)
    cut(connection)
    if protocol.name == "ui":
        wait_for(lambda: health(served)["detached"] == 1)
        assert upstream.closed == 0
    else:
        wait_for(lambda: upstream.closed == 1)
        assert health(served)["kept"] == 0


def test_threads_and_runs_are_where_they_were(served: Served, upstream: GatedUpstream) -> None:
    """After many runs that were left and stopped, nothing of them is left."""
    threads = threading.active_count()
    for number in range(30):
        cut(raw_request(served, "/up/api/chat", message(1, f"c{number}")))
    wait_for(lambda: upstream.began == 30)
    with httpx.Client() as client:
        for number in range(30):
            assert client.delete(chat_url(served, f"c{number}")).status_code == 204
    wait_for(lambda: health(served)["streams"] == 0)
    assert (health(served)["kept"], health(served)["open"], upstream.closed) == (0, 0, 30)
    assert threading.active_count() <= threads
