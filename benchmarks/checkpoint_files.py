"""What real checkpoint files need: bytes and microseconds a row. `benchmarks.billion --files`.

Rows of three sizes go through a step that does nothing, so all time is the job's own.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from runnables import RunnableLambda

ROWS = 100_000
TEXT = "The ferry to the island was late because of fog, and the passengers waited in the hall. "

SIZES = (
    ("an e-mail and its topic", 120, 10),
    ("an article and its summary", 400, 150),
    ("a page and its translation", 3000, 3000),
)
"""What the rows are like: the characters of the input, and of the output."""


def rows_of(length: int, count: int) -> Iterator[dict[str, str]]:
    """Yield rows with an id and a string of this length."""
    text = (TEXT * (length // len(TEXT) + 1))[:length]
    for number in range(count):
        yield {"id": f"r{number:09}", "text": text}


def measure(inputs: int, outputs: int, count: int, folder: Path) -> tuple[float, ...]:
    """Write a checkpoint, go on with it, and export it.

    Args:
        inputs: the characters of an input.
        outputs: the characters of an output.
        count: how many rows.
        folder: where the files are.

    Returns:
        The bytes a row of the rows, of the checkpoint, and of the output; and the microseconds a
        row to write it, to pass it when the job goes on, and to export it.
    """
    checkpoint, rows_file, output_file = (folder / name for name in ("c.sqlite", "r", "o"))
    with rows_file.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows_of(inputs, count))
    answer = (TEXT * (outputs // len(TEXT) + 1))[:outputs]
    chain = RunnableLambda(lambda row: answer)

    def run() -> float:
        began = time.perf_counter()
        rows = rows_of(inputs, count)
        for _ in chain.batch_as_completed(
            rows, max_concurrency=8, checkpoint=str(checkpoint), key="id"
        ):
            pass
        return time.perf_counter() - began

    written, passed = run(), run()
    began = time.perf_counter()
    with closing(sqlite3.connect(checkpoint)) as db, output_file.open("w") as file:
        for key, output in db.execute("SELECT key, output FROM results"):
            file.write(f'{{"key": {json.dumps(key)}, "output": {output}}}\n')
    exported = time.perf_counter() - began
    sizes = [path.stat().st_size / count for path in (rows_file, checkpoint, output_file)]
    for path in (rows_file, checkpoint, output_file):
        path.unlink()
    return (*sizes, *(seconds / count * 1e6 for seconds in (written, passed, exported)))


def files_table(count: int = ROWS) -> str:
    """Return the table of all sizes."""
    lines = [
        "| a row is | bytes: rows | checkpoint | output | us: write | pass | export |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, inputs, outputs in SIZES:
            figures = measure(inputs, outputs, count, Path(folder))
            lines.append(f"| {name} | " + " | ".join(f"{figure:,.0f}" for figure in figures) + " |")
    return "\n".join(lines)
