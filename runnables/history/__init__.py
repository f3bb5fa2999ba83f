"""Histories: the messages of each session, before and after the turns of a chain."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.history.base import BaseChatMessageHistory, History
    from runnables.history.buffer import ConversationBufferMemory, ConversationBufferWindowMemory
    from runnables.history.memory import (
        ChatMessageHistory,
        InMemoryChatMessageHistory,
        InMemoryHistory,
    )
    from runnables.history.runnable import RunnableWithMessageHistory, with_history
    from runnables.history.sqlite import SQLiteChatMessageHistory, SQLiteHistory
    from runnables.history.summary import SummarizeHistory
    from runnables.history.summary_memory import ConversationSummaryMemory
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.history.base": "BaseChatMessageHistory History",
            "runnables.history.buffer": "ConversationBufferMemory ConversationBufferWindowMemory",
            "runnables.history.memory": (
                "ChatMessageHistory InMemoryChatMessageHistory InMemoryHistory"
            ),
            "runnables.history.runnable": "RunnableWithMessageHistory with_history",
            "runnables.history.sqlite": "SQLiteChatMessageHistory SQLiteHistory",
            "runnables.history.summary": "SummarizeHistory",
            "runnables.history.summary_memory": "ConversationSummaryMemory",
        },
    )

__all__ = [
    "BaseChatMessageHistory",
    "ChatMessageHistory",
    "ConversationBufferMemory",
    "ConversationBufferWindowMemory",
    "ConversationSummaryMemory",
    "History",
    "InMemoryChatMessageHistory",
    "InMemoryHistory",
    "RunnableWithMessageHistory",
    "SQLiteChatMessageHistory",
    "SQLiteHistory",
    "SummarizeHistory",
    "with_history",
]
