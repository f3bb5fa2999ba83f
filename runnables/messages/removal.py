"""The mark with which a node of LangGraph deletes a message of the graph's state."""

# pyright: reportIncompatibleVariableOverride=false
# (`type` is another word in every class: that is how JSON tells them apart.)

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from runnables.messages.base import BaseMessage

REMOVE: Final = "remove"
"""The `type` of the mark."""


class RemoveMessage(BaseMessage):
    """A mark that deletes a message of the state of a LangGraph graph, by its id.

    A node returns it, and `to_langchain` makes it LangChain's. It is no part of a conversation:
    models, prompts and histories raise a TypeError.

    Args:
        id: the id of the message that is deleted; LangGraph's `REMOVE_ALL_MESSAGES` for all.
        fields: the other attributes of a message.

    Example:
        >>> RemoveMessage(id="1")
        RemoveMessage('', id='1')
        >>> convert_to_messages([RemoveMessage(id="1")])
        Traceback (most recent call last):
        TypeError: RemoveMessage('', id='1') is for the state of a LangGraph graph, and no ...
    """

    type: Literal["remove"] = "remove"

    _default_content: ClassVar[str | None] = ""

    def __init__(self, id: str, **fields: Any) -> None:
        super().__init__(**fields, id=id)


def no_conversation(message: BaseMessage) -> TypeError:
    """Return the error for a mark where a conversation is expected."""
    return TypeError(
        f"{message!r} is for the state of a LangGraph graph, and no part of a conversation: "
        "return it from a node of the graph, and pass the other messages only. To shorten a "
        "conversation here, use trim_messages or SummarizeHistory."
    )
