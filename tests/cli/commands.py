"""The command in a process of its own, and a folder with chains and rows."""

from __future__ import annotations

import importlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from runnables.cli import main

CHAINS = """
import time
from runnables import AIMessage, RunnableLambda

def shout(row):
    if row["text"] == "bad":
        raise ValueError("bad text")
    return row["text"].upper()

async def ashout(row):
    return row["text"].upper()

def make():
    return RunnableLambda(shout)

def make_without_key():
    raise KeyError("OPENAI_API_KEY")

chain = RunnableLambda(shout)
message = RunnableLambda(lambda text: AIMessage(f"You said {text}"))
same = RunnableLambda(lambda row: row)
number = 7

def slowly(row):
    time.sleep(0.05)
    return row

slow = RunnableLambda(slowly)
"""

ROWS = [{"id": "a", "text": "ahoy"}, {"id": "b", "text": "bad"}, {"id": "c", "text": "é"}]

PROGRAM = [sys.executable, "-m", "runnables.cli"]


def command(folder: Path, *arguments: str, input: str | bytes | None = None) -> Any:
    """Run the command to its end; return what came of it, its output as text.

    It runs in this process, which takes a tenth of the time, unless it reads standard input.
    """
    if input is None:
        return run_here(folder, *arguments)
    given = input.encode() if isinstance(input, str) else input
    done = subprocess.run(
        [*PROGRAM, *arguments], cwd=folder, input=given, capture_output=True, check=False
    )
    text = (done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    return subprocess.CompletedProcess(*text)


def run_here(folder: Path, *arguments: str) -> Any:
    """Run the command in this process; the modules of the folder are loaded anew."""
    out, err = io.BytesIO(), io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["runnables", *arguments])
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "stdout", io.TextIOWrapper(out))
        patch.setattr(sys, "stderr", io.TextIOWrapper(err))
        for path in folder.glob("*.py"):
            patch.delitem(sys.modules, path.stem, raising=False)
        importlib.invalidate_caches()
        with pytest.raises(SystemExit) as end:
            main()
        sys.stderr.flush()
        shown = out.getvalue().decode(), err.getvalue().decode()
    return subprocess.CompletedProcess(arguments, end.value.code, *shown)


@contextmanager
def started(folder: Path, *arguments: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process of the command, with pipes; it is killed where it still runs at the end."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*PROGRAM, *arguments], cwd=folder, **(pipes | streams)) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(file: IO[bytes] | None) -> str:
    """Return the next line of a pipe, when it is there."""
    assert file is not None
    return file.readline().decode()


def write_rows(path: Path, rows: list[Any]) -> None:
    """Write rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def lines(text: str) -> list[Any]:
    """Return the values of JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


def end(process: subprocess.Popen[bytes], number: int = signal.SIGINT) -> str:
    """Send a signal; wait for the end, and return what was written to standard error."""
    assert process.stderr is not None
    os.kill(process.pid, number)
    errors = process.stderr.read().decode()  # its standard input stays open
    process.wait(60)
    return errors
