"""Kills a program that fills a store at random moments, and runs it again.

    python -m tests.retrieval.kills --rounds 20 --documents 500

In each round the program makes the store have other documents than before: some are new, some have
another text, some other metadata, some are gone. It is killed (SIGKILL) while it works; then the
file has to be in order, and a second run has to finish. Nothing may be lost, or there twice, and no
more may be embedded twice than the group that was in flight.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from runnables import Document, SQLiteStore
from runnables.retrieval.stored_documents import to_json
from runnables.retrieval.vectors import to_blob, to_unit
from runnables.testing import WordEmbeddings

GROUP = 8
"""How many documents a request embeds."""

ROOT = Path(__file__).resolve().parents[2]


def documents(count: int, round_number: int) -> dict[str, Document | None]:
    """Return what the store has to have after a round, by id; None: no such document."""
    wanted: dict[str, Document | None] = {}
    for number in range(count):
        kind = random.Random(f"{round_number} {number}").choice(["gone", "text", "data", "", ""])
        version = round_number if kind == "text" else 0
        metadata = {"number": number, "round": round_number if kind == "data" else 0}
        text = f"document {number} of version {version}"
        doc = Document(text, id=f"doc-{number}", metadata=metadata)
        wanted[f"doc-{number}"] = None if kind == "gone" else doc
    return wanted


class LoggedEmbeddings(WordEmbeddings):
    """A model that writes down what it embeds, and takes a moment for it."""

    def __init__(self, log: str) -> None:
        super().__init__()
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def embed_documents(self, texts: Any) -> list[list[float]]:
        os.write(self._log, f"{json.dumps(list(texts))}\n".encode())
        time.sleep(0.002)
        return super().embed_documents(texts)


def fill(path: str, log: str, count: int, round_number: int) -> None:
    """Make the store have the documents of a round: the program that is killed."""
    store = SQLiteStore(path, LoggedEmbeddings(log))
    wanted = list(documents(count, round_number).items())
    for start in range(0, len(wanted), 40):
        part = wanted[start : start + 40]
        store.delete(ids=[id for id, doc in part if doc is None])
        store.add([doc for _, doc in part if doc is not None], max_batch_size=GROUP)
    store.close()


class Round(NamedTuple):
    """What came of a round.

    Attributes:
        killed: whether the program was killed before it was done.
        problems: what is wrong; nothing, if all is well.
        embedded: how many strings were embedded.
        twice: how many of these more than once.
    """

    killed: bool
    problems: list[str]
    embedded: int
    twice: int


def run_round(folder: Path, count: int, round_number: int, chance: random.Random) -> Round:
    """Fill the store, kill that, look at the file, and fill it again."""
    path, log = str(folder / "docs.db"), folder / f"log-{round_number}"
    known = {text for text, _, _ in _rows(path).values()} if Path(path).exists() else set()
    wanted = {id: doc for id, doc in documents(count, round_number).items() if doc is not None}
    new = {doc.page_content for doc in wanted.values()} - known
    command = [sys.executable, "-m", "tests.retrieval.kills", "--fill", path, str(log)]
    command += ["--documents", str(count), "--round", str(round_number)]
    killed = _run_and_kill(command, log, chance.randrange(1, max(2, len(new) // GROUP)))
    problems = check(path) if Path(path).exists() else []
    subprocess.run(command, cwd=ROOT, check=True)
    problems += check(path)
    rows = {id: (text, metadata) for id, (text, metadata, _) in _rows(path).items()}
    if rows != {id: (doc.page_content, to_json(doc.metadata)) for id, doc in wanted.items()}:
        problems.append("the store has not the documents that it should have")
    embedded = Counter(text for line in log.read_text().splitlines() for text in json.loads(line))
    twice = sum(times - 1 for times in embedded.values())
    if set(embedded) - new:
        problems.append(f"{len(set(embedded) - new)} strings were embedded that the store had")
    if new - set(embedded):
        problems.append(f"{len(new - set(embedded))} strings were never embedded")
    if twice > GROUP * killed:
        problems.append(f"{twice} strings were embedded twice")
    return Round(killed, problems, embedded.total(), twice)


def _run_and_kill(command: list[str], log: Path, requests: int) -> bool:
    """Run a program, and kill it after so many requests; return whether it was not done yet."""
    with subprocess.Popen(command, cwd=ROOT) as process:
        while process.poll() is None:
            lines = log.read_bytes().count(b"\n") if log.exists() else 0
            if lines >= requests:
                time.sleep(random.random() * 0.004)
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
        return process.wait() == -signal.SIGKILL


def check(path: str) -> list[str]:
    """Return what is wrong with a file: its pages, its index of words, rows without vectors."""
    problems: list[str] = []
    with closing(sqlite3.connect(path)) as connection:
        found = [line for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
        problems += found
        try:
            connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            problems.append(f"the index of words: {error}")
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("docs", "vecs", "words")
        }
        if len(set(counts.values())) > 1:
            problems.append(f"the tables do not have as many rows: {counts}")
    model = WordEmbeddings()
    for id, (text, _, vec) in _rows(path).items():
        if vec != to_blob(to_unit(model.embed_query(text), id)):
            problems.append(f"{id} has the vector of another text")
    return problems


def _rows(path: str) -> dict[str, tuple[str, str, bytes]]:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT id, text, metadata, vec FROM docs JOIN vecs USING (n)"
        try:
            return {id: (text, meta, vec) for id, text, meta, vec in connection.execute(query)}
        except sqlite3.OperationalError:  # killed before the tables were made
            return {}


def main() -> int:
    """Run the rounds, and print what came of each; return 1 where something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.retrieval.kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fill", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--round", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        fill(*options.fill, options.documents, options.round)
        return 0
    chance, bad, kills = random.Random(options.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, options.rounds + 1):
            done = run_round(Path(folder), options.documents, number, chance)
            bad, kills = bad + bool(done.problems), kills + done.killed
            state = "; ".join(done.problems) or "all is well"
            print(f"round {number}: {done.embedded} embedded, {done.twice} twice: {state}")
    print(f"{options.rounds} rounds, {kills} kills, {bad} with problems")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
