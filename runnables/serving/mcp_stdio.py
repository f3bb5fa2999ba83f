"""Chains as tools of an MCP server over stdin and stdout, for the program that starts this one."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from runnables.engine.thread_calls import to_thread
from runnables.serving.mcp_service import mcp_server

# isort: split
# after the module that says which extra is missing
import anyio
from mcp.server.stdio import stdio_server


def serve_mcp(chains: Any, **options: Any) -> None:
    """Serve chains as tools of an MCP server over stdin and stdout, until the client ends it.

    What chains print goes to stderr, as stdout belongs to the protocol, and their stdin is empty.
    The end of stdin, Ctrl-C and SIGTERM end the runs that are open; each `finally` has run.

    Args:
        chains: a runnable, or a dict of names and runnables.
        **options: those of `mcp_server`.

    Raises:
        ConfigError: something that cannot be served.
        MissingExtra: the extra `mcp` is not installed.
    """
    server = mcp_server(chains, **options)

    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_at_sigterm, group.cancel_scope)
            with _own_stdin() as stdin:
                lines: Any = _lines(stdin)
                async with stdio_server(stdin=lines) as (read, write):
                    await server.run(read, write, server.create_initialization_options())
            group.cancel_scope.cancel()

    anyio.run(run)


async def _cancel_at_sigterm(scope: anyio.CancelScope) -> None:
    with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or another thread
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                scope.cancel()


@contextmanager
def _own_stdin() -> Generator[TextIO, None, None]:
    """Yield stdin; meanwhile, what chains read from stdin is empty."""
    own = os.dup(0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    try:
        # It is not closed, as a thread may still read from it.
        yield open(own, encoding="utf-8", errors="replace", closefd=False)
    finally:
        os.dup2(own, 0)


async def _lines(stdin: TextIO) -> AsyncGenerator[str, None]:
    """Yield the lines; one that is waited for is given up when the server ends.

    The SDK's own reader would wait for it, and Ctrl-C for the client.
    """
    while line := await to_thread(stdin.readline):
        yield line
