"""The command `python -m benchmarks.embedding_quality`: how often local embeddings find a passage.

It reads two files. In the first, each line is a passage, below the line "# subject" of its subject;
in the second, each line is the number of a passage within its subject (from 0) and a question that
it answers. It prints how often the right passage is the first, or among the first three, of all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from runnables import init_embeddings

MODELS = ("local:all-MiniLM-L6-v2", "local:SmolLM2-135M-Instruct")


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a file, each behind its subject."""
    subject = ""
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            subject = line.strip("# ")
        elif line.strip():
            yield subject, line.strip()


def read(passages: Path, questions: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """Return the passages, and the questions with the places of their passages."""
    found: list[str] = []
    first: dict[str, int] = {}
    for subject, text in lines(passages):
        first.setdefault(subject, len(found))
        found.append(text)
    asked = [(subject, *text.split(" ", 1)) for subject, text in lines(questions)]
    return found, [(question, first[subject] + int(number)) for subject, number, question in asked]


def ranks(
    passages: Sequence[Sequence[float]], questions: Sequence[Sequence[float]], right: Sequence[int]
) -> list[int]:
    """Return how many passages are nearer to each question than the right one."""
    found = []
    for question, place in zip(questions, right, strict=True):
        near = [sum(a * b for a, b in zip(question, text, strict=True)) for text in passages]
        found.append(sum(score > near[place] for score in near))
    return found


def measure(model: str, passages: Sequence[str], questions: Sequence[tuple[str, int]]) -> str:
    """Return a row of the table for a model."""
    embeddings = init_embeddings(model)
    embeddings.embed_query("load the model")
    began = time.perf_counter()
    vectors = embeddings.embed_documents(passages)
    rate = len(passages) / (time.perf_counter() - began)
    asked = embeddings.embed_documents([question for question, _ in questions])
    found = ranks(vectors, asked, [place for _, place in questions])
    first = sum(rank == 0 for rank in found) / len(found)
    third = sum(rank < 3 for rank in found) / len(found)
    mean = sum(1 / (rank + 1) for rank in found) / len(found)
    return f"| {model} | {first:.2f} | {third:.2f} | {mean:.2f} | {rate:.0f} |"


def main() -> None:
    """Measure both models, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("passages", type=Path)
    parser.add_argument("questions", type=Path)
    arguments = parser.parse_args()
    passages, questions = read(arguments.passages, arguments.questions)
    print(f"{len(passages)} passages, {len(questions)} questions")
    print("| model | hit@1 | hit@3 | MRR | passages/s |\n|---|---|---|---|---|")
    for model in MODELS:
        print(measure(model, passages, questions))


if __name__ == "__main__":
    main()
