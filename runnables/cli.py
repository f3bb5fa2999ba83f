"""The command `runnables`: runs a chain on one input, or on the rows of a file."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sqlite3
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final, Literal

from runnables.compose.coerce import coerce_to_runnable
from runnables.errors import BatchStopped, ConfigError, RunnablesError, did_you_mean
from runnables.jobs.checkpoint import check_file
from runnables.jobs.making import make_run
from runnables.jobs.row_files import (
    STDIO,
    BadRow,
    FileFormat,
    RowWriter,
    format_of,
    read_rows,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from runnables.compose.runnable import Runnable
    from runnables.jobs.run import JobRun

try:
    from cyclopts import App, Parameter
except ImportError:
    from runnables.core.installation import missing_extra

    raise missing_extra("The command `runnables`", "cyclopts", "cli") from None

SOME_FAILED: Final = 1
BAD_INPUT: Final = 2
STOPPED: Final = 3
INTERRUPTED: Final = 130
"""The exit codes, beside 0: rows failed; the call is wrong; the job ended early; Ctrl-C."""

app = App(name="runnables", help="Run chains from the command line.")
batch_app = App(name="batch", help="Run a chain on each row of a file.")
app.command(batch_app)


def load(target: str) -> Runnable[Any, Any]:
    """Return the chain of a name such as "translate:chain": a module, or a file, and a variable.

    The current folder is searched first.

    Raises:
        ConfigError: there is no such module or variable, or it is nothing that runs.
    """
    module_name, colon, path = target.partition(":")
    if not colon or not module_name or not path:
        raise ConfigError(f"{target!r}: expected module:variable, such as translate:chain")
    folder, name = os.getcwd(), module_name
    if module_name.endswith(".py"):
        folder, name = str(Path(module_name).absolute().parent), Path(module_name).stem
    sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (error.name == name or name.startswith(f"{error.name}.")):
            raise ConfigError(f"There is no module {name!r} here, in {folder!r}") from None
        raise
    for part in path.split("."):
        if not hasattr(found, part):
            hint = did_you_mean(part, (each for each in dir(found) if not each.startswith("_")))
            raise ConfigError(f"{module_name!r} has no {path!r}.{hint}")
        found = getattr(found, part)
    try:
        return coerce_to_runnable(found)
    except TypeError as error:
        raise ConfigError(f"{target!r} is nothing that runs: {error}") from None


@app.command
def run(target: str, *, input: str, stream: bool = False) -> int:
    """Run a chain on one input, and print its output.

    Args:
        target: the chain: module:variable.
        input: the input as JSON; what is no JSON is a string.
        stream: print chunks as they come.
    """
    chain = load(target)
    try:
        value = json.loads(input)
    except ValueError:
        value = input
    if not stream:
        print(_shown(chain.invoke(value)))
        return 0
    for chunk in chain.stream(value):
        print(_shown(chunk), end="" if isinstance(chunk, str) else "\n", flush=True)
    print()
    return 0


def _shown(output: Any) -> str:
    if isinstance(output, str):
        return output
    text = getattr(output, "text", None)
    if isinstance(text, str):
        return text
    from pydantic_core import to_json

    return to_json(output, fallback=repr).decode()


@batch_app.default
def batch(
    target: str,
    rows: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    output: Annotated[str, Parameter(alias="-o", allow_leading_hyphen=True)] = STDIO,
    format: FileFormat | None = None,
    max_concurrency: int | Literal["auto"] = 32,
    checkpoint: str | None = None,
    key: str | None = None,
    retry_failed: bool = True,
    accept_change: bool = False,
    max_errors: str | None = None,
    budget: int | None = None,
    retry_for: float = 600.0,
    progress: bool = True,
    skip_bad_rows: bool = False,
    overwrite: bool = False,
) -> int:
    """Run a chain on each row of a file of JSON Lines or CSV; "-" is standard input.

    Each line of the output has the position of its row, its key, and the output or the error.
    With a checkpoint the lines are in the order of the rows, and are written at the end; without
    one they come as rows are done.

    Args:
        target: the chain: module:variable.
        rows: the file with the rows; "-" for standard input, in JSON Lines.
        output: where the results go; "-" for standard output.
        format: the format of both files, where their names do not say it.
        max_concurrency: how many calls may run at once; auto: as many as the service takes.
        checkpoint: a file that keeps finished rows; the same command goes on from there.
        key: the field by which rows are known; by default their content.
        retry_failed: try rows again that an earlier run has given up.
        accept_change: take the outputs of a chain that has changed since.
        max_errors: stop when more rows have failed: a count, or a share such as 0.05.
        budget: stop when models have used so many tokens.
        retry_for: for how many seconds a row is tried again after errors that may pass.
        progress: show a bar.
        skip_bad_rows: leave out lines that cannot be read, instead of stopping there.
        overwrite: replace an output file that exists.
    """
    rows_format, output_format = format_of(rows, format), format_of(output, format)
    _check_files(rows, output)
    if output != STDIO and checkpoint is None and not overwrite and Path(output).exists():
        raise ConfigError(f"{output!r} exists. Say --overwrite to replace it, or --checkpoint.")
    skipped: list[BadRow] = []

    def skip(row: BadRow) -> None:
        skipped.append(row)
        print(f"left out: {row}", file=sys.stderr)

    chain = load(target)
    keywords: dict[str, Any] = {
        "progress": progress,
        "retry_failed": retry_failed,
        "max_errors": None if max_errors is None else _count_or_share(max_errors),
        "budget": budget,
        "retry_for": retry_for,
        "checkpoint": checkpoint,
        "key": key,
        "accept_change": accept_change,
    }
    source = read_rows(rows, rows_format, skip if skip_bad_rows else None)
    job = make_run(chain, source, None, max_concurrency, keywords, collect=True)
    with _first_interrupt_stops(job):
        if checkpoint is None:
            _stream(job, output, output_format)
        else:
            for _ in job.completed():
                pass
            with _replaced(output) as file:
                _export(checkpoint, RowWriter(file, output_format))
    return _ended(job, len(skipped), checkpoint)


def _write(writer: RowWriter, position: int, key: str | None, found: Any) -> None:
    if isinstance(found, Exception):
        writer.write(position, key, error=found)
    else:
        writer.write(position, key, found)


def _export(checkpoint: str, writer: RowWriter) -> None:
    """Write the rows of the last run, in their order."""
    from runnables.errors import EarlierFailure

    with closing(sqlite3.connect(checkpoint)) as db:
        query = "SELECT position, key, output, error, error_type FROM results"
        for position, key, output, error, error_type in db.execute(query):
            failure = None if error_type is None else EarlierFailure(error or "", error_type)
            value = None if output is None else json.loads(output)
            writer.write(position, key, value, failure)


def _stream(job: JobRun, output: str, output_format: FileFormat) -> None:
    """Write rows as they are done; a file is opened with the first of them."""
    with ExitStack() as stack:
        writer: RowWriter | None = None
        for position, found in stack.enter_context(closing(job.completed())):
            if writer is None:
                file: IO[str] = sys.stdout
                if output != STDIO:
                    file = open(output, "w", encoding="utf-8", newline="")
                    stack.enter_context(file)
                writer = RowWriter(file, output_format)
            _write(writer, position, None, found)


def _count_or_share(text: str) -> float:
    """Return a count of rows, or a share of them."""
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise ConfigError(f"--max-errors {text}: expected a count, or a share as 0.05") from None


def _check_files(rows: str, output: str) -> None:
    """Refuse an output that cannot be written, or that would replace the rows, before any work."""
    if output == STDIO:
        return
    path = Path(output)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"{output!r} cannot be written: it is a folder, or in none that exists")
    if rows != STDIO and path.exists() and Path(rows).exists() and path.samefile(rows):
        raise ConfigError(f"{output!r} has the rows: write the output to another file")


@contextmanager
def _replaced(output: str) -> Generator[IO[str]]:
    """Open a file that takes the place of the output at the end, so that none is half written."""
    if output == STDIO:
        yield sys.stdout
        return
    part = f"{output}.part"
    with open(part, "w", encoding="utf-8", newline="") as file:
        yield file
    os.replace(part, output)


@contextmanager
def _first_interrupt_stops(job: JobRun) -> Generator[None]:
    """Let the first Ctrl-C finish the rows under way, and the second one stop them."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, previous)
        print("\nFinishing the rows under way; Ctrl-C again stops them.", file=sys.stderr)
        job.stop()

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _ended(job: JobRun, skipped: int, checkpoint: str | None) -> int:
    """Print how the job has ended; return the exit code."""
    error = job.error()
    if error is not None:
        print(error, file=sys.stderr)
        return INTERRUPTED if error.reason == "cancelled" else STOPPED
    progress = job.counter.progress
    if progress.failed and checkpoint is not None:
        print(f"The same command tries them again; they are in {checkpoint!r}.", file=sys.stderr)
    return SOME_FAILED if progress.failed or skipped else 0


@batch_app.command
def show(checkpoint: str, *, failed: bool = False, limit: int = 20) -> int:
    """Show what is in a checkpoint.

    Args:
        checkpoint: the file.
        failed: show the rows that have failed.
        limit: how many rows to show.
    """
    if not Path(checkpoint).is_file():
        raise ConfigError(f"There is no file {checkpoint!r}")
    check_file(checkpoint)
    with closing(
        sqlite3.connect(f"{Path(checkpoint).absolute().as_uri()}?mode=ro", uri=True)
    ) as db:
        counts = dict(db.execute("SELECT status, count(*) FROM row GROUP BY status"))
        tokens = db.execute(
            "SELECT total(input_tokens), total(output_tokens), sum(cost) FROM row"
        ).fetchone()
        runs = db.execute("SELECT started_at, coalesce(ended, 'not ended') FROM run").fetchall()
        print(f"{counts.get('done', 0):,} rows done, {counts.get('failed', 0):,} failed")
        cost = "" if tokens[2] is None else f", cost {tokens[2]:.4g}"
        print(f"{tokens[0]:,.0f} input tokens, {tokens[1]:,.0f} output tokens{cost}")
        for started, ended in runs[-5:]:
            print(f"run of {started}: {ended}")
        status = "failed" if failed else "done"
        query = "SELECT position, input, output, error FROM results WHERE status = ? LIMIT ?"
        for position, given, found, error in db.execute(query, (status, limit)):
            print(f"{position}: {_short(given)} -> {_short(error if failed else found)}")
    return 0


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def main() -> None:
    """Run the command of this process; exit with its code."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        code: Any = app(result_action="return_value", exit_on_error=True)
    except KeyboardInterrupt:
        with suppress(BrokenPipeError):
            print("Stopped.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BatchStopped as error:
        print(error, file=sys.stderr)
        sys.exit(STOPPED)
    except BrokenPipeError:  # who read the output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(STOPPED)
    except (RunnablesError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
