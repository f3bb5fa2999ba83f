"""Questions about twenty notes, answered with their sources by models on this machine.

    python examples/documents/ask_notes.py "How do I keep a pan from rusting?"

The first run embeds the notes into notes.sqlite, in the current folder; later runs embed nothing
that has not changed. The sources come first, then the answer, word by word.
"""

import argparse
from pathlib import Path
from typing import Any

from runnables import (
    ChatPromptTemplate,
    Document,
    RecursiveCharacterTextSplitter,
    Runnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    SQLiteStore,
    StrOutputParser,
    VectorStore,
    format_documents,
    init_chat_model,
    init_embeddings,
    load_documents,
)

NOTES = Path(__file__).with_name("notes")
QUESTION = "How do I keep a pan from rusting?"

READ = 1
"""How many of the sources the model reads: one as small as the local one mixes several up."""

prompt = ChatPromptTemplate(
    [
        (
            "human",
            "A cat sleeps for fourteen hours. It hunts at dawn.\n\nQuestion: When does it eat?",
        ),
        ("ai", "It hunts at dawn."),
        ("human", "Ships keep right. A bell warns others in fog.\n\nQuestion: What warns them?"),
        ("ai", "A bell warns others in fog."),
        ("human", "{sources}\n\nQuestion: {question}"),
    ]
)


def fill(store: VectorStore) -> None:
    """Make the store have the notes as they are now."""
    chunks = RecursiveCharacterTextSplitter(chunk_size=600).split_documents(load_documents(NOTES))
    done = store.sync(chunks, source=NOTES.as_posix())
    print(f"{done.added} chunks added, {done.unchanged} unchanged, {done.deleted} deleted")


def asking(store: VectorStore, model: Runnable[Any, Any]) -> Runnable[str, dict[str, Any]]:
    """Return a chain from a question to a dict of documents, question and answer."""
    shown = RunnableLambda(
        lambda found: {
            "sources": format_documents(found["documents"][:READ], "{page_content}"),
            "question": found["question"],
        }
    )
    return RunnableParallel(
        documents=store.as_retriever(k=3), question=RunnablePassthrough()
    ) | RunnablePassthrough.assign(answer=shown | prompt | model | StrOutputParser())


def show(documents: list[Document]) -> None:
    """Print the number, the closeness and the file of each source."""
    for number, document in enumerate(documents, start=1):
        print(f"[{number}] {document.score:.2f} {Path(document.metadata['source']).name}")


def main() -> None:
    """Answer one question."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--store", default="notes.sqlite", help="the file of the vectors")
    options = parser.parse_args()
    with SQLiteStore(options.store, init_embeddings("local")) as store:
        fill(store)
        chain = asking(store, init_chat_model("local", max_tokens=80, temperature=0))
        for chunk in chain.stream(options.question):
            if "documents" in chunk:
                show(chunk["documents"])
            print(chunk.get("answer", ""), end="", flush=True)
    print(" [1]")


if __name__ == "__main__":
    main()
