"""A server of chains in a process of its own, which tells what its process holds and has spent.

Run as a program, it takes the name of a function, `module:function`, and its arguments. The
function returns the application. The program prints the port that it listens on, and serves until
its standard input closes. `GET /process` and `GET /cpu` return the figures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_PORT = "listens on port "


@dataclass(frozen=True)
class Held:
    """What a process holds.

    Attributes:
        memory: its memory, in bytes.
        objects: how many Python objects the garbage collector knows.
        tasks: how many tasks of asyncio.
        threads: how many threads.
        descriptors: how many open files.
        sockets: how many of them are sockets.
    """

    memory: int
    objects: int
    tasks: int
    threads: int
    descriptors: int
    sockets: int


def held_now() -> Held:
    """Return what this process holds, after a collection of garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    links = [_target(entry) for entry in os.scandir("/proc/self/fd")]
    return Held(
        memory=pages * os.sysconf("SC_PAGE_SIZE"),
        objects=len(gc.get_objects()),
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        descriptors=len(links),
        sockets=sum(link.startswith("socket:") for link in links),
    )


def _target(entry: os.DirEntry[str]) -> str:
    try:
        return os.readlink(entry.path)
    except OSError:  # the list's own
        return ""


class Process:
    """A server in another process.

    Attributes:
        url: its address.
        port: its port.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def held(self) -> Held:
        """Return what it holds."""
        return Held(**self._get("/process"))

    def cpu(self) -> float:
        """Return how many seconds of CPU time it has taken."""
        return float(self._get("/cpu"))

    def counts(self) -> dict[str, Any]:
        """Return the counters of its chains."""
        return self._get("/health")

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=120) as answer:
            return json.load(answer)


@contextmanager
def served_process(make: str, *arguments: str, python: str = sys.executable) -> Generator[Process]:
    """Run a server in a process of its own.

    Args:
        make: the function that returns what is served, as `module:function`.
        *arguments: its arguments.
        python: the interpreter.
    """
    command = [python, str(Path(__file__)), make, *arguments]
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as child:  # fmt: skip
        assert child.stdin is not None and child.stdout is not None
        try:
            ports = (line.removeprefix(_PORT) for line in child.stdout if line.startswith(_PORT))
            yield Process(int(next(ports)))  # after what some libraries print when they start
        finally:
            child.stdin.close()
            child.wait(60)


def main() -> None:
    """Serve until the standard input closes."""
    import uvicorn
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def process(request: Any) -> JSONResponse:
        return JSONResponse(asdict(held_now()))

    async def cpu(request: Any) -> JSONResponse:
        return JSONResponse(time.process_time())

    module, _, function = sys.argv[1].partition(":")
    app = getattr(import_module(module), function)(*sys.argv[2:])
    app.router.routes[:0] = [Route("/process", process), Route("/cpu", cpu)]
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", backlog=4096))

    def stop() -> None:
        while not server.started:
            time.sleep(0.01)
        print(f"{_PORT}{server.servers[0].sockets[0].getsockname()[1]}", flush=True)
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop).start()
    server.run()


if __name__ == "__main__":
    main()
