"""What a server of chains holds after many clients have cut their connections.

    python -m benchmarks.cut_connections [--connections 1000] [--at-once 20] [--seed 1]

Three processes: a service of models, a server whose chain asks it, and this one, the clients. They
use all protocols, in every state of a stream, and cut their connections after a random time or a
random number of bytes; some send half a request. After the first 300, which are not counted, the
server's memory, objects, tasks, threads, files and sockets are counted; they must be the
same after the rest, but for some memory. It fails where they are not, or a run is still open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from benchmarks.endless_upstream import endless_upstream
from benchmarks.served_process import Held, Process, served_process
from tests.serving.requests_of import PROTOCOLS

FIRST = 300
"""After how many connections everything is loaded, and the allocator has what it needs."""
SIZES = {"silent": 0, "one": 2_000, "fast": 50_000}
"""By the kind of answer, how many bytes of it a client reads at most."""
MORE_MEMORY = 8_000_000
"""How many bytes more the allocator may keep: it goes up and down by half of that."""
MORE_OBJECTS = 500


def main() -> None:
    """Cut, compare, and print both counts."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cut_connections", description=__doc__
    )
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with endless_upstream() as up, served_process("benchmarks.disconnect:app", up.url) as server:
        asyncio.run(cut_many(server, FIRST, options.at_once, chance))
        before = asyncio.run(settled(server))
        asyncio.run(cut_many(server, options.connections, options.at_once, chance))
        after = asyncio.run(settled(server, before))
        counts = server.counts()
    print("before ", asdict(before))
    print("after  ", asdict(after))
    print("counts ", counts)
    kept = grown(before, after)
    print(f"after {options.connections} connections:", ", ".join(kept) or "nothing is kept")
    sys.exit(bool(kept) or counts["open"] > 0)


def grown(before: Held, after: Held) -> list[str]:
    """Return what has grown."""
    allowed = {"memory": MORE_MEMORY, "objects": MORE_OBJECTS}
    return [
        f"{name} {old} -> {new}"
        for (name, old), new in zip(asdict(before).items(), asdict(after).values(), strict=True)
        if new > old + allowed.get(name, 0)
    ]


async def settled(server: Process, before: Held | None = None) -> Held:
    """Return what the server holds once no run is open, and it is what it held before.

    It takes as long as ten seconds to let go of the last connections.
    """
    held = await asyncio.to_thread(server.held)
    for _ in range(100):
        await asyncio.sleep(0.1)
        last, held = held, await asyncio.to_thread(server.held)
        open_runs = (await asyncio.to_thread(server.counts))["open"]
        is_still = (last.sockets, last.tasks) == (held.sockets, held.tasks)
        if not open_runs and is_still and not (before and grown(before, held)):
            break
    return held


async def cut_many(server: Process, count: int, at_once: int, chance: random.Random) -> None:
    """Open this many connections, and cut each of them somewhere."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            with suppress(OSError):  # it was cut while it was sending
                await cut_one(server, number, chance)

    await asyncio.gather(*[work() for _ in range(at_once)])


async def cut_one(server: Process, number: int, chance: random.Random) -> None:
    """Ask in one protocol, and leave."""
    protocol = PROTOCOLS[number % len(PROTOCOLS)]
    kind = chance.choice(list(SIZES))
    content: Any = protocol.body("up", f"{kind} {number}")
    body = json.dumps(content).encode()
    head = (
        f"POST {protocol.path.format(name='up')} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    is_whole = chance.random() > 0.1
    if not is_whole:
        request = request[: chance.randrange(1, len(request))]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(request)
        await writer.drain()
        if is_whole and protocol.streamed and SIZES[kind] and chance.random() < 0.8:
            with suppress(asyncio.IncompleteReadError):
                await reader.readexactly(chance.randrange(1, SIZES[kind]))
        else:
            await asyncio.sleep(chance.random() * 0.1)
    finally:
        if chance.random() < 0.5:  # as a program that is killed
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        writer.close()


if __name__ == "__main__":
    main()
