"""A chat page with Streamlit, which shows an answer while the model writes it.

    pip install streamlit
    streamlit run examples/chat_pages/streamlit_chat.py

The page's stop button stops the model, and so does closing the tab.
"""

from typing import Any

from runnables import ChatPromptTemplate, MessagesPlaceholder, Stream, init_chat_model, text_stream

prompt = ChatPromptTemplate(
    [
        ("system", "You are a helpful assistant. Answer in a few short sentences."),
        MessagesPlaceholder("messages"),
    ]
)
chain = prompt | init_chat_model("local", max_tokens=200)


def answer(messages: list[dict[str, Any]]) -> Stream[str]:
    """Return the answer to a conversation, as it is written."""
    return text_stream(chain.stream({"messages": messages}))


def main() -> None:
    """Show the conversation, and answer a new question; Streamlit runs this at every input."""
    import streamlit as st  # here, since the chain and its function need no page

    st.title("A chat with the local model")
    messages = st.session_state.setdefault("messages", [])
    for message in messages:
        st.chat_message(message["role"]).write(message["content"])
    if question := st.chat_input("Your question"):
        asked = {"role": "user", "content": question}
        st.chat_message("user").write(question)
        with st.chat_message("assistant"), answer([*messages, asked]) as strings:
            text = st.write_stream(strings)
        messages += [asked, {"role": "assistant", "content": text}]


if __name__ == "__main__":
    main()
