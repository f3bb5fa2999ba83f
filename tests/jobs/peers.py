"""Batch jobs on servers that this project did not write, each in an environment of its own.

    python -m tests.jobs.peers ENVIRONMENTS [--rows 200]

It makes an environment for each server below the folder ENVIRONMENTS, unless there is one, as the
servers need other versions of packages than the tests: `aibrix` (OpenAI's files and jobs, strict;
its dry run answers each request with the request) and `llmock` (OpenAI's, and Anthropic's). It
starts them on loopback, runs a batch on each with sync and async calls, kills a process that waits
for a job, goes on with its job, and lets the official SDKs read what was made. It prints a line for
each check, and fails at the first that is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anthropic import Anthropic
from openai import OpenAI

from runnables import ChatPromptTemplate, ServerError, StrOutputParser, via_provider
from runnables.models import ChatModel
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.openai import ChatOpenAI

PACKAGES = {"aibrix": "aibrix==0.8.0", "llmock": "llmock==0.2.2"}
KEY = "sk-peers-0123456789"
POLLS: dict[str, Any] = {"first_poll": 0.3, "longest_poll": 1.0, "max_wait": 120.0}
ROOT = Path(__file__).resolve().parents[2]


def installed(folder: Path, name: str) -> Path:
    """Return the programs of the environment of a server, which is made where there is none."""
    home = folder / name
    if not (home / "bin").exists():
        print(f"{name}: making {home}")
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        pip = [home / "bin" / "pip", "install", "--quiet", PACKAGES[name]]
        subprocess.run(pip, check=True)
    return home / "bin"


@contextmanager
def running(*command: str | Path) -> Iterator[str]:
    """Yield the URL of a server that a command starts on `{port}`; end it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        words = [str(word).replace("{port}", str(port)) for word in command]
        server = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
        try:
            _wait_for(url, server, Path(folder) / "log")
            yield url
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended: {log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not start")


def chain_of(model: ChatModel, **settings: Any) -> Any:
    """Return a chain with a step before the model and one after it."""
    prompt = ChatPromptTemplate.from_template("Shorten: {text}")
    return via_provider(prompt | model | StrOutputParser(), **POLLS, **settings)


def passed(what: str, began: float) -> None:
    """Print that a check has passed."""
    print(f"ok   {what} ({time.monotonic() - began:.1f} s)", flush=True)


def check_llmock(url: str, model: ChatModel, rows: list[dict[str, str]]) -> None:
    """Run a batch in sync and async: one job each, all rows answered."""
    name = model.service.display_name  # type: ignore[attr-defined]
    for mode in ("sync", "async"):
        began, jobs = time.monotonic(), dict[str, Any]()
        chain = chain_of(model, on_submitted=jobs.__setitem__)
        outputs = chain.batch(rows) if mode == "sync" else asyncio.run(chain.abatch(rows))
        assert len(outputs) == len(rows)
        assert all(isinstance(output, str) and output for output in outputs)
        named = [re.search(r"Shorten: (row \d+)", output) for output in outputs]
        assert all(
            not found or found[1] == row["text"] for found, row in zip(named, rows, strict=True)
        )
        assert any(named), "no answer repeats its request, so the order was not checked"
        assert len(jobs) == 1, jobs
        passed(f"llmock, {name}, {mode}: {len(rows)} rows in one job, in order", began)
        if mode == "sync":
            read_by_sdk(url, next(iter(jobs)), name, len(rows))


def read_by_sdk(url: str, job_id: str, name: str, rows: int) -> None:
    """Let the official SDK read a job."""
    began = time.monotonic()
    if name == "OpenAI" or "openai" in name.lower():
        with OpenAI(base_url=f"{url}/v1", api_key=KEY) as client:
            job = client.batches.retrieve(job_id)
            assert job.status == "completed"
            assert job.output_file_id is not None
            lines = client.files.content(job.output_file_id).text.splitlines()
            assert len({json.loads(line)["custom_id"] for line in lines}) == rows
    else:
        with Anthropic(base_url=f"{url}/anthropic", api_key=KEY) as client:
            found = client.messages.batches.retrieve(job_id)
            assert (found.processing_status, found.request_counts.succeeded) == ("ended", rows)
    passed(f"the SDK of {name} reads job {job_id}", began)


def check_aibrix(url: str, rows: list[dict[str, str]]) -> None:
    """Run a batch on a strict server whose answers are the requests themselves.

    An answer without choices is an error of its row, in whose words the row's own request is: so
    the outputs are in order, and went through the parser of the model.
    """
    model = ChatOpenAI("gpt-5-mini", base_url=f"{url}/v1", api_key=KEY, max_retries=None)
    began, states, jobs = time.monotonic(), set[str](), list[str]()
    chain = chain_of(
        model,
        on_progress=lambda progress: states.update(job.state for job in progress.jobs),
        on_submitted=lambda job_id, _: jobs.append(job_id),
    )
    outputs = chain.batch(rows, return_exceptions=True)
    assert all(isinstance(output, ServerError) for output in outputs)
    for output, row in zip(outputs, rows, strict=True):
        assert f'Shorten: {row["text"]}"' in str(output), output
    assert "completed" in states
    passed(f"aibrix, OpenAI: {len(rows)} rows in one job, in order; states {sorted(states)}", began)
    read_by_sdk(url, jobs[0], "OpenAI", len(rows))


PROGRAM = """
import json, sys
from tests.jobs.peers import chain_of
from runnables_providers.openai import ChatOpenAI

url, notes, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    known = dict(json.loads(line) for line in open(notes))
except FileNotFoundError:
    known = {}

def note(job_id, custom_ids):
    with open(notes, "a") as file:
        print(json.dumps([job_id, custom_ids]), file=file, flush=True)

model = ChatOpenAI("gpt-5-mini", base_url=url + "/v1", api_key="KEY", max_retries=None)
chain = chain_of(model, attach=known, on_submitted=note)
print(json.dumps(chain.batch([{"text": f"row {number}"} for number in range(rows)])))
"""


def check_kill(url: str, rows: int) -> None:
    """Kill a process that waits for its job; another one goes on with that job, and sends none."""
    began = time.monotonic()
    paths = os.pathsep.join((str(ROOT), str(ROOT / "providers")))
    code = PROGRAM.replace("KEY", KEY)
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "jobs.jsonl"
        command = [sys.executable, "-c", code, url, str(notes), str(rows)]
        environment = {**os.environ, "PYTHONPATH": paths}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as first:
            until = time.monotonic() + 60
            while not notes.exists() and time.monotonic() < until:
                time.sleep(0.02)
            first.send_signal(signal.SIGKILL)
        assert first.returncode == -signal.SIGKILL
        noted = notes.read_text()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert len(json.loads(done.stdout)) == rows
        assert notes.read_text() == noted, "a second job was sent"
    passed(f"llmock: a process killed by -9 is gone on with: {rows} rows, one job", began)


def main() -> None:
    """Run all checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("environments", type=Path, help="the folder of the servers' environments")
    parser.add_argument("--rows", type=int, default=200)
    arguments = parser.parse_args()
    rows = [{"text": f"row {number}"} for number in range(arguments.rows)]
    llmock = installed(arguments.environments, "llmock")
    with running(llmock / "llmock", "serve", "--port", "{port}") as url:
        openai = ChatOpenAI("gpt-5-mini", base_url=f"{url}/v1", api_key=KEY, max_retries=None)
        check_llmock(url, openai, rows)
        claude = f"{url}/anthropic"
        anthropic = ChatAnthropic("claude-x", base_url=claude, api_key=KEY, max_retries=None)
        check_llmock(url, anthropic, rows)
        check_kill(url, arguments.rows)
    aibrix = installed(arguments.environments, "aibrix")
    command = ("--host", "127.0.0.1", "--port", "{port}", "--dry-run")
    with running(aibrix / "aibrix_metadata", *command) as url:
        check_aibrix(url, rows)


if __name__ == "__main__":
    main()
