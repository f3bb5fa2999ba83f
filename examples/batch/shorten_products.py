"""A hundred product descriptions, each shortened to a sentence, as a job that can be resumed.

    python examples/batch/shorten_products.py

End it with Ctrl-C or a kill, and start it again: what is in the checkpoint is not done twice. The
same chain, by the command:

    runnables batch examples/batch/shorten_products.py:chain examples/batch/products.jsonl \\
        --key id --max-concurrency 4 --checkpoint products.sqlite -o short.jsonl
"""

import argparse
import json
import re
import time
from itertools import islice
from pathlib import Path

from runnables import (
    ChatPromptTemplate,
    FewShotChatMessagePromptTemplate,
    StrOutputParser,
    init_chat_model,
)

PRODUCTS = Path(__file__).with_name("products.jsonl")

EXAMPLES = [  # in the words of their descriptions: with freer ones, more outputs were wrong
    {
        "name": "Door stop",
        "text": "A wedge of beech with a sole of rubber that holds every door, also on tiles. It "
        "is 12 cm long and does not leave marks. A loop of leather lets you hang it on the handle.",
        "short": "A wedge of beech with a rubber sole that holds every door and leaves no marks.",
    },
    {
        "name": "Lantern",
        "text": "A lantern of tin and glass for candles up to 8 cm wide. The wind does not get at "
        "the flame, and the ring on top stays cool enough to carry it. It rusts a little with "
        "time, which suits it.",
        "short": "A lantern of tin and glass for candles, with a ring on top that stays cool.",
    },
    {
        "name": "Garden chair",
        "text": "A chair of acacia wood that folds flat. It carries 110 kilos, can stay outside "
        "from spring to autumn, and needs a coat of oil each year. Cushions are sold apart.",
        "short": "A chair of acacia wood that folds flat and can stay outside until autumn.",
    },
]

question = ("human", "Product: {name}\n{text}\n\nIn one sentence:")
shots = FewShotChatMessagePromptTemplate(
    example_prompt=ChatPromptTemplate([question, ("ai", "{short}")]), examples=EXAMPLES
)
chain = (
    ChatPromptTemplate([shots, question])
    | init_chat_model("local", max_tokens=60)
    | StrOutputParser()
)


def invents_number(text: str, short: str) -> bool:
    """Tell whether the short text has a number that the description does not have."""
    return not set(re.findall(r"\d+", short)) <= set(re.findall(r"\d+", text))


def main() -> None:
    """Shorten the descriptions, four at a time; print them, and what can be counted of them."""
    parser = argparse.ArgumentParser(description="Shortens product descriptions.")
    parser.add_argument("--first", type=int, help="how many of the rows; all of them by default")
    parser.add_argument("--checkpoint", default="products.sqlite", help="the file to go on from")
    options = parser.parse_args()
    with PRODUCTS.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in islice(file, options.first)]

    began = time.perf_counter()
    outputs = chain.batch(
        rows, max_concurrency=4, checkpoint=options.checkpoint, key="id", progress=True
    )
    seconds = time.perf_counter() - began

    pairs = list(zip(rows, outputs, strict=True))
    for row, short in pairs:
        print(f"{row['name']}: {short}")
    before, after = sum(len(row["text"]) for row in rows), sum(map(len, outputs))
    invented = sum(invents_number(row["text"], short) for row, short in pairs)
    print(f"{len(rows)} descriptions in {seconds:.0f} s; {after / before:.0%} of their length")
    print(f"{invented} have a number that the description does not have")


if __name__ == "__main__":
    main()
