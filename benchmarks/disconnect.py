"""How soon a service is left after the client of a served chain has gone away.

    python -m benchmarks.disconnect [--rounds 20]

Three processes: a service of models that records when its client leaves, a server whose chain asks
it, and this one, the client. For each protocol and each state of a stream, the client closes its
connection (in turns as a program that ends, and as one that is killed); the time is from then until
the service has seen it. Then the same with OpenAI's SDK, whose stream is closed or whose task is
cancelled. It fails where one round took longer than 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import openai

from benchmarks.endless_upstream import Upstream, endless_upstream
from benchmarks.served_process import Process, served_process
from runnables.serving import create_app
from runnables_providers.openai import ChatOpenAI
from tests.serving.requests_of import PROTOCOLS, Protocol

LIMIT = 0.1
STATES = ("before the first chunk", "silent after a chunk", "fast", "slow reader")
READ = 100_000
"""How many bytes of a fast answer are read before its reader leaves."""

EVENTS_READ = 50
"""The same for an SDK, in events."""

Leave = Callable[[str, str], float]
"""Asks with a key, waits until the stream is in a state, and leaves; returns when that was."""

Ask = Callable[[Any, str, bool], Any]
"""Asks a client of the SDK with a message, for a stream or a whole answer."""


def app(url: str) -> Any:
    """Return the application: a model of the service."""
    return create_app({"up": ChatOpenAI("m", base_url=url, api_key="none", max_retries=0)})


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.disconnect", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    rows: dict[str, dict[str, list[float]]] = {}
    with endless_upstream() as up, served_process("benchmarks.disconnect:app", up.url) as server:
        for protocol in PROTOCOLS:
            leave = Raw(server, up, protocol).leave
            states = STATES if protocol.streamed else STATES[:1]
            rows[protocol.name] = {s: _rounds(up, s, options.rounds, leave) for s in states}
        sdk = Sdk(server, up)
        for name, states, leave in sdk.ways():
            rows[name] = {s: _rounds(up, s, options.rounds, leave) for s in states}
        sdk.close()
        counts = server.counts()
    print(_table(rows))
    every = [seconds for states in rows.values() for took in states.values() for seconds in took]
    late = sum(seconds > LIMIT for seconds in every)
    print(f"\n{len(every) - late} of {len(every)} within {LIMIT * 1e3:.0f} ms; {counts}")
    sys.exit(late > 0 or counts["open"] > 0)


def _rounds(up: Upstream, state: str, rounds: int, leave: Leave) -> list[float]:
    """Return the seconds of each round, after one that does not count."""
    took: list[float] = []
    for number in range(rounds + 1):
        key = f"{time.monotonic_ns()}-{number}"
        left = leave(state, key)
        took.append(up.wait_for("left", key) - left)
    return took[1:]


def _kind(state: str) -> str:
    return {STATES[0]: "silent", STATES[1]: "one"}.get(state, "fast")


class Raw:
    """A client on a bare socket."""

    def __init__(self, server: Process, up: Upstream, protocol: Protocol) -> None:
        self._server, self._up, self._protocol = server, up, protocol
        self._dies = False

    def leave(self, state: str, key: str) -> float:
        """Ask, wait until the stream is in this state, and leave; return when that was."""
        path = self._protocol.path.format(name="up")
        body = json.dumps(self._protocol.body("up", f"{_kind(state)} {key}")).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.socket() as connection:
            if state == "slow reader":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(10)
            connection.connect(("127.0.0.1", self._server.port))
            connection.sendall(head.encode() + body)
            self._up.wait_for("began", key)
            if state == "slow reader":
                self._up.wait_for("blocked", key)
            elif state != STATES[0]:
                self._read(connection, READ if state == "fast" else 2000)
            self._dies = not self._dies
            if self._dies:  # the system resets the connections of a process that is killed
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            return time.monotonic()

    def _read(self, connection: socket.socket, size: int) -> None:
        while size > 0:
            size -= len(connection.recv(65536))


class Sdk:
    """OpenAI's SDK, which closes a stream, or is cancelled while it waits."""

    def __init__(self, server: Process, up: Upstream) -> None:
        self._up = up
        options: Any = {"base_url": f"{server.url}/v1", "api_key": "none", "max_retries": 0}
        self._sync, self._async = openai.OpenAI(**options), openai.AsyncOpenAI(**options)
        self._loop = asyncio.Runner()

    def ways(self) -> Iterator[tuple[str, tuple[str, ...], Leave]]:
        """Yield each way to ask: its name, the states that it can be left in, and the function."""
        for name, ask in (("chat", _chat), ("responses", _response)):
            yield f"openai, {name}: closed", STATES[1:3], partial(self._close, ask)
            cancel = partial(self._cancel, ask)
            yield f"openai, {name}: cancelled", STATES[:3], partial(cancel, True)
            yield f"openai, {name} whole: cancelled", STATES[:1], partial(cancel, False)

    def close(self) -> None:
        """Close the clients."""
        self._sync.close()
        self._loop.run(self._async.close())
        self._loop.close()

    def _close(self, ask: Ask, state: str, key: str) -> float:
        stream = ask(self._sync, f"{_kind(state)} {key}", True)
        for number, _ in enumerate(stream):
            if number == (EVENTS_READ if state == "fast" else 1):
                break
        self._up.wait_for("began", key)
        left = time.monotonic()
        stream.close()
        return left

    def _cancel(self, ask: Ask, streamed: bool, state: str, key: str) -> float:
        return self._loop.run(self._cancelled(ask, streamed, state, key))

    async def _cancelled(self, ask: Ask, streamed: bool, state: str, key: str) -> float:
        is_there = asyncio.Event()

        async def read() -> None:
            answer = await ask(self._async, f"{_kind(state)} {key}", streamed)
            async with answer:
                number = 0
                async for _ in answer:
                    number += 1
                    if number == (EVENTS_READ if state == "fast" else 2):
                        is_there.set()

        task = asyncio.create_task(read())
        await asyncio.to_thread(self._up.wait_for, "began", key)
        if state != STATES[0]:
            await is_there.wait()
        left = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        return left


def _chat(client: Any, text: str, streamed: bool) -> Any:
    said = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="up", messages=said, stream=streamed)


def _response(client: Any, text: str, streamed: bool) -> Any:
    return client.responses.create(model="up", input=text, stream=streamed)


def _table(rows: dict[str, dict[str, list[float]]]) -> str:
    lines = [f"| median and worst, ms | {' | '.join(STATES)} |", "|---|" + "--:|" * len(STATES)]
    for name, states in rows.items():
        cells = [_cell(states.get(state)) for state in STATES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(took: list[float] | None) -> str:
    if took is None:
        return ""
    return f"{statistics.median(took) * 1e3:.1f}, {max(took) * 1e3:.1f}"


if __name__ == "__main__":
    main()
