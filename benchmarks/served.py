"""What a served stream costs for each chunk, and how late it is, beside Starlette alone and peers.

    python -m benchmarks.served [--streams 200] [--rounds 3] [--peers] [--folder FOLDER]

This process reads each stream to its end, over HTTP on loopback, and checks that no chunk is lost
or out of order; the server is in a process of its own, whose CPU time counts. The floor is a
`StreamingResponse` of Starlette that sends the frames of a chat completion. The other rows are the
protocols of a served chain, and, with `--peers`, what others serve.

- One stream at a time, whose chunks are all there: the CPU time of a chunk.
- `--streams` at once, with a chunk every 100 ms: its CPU time, in which waking up for it has the
  largest share, and the time from when the chain yields it until its reader has it.

The peers run in environments of their own, which are made in `--folder` where they are missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environments import python_of
from benchmarks.served_peers import PEERS, words
from benchmarks.served_process import Process, served_process

FLOOR = "Starlette alone"
BURST, PACED = 2000, 40
"""How many chunks a stream has: without pauses, and with them."""
PAUSE = 0.1
ONE_BY_ONE = 3

SAID: dict[str, Any] = {"role": "user", "content": "x"}
UI_SAID: dict[str, Any] = {"role": "user", "parts": [{"type": "text", "text": "x"}]}
AG_UI: dict[str, Any] = {
    "threadId": "t", "runId": "r", "messages": [{"id": "m", **SAID}], "state": {}, "tools": [],
    "context": [], "forwardedProps": {},
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """How a stream is asked for.

    Attributes:
        path: where.
        body: with what.
        end: what its last bytes have, so that it was not cut.
    """

    path: str
    body: dict[str, Any]
    end: bytes


OURS = {
    FLOOR: Request("/bare", {}, b"[DONE]"),
    "chat completions": Request(
        "/v1/chat/completions", {"model": "c", "messages": [SAID], "stream": True}, b"[DONE]"
    ),
    "responses": Request(
        "/v1/responses", {"model": "c", "input": "x", "stream": True}, b"response.completed"
    ),
    "AI SDK": Request("/c/api/chat", {"messages": [UI_SAID]}, b"[DONE]"),
    "AG-UI": Request("/c/ag-ui", AG_UI, b"RUN_FINISHED"),
    "REST": Request("/c/stream", {"input": "x"}, b"event: end"),
}
THEIRS = {
    "LangServe /stream": ("langserve", Request("/c/stream", {"input": "x"}, b"event: end")),
    "pydantic-ai AG-UI": ("pydantic_ai", Request("/c/ag-ui", AG_UI, b"RUN_FINISHED")),
}


def app(chunks: str, pause: str) -> Any:
    """Return the application: the served chain, and Starlette alone beside it."""
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    from runnables import RunnableGenerator
    from runnables.serving import create_app
    from runnables.serving.chat_completions import ChatCompletionChunks
    from runnables.serving.parts import TextDelta

    async def answer(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        async for _ in inputs:
            pass
        async for word in words(int(chunks), float(pause)):
            yield word

    encoder = ChatCompletionChunks("0" * 36, "c")
    encoder.encode(TextDelta("x"))
    before, after = encoder.encode(TextDelta("\0")).split(b"\\u0000")

    async def bare(request: Any) -> StreamingResponse:
        await request.json()

        async def frames() -> AsyncIterator[bytes]:
            async for word in words(int(chunks), float(pause)):
                yield before + word.encode() + after
            yield b"data: [DONE]\n\n"

        return StreamingResponse(frames(), media_type="text/event-stream")

    served = create_app({"c": RunnableGenerator(answer)})
    served.router.routes.append(Route("/bare", bare, methods=["POST"]))
    return served


@dataclass
class Figures:
    """What was measured of one row.

    Attributes:
        cpu: seconds of CPU time a chunk, one stream at a time.
        cpu_paced: the same of many at once.
        late: how many seconds each chunk took to its reader.
    """

    cpu: float = float("inf")
    cpu_paced: float = float("inf")
    late: list[float] = field(default_factory=list)


CHUNK = re.compile(rb"(\d+) (\d+\.\d{6}) ")


async def read_stream(port: int, request: Request, chunks: int) -> list[float]:
    """Read one stream to its end; return how late each chunk was.

    Raises:
        AssertionError: a chunk is missing or out of order, or the end is.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    body = json.dumps(request.body).encode()
    head = (
        f"POST {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    late: list[float] = []
    rest = b""
    while data := await reader.read(65536):
        now = time.monotonic()
        rest += data
        end = 0
        for found in CHUNK.finditer(rest):
            if len(late) == chunks:  # the last events of some protocols have all text once more
                break
            assert int(found[1]) == len(late), f"{request.path}: {found[1]!r} after {len(late)}"
            late.append(now - float(found[2]))
            end = found.end()
        rest = rest[end:]
    writer.close()
    assert len(late) == chunks, f"{request.path}: {len(late)} of {chunks} chunks: {rest[:500]!r}"
    assert request.end in rest, f"{request.path}: no end in {rest[-500:]!r}"
    return late


async def burst(server: Process, request: Request) -> float:
    """Return the CPU seconds a chunk of streams without pauses, one after another."""
    await read_stream(server.port, request, BURST)
    before = await asyncio.to_thread(server.cpu)
    for _ in range(ONE_BY_ONE):
        await read_stream(server.port, request, BURST)
    return (await asyncio.to_thread(server.cpu) - before) / ONE_BY_ONE / BURST


async def paced(server: Process, request: Request, streams: int) -> tuple[float, list[float]]:
    """Return the CPU seconds a chunk of many streams at once, and how late each chunk was."""
    before = await asyncio.to_thread(server.cpu)
    found = await asyncio.gather(
        *[read_stream(server.port, request, PACED) for _ in range(streams)]
    )
    cpu = await asyncio.to_thread(server.cpu) - before
    return cpu / streams / PACED, [late for stream in found for late in stream]


def measure(figures: dict[str, Figures], folder: Path, streams: int) -> None:
    """Measure each row once."""
    subjects = {"benchmarks.served:app": {name: OURS[name] for name in OURS if name in figures}}
    for name, (function, request) in THEIRS.items():
        if name in figures:
            subjects[f"benchmarks.served_peers:{function}"] = {name: request}
    for make, requests in subjects.items():
        peer = PEERS.get(next(iter(requests)))
        options: Any = {} if peer is None else {"python": python_of(*peer, folder)}
        with served_process(make, str(BURST), "0", **options) as server:
            for name, request in requests.items():
                cpu = asyncio.run(burst(server, request))
                figures[name].cpu = min(figures[name].cpu, cpu)
        with served_process(make, str(PACED), str(PAUSE), **options) as server:
            for name, request in requests.items():
                asyncio.run(paced(server, request, 1))
                cpu, late = asyncio.run(paced(server, request, streams))
                figures[name].cpu_paced = min(figures[name].cpu_paced, cpu)
                figures[name].late += late


def table(figures: dict[str, Figures], streams: int) -> str:
    """Return the figures as a table."""
    floor = figures[FLOOR]
    lines = [
        f"| | us a chunk | against the floor | us, {streams} at once | against the floor "
        "| late, median, ms | 99 of 100, ms |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, found in figures.items():
        late = sorted(found.late)
        lines.append(
            f"| {name} | {found.cpu * 1e6:.1f} | {found.cpu / floor.cpu:.2f}x "
            f"| {found.cpu_paced * 1e6:.1f} | {found.cpu_paced / floor.cpu_paced:.2f}x "
            f"| {late[len(late) // 2] * 1e3:.2f} | {late[len(late) * 99 // 100] * 1e3:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.served",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="measure the peers, too")
    folder = Path(tempfile.gettempdir(), "runnables-peers")
    parser.add_argument("--folder", type=Path, default=folder, help="of the environments")
    options = parser.parse_args()
    figures = {name: Figures() for name in (*OURS, *(THEIRS if options.peers else ()))}
    for _ in range(options.rounds):
        measure(figures, options.folder, options.streams)
    print(table(figures, options.streams))


if __name__ == "__main__":
    main()
