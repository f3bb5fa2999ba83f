"""Two hundred e-mails to a shop, each sorted into one of four topics, and what went wrong.

    python examples/batch/classify_emails.py

End it with Ctrl-C or a kill, and start it again: what is in the checkpoint is not done twice. Each
row has its true label, which the chain does not see; the table counts what it was taken for. The
same chain, by the command:

    runnables batch examples/batch/classify_emails.py:chain examples/batch/emails.jsonl \\
        --key id --max-concurrency 4 --checkpoint emails.sqlite -o topics.jsonl
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from itertools import islice
from pathlib import Path

from runnables import ChatPromptTemplate, FewShotChatMessagePromptTemplate, init_chat_model

EMAILS = Path(__file__).with_name("emails.jsonl")


class Topic(Enum):
    """What an e-mail is about."""

    PAYMENT = "payment"
    BUG = "bug"
    PRICE = "price"
    DELIVERY = "delivery"


EXAMPLES = [  # three for each topic; other orders of them were no better, and some much worse
    ("It does not start any more.", Topic.BUG),
    ("Where can I find my invoice?", Topic.PAYMENT),
    ("The box came without the screws.", Topic.DELIVERY),
    ("Is there a discount for large orders?", Topic.PRICE),
    ("My card was charged the wrong amount.", Topic.PAYMENT),
    ("The page shows an error.", Topic.BUG),
    ("What does the team plan cost?", Topic.PRICE),
    ("My parcel has not arrived.", Topic.DELIVERY),
    ("When will I get my refund?", Topic.PAYMENT),
    ("Can I choose the day of delivery?", Topic.DELIVERY),
    ("I cannot log in, the password is refused.", Topic.BUG),
    ("Could you send me a quote for ten chairs?", Topic.PRICE),
]

question = ("human", "E-mail: {email}\nTopic:")
shots = FewShotChatMessagePromptTemplate(
    example_prompt=ChatPromptTemplate([question, ("ai", "{topic}")]),
    examples=[{"email": email, "topic": json.dumps(topic.value)} for email, topic in EXAMPLES],
)
chain = ChatPromptTemplate([shots, question]) | init_chat_model("local").with_structured_output(
    Topic
)


def confusion_table(labels: Sequence[Topic], found: Sequence[Topic]) -> str:
    """Return a table: a line for each true topic, a column for each that was found."""
    counts = Counter(zip(labels, found, strict=True))
    names = [topic.value for topic in Topic]
    lines = [f"{'it is':>10} |" + "".join(f"{name:>10}" for name in names)]
    for label in Topic:
        line = "".join(f"{counts[label, topic]:>10}" for topic in Topic)
        lines.append(f"{label.value:>10} |{line}")
    return "\n".join(lines)


def main() -> None:
    """Sort the e-mails, four at a time; print the table, and how many are right."""
    parser = argparse.ArgumentParser(description="Sorts e-mails into topics.")
    parser.add_argument("--first", type=int, help="how many of the rows; all of them by default")
    parser.add_argument("--checkpoint", default="emails.sqlite", help="the file to go on from")
    options = parser.parse_args()
    with EMAILS.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in islice(file, options.first)]

    began = time.perf_counter()
    topics = chain.batch(
        rows, max_concurrency=4, checkpoint=options.checkpoint, key="id", progress=True
    )
    seconds = time.perf_counter() - began

    labels = [Topic(row["label"]) for row in rows]
    print(confusion_table(labels, topics))
    right = sum(label is topic for label, topic in zip(labels, topics, strict=True))
    print(f"{right} of {len(rows)} right, {right / len(rows):.0%}, in {seconds:.0f} s")


if __name__ == "__main__":
    main()
