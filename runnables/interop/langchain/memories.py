"""Memories of conversations: those of ours as LangChain's, whose classic chains take them."""

from __future__ import annotations

from typing import Any, ClassVar

from langchain_classic.base_memory import BaseMemory
from pydantic import ConfigDict

from runnables.interop.langchain.values import from_value, to_value


def to_theirs(memory: Any) -> MemoryForLangChain:
    """Return their counterpart of a memory of ours."""
    return MemoryForLangChain(ours=memory)


class MemoryForLangChain(BaseMemory):
    """A memory of ours that a chain of LangChain loads before a call and saves after it.

    Attributes:
        ours: the memory.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    _adapts: ClassVar[str] = "ours"

    ours: Any

    @property
    def memory_variables(self) -> list[str]:
        """Return the keys that it adds to the inputs of a chain."""
        keys: list[str] = self.ours.memory_variables
        return keys

    @property
    def buffer(self) -> Any:
        """Return the conversation, as messages or as a string."""
        return to_value(self.ours.buffer)

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the conversation under its key."""
        loaded = self.ours.load_memory_variables(from_value(inputs))
        variables: dict[str, Any] = to_value(loaded)
        return variables

    async def aload_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the conversation under its key."""
        loaded = await self.ours.aload_memory_variables(from_value(inputs))
        variables: dict[str, Any] = to_value(loaded)
        return variables

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Append a question and its answer."""
        self.ours.save_context(from_value(inputs), from_value(outputs))

    async def asave_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Append a question and its answer."""
        await self.ours.asave_context(from_value(inputs), from_value(outputs))

    def clear(self) -> None:
        """Remove the conversation."""
        self.ours.clear()

    async def aclear(self) -> None:
        """Remove the conversation."""
        await self.ours.aclear()
