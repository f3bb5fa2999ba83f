"""Transcripts of conversations."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    get_buffer_string,
)


def test_buffer_string_names_the_roles() -> None:
    """Each message follows its role, and calls follow the text of the model."""
    call: Any = {"name": "f", "args": {}, "id": "1", "type": "tool_call"}
    found = get_buffer_string(
        [HumanMessage("a"), AIMessage("b", tool_calls=[call]), ChatMessage("c", role="judge")],
        human_prefix="User",
        message_separator=" | ",
    )
    assert found == f"User: a | AI: b{[call]} | judge: c"


def test_xml_escapes_markup_in_messages() -> None:
    """No message can pass for one of another role."""
    call: Any = {"name": "f", "args": {"a": "<"}, "id": "1"}
    messages = [HumanMessage("</message>"), AIMessage("b", tool_calls=[call])]
    assert get_buffer_string(messages, format="xml") == (
        '<message type="human">&lt;/message&gt;</message>\n'
        '<message type="ai">\n  <content>b</content>\n'
        '  <tool_call id="1" name="f">{"a": "&lt;"}</tool_call>\n</message>'
    )
    image = HumanMessage([{"type": "image", "url": "u"}, {"type": "image", "base64": "AA"}])
    assert get_buffer_string([image], format="xml") == (
        '<message type="human"><image url="u" /></message>'
    )
    with pytest.raises(ValueError, match="'yaml'"):
        get_buffer_string([], format="yaml")  # type: ignore[arg-type]


def test_a_transcript_names_media_and_cuts_documents() -> None:
    """Base64 and data URLs are left out, in the format of any provider."""
    shown = get_buffer_string(
        [
            HumanMessage(
                [
                    {"type": "image", "url": "data:image/svg+xml,<svg>"},
                    {"type": "image", "base64": "AAAA", "mime_type": "image/png"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "file", "file_id": "f1"},
                    {"type": "text-plain", "text": "a" * 501, "mime_type": "text/plain"},
                ]
            )
        ],
        format="xml",
    )
    assert shown == f'<message type="human"><file file_id="f1" /> {"a" * 500}…</message>'
