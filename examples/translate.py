"""Translates a list of texts, eight at a time, with a progress line.

    python examples/translate.py

The embedded model is small: it gets the sense of short, plain sentences, not their finer points.
"""

import sys
import time

from runnables import ChatPromptTemplate, StrOutputParser, init_chat_model

TEXTS = [
    "Good morning.",
    "Thank you very much.",
    "The weather is beautiful today.",
    "I would like a coffee.",
    "Where is the train station?",
    "My name is Anna.",
    "See you tomorrow.",
    "I love music.",
]

prompt = ChatPromptTemplate.from_messages(
    [
        ("system", "You translate English to {language}. Answer with the translation only."),
        ("human", "{text}"),
    ]
)
chain = prompt | init_chat_model("local", max_tokens=40) | StrOutputParser()


def main() -> None:
    """Translate the texts and print each as it is done, then all in order."""
    rows = [{"language": "French", "text": text} for text in TEXTS]
    began = time.perf_counter()
    results: dict[int, str] = {}
    for index, translation in chain.batch_as_completed(rows, max_concurrency=8):
        results[index] = translation
        print(f"\r{len(results)} of {len(rows)} done", end="", file=sys.stderr, flush=True)
    print(f", in {time.perf_counter() - began:.1f} s", file=sys.stderr)
    for index, text in enumerate(TEXTS):
        print(f"{text:34} {results[index]}")


if __name__ == "__main__":
    main()
