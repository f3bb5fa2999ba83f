"""The commands and their options."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing, redirect_stdout, suppress
from io import TextIOWrapper
from signal import SIGINT
from typing import TYPE_CHECKING, Annotated, Any, Literal

from runnables.cli import driving, exit_codes, showing
from runnables.cli.messages import end_of, with_options
from runnables.cli.migrating import migrate
from runnables.cli.outputs import Output, check_output
from runnables.cli.resuming import DoneKeys, KeyedRows, go_on_with
from runnables.cli.serving import serve
from runnables.cli.signals import Signals, first_ends
from runnables.cli.skill import skill
from runnables.cli.targets import check_target, load, load_by_name
from runnables.errors import ConfigError, RunnablesError
from runnables.graph.command import PictureFormat, print_picture
from runnables.jobs.making import make_run
from runnables.jobs.row_files import BadRow, FileFormat, count_rows, format_of, read_rows
from runnables.jobs.row_writers import COLUMNS, Result, result_of
from runnables.jobs.text_files import STDIO, ReadingEnd, is_regular

if TYPE_CHECKING:
    from runnables.jobs.run import JobRun

try:
    from cyclopts import App, CycloptsError, Parameter
except ImportError:
    from runnables.core.installation import missing_extra

    raise missing_extra("The command `runnables`", "cyclopts", "cli") from None


def _version() -> str:
    return str(sys.modules["runnables"].__version__)


app = App(name="runnables", help="Run chains from the command line.", version=_version)
batch_app = App(name="batch", help="Run a chain on each row of a file.")
app.command(batch_app)

_NO_NEGATIVE = Parameter(negative="")
"""A flag that is off unless it is given."""


@app.command
def run(target: str, /, *, input: str, stream: bool = False) -> int:
    """Run a chain on one input, and print its output.

    Args:
        target: the chain: module:variable.
        input: the input as JSON; what is no JSON is a string; "-" reads it from standard input.
        stream: print chunks as they come.
    """
    chain = load(target)
    text = sys.stdin.read() if input == STDIO else input
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    try:
        if not stream:
            print(_shown(driving.invoke(chain, value)))
            return 0
        driving.stream(chain, value, _print_chunk)
    except RunnablesError as error:
        print(f"Error: {type(error).__name__}: {error}", file=sys.stderr)
        return exit_codes.SOME_FAILED
    print()
    return 0


def _print_chunk(chunk: Any) -> None:
    is_text = isinstance(chunk, str) or isinstance(getattr(chunk, "text", None), str)
    print(_shown(chunk), end="" if is_text else "\n", flush=True)


def _shown(output: Any) -> str:
    if isinstance(output, str):
        return output
    text = getattr(output, "text", None)
    if isinstance(text, str):
        return text
    from pydantic_core import to_json

    return to_json(output, fallback=repr).decode()


@app.command
def graph(target: str, /, *, format: PictureFormat = "ascii") -> int:
    """Print the picture of a chain.

    Args:
        target: the chain: module:variable.
        format: as text, as a Mermaid flowchart, or as SVG, which needs the extra `graph-image`.
    """
    print_picture(load(target), format)
    return 0


@app.command
def mcp(*targets: str) -> int:
    """Serve chains as tools to the program that starts this: MCP over stdin and stdout.

    Args:
        targets: the chains: module:variable. The variable is the name of the tool.
    """
    from runnables.serving import serve_mcp  # it needs the extra `mcp`

    with redirect_stdout(sys.stderr):  # stdout belongs to the protocol, from the first line on
        chains = load_by_name(targets)
    serve_mcp(chains)
    return 0


app.command(serve)
app.command(skill)
app.command(migrate)


@batch_app.default
def batch(
    target: str,
    rows: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    output: Annotated[str, Parameter(alias="-o", allow_leading_hyphen=True)] = STDIO,
    format: FileFormat | None = None,
    max_concurrency: int | Literal["auto"] = 32,
    checkpoint: str | None = None,
    resume: Annotated[bool, _NO_NEGATIVE] = False,
    overwrite: Annotated[bool, _NO_NEGATIVE] = False,
    key: str | None = None,
    retry_failed: bool = True,
    accept_change: Annotated[bool, _NO_NEGATIVE] = False,
    max_errors: str | None = None,
    budget: int | None = None,
    retry_for: float = 600.0,
    via: Literal["provider", "flex"] | None = None,
    skip_bad_rows: Annotated[bool, _NO_NEGATIVE] = False,
    progress: bool = True,
) -> int:
    """Run a chain on each row of a file of JSON Lines, CSV or Parquet; "-" is standard input.

    Each line of the output has the position of its row, its key, and the output or the error.
    With a checkpoint the lines are in the order of the rows, and are written at the end; without
    one they come as rows are done.

    Args:
        target: the chain: module:variable; a function without parameters makes it.
        rows: the file with the rows; "-" for standard input.
        output: where the results go; "-" for standard output.
        format: the format of files whose names do not say it; that of pipes is jsonl.
        max_concurrency: how many calls may run at once; auto: as many as the service takes.
        checkpoint: a file that keeps finished rows; the same command goes on from there.
        resume: go on with an output file of an earlier call that had no checkpoint.
        overwrite: replace an output file that exists.
        key: the field by which rows are known; by default their content.
        retry_failed: try rows again that an earlier run has given up.
        accept_change: take the outputs of a chain that has changed since.
        max_errors: stop when more rows have failed: a count, or a share such as 5%.
        budget: stop when models have used so many tokens.
        retry_for: for how many seconds a row is tried again after errors that may pass.
        via: provider: ask models through the batch jobs of their providers, for half the price;
            flex: through their slower, cheaper calls.
        skip_bad_rows: leave out lines that cannot be read, instead of stopping there.
        progress: show a bar; a line now and then where no terminal shows it.
    """
    check_target(target)
    rows_format, output_format = format_of(rows, format), format_of(output, format)
    check_output(output, output_format, {"the rows": rows, "the checkpoint": checkpoint})
    _check_resume(output, output_format, checkpoint, resume=resume, overwrite=overwrite)
    if budget is not None and budget < 1:
        raise ConfigError(f"--budget {budget}: expected a number of tokens, 1 or more")
    has_bar = progress and not _is_on_terminal(output, checkpoint)
    keywords: dict[str, Any] = {
        "progress": has_bar,
        "retry_failed": retry_failed,
        "max_errors": None if max_errors is None else count_or_share(max_errors),
        "budget": budget,
        "retry_for": retry_for,
        "via": via,
    }
    if checkpoint is not None:
        keywords |= {"checkpoint": checkpoint, "key": key, "accept_change": accept_change}
    chain = load(target)
    skipped: list[BadRow] = []

    def skip(row: BadRow) -> None:
        skipped.append(row)
        print(f"left out: {row}", file=sys.stderr)

    with closing(ReadingEnd()) as end:
        source: Any = read_rows(
            rows, rows_format, skip if skip_bad_rows else None, key=key, end=end
        )
        done: DoneKeys | None = None
        if resume:
            done = go_on_with(output, output_format, retry_failed=retry_failed)
            print(f"{done.count:,} rows are in {output!r} already.", file=sys.stderr)
        keyed = None if checkpoint is not None else KeyedRows(source, key, done)
        job = make_run(
            chain, source if keyed is None else iter(keyed), None, max_concurrency, keywords,
            collect=True,
        )  # fmt: skip
        if (total := count_rows(rows, rows_format)) is not None:
            job.counter.set_total(max(0, total - (0 if done is None else done.count)))
        with first_ends(job, end) as signals:
            in_loop = driving.needs_loop(chain)
            if keyed is not None:
                with Output(output, output_format, append=resume) as to:
                    _stream(job, keyed, to, in_loop=in_loop)
            else:
                driving.run_job(job, in_loop=in_loop, receive=lambda number, found: None)
                _export(str(checkpoint), output, output_format)
        if done is not None:
            done.close()
    goes_on = output if is_regular(output) and output_format != "parquet" else None
    if progress and not has_bar:
        print(job.counter.progress, file=sys.stderr)
    return _end(job, signals, len(skipped), max_errors, checkpoint, goes_on)


def _is_on_terminal(output: str, checkpoint: str | None) -> bool:
    """Tell whether results appear where a bar would be."""
    return output == STDIO and checkpoint is None and sys.stdout.isatty() and sys.stderr.isatty()


def _check_resume(
    output: str, format: FileFormat, checkpoint: str | None, *, resume: bool, overwrite: bool
) -> None:
    if resume:
        if checkpoint is not None:
            raise ConfigError(
                "--resume is for a call without --checkpoint, which goes on by itself."
            )
        if output == STDIO or not is_regular(output) or format == "parquet":
            raise ConfigError(
                "--resume goes on with a file of JSON Lines or CSV: name one with --output. "
                "Other outputs go on from a --checkpoint."
            )
        if overwrite:
            raise ConfigError("--resume and --overwrite exclude each other.")
        return
    known = checkpoint is not None and os.path.exists(checkpoint)  # then it is written again
    if output == STDIO or overwrite or known or not is_regular(output):
        return
    if os.path.exists(output) and os.path.getsize(output):
        raise ConfigError(f"{output!r} exists. Say --overwrite to replace it, or --resume.")


def count_or_share(text: str) -> float:
    """Return a count of rows, or a share of them.

    Raises:
        ConfigError: neither.

    Example:
        >>> count_or_share("5"), count_or_share("5%"), count_or_share("0.05")
        (5, 0.05, 0.05)
    """
    try:
        if text.isdecimal():
            return int(text)
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise ConfigError(f"--max-errors {text}: expected a count, or a share such as 5%, or 0.05")
    return share


def _stream(job: JobRun, keyed: KeyedRows, to: Output, *, in_loop: bool) -> None:
    """Write results as rows are done."""

    def write(number: int, found: Any) -> None:
        to.write(result_of(*keyed.take(number), found))

    driving.run_job(job, in_loop=in_loop, receive=write)
    if job.error() is None:
        to.finish()


def _export(checkpoint: str, output: str, format: FileFormat) -> None:
    """Write the rows of the last run, in their order."""
    with (
        closing(sqlite3.connect(checkpoint)) as db,
        Output(output, format, checkpoint=checkpoint) as to,
    ):
        for row in showing.last_run(db):
            to.write(Result(**{name: row[name] for name in COLUMNS}))
        to.finish()


def _end(
    job: JobRun,
    signals: Signals,
    skipped: int,
    max_errors: str | None,
    checkpoint: str | None,
    goes_on: str | None,
) -> int:
    """Print how the job has ended; return the exit code."""
    if job.error() is not None:
        print(end_of(job, max_errors, checkpoint, goes_on), file=sys.stderr)
        if signals.received is not None and job.ended == "cancelled":
            return exit_codes.of_signal(signals.received)
        return exit_codes.STOPPED
    progress = job.counter.progress
    if progress.failed and checkpoint is not None:
        print(f"The same command tries them again; they are in {checkpoint!r}.", file=sys.stderr)
    elif progress.failed and goes_on is not None:
        print("The same command with --resume tries them again.", file=sys.stderr)
    return exit_codes.SOME_FAILED if progress.failed or skipped else 0


@batch_app.command
def show(
    checkpoint: str,
    /,
    *,
    failed: Annotated[bool, _NO_NEGATIVE] = False,
    json: Annotated[bool, _NO_NEGATIVE] = False,
    limit: int | None = None,
) -> int:
    """Show what is in a checkpoint: numbers, runs and rows; also while a job writes it.

    Args:
        checkpoint: the file.
        failed: show the rows that have failed.
        json: print rows alone, all that is known of each as a line of JSON.
        limit: how many rows to show; 20 by default, and all with --json.
    """
    with showing.opened(checkpoint) as db:
        lines = (
            showing.as_json(db, failed=failed, limit=limit)
            if json
            else showing.as_text(db, checkpoint, failed=failed, limit=limit)
        )
        for line in lines:
            print(line)
    return 0


def main() -> None:
    """Run the command of this process; exit with its code."""
    try:
        if sys.stderr is None:  # closed by who has started this
            sys.stderr = open(os.devnull, "w")
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        code: Any = app(sys.argv[1:], result_action="return_value", exit_on_error=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except CycloptsError:  # it was printed
        sys.exit(exit_codes.BAD_CALL)
    except KeyboardInterrupt as error:
        with suppress(OSError):
            print("Stopped.", file=sys.stderr)
        sys.exit(exit_codes.of_signal(error.args[0] if error.args else SIGINT))
    except BrokenPipeError:  # who read the output has left
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exit_codes.STOPPED)
    except (RunnablesError, OSError, sqlite3.Error) as error:
        print(f"Error: {with_options(str(error))}", file=sys.stderr)
        sys.exit(exit_codes.BAD_CALL)
    sys.exit(code or 0)
