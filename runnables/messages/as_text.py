"""Transcripts: a conversation as one string."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from runnables.core.foreign import from_foreign
from runnables.messages.ai import AIMessage
from runnables.messages.base import BaseMessage
from runnables.messages.kinds import kind_of
from runnables.messages.normalize import canonical_block, items_of, text_of
from runnables.messages.roles import ChatMessage

_MAX_DOCUMENT_CHARS: Final = 500
"""The characters of a document that a transcript shows; as many as in LangChain."""


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
    """Return a conversation as one string, each message behind its role.

    Args:
        messages: the conversation.
        human_prefix: the role that is written for the user. A `ChatMessage` has its own role.
        ai_prefix: the role that is written for the model.
        system_prefix: the role that is written for the system.
        tool_prefix: the role that is written for tools.
        message_separator: put between messages.
        format: "prefix" writes `Human: hello`; "xml" writes `<message type="human">hello</message>`
            with everything escaped, so that no message can pass for one of another role. Media are
            shown by their URL or file id; media as base64 or `data:` URLs are left out; documents
            of plain text are cut at 500 characters.

    Raises:
        ValueError: another format.
        TypeError: something that is no message.

    Example:
        >>> get_buffer_string([HumanMessage("Hi"), AIMessage("Hello")], human_prefix="User")
        'User: Hi\\nAI: Hello'
        >>> get_buffer_string([HumanMessage("1 < 2")], format="xml")
        '<message type="human">1 &lt; 2</message>'
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
    return message_separator.join(
        write(_role_of(message, prefixes), message) for message in map(from_foreign, messages)
    )


def _role_of(message: BaseMessage, prefixes: Mapping[str, str]) -> str:
    if isinstance(message, ChatMessage):
        return message.role
    if not isinstance(cast("object", message), BaseMessage):
        raise TypeError(
            f"get_buffer_string takes a list of messages, got {message!r} in it. "
            "convert_to_messages(...) makes messages of what can be read as such."
        )
    return prefixes[kind_of(message)]


def _with_prefix(role: str, message: BaseMessage) -> str:
    calls = message.tool_calls if isinstance(message, AIMessage) else None
    return f"{role}: {text_of(message.content)}{calls or ''}"


def _as_xml(role: str, message: BaseMessage) -> str:
    role = role if isinstance(message, ChatMessage) else role.lower()
    shown = " ".join(filter(None, map(_block_as_xml, items_of(message.content))))
    opening = f"<message type={_quoted(role)}>"
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
    """Return a block as XML; an empty string for media that have neither a short URL nor an id."""
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
            key = "url" if "url" in block else "file_id"
            source = block.get(key, "data:")
            is_data = source.startswith("data:")
            return "" if is_data else f"<{block['type']} {key}={_quoted(source)} />"
        case _:
            return ""


# `xml.sax` loads urllib and http: a tenth of the time that it takes to import the messages.
def _escaped(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(text)


def _quoted(text: str) -> str:
    from xml.sax.saxutils import quoteattr

    return quoteattr(text)
