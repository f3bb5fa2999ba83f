"""Histories in the memory of this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runnables.core.foreign import from_foreign
from runnables.core.values import Value
from runnables.engine.cancellation import lock
from runnables.history.base import BaseChatMessageHistory
from runnables.messages.base import BaseMessage

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


@dataclass
class InMemoryChatMessageHistory(BaseChatMessageHistory):
    """The history of one session, in the memory of this process.

    Args:
        messages: the messages that are there already.

    Example:
        >>> history = InMemoryChatMessageHistory()
        >>> history.add_messages([HumanMessage("Hi"), AIMessage("Hello")])
        >>> history.messages
        [HumanMessage('Hi'), AIMessage('Hello')]
    """

    messages: list[BaseMessage] = field(default_factory=list[BaseMessage])

    def __str__(self) -> str:
        return super().__str__()

    @property
    def _turn_key(self) -> Hashable:
        return ("memory", id(self))

    def add_message(self, message: BaseMessage) -> None:
        """Store one message."""
        self.add_messages([message])

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages: all at once, also for other threads."""
        self.messages.extend(map(from_foreign, messages))

    def clear(self) -> None:
        """Remove all messages."""
        self.messages = []

    async def aget_messages(self) -> list[BaseMessage]:
        """Return all messages, the oldest first."""
        return self.messages

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages: all at once, also for other threads."""
        self.messages.extend(map(from_foreign, messages))

    async def aclear(self) -> None:
        """Remove all messages."""
        self.messages = []


ChatMessageHistory = InMemoryChatMessageHistory
"""Another name of LangChain's for `InMemoryChatMessageHistory`."""


class InMemoryHistory(Value):
    """The histories of many sessions, in the memory of this process; call it with a session's id.

    It keeps every session until `clear`. Copies, and what is pickled, have no sessions.

    Example:
        >>> sessions = InMemoryHistory()
        >>> sessions("ada").append([HumanMessage("Hi")])
        >>> sessions("ada").get(), sessions("bob").get()
        ([HumanMessage('Hi')], [])
    """

    blocking = False
    """Whether a call may wait for something."""

    def __init__(self) -> None:
        self._sessions: dict[str, InMemoryChatMessageHistory] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._sessions = {}

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __call__(self, session_id: str) -> InMemoryChatMessageHistory:
        """Return the history of a session, which may be new."""
        with lock:
            return self._sessions.setdefault(session_id, InMemoryChatMessageHistory())

    def sessions(self) -> list[str]:
        """Return the ids of the sessions that have messages, the oldest first."""
        with lock:
            return [id for id, history in self._sessions.items() if history.messages]

    def clear(self) -> None:
        """Remove all sessions."""
        with lock:
            self._sessions.clear()
