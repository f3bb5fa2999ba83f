"""A Ray cluster on this machine, in processes of its own, for the benchmarks and the tests.

It ends with the block that started it, also where that is killed: its head reads from a pipe, and
ends with it. It asks for a token, which only the environment of this process has.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HEAD = """
import json, sys, ray
context = ray.init("local", include_dashboard=False, **json.loads(sys.argv[1]))
print("address", context.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""

SETTINGS: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}

MB = 1_000_000


def set_environment() -> None:
    """Set what Ray reads of the environment when it is imported: a token, and no reports home."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def ray_cluster(cpus: int, seconds: float = 90.0) -> Iterator[Any]:
    """Start a cluster, connect this process to it, and yield the module ray.

    Args:
        cpus: how many processes fit into it.
        seconds: the most that its start may take.

    Raises:
        RuntimeError: it did not start.
    """
    set_environment()
    settings = {**SETTINGS, "num_cpus": cpus, "object_store_memory": 80 * MB}
    head = subprocess.Popen(
        [sys.executable, "-c", HEAD, json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert head.stdin is not None and head.stdout is not None, "both are pipes"
    timer = threading.Timer(seconds, head.kill)
    timer.start()
    try:
        lines = iter(head.stdout.readline, "")
        address = next((line.split()[1] for line in lines if line.startswith("address ")), None)
        timer.cancel()
        if address is None:
            raise RuntimeError(f"the cluster did not start within {seconds:.0f} s")
        import ray

        ray.init(address, **SETTINGS)
        try:
            yield ray
        finally:
            ray.shutdown()
    finally:
        timer.cancel()
        head.stdin.close()
        head.stdout.close()
        try:
            head.wait(30)
        except subprocess.TimeoutExpired:
            head.kill()
            head.wait()


def ray_processes(*names: str) -> list[int]:
    """Return the ids of the processes of clusters of this process that run one of these. On Linux.

    Args:
        names: of functions, which are tasks, or of classes, which are actors.
    """
    titles = tuple(f"ray::{name}" for name in names)
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cmdline").read_text().startswith(titles) and _is_ours(folder.name):
                found.append(int(folder.name))
    return found


def _is_ours(process: str) -> bool:
    while process not in ("0", "1"):
        if process == str(os.getpid()):
            return True
        status = Path(f"/proc/{process}/status").read_text()
        process = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid"))
    return False
