"""Conversion of the histories of chats: LangChain's as ours, and ours as LangChain's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from runnables.history.base import BaseChatMessageHistory
from runnables.interop.langchain.values import from_value, to_value

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from runnables.messages.base import BaseMessage


def from_theirs(x: Any) -> BaseChatMessageHistory:
    """Return our counterpart of a history of theirs."""
    return HistoryOfLangChain(x)


def to_theirs(x: Any) -> Any:
    """Return their counterpart of a history of ours."""
    from runnables.interop.langchain.history_for_langchain import HistoryForLangChain

    return HistoryForLangChain(x)


class HistoryOfLangChain(BaseChatMessageHistory):
    """A history of LangChain, as one of ours. It reads and writes through LangChain's.

    Args:
        theirs: the history of LangChain.
    """

    _adapts: ClassVar[str] = "theirs"

    def __init__(self, theirs: Any) -> None:
        self.theirs = theirs

    @property
    def _turn_key(self) -> Hashable:
        """Return what this is the history of: calls with the same one go one after another."""
        return ("langchain", id(self.theirs))

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: LangChain's history has them
        """Return all messages, the oldest first."""
        messages: list[BaseMessage] = from_value(list(self.theirs.messages))
        return messages

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages behind those that are there."""
        self.theirs.add_messages(to_value(list(messages)))

    def clear(self) -> None:
        """Remove all messages."""
        self.theirs.clear()

    async def aget_messages(self) -> list[BaseMessage]:
        """Return all messages, the oldest first."""
        messages: list[BaseMessage] = from_value(list(await self.theirs.aget_messages()))
        return messages

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages behind those that are there."""
        await self.theirs.aadd_messages(to_value(list(messages)))

    async def aclear(self) -> None:
        """Remove all messages."""
        await self.theirs.aclear()
