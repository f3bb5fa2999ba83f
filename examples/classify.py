"""Classification of e-mails into the members of an enum, by structured output.

    python examples/classify.py

The local model can only answer with one of the members, as a grammar restricts what it generates.
A few examples in the prompt help a small model to choose the right one.
"""

import json
from enum import Enum

from runnables import ChatPromptTemplate, FewShotChatMessagePromptTemplate, init_chat_model


class Topic(Enum):
    """What an e-mail is about."""

    PAYMENT = "payment"
    BUG = "bug"
    PRICE = "price"


EXAMPLES = [
    ("My card was charged the wrong amount.", Topic.PAYMENT),
    ("The page shows an error.", Topic.BUG),
    ("What does the team plan cost?", Topic.PRICE),
    ("It does not start any more.", Topic.BUG),
]

EMAILS = [
    "I was charged twice for my subscription this month.",
    "The app crashes every time I open the settings.",
    "Please send me the invoice for October.",
    "I get an error message when I try to log in.",
]

examples = FewShotChatMessagePromptTemplate(
    example_prompt=ChatPromptTemplate([("human", "E-mail: {email}\nTopic:"), ("ai", "{topic}")]),
    examples=[{"email": email, "topic": json.dumps(topic.value)} for email, topic in EXAMPLES],
)
prompt = ChatPromptTemplate([examples, ("human", "E-mail: {email}\nTopic:")])
chain = prompt | init_chat_model("local").with_structured_output(Topic)


def main() -> None:
    """Classify the e-mails, eight at a time."""
    topics = chain.batch([{"email": email} for email in EMAILS], max_concurrency=8)
    for email, topic in zip(EMAILS, topics, strict=True):
        print(f"{topic.name:10} {email}")


if __name__ == "__main__":
    main()
