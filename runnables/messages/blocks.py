"""The canonical content blocks of a message, as typed dicts.

`BaseMessage.content_blocks` is always a list of these. `runnables.messages.normalize` translates
the blocks of providers; a block with no canonical type is kept unchanged, as the value of a
`NonStandardContentBlock`.

Keys that a provider adds to a block and that are not listed here are kept under `extras`.
A block with media has exactly one of `url`, `base64` (with `mime_type`) and `file_id`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from runnables.messages.tool_calls import InvalidToolCallBlock, ToolCallBlock, ToolCallChunkBlock

Block: TypeAlias = dict[str, Any]
"""A block of a message's `content`: canonical, or in the format of a provider."""

Content: TypeAlias = str | list[str | dict[str, Any]]
"""The content of a message: a string, or a list of strings and blocks."""


class _BlockKeys(TypedDict):
    """The keys that any block may have."""

    id: NotRequired[str]
    index: NotRequired[int | str]
    extras: NotRequired[dict[str, Any]]


class TextContentBlock(_BlockKeys):
    """Text of the conversation; `annotations` are its citations, as the provider sent them.

    Example:
        >>> AIMessage("It is late.").content_blocks
        [{'type': 'text', 'text': 'It is late.'}]
    """

    type: Literal["text"]
    text: str
    annotations: NotRequired[list[dict[str, Any]]]


class ReasoningContentBlock(_BlockKeys):
    """The reasoning of a model before its answer.

    Example:
        >>> AIMessage([{"type": "thinking", "thinking": "Hm.", "signature": "s"}]).content_blocks
        [{'type': 'reasoning', 'reasoning': 'Hm.', 'extras': {'signature': 's'}}]
    """

    type: Literal["reasoning"]
    reasoning: NotRequired[str]


class RefusalContentBlock(_BlockKeys):
    """The text of a model that refuses to answer; `AIMessage.refusal` returns it.

    Example:
        >>> AIMessage([{"type": "refusal", "refusal": "I cannot help."}]).refusal
        'I cannot help.'
    """

    type: Literal["refusal"]
    refusal: str


class _MediaKeys(_BlockKeys):
    """The keys that say where the bytes of a medium are."""

    url: NotRequired[str]
    base64: NotRequired[str]
    file_id: NotRequired[str]
    mime_type: NotRequired[str]


class ImageContentBlock(_MediaKeys):
    """An image, by `url`, `base64` or `file_id`.

    Example:
        >>> block = {"type": "image_url", "image_url": "data:image/png;base64,AAAA"}
        >>> HumanMessage([block]).content_blocks
        [{'type': 'image', 'base64': 'AAAA', 'mime_type': 'image/png'}]
    """

    type: Literal["image"]


class AudioContentBlock(_MediaKeys):
    """Audio, by `url`, `base64` or `file_id`.

    Example:
        >>> block = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
        >>> HumanMessage([block]).content_blocks
        [{'type': 'audio', 'base64': 'AAAA', 'mime_type': 'audio/wav'}]
    """

    type: Literal["audio"]


class VideoContentBlock(_MediaKeys):
    """A video, by `url`, `base64` or `file_id`.

    Example:
        >>> block = {"type": "media", "mime_type": "video/mp4", "file_uri": "gs://bucket/cat.mp4"}
        >>> HumanMessage([block]).content_blocks
        [{'type': 'video', 'url': 'gs://bucket/cat.mp4', 'mime_type': 'video/mp4'}]
    """

    type: Literal["video"]


class FileContentBlock(_MediaKeys):
    """A file of any other type, such as a PDF; its name is `extras["filename"]`.

    Example:
        >>> HumanMessage([{"type": "input_file", "file_url": "https://x/a.pdf"}]).content_blocks
        [{'type': 'file', 'url': 'https://x/a.pdf'}]
    """

    type: Literal["file"]


class PlainTextContentBlock(_MediaKeys):
    """A plain-text document, as opposed to text that is part of the conversation.

    Example:
        >>> block = {"type": "document", "source": {"type": "text", "data": "Once upon a time"}}
        >>> HumanMessage([block]).content_blocks
        [{'type': 'text-plain', 'text': 'Once upon a time', 'mime_type': 'text/plain'}]
    """

    type: Literal["text-plain"]
    text: NotRequired[str]
    title: NotRequired[str]
    context: NotRequired[str]


class NonStandardContentBlock(_BlockKeys):
    """A block with no canonical type, such as one of a tool that runs on the provider's servers.

    Example:
        >>> AIMessage([{"type": "server_tool_use", "name": "web_search"}]).content_blocks
        [{'type': 'non_standard', 'value': {'type': 'server_tool_use', 'name': 'web_search'}}]
    """

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
