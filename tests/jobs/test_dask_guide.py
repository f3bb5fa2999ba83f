"""The guide to batches on more than one machine: its commands for Dask."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.leaks("the cluster's own threads and sockets"),
    # of Dask itself
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "more-than-one-machine.md"


@pytest.mark.slow
def test_the_commands_of_the_guide_run_as_written(tmp_path: Path) -> None:
    """The scheduler, both workers, and the job, which prints what the guide says."""
    text = GUIDE.read_text(encoding="utf-8")
    started = re.findall(r"^dask (?:scheduler|worker) .*$", text, re.MULTILINE)
    job = re.search(r"```python no-run\n(import os\n.*?)```", text, re.DOTALL)
    shown = re.search(r"\$ python job\.py\n(.*\n)", text)
    assert len(started) == 3 and job is not None and shown is not None
    (tmp_path / "job.py").write_text(job.group(1), encoding="utf-8")
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in started:
            words = [sys.executable, "-m", *command.split()]
            running.append(subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL))
        with distributed.Client("tcp://127.0.0.1:8786", timeout="60s") as client:
            client.wait_for_workers(2, timeout=60)
        done = subprocess.run(
            [sys.executable, "job.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()
    assert done.stdout == shown.group(1)
