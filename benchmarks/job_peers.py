"""The same batch job in this library and in others, against one server, in one run.

    python -m benchmarks.job_peers

2,000 prompts, 64 at once, over HTTP on loopback to a server that answers like OpenAI's after 50 ms,
so that 1.6 seconds is the least. Each library runs in an environment of its own, as their
dependencies clash: it is made in `--folder` where it is missing. The jobs run in turns, and the
quickest round of each counts. The floor is asyncio with a semaphore and an HTTP client.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import peer_job
from benchmarks.environments import python_of
from benchmarks.server import serving

ROWS = 2_000

ENVIRONMENTS = {
    "async-batch-llm": ("async-batch-llm==0.28.0", "openai"),
    "curator": ("bespokelabs-curator==0.1.31",),
    "dspy": ("dspy==3.4.1",),
}
"""What is installed for a library, by the word that its jobs begin with."""

FLOOR = "asyncio, aiohttp"


def _python_of(job: str, folder: Path) -> str:
    """Return the interpreter for a job; make its environment where there is none yet."""
    library = job.partition(",")[0]
    packages = ENVIRONMENTS.get(library)
    if packages is None:
        return sys.executable
    return python_of(library, packages, folder)


def _run(job: str, python: str, url: str, rows: int) -> dict[str, Any]:
    """Run one job in a process of its own; return what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [python, peer_job.__file__, job, url, str(rows), folder]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=600)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{job} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    took: dict[str, Any] = json.loads(lines[-1])
    if took["answers"] != rows:
        raise RuntimeError(f"{job}: {took['answers']} of {rows} rows have an answer")
    return took


def _table(best: dict[str, dict[str, Any]], rows: int) -> str:
    floor = best[FLOOR]
    lines = ["| | seconds | ms CPU a row | against the floor | MB |", "|---|--:|--:|--:|--:|"]
    for job, took in best.items():
        lines.append(
            f"| {job} | {took['seconds']:.2f} | {took['cpu'] / rows * 1e3:.2f} "
            f"| {took['cpu'] / floor['cpu']:.1f}x | {took['memory']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run all jobs, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.job_peers", description=__doc__)
    folder = Path(tempfile.gettempdir(), "runnables-peers")
    parser.add_argument("--folder", type=Path, default=folder, help="of the environments")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--only", nargs="+", choices=list(peer_job.JOBS), metavar="JOB")
    options = parser.parse_args()
    jobs = options.only or list(peer_job.JOBS)
    if FLOOR not in jobs:
        jobs = [FLOOR, *jobs]
    pythons = {job: _python_of(job, options.folder) for job in jobs}
    best: dict[str, dict[str, Any]] = {}
    with serving() as url:
        for _ in range(options.rounds):
            for job in jobs:
                took = _run(job, pythons[job], f"{url}/later/v1", options.rows)
                known = best.get(job, took)
                best[job] = {name: min(known[name], took[name]) for name in took}
                line = f"{job}: {took['seconds']:.2f} s, {took['cpu']:.2f} s of CPU"
                print(line, file=sys.stderr, flush=True)
    print(_table(best, options.rows))


if __name__ == "__main__":
    main()
