"""Kills a batch job at random moments, and runs it again until it is done.

    python -m benchmarks.job_kills --rounds 20 --rows 2000
    python -m benchmarks.job_kills --rounds 20 --rows 2000 --changes

The job calls a server on loopback that counts its calls. After each round every row must be in the
output once, equal to that of an undisturbed run; and no more rows may have been called again than
kills times the concurrency. With `--changes`, rows are inserted and removed after each kill.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

CONCURRENCY = 16

JOB = """
import json, sys, urllib.request
from runnables import RunnableLambda

url, numbers, checkpoint, output = sys.argv[1:]

def ask(row):
    with urllib.request.urlopen(f"{url}/{row['id']}") as answer:
        return {"id": row["id"], "answer": answer.read().decode()}

with open(numbers) as file:
    rows = [{"id": number} for number in json.load(file)]
outputs = RunnableLambda(ask).batch(rows, max_concurrency=16, checkpoint=checkpoint)
with open(output, "w") as file:
    json.dump(outputs, file)
"""


class CountingServer(ThreadingHTTPServer):
    """A server that answers each path after some milliseconds, and counts the calls.

    Attributes:
        calls: how often each path was called.
    """

    daemon_threads = True

    def __init__(self, seconds: float = 0.02) -> None:
        self.calls: Counter[str] = Counter()
        self.called = threading.Condition()
        self.seconds = seconds
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait_until(self, is_so: Callable[[Counter[str]], bool], seconds: float = 60) -> None:
        """Wait until this holds of the calls.

        Raises:
            TimeoutError: it took too long.
        """
        with self.called:
            if not self.called.wait_for(lambda: is_so(self.calls), seconds):
                raise TimeoutError(f"calls: {self.calls.total()}")

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a job that was killed has not read its answers."""


class _Handler(BaseHTTPRequestHandler):
    server: CountingServer

    def do_GET(self) -> None:
        with self.server.called:
            self.server.calls[self.path] += 1
            self.server.called.notify_all()
        time.sleep(self.server.seconds)
        body = answer_of(int(self.path[1:])).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def answer_of(number: int) -> str:
    """Return the answer of the server for a row."""
    return f"answer {number}"


class Round(NamedTuple):
    """What came of one job.

    Attributes:
        kills: how often it was killed.
        is_right: whether every row is in the output once, with its answer.
        again: how many calls there were beyond one for each row.
    """

    kills: int
    is_right: bool
    again: int

    @property
    def holds(self) -> bool:
        """Tell whether nothing was lost, and no more was called again than the kills explain."""
        return self.is_right and self.again <= self.kills * CONCURRENCY


def run_round(
    server: CountingServer,
    count: int,
    random_: random.Random,
    kind: signal.Signals,
    *,
    changes: bool = False,
) -> Round:
    """Run one job to its end, through as many kills as happen.

    Args:
        server: what it calls.
        count: how many rows.
        random_: chooses after how many more calls of the server each kill comes.
        kind: the signal.
        changes: whether rows are inserted and removed after each kill.
    """
    server.calls.clear()
    numbers = list(range(count))
    with tempfile.TemporaryDirectory() as folder:
        rows, output = Path(folder, "rows.json"), Path(folder, "output.json")
        arguments = [server.url, str(rows), str(Path(folder, "run.sqlite")), str(output)]
        kills = 0
        while True:
            rows.write_text(json.dumps(numbers))
            calls = server.calls.total() + random_.randrange(1, count)
            job = subprocess.Popen(
                [sys.executable, "-c", JOB, *arguments], stderr=subprocess.DEVNULL
            )
            while job.poll() is None and server.calls.total() < calls:
                time.sleep(random_.uniform(0.0, 0.005))
            if job.poll() is None:
                job.send_signal(kind)
                kills += 1
                job.wait()
                if changes:
                    change(numbers, count * (kills + 1), random_)
                continue
            if job.returncode:
                raise RuntimeError(f"the job ended with {job.returncode}")
            break
        outputs = json.loads(output.read_text())
    expected = [{"id": number, "answer": answer_of(number)} for number in numbers]
    return Round(kills, outputs == expected, server.calls.total() - len(server.calls))


def change(numbers: list[int], new: int, random_: random.Random) -> None:
    """Remove a tenth of the rows, wherever they are, and insert as many, from the number `new` on.

    Args:
        numbers: the ids of the rows.
        new: the first new id.
        random_: chooses the rows and the places.
    """
    for number in random_.sample(numbers, len(numbers) // 10):
        numbers.remove(number)
        numbers.insert(random_.randrange(len(numbers) + 1), new)
        new += 1


def main() -> None:
    """Run the rounds, half of them with SIGKILL and half with SIGINT; fail where one does."""
    parser = argparse.ArgumentParser(description="Kills a batch job and runs it again.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--changes", action="store_true", help="change the rows after each kill")
    options = parser.parse_args()
    server, random_ = CountingServer(), random.Random(options.seed)
    failed = 0
    for number in range(options.rounds):
        kind = signal.SIGKILL if number % 2 == 0 else signal.SIGINT
        done = run_round(server, options.rows, random_, kind, changes=options.changes)
        failed += not done.holds
        print(
            f"{kind.name}: {done.kills} kills, {'all rows right' if done.is_right else 'WRONG'}, "
            f"{done.again} calls again, at most {done.kills * CONCURRENCY} allowed",
            flush=True,
        )
    if failed:
        sys.exit(f"{failed} of {options.rounds} rounds failed")


if __name__ == "__main__":
    main()
