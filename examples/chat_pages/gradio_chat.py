"""A chat page with Gradio, which shows an answer while the model writes it.

    pip install gradio
    python examples/chat_pages/gradio_chat.py

The page's stop button stops the model, and so does closing the tab.
"""

from collections.abc import AsyncIterator
from typing import Any

from runnables import (
    ChatPromptTemplate,
    MessagesPlaceholder,
    RunnablesError,
    growing_text,
    init_chat_model,
)

prompt = ChatPromptTemplate(
    [
        ("system", "You are a helpful assistant. Answer in a few short sentences."),
        MessagesPlaceholder("history"),
        ("human", "{question}"),
    ]
)
chain = prompt | init_chat_model("local", max_tokens=200)


async def answer(question: str, history: list[dict[str, Any]]) -> AsyncIterator[str]:
    """Yield the answer so far, again and again: the page replaces what it shows."""
    text = ""
    try:
        stream = chain.astream({"question": question, "history": history})
        async with growing_text(stream) as strings:
            async for text in strings:
                yield text
    except RunnablesError as error:  # after an error of its function, the page takes no question
        yield f"{text}\n\n*The model has failed: {error}*"


def main() -> None:
    """Serve the page on this machine."""
    import gradio as gr  # here, since the chain and its function need no page

    gr.ChatInterface(answer, title="A chat with the local model").launch()


if __name__ == "__main__":
    main()
