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


@pytest.mark.parametrize("changes", [False, True], ids=["the same rows", "rows change"])
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_job_goes_on_where_it_was(kind: signal.Signals, changes: bool) -> None:
    """Each row is in the output once; the server counts what was called again.

    Also where rows were inserted and removed between the runs.
    """
    server = CountingServer()
    try:
        done = run_round(server, 600, random.Random(1), kind, changes=changes)
        assert done.kills and done.is_right and done.holds
    finally:
        server.shutdown()
        server.server_close()


FULL = """
import asyncio, sys
from runnables import RunnableLambda
step, rows = RunnableLambda(lambda text: text * 2), ["x" * 1000 + str(n) for n in range(2000)]
if sys.argv[2] == "sync":
    step.batch(rows, checkpoint=sys.argv[1], max_concurrency=4)
else:
    asyncio.run(step.abatch(rows, checkpoint=sys.argv[1], max_concurrency=4))
"""

# in a mount namespace of its own, which ends with the process
SMALL_DISK = """
mkdir disk && mount -t tmpfs -o size=1m tmpfs disk || exit 77
"$PYTHON" full.py disk/run.sqlite $MODE && exit 1
cp disk/run.sqlite disk/run.sqlite-wal kept/ 2>/dev/null
mount -o remount,size=64m disk || exit 1
"$PYTHON" full.py disk/run.sqlite $MODE && cp disk/run.sqlite whole.sqlite
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no command to mount a small disk")
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_full_disk_ends_the_job_and_keeps_what_is_done(tmp_path: Path, mode: str) -> None:
    """With a clear error; on a larger disk the same call goes on."""
    (tmp_path / "full.py").write_text(FULL)
    (tmp_path / "kept").mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SMALL_DISK],
        cwd=tmp_path,
        env={**os.environ, "PYTHON": sys.executable, "MODE": mode},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this machine mounts no small disk")
    assert done.returncode == 0, done.stderr
    assert "CheckpointError" in done.stderr and "disk is full" in done.stderr
    _check_kept(tmp_path / "kept" / "run.sqlite", tmp_path / "whole.sqlite")


def _check_kept(kept: Path, whole: Path) -> None:
    """Check that one file has some of the rows, and the other has all, each called once."""
    with closing(sqlite3.connect(kept)) as db:
        assert 0 < db.execute("SELECT count(*) FROM row").fetchone()[0] < 2000
    with closing(sqlite3.connect(whole)) as db:
        assert db.execute("SELECT count(*), max(attempts) FROM row").fetchone() == (2000, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of files")
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_file_that_may_not_grow_ends_the_job_and_keeps_what_is_done(
    tmp_path: Path, mode: str
) -> None:
    """As a full disk does; this is the same where no disk can be mounted."""
    path = tmp_path / "run.sqlite"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10**6,) * 2)\n{FULL}"
    done = subprocess.run(
        [sys.executable, "-c", limited, str(path), mode],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "CheckpointError" in done.stderr, done.stderr
    assert "What it has is kept; the same call goes on from there." in done.stderr
    kept = tmp_path / "kept.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM INTO ?", (str(kept),))
    subprocess.run([sys.executable, "-c", FULL, str(path), mode], check=True)
    _check_kept(kept, path)
