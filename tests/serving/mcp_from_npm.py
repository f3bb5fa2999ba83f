"""Clients of MCP from npm against our server: the JavaScript SDK, and the conformance tests.

A command of its own, as its packages are large, and need Node.js 22, which is one of them:
`python -m tests.serving.mcp_from_npm`. It ends with 1 where anything has failed.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from runnables import RunnableGenerator, RunnableLambda, ToolException, tool
from tests.serving.chains import chains
from tests.serving.servers import serving, wait_for

SOURCES = Path(__file__).parent / "mcp_npm"

SCENARIOS = (
    *("server-initialize", "ping", "tools-list", "tools-call-simple-text", "tools-call-image"),
    *("tools-call-audio", "tools-call-error"),
    *("tools-call-with-progress", "server-sse-multiple-streams", "dns-rebinding-protection"),
)
"""Those of the conformance tests that are about tools: there are no prompts and resources here."""

DATA = base64.b64encode(b"data").decode()
IMAGE = {"type": "image", "base64": DATA, "mime_type": "image/png"}
AUDIO = {"type": "audio", "base64": DATA, "mime_type": "audio/wav"}


@tool
def test_simple_text() -> str:
    """Return a string."""
    return "This is a simple text response for testing."


@tool
def test_image_content() -> list[Any]:
    """Return an image."""
    return [IMAGE]


@tool
def test_audio_content() -> list[Any]:
    """Return a sound."""
    return [AUDIO]


@tool
def test_error_handling() -> str:
    """Fail."""
    raise ToolException("This tool intentionally returns an error for testing")


async def steps(inputs: Any) -> Any:
    """Yield three chunks, slowly."""
    async for _ in inputs:
        pass
    for chunk in ("0", "50", "100"):
        yield chunk
        await asyncio.sleep(0.05)


def served() -> dict[str, Any]:
    """Return the chains, with the tools that the conformance tests call."""
    tools = (test_simple_text, test_image_content, test_audio_content, test_error_handling)
    progress = RunnableGenerator(steps).as_tool(
        name="test_tool_with_progress", description="Report progress.", arg_types={}
    )
    named = {found.name: found for found in (*tools, progress)}
    return {**chains(), **named, "length": RunnableLambda(len)}


def main() -> int:
    """Install the packages, run all, and print what came of each."""
    logging.disable()  # of the failures that are meant
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as made, serving(served(), mcp=True) as server:
        folder = Path(made) / "npm"
        shutil.copytree(SOURCES, folder)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
                       cwd=folder, check=True)  # fmt: skip
        node = str(folder / "node_modules" / "node" / "bin" / "node")
        suite = folder / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist"
        url = f"http://localhost:{server.port}/mcp"
        commands = {f"SDK, {mode}": ["client.mjs", url, mode] for mode in ("auto", "legacy")}
        for scenario in SCENARIOS:
            options = ["server", "--url", url, "--scenario", scenario]
            commands[scenario] = [str(suite / "index.js"), *options]
        for name, command in commands.items():
            done = subprocess.run([node, *command], cwd=folder, capture_output=True, text=True)
            wait_for(lambda: server.service.counts.open == 0)  # what was aborted has ended
            print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {name}", flush=True)
            if done.returncode:
                failed.append(name)
                print(done.stdout[-1500:], done.stderr[-1500:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
