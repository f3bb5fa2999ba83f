"""Prompt values of LangChain as ours, and ours as LangChain's."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from langchain_core import prompt_values as theirs

from runnables.interop.langchain import messages
from runnables.messages.prompt_values import ChatPromptValue, PromptValue, StringPromptValue
from runnables.messages.roles import HumanMessage

if TYPE_CHECKING:
    from runnables.messages.kinds import AnyMessage


def from_theirs(value: theirs.PromptValue) -> PromptValue:
    """Return a prompt value of LangChain as one of ours: a string, or a list of messages.

    Any that is no string becomes the list of its messages, such as that of an image.

    Raises:
        TypeError: one of the messages has no counterpart.
    """
    if isinstance(value, theirs.StringPromptValue):
        return StringPromptValue(text=value.text)
    if isinstance(value, theirs.ImagePromptValue):  # its own message has a block without a type
        block = {"type": "image_url", "image_url": dict(value.image_url)}
        return ChatPromptValue(messages=[HumanMessage([block])])
    converted = [messages.from_theirs(message) for message in value.to_messages()]
    return ChatPromptValue(messages=cast("list[AnyMessage]", converted))


def to_theirs(value: PromptValue) -> theirs.PromptValue:
    """Return one of our prompt values as one of LangChain."""
    if isinstance(value, StringPromptValue):
        return theirs.StringPromptValue(text=value.text)
    return theirs.ChatPromptValue(
        messages=[messages.to_theirs(message) for message in value.to_messages()]
    )
