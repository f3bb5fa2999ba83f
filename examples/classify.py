"""Sorts e-mails into the members of an enum, by structured output.

    python examples/classify.py

A grammar makes the model answer with one of the members and nothing else; a few examples in the
prompt help a small model to choose the right one.
"""

from enum import Enum

from runnables import ChatPromptTemplate, init_chat_model


class Topic(Enum):
    """What an e-mail is about."""

    BILLING = "billing"
    TECHNICAL = "technical"
    SALES = "sales"


EMAILS = [
    "I was charged twice for my subscription this month.",
    "The app crashes every time I open the settings.",
    "Do you offer a discount if we buy fifty licences?",
    "Please send me the invoice for October.",
    "I get an error message when I try to log in.",
]

prompt = ChatPromptTemplate.from_messages(
    [
        ("system", "Classify the e-mail: billing, technical or sales."),
        ("human", "My credit card was charged the wrong amount."),
        ("ai", '"billing"'),
        ("human", "The page does not load and shows an error."),
        ("ai", '"technical"'),
        ("human", "What does the team plan cost?"),
        ("ai", '"sales"'),
        ("human", "{email}"),
    ]
)
chain = prompt | init_chat_model("local").with_structured_output(Topic)


def main() -> None:
    """Classify the e-mails, eight at a time."""
    topics = chain.batch([{"email": email} for email in EMAILS], max_concurrency=8)
    for email, topic in zip(EMAILS, topics, strict=True):
        print(f"{topic.name:10} {email}")


if __name__ == "__main__":
    main()
