"""The content blocks of a message, in their one typed form.

`BaseMessage.content_blocks` is always a list of these. What a provider says differently is
translated by `runnables.messages.normalize`; what has no common form stays whole, as the value
of a `NonStandardContentBlock`.

Keys that a provider adds to a block and that are not listed here stand under `extras`.
Media come as exactly one of `url`, `base64` (with `mime_type`) or `file_id`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from runnables.messages.tool_calls import InvalidToolCallBlock, ToolCallBlock, ToolCallChunkBlock

Block: TypeAlias = dict[str, Any]
"""A block as a message's `content` holds it: canonical, or in the form of a provider."""

Content: TypeAlias = str | list[str | dict[str, Any]]
"""What a message's `content` is: plain text, or a list of texts and blocks."""


class _BlockKeys(TypedDict):
    """The keys that any block may have."""

    id: NotRequired[str]
    index: NotRequired[int | str]
    extras: NotRequired[dict[str, Any]]


class TextContentBlock(_BlockKeys):
    """Text that a reader sees; `annotations` are its citations, as the provider gave them."""

    type: Literal["text"]
    text: str
    annotations: NotRequired[list[dict[str, Any]]]


class ReasoningContentBlock(_BlockKeys):
    """What a model thought before it answered."""

    type: Literal["reasoning"]
    reasoning: NotRequired[str]


class RefusalContentBlock(_BlockKeys):
    """What a model said instead of an answer, where it refused to give one."""

    type: Literal["refusal"]
    refusal: str


class _MediaKeys(_BlockKeys):
    """Where the bytes of a medium are."""

    url: NotRequired[str]
    base64: NotRequired[str]
    file_id: NotRequired[str]
    mime_type: NotRequired[str]


class ImageContentBlock(_MediaKeys):
    """A picture."""

    type: Literal["image"]


class AudioContentBlock(_MediaKeys):
    """A sound."""

    type: Literal["audio"]


class VideoContentBlock(_MediaKeys):
    """A film."""

    type: Literal["video"]


class FileContentBlock(_MediaKeys):
    """Any other document, for instance a PDF; its name is `extras["filename"]`."""

    type: Literal["file"]


class PlainTextContentBlock(_MediaKeys):
    """A text document, as opposed to text that is part of the conversation."""

    type: Literal["text-plain"]
    text: NotRequired[str]
    title: NotRequired[str]
    context: NotRequired[str]


class NonStandardContentBlock(_BlockKeys):
    """A block with no common form, for instance of a tool that runs on the provider's servers."""

    type: Literal["non_standard"]
    value: dict[str, Any]


ContentBlock: TypeAlias = (
    TextContentBlock
    | ReasoningContentBlock
    | RefusalContentBlock
    | ImageContentBlock
    | AudioContentBlock
    | VideoContentBlock
    | FileContentBlock
    | PlainTextContentBlock
    | ToolCallBlock
    | ToolCallChunkBlock
    | InvalidToolCallBlock
    | NonStandardContentBlock
)
"""Any canonical block."""
