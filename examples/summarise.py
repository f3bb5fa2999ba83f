"""Summaries of a list of articles, eight at a time, with a progress line.

    python examples/summarise.py

The summaries come as they are done, so each is put in its place by its index.
"""

import sys
import time

from runnables import ChatPromptTemplate, StrOutputParser, init_chat_model

ARTICLES = [
    "The city council voted on Tuesday to build a new bridge over the river. The work will take "
    "two years and cost 40 million euros. Residents have asked for it since the flood of 2019.",
    "Scientists have found a new species of frog in the mountains of Peru. It is only one "
    "centimetre long and lives under wet leaves. The team will return next year to learn more.",
    "The local football club won its first title in thirty years on Sunday. Thousands of fans "
    "celebrated in the streets until late at night.",
    "A small bakery in the old town has started to sell bread at night. People who come home late "
    "from work can buy it from a machine in the wall.",
    "The museum has bought a painting that was lost for a hundred years. It hung in "
    "a farmhouse kitchen, and the owners did not know who had painted it.",
]

prompt = ChatPromptTemplate.from_template("Summarize in one sentence:\n\n{text}")
chain = prompt | init_chat_model("local", max_tokens=60) | StrOutputParser()


def main() -> None:
    """Summarise the articles, count them as they are done, then print all in order."""
    rows = [{"text": article} for article in ARTICLES]
    began = time.perf_counter()
    done: dict[int, str] = {}
    for index, summary in chain.batch_as_completed(rows, max_concurrency=8):
        done[index] = summary
        print(f"\r{len(done)} of {len(rows)} done", end="", file=sys.stderr, flush=True)
    print(f" in {time.perf_counter() - began:.1f} s", file=sys.stderr)
    for index in range(len(rows)):
        print(f"- {done[index]}")


if __name__ == "__main__":
    main()
