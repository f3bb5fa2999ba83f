"""A chat service on loopback with a hidden limit, in real time, and a job that has to find it.

The server is a process of its own. What it refuses and how long it takes, a `Service` of
`benchmarks.simulated_services` decides, on the real clock. It counts by itself what it has answered
and refused. `python -m benchmarks.auto_limit --http` prints the table.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.simulated_services import Service
from runnables.jobs.adaptive import AdaptiveLimit
from runnables.jobs.gate import Gate, Turn

LIMITS: Mapping[str, Mapping[str, Any]] = {
    "60 a second": {"rps": 60, "latency": 0.5},
    "60 a second, Retry-After": {"rps": 60, "latency": 0.5, "tells": True},
    "24 at once": {"at_once": 24, "latency": 0.5},
    "slower past 24": {"slows_past": 24, "latency": 0.5},
    "60 a second, halves": {"rps": 60, "latency": 0.5, "changes": [[15, 0.5]]},
    "24 at once, halves": {"at_once": 24, "latency": 0.5, "changes": [[15, 0.5]]},
}
"""The settings of the services, by what they are called in the table."""

ROWS = 2_000
TASKS = 256
"""How many rows wait at the gate at once; the limit decides how many of them call."""

_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Ahoy!"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
}


@dataclass(frozen=True)
class HttpOutcome:
    """What became of a job over HTTP, by the counts of the server.

    Attributes:
        done: how many rows the job has answers for.
        answered: how many requests the server has answered.
        refused: how many it has refused.
        used: the part of its capacity that was used, from the first request to the last: of the
            requests that it takes in a second, or of the time of the places for calls at once.
    """

    done: int
    answered: int
    refused: int
    used: float


class Occupied:
    """The time of the places of a service that has so many, and how much of it was used.

    On a busy machine each answer takes longer than it should, so the number of answers would say
    little.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._places = service.at_once or service.slows_past
        self._begun: float | None = None
        self._used = self._offered = 0.0
        self.now = 0.0

    @property
    def share(self) -> float:
        """Return the part of the time that was used; 0 where it has no places."""
        return self._used / self._offered if self._offered else 0.0

    def update(self) -> float:
        """Count the time since the last update; return the time since the first request."""
        clock = time.monotonic()
        if self._begun is None:
            self._begun = clock
        passed, self.now = clock - self._begun - self.now, clock - self._begun
        if self._places:
            places = self._places * self._service.factor(self.now)
            self._used += passed * min(self._service.in_flight, places)
            self._offered += passed * places
        return self.now


async def _serve(settings: Mapping[str, Any]) -> None:
    from aiohttp import web

    service = Service(**settings)
    counts = {200: 0, 429: 0, 500: 0}
    occupied = Occupied(service)

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        reply = service.begin(occupied.update(), 12)
        try:
            await asyncio.sleep(0 if reply.status == 429 else reply.seconds)
        finally:
            occupied.update()
            service.end(reply)
        counts[reply.status] += 1
        headers = dict(reply.headers)
        if reply.retry_after is not None:
            headers["retry-after-ms"] = str(1000 * reply.retry_after)
        if reply.status == 200:
            return web.json_response(_ANSWER, headers=headers)
        return web.json_response({"error": {"message": "no"}}, status=reply.status, headers=headers)

    async def report(_: web.Request) -> web.Response:
        used = occupied.share or counts[200] / service.capacity(occupied.now, 12)
        return web.json_response({"answered": counts[200], "refused": counts[429], "used": used})

    app = web.Application()
    app.router.add_post("/chat/completions", answer)
    app.router.add_get("/report", report)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


@contextlib.contextmanager
def limited_server(settings: Mapping[str, Any]) -> Iterator[str]:
    """Run a server with these settings of a `Service`; yield its URL."""
    command = [sys.executable, "-m", "benchmarks.limited_server", json.dumps(settings)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None and child.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        finally:
            child.stdin.close()
            child.wait(5)


async def run_job(url: str, rows: int = ROWS) -> HttpOutcome:
    """Send rows to a server through a model and a gate; return what became of them."""
    import aiohttp

    from runnables_providers.openai import ChatOpenAI

    model = ChatOpenAI("m", api_key="sk-x", base_url=url, max_retries=0)
    gate = Gate(AdaptiveLimit())
    left = iter(range(rows))
    done = 0

    async def call(turn: Turn) -> object:
        return await model.ainvoke("Hello")

    async def work() -> None:
        nonlocal done
        for _ in left:
            await gate.arun(call)
            done += 1

    await asyncio.gather(*(work() for _ in range(TASKS)))
    async with aiohttp.ClientSession() as session, session.get(f"{url}/report") as response:
        report = await response.json()
    return HttpOutcome(done, **report)


def http_table(rows: int = ROWS) -> str:
    """Return the table of all limits, each on a server of its own."""
    lines = [
        "| hidden limit | capacity used | rejected | rows failed |",
        "|---|--:|--:|--:|",
    ]
    for name, settings in LIMITS.items():
        with limited_server(settings) as url:
            outcome = asyncio.run(run_job(url, rows))
        share = outcome.refused / (outcome.refused + outcome.answered)
        lines.append(f"| {name} | {outcome.used:.0%} | {share:.1%} | {rows - outcome.done} |")
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
