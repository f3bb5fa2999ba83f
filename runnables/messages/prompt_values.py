"""What prompts give to models: one value that is a text as well as messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from runnables.messages.as_text import get_buffer_string
from runnables.messages.kinds import AnyMessage
from runnables.messages.roles import HumanMessage

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage


class PromptValue(BaseModel, ABC):
    """The input of a model, for models that read a text and for those that read messages."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    @abstractmethod
    def to_string(self) -> str:
        """The prompt as one text."""

    @abstractmethod
    def to_messages(self) -> list[BaseMessage]:
        """The prompt as a new list of messages."""


class StringPromptValue(PromptValue):
    """A prompt that was made as a text."""

    text: str
    """The text."""
    type: Literal["string"] = "string"

    def to_string(self) -> str:
        """The text."""
        return self.text

    def to_messages(self) -> list[BaseMessage]:
        """The text as said by a person."""
        return [HumanMessage(self.text)]


class ChatPromptValue(PromptValue):
    """A prompt that was made as messages."""

    messages: list[AnyMessage]
    """The messages, in order."""
    type: Literal["chat"] = "chat"

    def to_string(self) -> str:
        """The conversation, each message behind the name of its speaker."""
        return get_buffer_string(self.messages)

    def to_messages(self) -> list[BaseMessage]:
        """The messages."""
        return list(self.messages)
