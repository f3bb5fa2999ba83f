"""LangServe's client and its server, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from tests.clients.langserve.environment import FOLDER, langserve_python


@contextmanager
def script(name: str) -> Generator[tuple[IO[str], IO[str]]]:
    """Run a script with LangServe; yield its input and its output. It ends with its input."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    process = subprocess.Popen(
        [langserve_python(), str(FOLDER / name)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdin, process.stdout
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


class Client:
    """LangServe's client, in a process that goes on from one order to the next."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders = orders
        self._answers = answers

    def __call__(self, do: str, mode: str, url: str, value: Any, **more: Any) -> Any:
        """Let it do something; return what it has found, or its error."""
        order = {"do": do, "mode": mode, "url": url, "input": value, **more}
        self._orders.write(f"{json.dumps(order)}\n")
        self._orders.flush()
        return json.loads(self._answers.readline())


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with script("client.py") as pipes:
        yield Client(*pipes)


@pytest.fixture(scope="module")
def langserve() -> Iterator[str]:
    """Return the address of a real LangServe server."""
    with script("server.py") as (_, output):
        while not (line := output.readline()).startswith("port "):
            assert line, "the server has not started"
        yield f"http://127.0.0.1:{line.removeprefix('port ').strip()}"
