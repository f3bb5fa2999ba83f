"""Fifty articles, each summarised in a sentence, as a job that can be resumed.

    python examples/batch/summarise_articles.py

End it with Ctrl-C or a kill, and start it again: what is in the checkpoint is not done twice. The
same chain, by the command:

    runnables batch examples/batch/summarise_articles.py:chain examples/batch/articles.jsonl \\
        --key id --max-concurrency 4 --checkpoint articles.sqlite -o summaries.jsonl
"""

import argparse
import json
import time
from itertools import islice
from pathlib import Path

from runnables import ChatPromptTemplate, StrOutputParser, init_chat_model

ARTICLES = Path(__file__).with_name("articles.jsonl")

prompt = ChatPromptTemplate.from_template("Summarize in one sentence:\n\n{text}")
chain = prompt | init_chat_model("local", max_tokens=80) | StrOutputParser()


def is_copied(text: str, summary: str) -> bool:
    """Tell whether the summary is a part of the article, word by word."""
    return summary.strip(" .") in text


def main() -> None:
    """Summarise the articles, four at a time; print the summaries, and how many are copied."""
    parser = argparse.ArgumentParser(description="Summarises articles.")
    parser.add_argument("--first", type=int, help="how many of the rows; all of them by default")
    parser.add_argument("--checkpoint", default="articles.sqlite", help="the file to go on from")
    options = parser.parse_args()
    with ARTICLES.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in islice(file, options.first)]

    began = time.perf_counter()
    outputs = chain.batch(
        rows, max_concurrency=4, checkpoint=options.checkpoint, key="id", progress=True
    )
    seconds = time.perf_counter() - began

    pairs = list(zip(rows, outputs, strict=True))
    for row, summary in pairs:
        print(f"{row['title']}: {summary}")
    before, after = sum(len(row["text"]) for row in rows), sum(map(len, outputs))
    copied = sum(is_copied(row["text"], summary) for row, summary in pairs)
    print(f"{len(rows)} articles in {seconds:.0f} s; {after / before:.0%} of their length")
    print(f"{copied} summaries are copied from the article, word by word")


if __name__ == "__main__":
    main()
