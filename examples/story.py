"""Streams a story to the terminal, as the model tells it.

    python examples/story.py [a fox and a lantern]

Stop it with Ctrl-C: leaving the stream stops the model, too.
"""

import sys

from runnables import ChatPromptTemplate, StrOutputParser, init_chat_model

prompt = ChatPromptTemplate.from_template("Write a short story about {subject}.")
chain = (
    prompt | init_chat_model("local", max_tokens=120).bind(repeat_penalty=1.1) | StrOutputParser()
)


def main() -> None:
    """Print the pieces as they come."""
    subject = " ".join(sys.argv[1:]) or "a fox and a lantern"
    with chain.stream({"subject": subject}) as pieces:
        for piece in pieces:
            print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
