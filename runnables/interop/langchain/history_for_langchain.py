"""A history of ours as a `BaseChatMessageHistory` of LangChain. Loaded when one is converted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.chat_history import BaseChatMessageHistory
from typing_extensions import override

from runnables.engine.thread_calls import to_thread
from runnables.history.base import aappend, aget, append, get
from runnables.interop.langchain.values import from_value, to_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage


class HistoryForLangChain(BaseChatMessageHistory):
    """A history of ours that LangChain takes for one of theirs.

    Args:
        ours: a `History`: an object with `get`, `append` and `clear`.
    """

    _adapts: ClassVar[str] = "ours"

    def __init__(self, ours: Any) -> None:
        self.ours = ours

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: our history has them
        """Return all messages, the oldest first."""
        messages: list[BaseMessage] = to_value(get(self.ours))
        return messages

    @override
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages behind those that are there."""
        append(self.ours, from_value(list(messages)))

    @override
    def clear(self) -> None:
        """Remove all messages."""
        self.ours.clear()

    @override
    async def aget_messages(self) -> list[BaseMessage]:
        """Return all messages, the oldest first."""
        messages: list[BaseMessage] = to_value(await aget(self.ours))
        return messages

    @override
    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages behind those that are there."""
        await aappend(self.ours, from_value(list(messages)))

    @override
    async def aclear(self) -> None:
        """Remove all messages."""
        await to_thread(self.ours.clear)
