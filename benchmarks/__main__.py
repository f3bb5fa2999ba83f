"""The command `python -m benchmarks`, which measures the rows and prints a table."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import (
    batches,
    calls,
    many_streams,
    models,
    retrieval_speed,
    splitting,
    streaming,
    tracing,
)
from benchmarks.harness import Measured, Result, as_json, table

ROWS: Sequence[Measured] = (
    *calls.ROWS,
    *streaming.ROWS,
    *batches.ROWS,
    *models.ROWS,
    *many_streams.ROWS,
    *tracing.ROWS,
    *retrieval_speed.ROWS,
    *splitting.ROWS,
)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
COMMAND = "python -m benchmarks --write"

_TEXT = """\
# Benchmarks

```console
pip install -e ".[bench]"
{command}
```

Measured on {cores} cores with {python}; the peer is langchain-core {peer}. Each row has a floor,
plain Python that does the same; all three are measured in turns in one run. The ratios carry over
to other machines better than the times do, and the budgets are ratios.

{table}

- **budget**: how many times the floor ours may take, or how much more a unit may cost at the
  largest size than at the smallest: 1 is linear (or flat), and what grows with the square of a
  size 100 times as large would be at 100. Linear work comes out between 1 and 3, because a
  processor's caches hold the small size.
- The floor of a stream is a generator in a generator, each of which changes every chunk.
- Times are of the quietest of {rounds} rounds; where several threads work, of the median round.
- The import is `from runnables import RunnableLambda`, because a bare `import` may be lazy. Its
  floor is `from pydantic import BaseModel`.
- A cold start is a process of its own: Python starts, imports, builds prompt, model and parser, and
  has the first answer. Its floor imports pydantic and builds one model class. Counted is the CPU
  time of the whole process.
- Calls over HTTP go to a server of ours that thinks for no time, in a process of its own
  (`benchmarks/server.py`). What counts is the CPU time of the client's process, all its threads
  together. The floor is the HTTP library itself, aiohttp, with no more than the JSON of the answer
  or of each chunk read; for sync calls its loop runs in a thread. `python -m benchmarks.models`
  measures official SDK, peer and ours in every way; `python -m benchmarks.candidates` compares HTTP
  libraries.
- A traced step is a span of OpenTelemetry's SDK with its attributes, exported nowhere. The floor is
  the same function in a bare span without attributes. A run without a handler makes no span, and
  costs what "invoke, 10 steps" does.
- A search among documents finds the closest four of 10,000 vectors of 384 numbers. Its floor is
  NumPy alone. `python -m benchmarks.retrieval_speed` measures more sizes, and another store.
- The floor of splitting cuts a string into slices of equal length, wherever that is; the peer is
  langchain-text-splitters.
- Of many streams at once, {streams:,} are open, and {peer_streams} of the peer's, which does not
  keep up with more. Counted are the CPU time of three seconds, from when all have their first
  chunk, and how much more memory the process then has than before it opened them.
{notes}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the chosen rows, and print them; return 1 where --check finds one over its budget."""
    options = _parser().parse_args(arguments)
    if options.no_peer:
        sys.modules["langchain_core"] = None  # type: ignore[assignment]  # as if not installed
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    results = [_measured(row, options.rounds) for row in rows]
    print(as_json(results) if options.json else table(results))
    if options.write:
        PAGE.write_text(_page(results, options.rounds), encoding="utf-8")
    return int(options.check and not all(result.passed for result in results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=7, help="how often each subject is measured")
    parser.add_argument("--no-peer", action="store_true", help="leave the peer out")
    parser.add_argument("--json", action="store_true", help="print JSON, not Markdown")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md, too")
    parser.add_argument("--check", action="store_true", help="exit with 1 on a missed budget")
    return parser


def _measured(row: Measured, rounds: int) -> Result:
    print(f"{row.name} ...", file=sys.stderr, flush=True)
    return row.measure(rounds)


def _page(results: Sequence[Result], rounds: int) -> str:
    return _TEXT.format(
        command=COMMAND,
        cores=os.cpu_count(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        peer=_peer_version(),
        table=table(results),
        rounds=rounds,
        streams=many_streams.STREAMS,
        peer_streams=many_streams.PEER_STREAMS,
        notes=_notes(),
    )


def _peer_version() -> str:
    try:
        return version("langchain-core")
    except PackageNotFoundError:
        return "(not installed)"


def _notes() -> str:
    """Return the notes written by hand below the table, which a new run leaves in place."""
    mark = "\n## Notes\n"
    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    return mark + text.split(mark, 1)[1] if mark in text else ""


if __name__ == "__main__":
    sys.exit(main())
