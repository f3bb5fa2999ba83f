"""The history of one session: what a chain with a history needs of it, and a base to subclass."""

from __future__ import annotations

import contextvars
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from runnables.engine.tasks import in_context
from runnables.engine.thread_calls import to_thread
from runnables.messages.ai import AIMessage
from runnables.messages.as_text import get_buffer_string
from runnables.messages.roles import HumanMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnables.messages.base import BaseMessage


@runtime_checkable
class History(Protocol):
    """The messages of one session: what a chain with a history reads and appends to.

    `append` gets a question and its answer in one call, and stores them together or not at all.
    An async call runs `get` and `append` in a worker thread, as they may wait for a disk or a
    server, unless the object also has `aget` and `aappend`, which take their places.

    Example:
        >>> class ListHistory:
        ...     def __init__(self):
        ...         self.stored = []
        ...
        ...     def get(self):
        ...         return list(self.stored)
        ...
        ...     def append(self, messages):
        ...         self.stored.extend(messages)
        ...
        ...     def clear(self):
        ...         self.stored.clear()
        >>> isinstance(ListHistory(), History)
        True
    """

    def get(self) -> list[BaseMessage]:
        """Return all messages, the oldest first, in a list of the caller's own."""
        ...

    def append(self, messages: Sequence[BaseMessage], /) -> None:
        """Store messages behind those that are there: all of them, or none."""
        ...

    def clear(self) -> None:
        """Remove all messages."""
        ...


class BaseChatMessageHistory(ABC):
    """A base for the history of one session, as LangChain has it; it is a `History`.

    Write `messages` (an attribute or a property), `clear`, and `add_messages`, which gets a
    question and its answer in one call; or `add_message`, which gets one message. Async calls run
    them in a worker thread, unless `aget_messages`, `aadd_messages` and `aclear` are written, too.

    Example:
        >>> class ListHistory(BaseChatMessageHistory):
        ...     def __init__(self):
        ...         self.messages = []
        ...
        ...     def add_messages(self, messages):
        ...         self.messages.extend(messages)
        ...
        ...     def clear(self):
        ...         self.messages.clear()
        >>> history = ListHistory()
        >>> history.add_user_message("Hi")
        >>> history.add_ai_message("Hello")
        >>> print(history)
        Human: Hi
        AI: Hello
    """

    messages: list[BaseMessage]
    """All messages, the oldest first; an attribute, or a property that reads them."""

    @abstractmethod
    def clear(self) -> None:
        """Remove all messages."""

    def add_message(self, message: BaseMessage) -> None:
        """Store one message.

        Raises:
            NotImplementedError: the class writes neither this method nor `add_messages`.
        """
        if type(self).add_messages is BaseChatMessageHistory.add_messages:
            raise NotImplementedError(
                f"{type(self).__name__} stores no messages: write `add_messages`, or `add_message`"
            )
        self.add_messages([message])

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages: one after another, where the class writes `add_message` alone."""
        for message in messages:
            self.add_message(message)

    def add_user_message(self, message: HumanMessage | str) -> None:
        """Store a message of the user."""
        self.add_message(HumanMessage(message) if isinstance(message, str) else message)

    def add_ai_message(self, message: AIMessage | str) -> None:
        """Store a message of the model."""
        self.add_message(AIMessage(message) if isinstance(message, str) else message)

    async def aget_messages(self) -> list[BaseMessage]:
        """Return all messages, the oldest first."""
        return await to_thread(self._read_messages)

    def _read_messages(self) -> list[BaseMessage]:
        return self.messages

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, as `add_messages` does."""
        await to_thread(self.add_messages, messages)

    async def aclear(self) -> None:
        """Remove all messages, as `clear` does."""
        await to_thread(self.clear)

    def __str__(self) -> str:
        return get_buffer_string(self.messages)

    # -- as a History

    def get(self) -> list[BaseMessage]:
        """Return all messages, the oldest first, in a list of the caller's own."""
        return list(self.messages)

    async def aget(self) -> list[BaseMessage]:
        """Return all messages, the oldest first, in a list of the caller's own."""
        return list(await self.aget_messages())

    def append(self, messages: Sequence[BaseMessage], /) -> None:
        """Store messages behind those that are there."""
        self.add_messages(messages)

    async def aappend(self, messages: Sequence[BaseMessage], /) -> None:
        """Store messages behind those that are there."""
        await self.aadd_messages(messages)


def get(history: History) -> list[BaseMessage]:
    """Return the messages of a history."""
    return list(history.get())


async def aget(history: History) -> list[BaseMessage]:
    """Return the messages of a history; in a worker thread, where it has no `aget`."""
    written: Any = getattr(history, "aget", None)
    messages: Any = await (to_thread(history.get) if written is None else written())
    return list(messages)


def append(history: History, messages: Sequence[BaseMessage]) -> None:
    """Append to a history."""
    history.append(messages)


async def aappend(history: History, messages: Sequence[BaseMessage]) -> None:
    """Append to a history; in a worker thread, where it has no `aappend`.

    Once begun, it ends before a cancellation does, as the next call must not read a half of it.
    """
    written: Any = getattr(history, "aappend", None) or partial(to_thread, history.append)
    await in_context(contextvars.copy_context(), partial(written, messages))
