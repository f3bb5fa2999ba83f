"""Conversations as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from runnables.messages.ai import AIMessage
from runnables.messages.kinds import kind_of
from runnables.messages.normalize import canonical_block, items_of
from runnables.messages.roles import ChatMessage

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

_MAX_DOCUMENT_CHARS: Final = 500
"""Characters of a text document in a transcript, as LangChain shows of one."""


def get_buffer_string(
    messages: Sequence[BaseMessage],
    human_prefix: str = "Human",
    ai_prefix: str = "AI",
    *,
    system_prefix: str = "System",
    tool_prefix: str = "Tool",
    message_separator: str = "\n",
    format: Literal["prefix", "xml"] = "prefix",
) -> str:
    """A conversation as one text.

    Args:
        messages: what was said.
        human_prefix: how people are called; the other prefixes name the other speakers.
        ai_prefix: how the model is called.
        system_prefix: how the system is called.
        tool_prefix: how tools are called.
        message_separator: what stands between messages.
        format: "prefix" writes `Human: hello`; "xml" writes `<message type="human">hello</message>`
            with everything escaped, so that nobody can speak in the name of another. Media are
            shown by their URL or file id, others (base64, `data:` URLs) are left out, and a text
            document is cut at 500 characters.

    Raises:
        ValueError: another format.
    """
    if format not in ("prefix", "xml"):
        raise ValueError(f"format={format!r}: expected 'prefix' or 'xml'.")
    prefixes = {
        "human": human_prefix,
        "ai": ai_prefix,
        "system": system_prefix,
        "tool": tool_prefix,
    }
    write = _with_prefix if format == "prefix" else _as_xml
    return message_separator.join(write(_role_prefix(one, prefixes), one) for one in messages)


def _role_prefix(message: BaseMessage, prefixes: Mapping[str, str]) -> str:
    if isinstance(message, ChatMessage):
        return message.role
    return prefixes[kind_of(message)]


def _with_prefix(speaker: str, message: BaseMessage) -> str:
    calls = message.tool_calls if isinstance(message, AIMessage) else None
    return f"{speaker}: {message.text}{calls or ''}"


def _as_xml(speaker: str, message: BaseMessage) -> str:
    speaker = speaker if isinstance(message, ChatMessage) else speaker.lower()
    shown = " ".join(filter(None, map(_block_as_xml, items_of(message.content))))
    opening = f"<message type={_quoted(speaker)}>"
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    if not calls:
        return f"{opening}{shown}</message>"
    lines = [
        opening,
        *([f"  <content>{shown}</content>"] if shown else []),
        *(
            f"  <tool_call id={_quoted(call['id'] or '')} name={_quoted(call['name'])}>"
            f"{_escaped(json.dumps(call['args'], ensure_ascii=False))}</tool_call>"
            for call in calls
        ),
        "</message>",
    ]
    return "\n".join(lines)


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_DOCUMENT_CHARS else f"{text[:_MAX_DOCUMENT_CHARS]}…"


def _block_as_xml(item: str | Mapping[str, Any]) -> str:
    """A block as text; media only where a short name tells where they are."""
    block = cast("Mapping[str, Any]", canonical_block(item))
    match block["type"]:
        case "text":
            return _escaped(block["text"])
        case "text-plain":
            return _escaped(_truncate(block.get("text", "")))
        case "refusal":
            return f"<refusal>{_escaped(block['refusal'])}</refusal>"
        case "reasoning":
            return f"<reasoning>{_escaped(block.get('reasoning', ''))}</reasoning>"
        case "image" | "audio" | "video" | "file":
            where = "url" if "url" in block else "file_id"
            name = block.get(where, "data:")
            is_data = name.startswith("data:")
            return "" if is_data else f"<{block['type']} {where}={_quoted(name)} />"
        case _:
            return ""


# Their module loads urllib and http, which is a tenth of the time that messages take to import.
def _escaped(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(text)


def _quoted(text: str) -> str:
    from xml.sax.saxutils import quoteattr

    return quoteattr(text)
