"""How good the guide on documents is: `python -m benchmarks.guide_documents`.

Forty questions about the twenty notes of `examples/documents`, most of them in other words than
those of the notes. Counted is how often the right note is the first source, or among the first
three. `--answers` also prints the answer of the chat model to each question, to be read: that the
right note was found does not make an answer right.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from runnables import (
    InMemoryVectorStore,
    RecursiveCharacterTextSplitter,
    init_chat_model,
    init_embeddings,
    load_documents,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnables import VectorStore

FOLDER: Final = Path(__file__).resolve().parents[1] / "examples" / "documents"
CHUNK_SIZE: Final = 600
"""As in the example."""


@dataclass(frozen=True)
class Score:
    """How often the right note was found.

    Attributes:
        first: in how many questions it was the first source.
        among_three: in how many it was among the first three.
        questions: how many questions there were.
    """

    first: int
    among_three: int
    questions: int

    def __str__(self) -> str:
        return (
            f"hit@1 {self.first / self.questions:.2f}, "
            f"hit@3 {self.among_three / self.questions:.2f} ({self.questions} questions)"
        )


def read_questions() -> list[dict[str, str]]:
    """Return the questions, each with the name of the note that answers it."""
    rows: list[dict[str, str]] = json.loads((FOLDER / "questions.json").read_text("utf-8"))
    return rows


def filled(embeddings: Any, chunk_size: int = CHUNK_SIZE) -> VectorStore:
    """Return a store in memory that has the notes."""
    store = InMemoryVectorStore(embeddings)
    splitter = RecursiveCharacterTextSplitter(chunk_size=chunk_size)
    store.add(splitter.split_documents(load_documents(FOLDER / "notes")))
    return store


def score(store: VectorStore, questions: Sequence[dict[str, str]], **search: Any) -> Score:
    """Ask all questions, and count."""
    asked = [row["question"] for row in questions]
    found = [
        [Path(doc.metadata["source"]).name for doc in docs]
        for docs in store.search_many(asked, k=3, **search)
    ]
    first = sum(row["source"] == names[0] for row, names in zip(questions, found, strict=True))
    three = sum(row["source"] in names for row, names in zip(questions, found, strict=True))
    return Score(first, three, len(questions))


def answer_all(store: VectorStore, model: str, questions: Sequence[dict[str, str]]) -> None:
    """Print the answer to each question, and whether the right note was its first source."""
    sys.path.insert(0, str(FOLDER))
    from ask_notes import asking  # type: ignore[import-not-found,unused-ignore]

    settings = {"max_tokens": 80, "temperature": 0} if model == "local" else {}
    chain = asking(store, init_chat_model(model, **settings))
    for row in questions:
        result = chain.invoke(row["question"])
        names = [Path(doc.metadata["source"]).name for doc in result["documents"]]
        place = names.index(row["source"]) + 1 if row["source"] in names else 0
        print(f"? {row['question']}\n  {row['source']} is source {place}\n  {result['answer']}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guide_documents")
    parser.add_argument("--embeddings", default="local", help="as for init_embeddings")
    parser.add_argument("--model", default="local", help="as for init_chat_model")
    parser.add_argument("--chunk-size", type=int, default=CHUNK_SIZE)
    parser.add_argument("--answers", action="store_true", help="print the answers, too")
    options = parser.parse_args(arguments)
    questions = read_questions()
    store = filled(init_embeddings(options.embeddings), options.chunk_size)
    print("by vectors:", score(store, questions))
    print("with words:", score(store, questions, hybrid=True))
    if options.answers:
        answer_all(store, options.model, questions)


if __name__ == "__main__":
    main()
