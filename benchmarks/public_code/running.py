"""Runs the cells of a file in a process of their own, on one library."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.public_code.rewriting import BOTH, OURS_ALONE, rewritten, with_url

SECONDS = 20  # for a cell
WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).resolve().parents[2]
PEERS = ("langchain", "langgraph", "langsmith")

_KEYS = (
    "OPENAI ANTHROPIC AZURE_OPENAI GOOGLE GEMINI GROQ MISTRAL COHERE TAVILY LANGCHAIN LANGSMITH "
    "OPENROUTER TOGETHER FIREWORKS DEEPSEEK NVIDIA SERPAPI HUGGINGFACEHUB"
).split()


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: its error, if any, and what it printed."""

    error: str | None
    printed: str
    where: str = ""


def environment(url: str, home: str) -> dict[str, str]:
    """Return the environment of the code: keys that no server checks, and the model's URL."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    keys = {f"{name}_API_KEY": "a-key" for name in _KEYS}
    urls = {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_BASE": f"{url}/v1",
        "AZURE_OPENAI_ENDPOINT": url,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_URL": url,
        "GOOGLE_GEMINI_BASE_URL": url,
        "OLLAMA_HOST": url,
        "GROQ_API_BASE": url,
        "MISTRAL_BASE_URL": f"{url}/v1",
        "MISTRAL_API_BASE": f"{url}/v1",
    }
    return {
        **kept,
        **keys,
        **urls,
        "HOME": home,
        "TMPDIR": home,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
        "PYTHONHASHSEED": "0",
        "LANGCHAIN_TRACING_V2": "false",
        "LANGSMITH_TRACING": "false",
        "MPLBACKEND": "agg",
        "AZURE_OPENAI_API_VERSION": "2024-10-21",
        "OPENAI_API_VERSION": "2024-10-21",
    }


def run(
    cells: Sequence[str],
    url: str,
    *,
    python: str | None = None,
    both: bool = False,
    ours: str = sys.executable,
) -> list[Outcome]:
    """Run the cells of a file on the original, or with rewritten imports on ours.

    Args:
        cells: the code of each.
        url: the URL of the model server.
        python: the Python that has the original; without one, they run on ours.
        both: whether what may stay LangChain's is imported beside ours.
        ours: the Python that has ours, and with `both` what may stay.
    """
    cells = [with_url(cell, f"{url}/v1") for cell in cells]
    with tempfile.TemporaryDirectory() as folder:
        variables = environment(url, folder)
        if python is None:
            cells = rewritten(cells, BOTH if both else OURS_ALONE)
            variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "providers")])
        job = {
            "cells": cells,
            "name": "file.py",
            "seconds": SECONDS,
            "refused": PEERS if python is None and not both else (),
            "url": url,
        }
        return _outcomes(job, python or ours, variables, folder)


def _outcomes(
    job: dict[str, Any], python: str, variables: Mapping[str, str], folder: str
) -> list[Outcome]:
    reader, writer = os.pipe()
    job["descriptor"] = writer
    process = subprocess.Popen(
        [python, WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=variables,
        pass_fds=[writer],
        start_new_session=True,
    )
    os.close(writer)
    assert process.stdin is not None
    process.stdin.write(json.dumps(job).encode())
    process.stdin.close()
    try:
        found = _read(reader)
    finally:
        process.kill()
        process.wait()
        os.close(reader)
    outcomes = {record["cell"]: record for record in found if "cell" in record}
    lost = {"error": "Timeout: the process was ended in an earlier cell", "printed": ""}
    begun = max((record["begins"] for record in found if "begins" in record), default=0)
    outcomes.setdefault(begun, {"error": "Timeout: the cell took too long", "printed": ""})
    records = [outcomes.get(index, lost) for index in range(len(job["cells"]))]
    return [Outcome(r["error"], r["printed"], r.get("where") or "") for r in records]


def _read(reader: int) -> list[dict[str, Any]]:
    """Read what the worker says until it ends, or says nothing for longer than a cell may take."""
    received = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        while selector.select(timeout=SECONDS + 10):
            part = os.read(reader, 1 << 16)
            if not part:
                break
            received += part
    whole = received[: received.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()]
