"""The types of chains with a history. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, assert_type

from runnables import (
    AIMessage,
    BaseChatMessageHistory,
    BaseMessage,
    ChatPromptTemplate,
    ConfigurableFieldSpec,
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    FakeListChatModel,
    History,
    InMemoryChatMessageHistory,
    InMemoryHistory,
    RunnableLambda,
    RunnablePassthrough,
    RunnableWithMessageHistory,
    SQLiteHistory,
    StrOutputParser,
    SummarizeHistory,
    with_history,
)

prompt = ChatPromptTemplate([("placeholder", "{history}"), ("human", "{question}")])
model = FakeListChatModel(responses=["Ahoy!"])
store: dict[str, InMemoryChatMessageHistory] = {}


def get_session_history(session_id: str) -> BaseChatMessageHistory:
    return store.setdefault(session_id, InMemoryChatMessageHistory())


def get_of_two(user_id: str, conversation_id: str) -> BaseChatMessageHistory:
    return get_session_history(f"{user_id}/{conversation_id}")


# -- LangChain's way: the output is that of the chain
chat = RunnableWithMessageHistory(
    prompt | model,
    get_session_history,
    input_messages_key="question",
    history_messages_key="history",
)
assert_type(chat, RunnableWithMessageHistory[AIMessage])
config = {"configurable": {"session_id": "ada"}}
answer = chat.invoke({"question": "?"}, config={"configurable": {"session_id": "ada"}})
assert_type(answer, AIMessage)
assert_type((chat | StrOutputParser()).invoke({"question": "?"}), str)

RunnableWithMessageHistory(
    prompt | model | StrOutputParser(),
    get_session_history=get_of_two,
    output_messages_key="output",
    history_factory_config=[
        ConfigurableFieldSpec(
            id="user_id", annotation=str, name="User ID", default="", is_shared=True
        ),
        ConfigurableFieldSpec(id="conversation_id", annotation=str),
    ],
)

# -- ours: stores, and a history of the user's own
assert_type(with_history(model), RunnableWithMessageHistory[AIMessage])
with_history(model, InMemoryHistory())
with_history(model, SQLiteHistory("chat.db"), input_key="question", output_key="answer")


class Own:
    def __init__(self, session_id: str) -> None:
        self.stored: list[BaseMessage] = []

    def get(self) -> list[BaseMessage]:
        return self.stored

    def append(self, messages: Sequence[BaseMessage]) -> None:
        self.stored.extend(messages)

    def clear(self) -> None:
        self.stored.clear()


own: History = Own("ada")
with_history(model, Own)
with_history(model, lambda: own)

shorter = SummarizeHistory(model, max_tokens=1000) | model
assert_type(SummarizeHistory(model, max_tokens=1000, keep=4).invoke([]), list[BaseMessage])
assert_type(shorter.invoke(["Hi"]), AIMessage)

# -- memories that are loaded and saved by hand
memory = ConversationBufferMemory(return_messages=True, memory_key="chat_history")
memory.save_context({"input": "?"}, {"output": answer.text})
load = RunnableLambda(memory.load_memory_variables) | itemgetter("chat_history")
by_hand = RunnablePassthrough.assign(chat_history=load) | prompt | model
assert_type(memory.buffer_as_messages, list[BaseMessage])
assert_type(memory.load_memory_variables({}), dict[str, Any])
ConversationBufferWindowMemory(k=2, chat_memory=InMemoryChatMessageHistory())
