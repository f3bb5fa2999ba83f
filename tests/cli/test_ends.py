"""How the command ends: signals, kills, readers that leave, idle pipes."""

from __future__ import annotations

import os
import pty
import signal
import sqlite3
import subprocess
import termios
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.cli.commands import command, end, first_line, lines, started, write_rows


def stored(checkpoint: Path) -> int:
    """Return how many rows a checkpoint has, which may not be there yet."""
    if not checkpoint.exists():
        return 0
    with closing(sqlite3.connect(checkpoint)) as db:
        return int(db.execute("SELECT count(*) FROM row").fetchone()[0])


def test_the_first_ctrl_c_finishes_what_is_under_way(folder: Path) -> None:
    """The second call does the rest; the message says how to go on."""
    write_rows(folder / "many.jsonl", list(range(100)))
    arguments = ["batch", "chains:slow", "many.jsonl", "-o", "out.jsonl", "--max-concurrency", "4"]
    arguments += ["--checkpoint", "run.sqlite"]
    with started(folder, *arguments) as job:
        while stored(folder / "run.sqlite") < 8:
            time.sleep(0.01)
        errors = end(job)
    assert job.returncode == 130
    assert "Finishing the rows under way" in errors and "the same command goes on" in errors
    kept = len((folder / "out.jsonl").read_text().splitlines())
    assert 0 < kept < 100
    assert command(folder, *arguments).returncode == 0
    assert [row["output"] for row in lines((folder / "out.jsonl").read_text())] == list(range(100))


@pytest.mark.parametrize(
    ("target", "text"),
    [("same", '1\n{"te'), ("ashout", '{"text": "a"}\n{"te'), ("same", '"row"\n')],
)
def test_one_ctrl_c_ends_the_reading_of_an_idle_pipe(folder: Path, target: str, text: str) -> None:
    """Each row has its line as soon as it is done; half a line is no row."""
    with started(folder, "batch", f"chains:{target}", "-") as job:
        assert job.stdin is not None
        job.stdin.write(text.encode())
        job.stdin.flush()
        assert '"position": 0' in first_line(job.stdout)
        errors = end(job)
    assert job.returncode == 130
    assert "Stopped after 1 rows: it was interrupted." in errors and "Traceback" not in errors


def test_an_idle_pipe_of_csv_ends_as_well(folder: Path) -> None:
    """With SIGTERM, too, whose code is that of shells; rows of earlier runs keep their place."""
    call = ("batch", "chains:same", "-", "--format", "csv", "--checkpoint", "run.sqlite")
    (folder / "more.csv").write_text("id,text\n0,a\n1,b\n2,c\n")
    command(folder, "batch", "chains:same", "more.csv", "--checkpoint", "run.sqlite")
    with started(folder, *call) as job:
        assert job.stdin is not None
        job.stdin.write(b'id,text\n9,z\n2,"b')
        job.stdin.flush()
        while stored(folder / "run.sqlite") < 4:
            time.sleep(0.01)
        errors = end(job, signal.SIGTERM)
    assert job.returncode == 143 and "What is done is in 'run.sqlite'" in errors
    shown = lines(command(folder, "batch", "show", "run.sqlite", "--json").stdout)
    assert [row["output"]["id"] for row in shown] == ["9", "1", "2"]


@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_bar_is_on_the_terminal_and_never_among_results(folder: Path, on_terminal: bool) -> None:
    """Results go to a pipe, and the bar to the terminal; where both go there, there is no bar."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    call = ("batch", "chains:same", "rows.jsonl")
    streams = {"stderr": theirs} | ({"stdout": theirs} if on_terminal else {})
    with started(folder, *call, **streams) as job:
        os.close(theirs)
        out = b"" if job.stdout is None else job.stdout.read()
        shown = _read_terminal(ours)
    assert ("3/3" in shown) is not on_terminal
    assert ("3 of 3 rows" in shown) is on_terminal
    assert (shown if on_terminal else out.decode()).count('"output"') == 3


def _read_terminal(file: int) -> str:
    """Return what a terminal has shown, once no process has it open."""
    shown = b""
    with os.fdopen(file, "rb", buffering=0) as terminal:
        with suppress(OSError):  # Linux: the other side is closed
            while chunk := terminal.read(4096):
                shown += chunk
    return shown.decode()


def test_a_reader_that_leaves_ends_the_job_quietly(folder: Path) -> None:
    """As `head` does; the exit code says that the job ended early."""
    write_rows(folder / "many.jsonl", list(range(2000)))
    with started(folder, "batch", "chains:slow", "many.jsonl") as job:
        assert '"output"' in first_line(job.stdout)
        assert job.stdout is not None and job.stderr is not None
        job.stdout.close()
        errors = job.stderr.read().decode()
    assert job.wait() == 3 and "Error" not in errors


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_an_output_outlives_kill_9(folder: Path, ending: str) -> None:
    """Gone on with, it has each row once."""
    write_rows(folder / "many.jsonl", [{"id": number} for number in range(100)])
    output = folder / f"out.{ending}"
    call = ["batch", "chains:slow", "many.jsonl", "-o", output.name, "--key", "id"]
    with started(folder, *call, "--max-concurrency", "4", stderr=subprocess.DEVNULL) as job:
        while not output.exists() or output.read_bytes().count(b"\n") < 10:
            time.sleep(0.01)
        job.kill()
        job.communicate()
    kept = output.read_bytes().count(b"\n")
    done = command(folder, *call, "--resume")
    assert done.returncode == 0 and 10 <= kept < 100
    rows = output.read_text().splitlines()
    keys = [row["key"] for row in lines("\n".join(rows))] if ending == "jsonl" else None
    keys = keys or [row.split(",")[1] for row in rows[1:]]
    assert sorted(keys, key=int) == [str(number) for number in range(100)]


def test_what_runs_and_what_was_killed_is_shown(folder: Path) -> None:
    """`show` reads a checkpoint while a job writes it, and knows when that was killed."""
    write_rows(folder / "many.jsonl", list(range(1000)))
    call = ["batch", "chains:slow", "many.jsonl", "--checkpoint", "run.sqlite"]
    with started(folder, *call, "--max-concurrency", "2") as job:
        while stored(folder / "run.sqlite") < 4:
            time.sleep(0.01)
        shown = command(folder, "batch", "show", "run.sqlite")
        assert f"runs as process {job.pid} on " in shown.stdout
        job.kill()
        job.communicate()
    assert "was killed" in command(folder, "batch", "show", "run.sqlite").stdout
