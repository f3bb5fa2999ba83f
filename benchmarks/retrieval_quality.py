"""How often a store finds the right passage, with a model of embeddings.

    python -m benchmarks.retrieval_quality
    python -m benchmarks.retrieval_quality FOLDER --model local

Without a folder, the small set of `benchmarks/retrieval_set` is searched, whose questions are in
other words than its passages. Its folders are sets, too: `everyday` has more subjects, the passages
of `help` are all about one product, and the questions of `long` are long. A folder has files of the
same forms: `passages*.txt`, with a subject in each line that begins with `#` and its passages
below; `questions*.txt`, with the same subjects, and below each the number of a passage and a
question; and `keywords.txt`, with lines such as `subject-3 | some words`. Questions about passages
that are not there are left out.

Printed are the share of questions whose passage is first (hit@1) and among the first three
(hit@3), and the mean of 1 / rank (MRR).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from runnables import Document, InMemoryVectorStore, init_embeddings

OWN = Path(__file__).with_name("retrieval_set")


class Question(NamedTuple):
    """A question, and the id of the passage that answers it."""

    text: str
    answer: str


class Quality(NamedTuple):
    """How well questions are answered."""

    hit_1: float
    hit_3: float
    mrr: float


class Set(NamedTuple):
    """Passages, with questions in other words and with words of theirs."""

    passages: list[Document]
    questions: list[Question]
    keywords: list[Question]


def read_set(folder: Path) -> Set:
    """Read the files of a set; passages and questions may be in several files."""
    passages = [
        Document(text, id=f"{subject}-{number}")
        for path in sorted(folder.glob("passages*.txt"))
        for subject, lines in _subjects(path)
        for number, text in enumerate(lines)
    ]
    questions: list[Question] = []
    for path in sorted(folder.glob("questions*.txt")):
        for subject, lines in _subjects(path):
            for line in lines:
                number, _, text = line.partition(" ")
                questions.append(Question(text, f"{subject}-{number}"))
    keywords: list[Question] = []
    for path in sorted(folder.glob("keywords*.txt")):
        for line in filter(None, path.read_text(encoding="utf-8").splitlines()):
            answer, _, text = line.partition("|")
            keywords.append(Question(text.strip(), answer.strip()))
    if not passages:
        raise SystemExit(f"{folder} has no files passages*.txt")
    known = {passage.id for passage in passages}
    return Set(
        passages,
        [question for question in questions if question.answer in known],
        [question for question in keywords if question.answer in known],
    )


def _subjects(path: Path) -> Iterable[tuple[str, list[str]]]:
    """Return the lines below each heading."""
    found: list[tuple[str, list[str]]] = []
    for line in filter(None, map(str.strip, path.read_text(encoding="utf-8").splitlines())):
        if line.startswith("#"):
            found.append((line.lstrip("# "), []))
        else:
            found[-1][1].append(line)
    return found


def measure(
    model: Any, passages: Sequence[Document], questions: Sequence[Question], hybrid: bool
) -> Quality:
    """Return how well a store with this model answers questions."""
    with InMemoryVectorStore(model) as store:
        store.add(passages)
        strings = [question.text for question in questions]
        results = store.search_many(strings, k=len(passages), hybrid=hybrid)
    ranks = [
        [doc.id for doc in found].index(question.answer) + 1
        for found, question in zip(results, questions, strict=True)
    ]
    count = len(ranks)
    return Quality(
        sum(rank == 1 for rank in ranks) / count,
        sum(rank <= 3 for rank in ranks) / count,
        sum(1 / rank for rank in ranks) / count,
    )


def table(model: Any, data: Set) -> str:
    """Return the qualities of a model as a table of Markdown."""
    lines = ["| queries | search | hit@1 | hit@3 | MRR |", "|---|---|--:|--:|--:|"]
    for name, questions in (("in other words", data.questions), ("keywords", data.keywords)):
        for hybrid in (False, True) if questions else ():
            it = measure(model, data.passages, questions, hybrid)
            kind = "hybrid" if hybrid else "dense"
            found = f"{it.hit_1:.2f} | {it.hit_3:.2f} | {it.mrr:.2f}"
            lines.append(f"| {len(questions)} {name} | {kind} | {found} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure a model on a set, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retrieval_quality", description=__doc__
    )
    parser.add_argument("folder", type=Path, nargs="?", default=OWN)
    parser.add_argument("--model", default="local", help="as for init_embeddings")
    options = parser.parse_args(arguments)
    data = read_set(options.folder)
    print(f"{options.model}: {len(data.passages)} passages\n")
    print(table(init_embeddings(options.model), data))
    return 0


if __name__ == "__main__":
    sys.exit(main())
