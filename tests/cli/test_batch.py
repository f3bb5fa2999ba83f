"""The command: rows of files through a chain, and its outputs."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import command, lines, write_rows


@pytest.mark.parametrize("rows", ["rows.jsonl", "rows.csv"])
def test_rows_of_a_file_go_through_a_chain(folder: Path, rows: str) -> None:
    """Each line has position, key, and the output or the error; one failed: exit code 1."""
    done = command(folder, "batch", "chains:chain", rows)
    found = sorted(lines(done.stdout), key=lambda row: row["position"])
    assert len({row.pop("key") for row in found}) == 3
    assert found == [
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


def test_a_function_makes_the_chain_and_may_be_async(folder: Path) -> None:
    """A function without parameters is called; an async function runs in a loop."""
    for target in ("chains:make", "chains:ashout"):
        done = command(folder, "batch", target, "-", input='{"text": "a"}\n')
        assert (done.returncode, lines(done.stdout)[0]["output"]) == (0, "A"), done.stderr
    assert command(folder, "run", "chains:ashout", "--input", '{"text": "a"}').stdout == "A\n"


def test_the_usual_oddities_of_files_are_read(folder: Path) -> None:
    """A byte order mark, CRLF, blank lines and gzip; a file without rows is no error."""
    rows = b'\xef\xbb\xbf{"text": "a"}\r\n\r\n   \r\n{"text": "\\ud800"}\r\n'
    (folder / "odd.jsonl").write_bytes(rows)
    (folder / "odd.jsonl.gz").write_bytes(gzip.compress(rows))
    for name in ("odd.jsonl", "odd.jsonl.gz"):
        done = command(folder, "batch", "chains:chain", name, "--max-concurrency", "1")
        assert [row["output"] for row in lines(done.stdout)] == ["A", "\ud800"], done.stderr
    (folder / "odd.csv").write_bytes(b'\xef\xbb\xbfid,text\r\n1,"a, b"\r\n\r\n')
    done = command(folder, "batch", "chains:chain", "odd.csv", "--key", "id")
    assert lines(done.stdout) == [{"position": 0, "key": "1", "output": "A, B"}]
    (folder / "none.csv").write_text("")
    done = command(folder, "batch", "chains:chain", "none.csv", "-o", "none.jsonl")
    assert done.returncode == 0 and "0 of 0 rows" in done.stderr
    assert (folder / "none.jsonl").read_text() == ""


def test_the_name_of_a_file_says_its_format(folder: Path) -> None:
    """`--format` is that of files whose names do not."""
    (folder / "rows.txt").write_text("id,text\na,ahoy\n")
    call = ("rows.txt", "--format", "csv", "-o", "out.jsonl", "--key", "id")
    assert command(folder, "batch", "chains:chain", *call).returncode == 0
    found = lines((folder / "out.jsonl").read_text())
    assert found == [{"position": 0, "key": "a", "output": "AHOY"}]


def test_an_output_may_be_a_device_or_a_pipe(folder: Path) -> None:
    """With and without a checkpoint; none is replaced by a file. A full one is said."""
    os.mkfifo(folder / "pipe.jsonl")
    reader = os.open(folder / "pipe.jsonl", os.O_RDONLY | os.O_NONBLOCK)
    for more in ([], ["--checkpoint", "run.sqlite"]):
        for output in ("/dev/null", "pipe.jsonl"):
            done = command(folder, "batch", "chains:chain", "rows.jsonl", "-o", output, *more)
            assert done.returncode == 1, done.stderr
        assert len(lines(os.read(reader, 1 << 16).decode())) == 3
    os.close(reader)
    assert Path("/dev/null").is_char_device() and (folder / "pipe.jsonl").is_fifo()
    for more in ([], ["--checkpoint", "run.sqlite"]):
        done = command(folder, "batch", "chains:chain", "rows.jsonl", "-o", "/dev/full", *more)
        assert done.returncode == 2 and "'/dev/full' cannot be written: No space" in done.stderr


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_an_output_is_gone_on_with(folder: Path, ending: str) -> None:
    """Its torn last line is cut; failed rows are tried again, unless the user says otherwise."""
    output = folder / f"out.{ending}"
    call = ["batch", "chains:chain", "rows.jsonl", "-o", output.name]
    whole = command(folder, *call).returncode
    written = sorted(output.read_text().splitlines())
    assert whole == 1 and command(folder, *call).returncode == 2
    torn = '{"position": 9, "key": "a", "out' if ending == "jsonl" else '9,a,"an output with\n'
    output.write_text(output.read_text() + torn)
    again = command(folder, *call, "--resume")
    assert "2 rows are in" in again.stderr and "1 of 1 rows, 1 failed" in again.stderr
    assert sorted(output.read_text().splitlines()) == written
    left = command(folder, *call, "--resume", "--no-retry-failed")
    assert left.returncode == 0 and "0 of 0 rows" in left.stderr
    assert sorted(output.read_text().splitlines()) == written


def test_rows_of_the_same_key_are_gone_on_with_by_their_number(folder: Path) -> None:
    """Of three equal rows, of which the output has two, one is run."""
    write_rows(folder / "same.jsonl", [{"text": "a"}] * 2)
    call = ["batch", "chains:chain", "same.jsonl", "-o", "out.jsonl"]
    command(folder, *call)
    write_rows(folder / "same.jsonl", [{"text": "a"}] * 3)
    assert "1 of 1 rows" in command(folder, *call, "--resume").stderr
    found = lines((folder / "out.jsonl").read_text())
    assert sorted(row["position"] for row in found) == [0, 1, 2]


def test_a_checkpoint_does_not_replace_a_file_of_others(folder: Path) -> None:
    """An output that exists before the checkpoint does is refused; later it is written again."""
    (folder / "out.jsonl").write_text("mine\n")
    call = ["batch", "chains:message", "rows.jsonl", "-o", "out.jsonl", "--checkpoint", "c.sqlite"]
    assert command(folder, *call).returncode == 2
    assert command(folder, *call, "--overwrite").returncode == 0
    with_checkpoint = (folder / "out.jsonl").read_text()
    assert command(folder, *call).returncode == 0
    streamed = command(folder, "batch", "chains:message", "rows.jsonl").stdout
    assert sorted(with_checkpoint.splitlines()) == sorted(streamed.splitlines())


def test_a_share_may_be_said_in_percent(folder: Path) -> None:
    """It stops the job, whose message says how to go on, in options of the command."""
    write_rows(folder / "many.jsonl", [{"text": "bad"}] * 200)
    done = command(
        folder, "batch", "chains:chain", "many.jsonl", "-o", "o.jsonl", "--max-errors", "5%"
    )
    assert done.returncode == 3
    assert "more rows failed than --max-errors 5% allows" in done.stderr
    assert "the same command with --resume goes on from there" in done.stderr


def test_a_wrong_option_is_a_wrong_call(folder: Path) -> None:
    """Its exit code is 2, and what may have been meant is said."""
    done = command(folder, "batch", "chains:chain", "rows.jsonl", "--checkpont", "run.sqlite")
    assert done.returncode == 2 and "--checkpoint" in done.stderr


def test_a_missing_extra_is_named(folder: Path) -> None:
    """Without cyclopts the error says what to install, without a traceback."""
    script = "import sys; sys.modules['cyclopts'] = None; from runnables.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "cyclopts" in done.stderr and "install" in done.stderr
