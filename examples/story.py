"""A story that is streamed to the terminal while the model writes it.

    python examples/story.py [a fox and a lantern]

Stop it with Ctrl-C: leaving the stream also stops the model.
"""

import sys

from runnables import ChatPromptTemplate, StrOutputParser, init_chat_model

prompt = ChatPromptTemplate.from_template("Write a short story about {subject}.")
chain = (
    prompt | init_chat_model("local", max_tokens=120).bind(repeat_penalty=1.1) | StrOutputParser()
)


def main() -> None:
    """Print the chunks as they come."""
    subject = " ".join(sys.argv[1:]) or "a fox and a lantern"
    with chain.stream({"subject": subject}) as chunks:
        for chunk in chunks:
            print(chunk, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
