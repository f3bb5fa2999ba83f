"""Jobs that are killed: nothing is lost, nothing is doubled, also on a full disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
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
from runnables import RunnableLambda
RunnableLambda(lambda text: text * 2).batch(["x" * 1000 + str(n) for n in range(2000)],
    checkpoint=sys.argv[1], max_concurrency=4)
"""

# in a mount namespace of its own, which ends with the process
SMALL_DISK = """
mkdir disk && mount -t tmpfs -o size=1m tmpfs disk || exit 77
"$PYTHON" full.py disk/run.sqlite && exit 1
cp disk/run.sqlite disk/run.sqlite-wal kept/ 2>/dev/null
mount -o remount,size=64m disk || exit 1
"$PYTHON" full.py disk/run.sqlite && cp disk/run.sqlite whole.sqlite
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no command to mount a small disk")
def test_a_full_disk_ends_the_job_and_keeps_what_is_done(tmp_path: Path) -> None:
    """With a clear error; on a larger disk the same call goes on."""
    (tmp_path / "full.py").write_text(FULL)
    (tmp_path / "kept").mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SMALL_DISK],
        cwd=tmp_path,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this machine mounts no small disk")
    assert done.returncode == 0, done.stderr
    assert "CheckpointError" in done.stderr and "disk is full" in done.stderr
    with closing(sqlite3.connect(tmp_path / "kept" / "run.sqlite")) as db:
        assert 0 < db.execute("SELECT count(*) FROM row").fetchone()[0] < 2000
    with closing(sqlite3.connect(tmp_path / "whole.sqlite")) as db:
        assert db.execute("SELECT count(*), max(attempts) FROM row").fetchone() == (2000, 1)
