"""Several questions about one document at once: a dict of steps in a pipe.

    python examples/fan_out.py

The branches run in parallel, and each gets the same input.
"""

from typing import Any

from runnables import (
    ChatPromptTemplate,
    Runnable,
    RunnablePassthrough,
    StrOutputParser,
    init_chat_model,
)

DOCUMENT = (
    "The lighthouse at Cape Sound was built in 1871. It guided ships along the rocky coast until "
    "1974, when it was replaced by an automatic beacon. Today it is a museum, and visitors can "
    "climb its 199 steps to see the ocean."
)

model = init_chat_model("local", max_tokens=60)


def ask(question: str) -> Runnable[Any, str]:
    """Return a chain that asks one question about the document."""
    prompt = ChatPromptTemplate.from_template("{text}\n\n" + question)
    return prompt | model | StrOutputParser()


chain = RunnablePassthrough.assign(words=lambda row: len(row["text"].split())) | {
    "words": lambda row: row["words"],
    "summary": ask("Summarize this text in one sentence."),
    "title": ask("Write a short title for this text."),
}


def main() -> None:
    """Run all branches, and print what each returns."""
    for name, answer in chain.invoke({"text": DOCUMENT}).items():
        print(f"{name}: {answer}")


if __name__ == "__main__":
    main()
