"""Messages of the user, the system, tools and other roles, and their chunks."""

# pyright: reportIncompatibleVariableOverride=false
# (`type` is another word in every class: that is how JSON tells them apart.)

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Required, cast
from uuid import UUID

from runnables.engine.deltas import join_deltas
from runnables.messages.base import BaseMessage, BaseMessageChunk, MessageFields
from runnables.messages.merging import common_value

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from runnables.messages.blocks import Content


class HumanMessage(BaseMessage):
    """A message of the user.

    Example:
        >>> HumanMessage("Hi", name="ann")
        HumanMessage('Hi', name='ann')
    """

    type: Literal["human"] = "human"

    if TYPE_CHECKING:

        def __init__(
            self, content: Content | None = None, **fields: Unpack[MessageFields]
        ) -> None: ...


class HumanMessageChunk(HumanMessage, BaseMessageChunk):
    """A chunk of a `HumanMessage`.

    Example:
        >>> HumanMessageChunk("Hel") + HumanMessageChunk("lo")
        HumanMessageChunk('Hello')
    """

    type: Literal["HumanMessageChunk"] = "HumanMessageChunk"  # type: ignore[assignment]  # another tag than the base's

    if TYPE_CHECKING:

        def __init__(
            self, content: Content | None = None, **fields: Unpack[MessageFields]
        ) -> None: ...


class SystemMessage(BaseMessage):
    """Instructions to the model.

    Example:
        >>> SystemMessage("Answer in one sentence.")
        SystemMessage('Answer in one sentence.')
    """

    type: Literal["system"] = "system"

    if TYPE_CHECKING:

        def __init__(
            self, content: Content | None = None, **fields: Unpack[MessageFields]
        ) -> None: ...


class SystemMessageChunk(SystemMessage, BaseMessageChunk):
    """A chunk of a `SystemMessage`.

    Example:
        >>> SystemMessageChunk("Be ") + SystemMessageChunk("brief.")
        SystemMessageChunk('Be brief.')
    """

    type: Literal["SystemMessageChunk"] = "SystemMessageChunk"  # type: ignore[assignment]  # another tag than the base's

    if TYPE_CHECKING:

        def __init__(
            self, content: Content | None = None, **fields: Unpack[MessageFields]
        ) -> None: ...


class ChatFields(MessageFields, total=False):
    """The keywords of a `ChatMessage`."""

    role: Required[str]


class ChatMessage(BaseMessage):
    """A message of any other role.

    Example:
        >>> ChatMessage("Objection!", role="critic").role
        'critic'
    """

    type: Literal["chat"] = "chat"
    role: str
    """The role, as the provider calls it."""

    if TYPE_CHECKING:

        def __init__(
            self, content: Content | None = None, **fields: Unpack[ChatFields]
        ) -> None: ...


class ChatMessageChunk(ChatMessage, BaseMessageChunk):
    """A chunk of a `ChatMessage`.

    Example:
        >>> ChatMessageChunk("Ob", role="critic") + ChatMessageChunk("jection!", role="critic")
        ChatMessageChunk('Objection!', role='critic')
    """

    type: Literal["ChatMessageChunk"] = "ChatMessageChunk"  # type: ignore[assignment]  # another tag than the base's

    if TYPE_CHECKING:

        def __init__(
            self, content: Content | None = None, **fields: Unpack[ChatFields]
        ) -> None: ...

    @classmethod
    def _merged_fields(cls, chunks: Sequence[Any]) -> Any:
        role = common_value("ChatMessageChunk", "role", (chunk.role for chunk in chunks))
        return {**super()._merged_fields(chunks), "role": role}


class ToolFields(MessageFields, total=False):
    """The keywords of a `ToolMessage`."""

    tool_call_id: Required[str]
    artifact: Any
    status: Literal["success", "error"]


class ToolMessage(BaseMessage):
    """The result of a tool call.

    Content that is neither a string nor a list is turned into a string, as are items of a list
    that are neither strings nor dicts.

    Example:
        >>> ToolMessage(42, tool_call_id="call-1")
        ToolMessage('42', tool_call_id='call-1')
    """

    type: Literal["tool"] = "tool"
    tool_call_id: str
    """The `id` of the tool call that this answers."""
    artifact: Any = None
    """A result of the tool for the program, which is not sent to the model."""
    status: Literal["success", "error"] = "success"
    """"error" where the tool failed."""

    def __init__(self, content: Any = None, **fields: Unpack[ToolFields]) -> None:
        if isinstance(fields.get("tool_call_id"), (UUID, int, float)):
            fields["tool_call_id"] = str(fields["tool_call_id"])
        super().__init__(_as_content(content), **cast("MessageFields", fields))


def _as_content(content: Any) -> Content | None:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, (list, tuple)):
        return str(content)
    items = cast("list[Any]", content)
    return [item if isinstance(item, (str, dict)) else str(item) for item in items]


class ToolMessageChunk(ToolMessage, BaseMessageChunk):
    """A chunk of a `ToolMessage`. One chunk with the status "error" makes the message an error.

    Example:
        >>> ToolMessageChunk("4", tool_call_id="1") + ToolMessageChunk("2", tool_call_id="1")
        ToolMessageChunk('42', tool_call_id='1')
    """

    type: Literal["ToolMessageChunk"] = "ToolMessageChunk"  # type: ignore[assignment]  # another tag than the base's

    if TYPE_CHECKING:

        def __init__(self, content: Any = None, **fields: Unpack[ToolFields]) -> None: ...

    @classmethod
    def _merged_fields(cls, chunks: Sequence[Any]) -> Any:
        call_id = common_value(
            "ToolMessageChunk", "tool_call_id", (chunk.tool_call_id for chunk in chunks)
        )
        return {
            **super()._merged_fields(chunks),
            "tool_call_id": call_id,
            "artifact": join_deltas([chunk.artifact for chunk in chunks]),
            "status": "error" if any(chunk.status == "error" for chunk in chunks) else "success",
        }
