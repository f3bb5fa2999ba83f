"""The command: rows of files through a chain, its exit codes, its errors."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

CHAINS = """
import time
from runnables import AIMessage, RunnableLambda

def shout(row):
    if row["text"] == "bad":
        raise ValueError("bad text")
    return row["text"].upper()

chain = RunnableLambda(shout)
message = RunnableLambda(lambda text: AIMessage(f"You said {text}"))
number = 7

def slowly(row):
    time.sleep(0.05)
    return row

slow = RunnableLambda(slowly)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chains.py").write_text(CHAINS)
    rows = [{"id": "a", "text": "ahoy"}, {"id": "b", "text": "bad"}, {"id": "c", "text": "é"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "rows.csv").write_text("id,text\na,ahoy\nb,bad\nc,é\n")
    return tmp_path


def command(folder: Path, *arguments: str, input: str | None = None) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "runnables.cli", *arguments],
        cwd=folder,
        input=input,
        capture_output=True,
        text=True,
        check=False,
    )


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("rows", ["rows.jsonl", "rows.csv"])
def test_rows_of_a_file_go_through_a_chain(folder: Path, rows: str) -> None:
    """Each line has its position, and the output or the error; one failed: exit code 1."""
    done = command(folder, "batch", "chains:chain", rows)
    assert sorted(lines(done.stdout), key=lambda row: row["position"]) == [
        {"position": 0, "output": "AHOY"},
        {"position": 1, "error_type": "ValueError", "error": "bad text"},
        {"position": 2, "output": "É"},
    ]
    assert done.returncode == 1 and "3 of 3 rows, 1 failed" in done.stderr


def test_a_checkpoint_gives_order_and_goes_on(folder: Path) -> None:
    """The output is in the order of the rows, with their keys; a second run calls what is left."""
    arguments = ["batch", "chains:chain", "rows.jsonl", "-o", "out.jsonl"]
    arguments += ["--checkpoint", "run.sqlite", "--key", "id"]
    assert command(folder, *arguments).returncode == 1
    found = lines((folder / "out.jsonl").read_text())
    assert [(row["key"], row.get("output")) for row in found] == [
        ("a", "AHOY"),
        ("b", None),
        ("c", "É"),
    ]
    again = command(folder, *arguments)
    assert "2 from before" in again.stderr and "the same command" in again.stderr.lower()
    shown = command(folder, "batch", "show", "run.sqlite", "--failed")
    assert "2 rows done, 1 failed" in shown.stdout and "bad text" in shown.stdout


def test_pipes_and_csv(folder: Path) -> None:
    """Standard input is JSON Lines; CSV is written where the name says so."""
    done = command(
        folder, "batch", "chains:message", "-", "-o", "out.csv", "--no-progress", input='"hi"\n'
    )
    assert done.returncode == 0
    header, line = (folder / "out.csv").read_text().splitlines()
    assert header == "position,key,output,error_type,error" and "You said hi" in line


def test_one_input(folder: Path) -> None:
    """`run` prints the text of a message, whole or chunk by chunk."""
    for more in ([], ["--stream"]):
        done = command(folder, "run", "chains:message", "--input", "hi", *more)
        assert done.stdout.strip() == "You said hi"


BAD: dict[str, tuple[list[str], str, str]] = {
    "no variable": (["chains"], "", "expected module:variable"),
    "a module that is not there": (["nothing:chain"], "", "There is no module 'nothing'"),
    "a misspelt variable": (["chains:chian"], "", "Did you mean 'chain'?"),
    "no chain": (["chains:number"], "", "int"),
    "a missing file": (["chains:chain", "no.jsonl"], "", "'no.jsonl' cannot be read"),
    "an unknown format": (["chains:chain", "rows.txt"], "", "the format is not clear"),
    "no JSON": (["chains:chain", "-"], '{"text": "a"}\n{text}\n', "line 2 is no JSON"),
    "a ragged row": (["chains:chain", "rag.csv"], "id,text\n1\n", "line 2 has 1 fields"),
    "an open quote": (["chains:chain", "rag.csv"], 'id,text\n1,"a\n', "unexpected end of data"),
    "a key without a checkpoint": (["chains:chain", "rows.jsonl", "--key", "id"], "", "checkpoint"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_has_a_clear_error(folder: Path, name: str) -> None:
    """No traceback, and exit code 2."""
    arguments, content, said = BAD[name]
    (folder / "rag.csv").write_text(content)
    if len(arguments) == 1:
        arguments = [*arguments, "rows.jsonl"]
    done = command(folder, "batch", *arguments, "--max-concurrency", "1", input=content)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert said in done.stderr


def test_bad_lines_are_left_out_where_asked(folder: Path) -> None:
    """The rest goes on; the exit code says that some failed."""
    done = command(
        folder, "batch", "chains:chain", "-", "--skip-bad-rows",
        input='{"text": "a"}\n{text}\n{"text": "b"}\n',
    )  # fmt: skip
    assert sorted(row["output"] for row in lines(done.stdout)) == ["A", "B"]
    assert done.returncode == 1 and "left out: '-', line 2" in done.stderr


def test_an_output_that_exists_is_not_replaced(folder: Path) -> None:
    """Unless the user says so."""
    (folder / "out.jsonl").write_text("mine\n")
    arguments = ["batch", "chains:chain", "rows.jsonl", "-o", "out.jsonl"]
    assert command(folder, *arguments).returncode == 2
    assert (folder / "out.jsonl").read_text() == "mine\n"
    assert command(folder, *arguments, "--overwrite").returncode == 1


def stored(checkpoint: Path) -> int:
    """Return how many rows a checkpoint has, which may not be there yet."""
    if not checkpoint.exists():
        return 0
    with closing(sqlite3.connect(checkpoint)) as db:
        return int(db.execute("SELECT count(*) FROM row").fetchone()[0])


def test_a_share_of_errors_is_a_share(folder: Path) -> None:
    """One of three rows fails, which is too many from 100 rows on only."""
    assert (
        command(folder, "batch", "chains:chain", "rows.jsonl", "--max-errors", "0.5").returncode
        == 1
    )
    assert (
        command(folder, "batch", "chains:chain", "rows.jsonl", "--max-errors", "0").returncode == 3
    )


def test_the_rows_are_never_replaced_by_the_output(folder: Path) -> None:
    """Nor is an older output by a call that fails before its first row."""
    rows = (folder / "rows.jsonl").read_text()
    (folder / "link.jsonl").symlink_to(folder / "rows.jsonl")
    for output in ("rows.jsonl", "link.jsonl"):
        for more in (["--overwrite"], ["--checkpoint", "run.sqlite"]):
            done = command(folder, "batch", "chains:chain", "rows.jsonl", "-o", output, *more)
            assert done.returncode == 2 and "has the rows" in done.stderr
    assert (folder / "rows.jsonl").read_text() == rows
    (folder / "old.jsonl").write_text("old")
    command(folder, "batch", "chains:chain", "no.jsonl", "-o", "old.jsonl", "--overwrite")
    assert (folder / "old.jsonl").read_text() == "old"
    command(folder, "batch", "chains:chain", "no.jsonl", "-o", "new.jsonl")
    assert not (folder / "new.jsonl").exists()


def test_an_output_without_a_folder_is_refused_before_any_row(folder: Path) -> None:
    """So is one that is a folder."""
    for output in ("no/out.jsonl", "."):
        done = command(
            folder, "batch", "chains:chain", "rows.jsonl", "-o", output, "--format", "jsonl"
        )
        assert done.returncode == 2 and "cannot be written" in done.stderr


def test_a_file_is_a_module(folder: Path) -> None:
    """By its path, too; standard input may begin with a byte order mark."""
    for target in ("./chains.py:message", str(folder / "chains.py:message")):
        done = command(folder, "batch", target, "-", input='\ufeff"hi"\n')
        assert "You said hi" in done.stdout


def test_the_first_ctrl_c_finishes_what_is_under_way(folder: Path) -> None:
    """The second call does the rest; the message says how to go on."""
    (folder / "many.jsonl").write_text("".join(f"{number}\n" for number in range(100)))
    arguments = ["batch", "chains:slow", "many.jsonl", "-o", "out.jsonl", "--max-concurrency", "4"]
    arguments += ["--checkpoint", "run.sqlite"]
    job = subprocess.Popen(
        [sys.executable, "-m", "runnables.cli", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    while stored(folder / "run.sqlite") < 8:
        time.sleep(0.01)
    job.send_signal(signal.SIGINT)
    _, errors = job.communicate()
    assert job.returncode == 130
    assert "Finishing the rows under way" in errors and "the same call goes on" in errors
    kept = len((folder / "out.jsonl").read_text().splitlines())
    assert 0 < kept < 100
    assert command(folder, *arguments).returncode == 0
    assert [row["output"] for row in lines((folder / "out.jsonl").read_text())] == list(range(100))


def test_a_missing_extra_is_named(folder: Path) -> None:
    """Without cyclopts the error says what to install."""
    script = "import sys; sys.modules['cyclopts'] = None; import runnables.cli"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "MissingExtra" in done.stderr and "cyclopts" in done.stderr
