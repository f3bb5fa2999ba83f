"""An estimate of the tokens of a conversation."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.messages.ai import AIMessage
from runnables.messages.convert import MessagesLike, convert_to_messages
from runnables.messages.kinds import role_of
from runnables.messages.normalize import canonical_blocks
from runnables.messages.roles import ToolMessage
from runnables.messages.script_tokens import text_tokens

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

_FILE_BYTES: Final = 25
"""The bytes of a file (a PDF) that make a token; a page of 40 kB makes some 1,600."""
_AUDIO_BYTES: Final = 500
"""The bytes of a recording that make a token: 16 kB/s (mp3) or more, at 32 tokens a second."""
_VIDEO_BYTES: Final = 1000
"""The bytes of a video that make a token: 250 kB/s, at about 300 tokens a second."""
_UNKNOWN: Final[Mapping[str, int]] = {"file": 1600, "text-plain": 1600, "audio": 320, "video": 3000}
"""The tokens of what is named by a URL or an id: a page, or ten seconds."""
_BYTES_PER_TOKEN: Final[Mapping[str, int]] = {
    "file": _FILE_BYTES,
    "audio": _AUDIO_BYTES,
    "video": _VIDEO_BYTES,
}
_DATA: Final = r"(?:data:[^,]{0,200};base64,)?[A-Za-z0-9+/_=\r\n-]{400,}+"
"""A string that is bytes in base64, and no text."""


def count_tokens_approximately(
    messages: MessagesLike,
    *,
    chars_per_token: float = 4.0,
    extra_tokens_per_message: float = 3.0,
    count_name: bool = True,
    tokens_per_image: int = 85,
    tools: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Estimate how many tokens a conversation takes, from its characters, images and files.

    The characters of other scripts than Latin, and those of code, take more tokens than those of
    English prose. Files, audio and video are estimated from their size; those that are only named,
    by a URL or an id, count as one page, or as ten seconds.

    Args:
        messages: the conversation, as `convert_to_messages` reads it.
        chars_per_token: the characters of English prose that make a token.
        extra_tokens_per_message: the tokens of a message apart from its text.
        count_name: True counts the `name` of messages, which some models see.
        tokens_per_image: the tokens of an image, whatever its size.
        tools: the definitions of tools that are sent along, as dicts.

    Returns:
        The sum over the messages, each rounded up, so that the counts of parts add up to the
        count of the whole.

    Example:
        >>> count_tokens_approximately([HumanMessage("How are you?")])
        7
        >>> count_tokens_approximately([HumanMessage("你好吗")])
        7
    """
    counter = _Counter(chars_per_token, tokens_per_image)
    total = float(sum(math.ceil(counter.text(_as_json(tool))) for tool in tools))
    for message in convert_to_messages(messages):
        name = message.name if count_name and message.name else ""
        total += math.ceil(counter.message(message) + counter.text(name))
        total += extra_tokens_per_message
    return math.ceil(total)


@dataclass(frozen=True)
class _Counter:
    """The options of one call, and the counting itself."""

    chars_per_token: float
    tokens_per_image: int

    def text(self, text: str) -> float:
        return text_tokens(text, self.chars_per_token)

    def message(self, message: BaseMessage) -> float:
        tokens = self.text(role_of(message))
        blocks: Sequence[Any]
        if isinstance(message, AIMessage):
            blocks = message.content_blocks  # with the reasoning and the calls
        else:
            blocks = canonical_blocks(message.content)
        if isinstance(message, ToolMessage):
            tokens += self.text(message.tool_call_id)
        return tokens + sum(map(self.block, blocks))

    def block(self, block: Mapping[str, Any]) -> float:
        """Return the tokens of a canonical block."""
        match block["type"]:
            case "text" | "refusal" | "reasoning" as kind:
                return self.text(str(block.get(kind) or ""))
            case "image":
                return self.tokens_per_image
            case "text-plain" if isinstance(block.get("text"), str):
                return self.text(f"{block.get('title') or ''}{block['text']}")
            case "audio" | "video" | "file" | "text-plain" as kind:
                return self.medium(kind, block)
            case "tool_call" | "tool_call_chunk" | "invalid_tool_call":
                args = block["args"]
                written = args if isinstance(args, str) else _as_json(args or {})
                return self.text(f"{block.get('id')}{block.get('name')}{written}")
            case _:
                return self.nested(block.get("value", block))

    def medium(self, kind: str, block: Mapping[str, Any]) -> float:
        """Return the tokens of a file, a recording or a video."""
        data = block.get("base64")
        if not isinstance(data, str):
            return _UNKNOWN[kind]
        if kind == "text-plain" or str(block.get("mime_type", "")).startswith("text/"):
            return self.text(_decoded(data))
        return len(data) * 3 / 4 / _BYTES_PER_TOKEN[kind]

    def nested(self, value: Any) -> float:
        """Return the tokens of a block that is unknown, such as a tool's result, by its strings."""
        if isinstance(value, str):
            is_data = re.fullmatch(_DATA, value)
            return len(value) * 3 / 4 / _FILE_BYTES if is_data else self.text(value)
        if isinstance(value, Mapping):
            block = cast("Mapping[str, Any]", value)
            if isinstance(kind := block.get("type"), str) and kind in _MEDIA:
                (medium,) = canonical_blocks([dict(block)])
                if medium["type"] != "non_standard":
                    return self.block(medium)
            keys = sum(self.text(str(key)) for key in block)
            return keys + sum(map(self.nested, block.values()))
        if isinstance(value, (list, tuple)):
            return sum(map(self.nested, cast("Sequence[Any]", value)))
        return self.text(str(value))


_MEDIA: Final = frozenset("image image_url input_image audio input_audio video file".split())


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _decoded(data: str) -> str:
    """Return the text of a plain file, or its base64 where that cannot be read."""
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return data
