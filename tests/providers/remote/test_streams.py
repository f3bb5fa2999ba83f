"""Streams of a served chain: how their chunks merge, starting over, and leaving them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from runnables import (
    RESET,
    SNAPSHOTS,
    JsonOutputParser,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
)
from runnables.core.handlers import Event
from runnables_providers.remote import RemoteRunnable
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.laws import steps
from tests.laws.outcomes import stream_of
from tests.serving.servers import events, serving, wait_for
from tests.serving.upstreams import Upstream

words = RunnableLambda(steps.words)
growing = RunnableLambda(steps.growing, merge="last")
counted = RunnableLambda(steps.countdown, merge=steps.total) | str


def numbers(text: str) -> Iterator[int]:
    yield from (1, 2, 3)


def halfway(text: str) -> Iterator[str]:
    yield "<"
    raise ValueError(text)


over = RunnableLambda(halfway).with_fallbacks([growing], on_restart="restart")
added_up = RunnableLambda(numbers, merge=sum)
person = ScriptedChatModel([['{"name": ', '"Ada", "age": 3', "6}"]], cycle=True)

CHAINS: dict[str, Any] = {
    "strings": words,
    "snapshots": growing,
    "function": added_up,
    "messages": person,
    "json": person | JsonOutputParser(),
    "branches": RunnableParallel(b=growing, a=words, c=added_up, d=person),
    "nested": RunnableParallel(
        x=RunnableParallel(b=growing, a=added_up), y=RunnableLambda(str.split) | growing.map()),
    "assigned": RunnableLambda(lambda text: {"text": text}) | RunnablePassthrough.assign(
        w=lambda value: value["text"], g=RunnableLambda(lambda value: value["text"]) | growing),
    "nothing": RunnableLambda(lambda text: {}),
}  # fmt: skip


def test_chunks_add_up_as_they_do_at_the_server(call: Call) -> None:
    """The stream has the value of `invoke`, with its order of keys, and so has a next step."""
    with serving(CHAINS) as served:
        for name, chain in CHAINS.items():
            there = RemoteRunnable(f"{served.url}/{name}")
            whole = call.invoke(chain, "a bc d")
            assert call.invoke(there, "a bc d") == whole, name
            streamed = stream_of(call, there, "a bc d")
            assert streamed.value == whole, name
            received: list[Any] = []
            call.stream(there | RunnableLambda(received.append, blocking=False), "a bc d")
            assert received == [whole], name
            if isinstance(whole, dict):
                assert list(streamed.value) == list(whole), name


def test_chunks_come_as_they_are_made(call: Call) -> None:
    """A step behind works on each, as behind the chain itself."""
    with serving(words) as served:
        chain = RemoteRunnable(served.url) | RunnableGenerator(steps.uppercase)
        assert call.stream(chain, "a b c") == call.stream(
            words | RunnableGenerator(steps.uppercase), "a b c"
        )


def test_the_merge_is_in_the_first_event() -> None:
    """A client of any language finds it there, where it asks for it; others see nothing of it."""
    with serving({"g": growing, "w": words}) as served:
        body = {"input": "ab"}
        asks = {"x-runnables-merges": "yes"}
        answer = httpx.post(f"{served.url}/g/stream", json=body, headers=asks)
        assert events(answer.text)[0]["merge"] == "last"
        assert events(httpx.post(f"{served.url}/w/stream", json=body).text)[0].keys() == {"run_id"}


def test_a_stream_may_start_over_where_that_was_asked_for(call: Call) -> None:
    """Otherwise it comes as one chunk. A part of it may start over, too."""
    both = RunnableParallel(a=over, b=words)
    with serving({"over": over, "both": both}) as served:
        plain = RemoteRunnable(f"{served.url}/over")
        assert (plain.may_restart, call.stream(plain, "ab")) == (False, ["ab"])
        there = RemoteRunnable(f"{served.url}/over", restarts=True)
        assert there.may_restart
        assert call.stream(there, "ab") == ["<", RESET, "", "a", "ab"]
        assert call.invoke(there | StrOutputParser(), "ab") == "ab"
        parts = stream_of(call, RemoteRunnable(f"{served.url}/both", restarts=True), "ab")
        assert {"a": RESET} in parts.chunks
        assert parts.value == {"a": "ab", "b": "ab"}


def test_a_proxy_passes_on_what_it_receives(call: Call) -> None:
    """A served chain with a remote runnable in it streams, and merges, as the chain behind it."""
    chain = RunnableParallel(b=growing, a=words)
    with serving(chain) as served, serving(RemoteRunnable(served.url) | RunnablePassthrough()) as p:
        there = RemoteRunnable(p.url)
        assert stream_of(call, there, "a b").value == {"b": "a b", "a": "a b"}
        assert len(call.stream(there, "a b")) > 3


def test_a_merge_is_declared_for_a_server_that_tells_none(call: Call) -> None:
    """Without one, chunks are parts."""
    from starlette.responses import Response

    from tests.providers.remote.servers import answering

    frames = 'event: data\ndata: {"a": 1}\n\nevent: data\ndata: {"a": 1, "b": 2}\n\nevent: end\n\n'
    with answering([Response(frames, media_type="text/event-stream")]) as server:
        there = RemoteRunnable(server.url, merge="last")
        assert stream_of(call, there, "x").value == {"a": 1, "b": 2}
        with there.stream("x") as stream:
            list(stream)
            assert stream.merge is SNAPSHOTS


def test_handlers_see_one_run_with_its_chunks(call: Call) -> None:
    """Events of the run here have the chunks, and the events of `stream_events`, too."""
    seen: list[Event] = []

    class Recorder:
        wants_chunks = True

        def on_event(self, event: Event) -> None:
            seen.append(event)

    with serving(words) as served:
        there = RemoteRunnable(served.url, name="there")
        chunks = call.stream(there, "a b", {"callbacks": [Recorder()]})
        assert [event.chunk for event in seen if event.kind == "chunk"] == chunks
        assert {event.name for event in seen} == {"there"}
        shown = call.events(there, "a b")
        assert [event["event"] for event in shown] == [
            "on_chain_start", *["on_chain_stream"] * len(chunks), "on_chain_end"]  # fmt: skip


# -- leaving


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def there(upstream: Upstream) -> Iterator[RemoteRunnable[Any, Any]]:
    with serving(RunnableGenerator(upstream.answer)) as served:
        yield RemoteRunnable(served.url, max_retries=None)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_leaving_a_stream_stops_the_chain_there(
    mode: str, upstream: Upstream, there: RemoteRunnable[Any, Any]
) -> None:
    """The service behind it is closed before its next chunk, through two servers, too."""
    with serving(there | RunnablePassthrough()) as proxy:
        for number, each in enumerate((there, RemoteRunnable(proxy.url)), 1):
            assert some_of(mode, each, "one", 1) == ["first"]
            wait_for(lambda number=number: upstream.closed == number)  # type: ignore[misc]  # a default binds it
            assert upstream.chunks == number


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_slow_reader_that_leaves_stops_the_chain_there(
    mode: str, upstream: Upstream, there: RemoteRunnable[Any, Any]
) -> None:
    """It does while the server waits for the reader, too."""
    assert len(some_of(mode, there, "fast", 2)) == 2
    wait_for(lambda: upstream.closed)


def some_of(mode: str, there: RemoteRunnable[Any, Any], value: str, count: int) -> list[Any]:
    """Return the first chunks of a stream that is then left.

    (`call.stream` would find the streams of the server, which is in this process, still closing.)
    """
    if mode == "sync":
        with there.stream(value) as stream:
            return [next(stream) for _ in range(count)]

    async def run() -> list[Any]:
        async with there.astream(value) as stream:
            return [await anext(stream) for _ in range(count)]

    return asyncio.run(run())


@pytest.mark.parametrize("way", ["invoke", "stream", "batch"])
async def test_a_cancelled_task_stops_the_chain_there(
    way: str, upstream: Upstream, there: RemoteRunnable[Any, Any]
) -> None:
    """It does before the first byte has come, in every way to run."""

    async def run() -> None:
        if way == "invoke":
            await there.ainvoke("silent")
        elif way == "batch":
            await there.abatch(["silent", "silent"])
        else:
            async with aclosing(there.astream("silent")) as stream:
                async for _ in stream:
                    pass

    task = asyncio.create_task(run())
    await until(lambda: upstream.began)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: upstream.closed == upstream.began)


async def until(condition: Any) -> None:
    """Wait for a condition without blocking the loop."""
    async for _ in ticks():
        if condition():
            return


async def ticks() -> AsyncIterator[None]:
    async with asyncio.timeout(10):
        while True:
            yield
            await asyncio.sleep(0.001)
