"""Connections of SQLite that threads share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_CLOSED_MEANWHILE = """
import sqlite3, sys, threading
from functools import partial
from runnables.cli.resuming import DoneKeys
from runnables.errors import CheckpointError
from runnables.jobs.checkpoint import Checkpoint

sys.setswitchinterval(1e-6)

def use_until_closed(use, begun):
    try:
        for number in range(1_000_000):
            use(str(number))
            begun.set()
    except (CheckpointError, sqlite3.ProgrammingError):
        pass

def close_meanwhile(use, close):
    begun = threading.Event()
    thread = threading.Thread(target=use_until_closed, args=(use, begun))
    thread.start()
    begun.wait()
    close()
    thread.join()

for number in range(int(sys.argv[2])):
    if sys.argv[1] == "rows":
        checkpoint = Checkpoint("run.sqlite")
        checkpoint.start_run({}, "content", accept_change=True)
        end = partial(checkpoint.end_run, "done", 1, True)
        close_meanwhile(lambda key: checkpoint.find(key, 0), end)
    elif sys.argv[1] == "writes":
        checkpoint = Checkpoint("run.sqlite")
        put = checkpoint.put_provider_job
        close_meanwhile(lambda key: put(f"{number} {key}", []), checkpoint.close)
    else:
        keys = DoneKeys()
        close_meanwhile(keys.add, keys.close)
"""


@pytest.mark.parametrize("kind", ["rows", "writes", "keys"])
def test_closing_waits_for_the_thread_that_is_in_the_file(kind: str, tmp_path: Path) -> None:
    """Else the process crashes: `sqlite3` does not stop one thread from closing under another."""
    script = [sys.executable, "-c", _CLOSED_MEANWHILE, kind, "100"]
    ended = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
