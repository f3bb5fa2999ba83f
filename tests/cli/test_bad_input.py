"""Bad input to the command and the checkpoint: each has its message, which the docs show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnables.jobs.checkpoint import Checkpoint
from tests.cli.commands import ROWS, run_here, write_rows

DOCS = Path(__file__).resolve().parents[2] / "docs" / "batch-jobs.md"

TRANSLATE = """
from runnables import RunnableLambda

def translate(row):
    return row["text"].upper()

def make():
    raise KeyError("OPENAI_API_KEY")

chain = RunnableLambda(translate)
other = RunnableLambda(len)
number = 7
"""

FILES: dict[str, str | bytes] = {
    "translate.py": TRANSLATE,
    "words.py": "import nltk\n",
    "rows.txt": "",
    "bad.jsonl": '{"text": "a"}\n{text}\n',
    "ragged.csv": "id,text\n1\n",
    "quote.csv": 'id,text\n1,"a\n',
    "semicolons.csv": "id;text\n1;a\n",
    "excel.csv": "id,text\n1,é\n".encode("utf-16"),
    "packed.jsonl": b"\x1f\x8b\x08\x00rest",
    "nokey.jsonl": '{"text": "a"}\n',
    "fraction.jsonl": '{"id": 1.5, "text": "a"}\n',
    "deep.jsonl": "[" * 100_000,
    "broken.parquet": "no Parquet",
    "out.jsonl": '{"mine": true}\n',
    "empty.sqlite": "",
    "text.sqlite": "notes\n" * 30,
}

CHAIN = "translate:chain"

CALLS: dict[str, list[str]] = {
    "`translate`": ["translate", "rows.jsonl"],
    "`nothing:chain`": ["nothing:chain", "rows.jsonl"],
    "`translate:chian`": ["translate:chian", "rows.jsonl"],
    "`translate:number`, which is 7": ["translate:number", "rows.jsonl"],
    "a module that imports what is not installed": ["words:chain", "rows.jsonl"],
    "a function that fails to make the chain": ["translate:make", "rows.jsonl"],
    "`rows.txt`": [CHAIN, "rows.txt"],
    "a file that is not there": [CHAIN, "no.jsonl"],
    "a line that is no JSON": [CHAIN, "bad.jsonl"],
    "a line that is nested without end": [CHAIN, "deep.jsonl"],
    "a ragged line of CSV": [CHAIN, "ragged.csv"],
    "a quote that is not closed": [CHAIN, "quote.csv"],
    "semicolons": [CHAIN, "semicolons.csv"],
    "a file in another encoding": [CHAIN, "excel.csv"],
    "a compressed file without .gz": [CHAIN, "packed.jsonl"],
    "a file that is no Parquet": [CHAIN, "broken.parquet"],
    "Parquet by a pipe": [CHAIN, "-", "--format", "parquet"],
    "a row without its key": [CHAIN, "nokey.jsonl", "--key", "id"],
    "a key that is neither text nor whole": [CHAIN, "fraction.jsonl", "--key", "id"],
    "an output that exists": [CHAIN, "rows.jsonl", "-o", "out.jsonl"],
    "an output that has the rows": [CHAIN, "rows.jsonl", "-o", "rows.jsonl", "--overwrite"],
    "`--resume` with a file of something else": [
        *(CHAIN, "rows.jsonl", "-o", "out.jsonl", "--resume")
    ],
    "`--max-errors many`": [CHAIN, "rows.jsonl", "--max-errors", "many"],
    "a checkpoint of another chain": [
        "translate:other",
        "rows.jsonl",
        "--checkpoint",
        "run.sqlite",
    ],
    "other keys": [CHAIN, "rows.jsonl", "--checkpoint", "run.sqlite", "--key", "id"],
    "an empty checkpoint": [CHAIN, "rows.jsonl", "--checkpoint", "empty.sqlite"],
    "one that is another file": [CHAIN, "rows.jsonl", "--checkpoint", "text.sqlite"],
    "a damaged one": [CHAIN, "rows.jsonl", "--checkpoint", "damaged.sqlite"],
    "one that another job writes": [CHAIN, "rows.jsonl", "--checkpoint", "used.sqlite"],
    "one in no folder": [CHAIN, "rows.jsonl", "--checkpoint", "no/run.sqlite"],
}
"""The arguments of each call, by what the docs say is wrong with it."""


def _documented() -> dict[str, str]:
    """Return the messages in the table of the docs, by what is wrong."""
    _, _, rest = DOCS.read_text(encoding="utf-8").partition("| what | the message |\n")
    table, _, _ = rest.partition("\n\n")
    rows = (line.strip("| ").split(" | ", 1) for line in table.splitlines()[1:])
    return {what: message.strip("`") for what, message in rows}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with every bad file; no call changes it."""
    folder = tmp_path_factory.mktemp("bad")
    for name, content in FILES.items():
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)
    write_rows(folder / "rows.jsonl", [{**ROWS[0], "more": "x" * 200}] * 500)
    checkpoint = str(folder / "run.sqlite")
    call = ("batch", CHAIN, "rows.jsonl", "--checkpoint", checkpoint)
    assert run_here(folder, *call).returncode == 0
    content = (folder / "run.sqlite").read_bytes()
    (folder / "damaged.sqlite").write_bytes(content[: len(content) // 2])
    used = Checkpoint(folder / "used.sqlite")
    yield folder
    used.close()


@pytest.mark.parametrize("what", CALLS)
def test_bad_input_has_the_message_of_the_docs(folder: Path, what: str) -> None:
    """It is said in a line, without a traceback; the exit code is 2, and no file is changed."""
    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    done = run_here(folder, "batch", *CALLS[what], "--no-progress")
    said = done.stderr.strip().replace(str(folder), "/home/ada")
    expected = re.escape(f"Error: {_documented()[what]}").replace(re.escape("..."), ".*")
    assert done.returncode == 2 and re.fullmatch(expected, said), said
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_the_docs_show_no_other_message() -> None:
    """Each line of the table has its call above."""
    assert _documented().keys() == CALLS.keys()
