"""Jobs that are killed: nothing is lost, nothing is doubled, also on a full disk."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.job_kills import CountingServer, run_round


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_job_goes_on_where_it_was(kind: signal.Signals) -> None:
    """Each row is in the output once; the server counts what was called again."""
    server = CountingServer()
    try:
        done = run_round(server, 600, random.Random(1), kind)
        assert done.is_right and done.holds
    finally:
        server.shutdown()
        server.server_close()


FULL = """
import sys
from runnables import CheckpointError, RunnableLambda
RunnableLambda(lambda text: text * 2).batch(["x" * 1000 + str(n) for n in range(2000)],
    checkpoint=sys.argv[1], max_concurrency=4)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a small disk"
)
def test_a_full_disk_ends_the_job_and_keeps_what_is_done(tmp_path: Path) -> None:
    """With a clear error; with more room the same call goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        path = disk / "run.sqlite"
        run = [sys.executable, "-c", FULL, str(path)]
        failed = subprocess.run(run, capture_output=True, text=True, check=False)
        assert failed.returncode == 1
        assert "CheckpointError" in failed.stderr and "disk is full" in failed.stderr
        remount = ["mount", "-o", "remount,size=64m", str(disk)]
        subprocess.run(remount, check=True)
        with sqlite3.connect(path) as db:
            (kept,) = db.execute("SELECT count(*) FROM row").fetchone()
        assert 0 < kept < 2000
        subprocess.run(run, check=True, capture_output=True)
        with sqlite3.connect(path) as db:
            assert db.execute("SELECT count(*), max(attempts) FROM row").fetchone() == (2000, 1)
    finally:
        subprocess.run(["umount", str(disk)], check=False)
