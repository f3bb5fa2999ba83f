"""Prompt values: the output of a prompt template, as a string or as messages."""

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
    """The input of a model, for models that read a string and for those that read messages.

    Example:
        >>> value = ChatPromptTemplate(["Hello {name}"]).invoke({"name": "Ann"})
        >>> isinstance(value, PromptValue), value.to_string()
        (True, 'Human: Hello Ann')
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    @abstractmethod
    def to_string(self) -> str:
        """Return the prompt as one string."""

    @abstractmethod
    def to_messages(self) -> list[BaseMessage]:
        """Return the prompt as a new list of messages."""


class StringPromptValue(PromptValue):
    """A prompt value that is a string.

    Example:
        >>> StringPromptValue(text="Hello").to_messages()
        [HumanMessage('Hello')]
    """

    text: str
    """The string."""
    type: Literal["string"] = "string"

    def to_string(self) -> str:
        """Return the string."""
        return self.text

    def to_messages(self) -> list[BaseMessage]:
        """Return the string as a message of the user."""
        return [HumanMessage(self.text)]


class ChatPromptValue(PromptValue):
    """A prompt value that is a list of messages.

    Example:
        >>> ChatPromptValue(messages=[SystemMessage("Be brief."), HumanMessage("Hi")]).to_string()
        'System: Be brief.\\nHuman: Hi'
    """

    messages: list[AnyMessage]
    """The messages, in order."""
    type: Literal["chat"] = "chat"

    def to_string(self) -> str:
        """Return the conversation as one string, each message behind its role."""
        return get_buffer_string(self.messages)

    def to_messages(self) -> list[BaseMessage]:
        """Return the messages."""
        return list(self.messages)


ChatPromptValueConcrete = ChatPromptValue
