"""Contents and chunks that users' own code adds up."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    AIMessageChunk,
    HumanMessage,
    add_ai_message_chunks,
    convert_to_openai_image_block,
    convert_to_openai_messages,
    is_data_content_block,
    merge_content,
)

TEXT = {"type": "text", "text": "sea", "index": 0}


@pytest.mark.parametrize(
    ("contents", "merged"),
    [
        (["a", "b", "c"], "abc"),
        (["a", ["b"], "c"], ["a", "bc"]),
        ([["a"], ["b"]], ["a", "b"]),
        ([[], "a"], ["a"]),
        ([[TEXT], "", [{**TEXT, "text": "side"}]], [{**TEXT, "text": "seaside"}]),
        ([[TEXT], "a"], [TEXT, "a"]),
        ([["a"]], ["a"]),
    ],
)
def test_contents_are_added_one_by_one(contents: list[Any], merged: Any) -> None:
    """Nothing is dropped, and blocks of one index are one."""
    before = repr(contents)
    assert merge_content(*contents) == merged
    assert repr(contents) == before


def test_chunks_are_added_as_their_class_does() -> None:
    """The sum of one chunk is that chunk."""
    chunk = AIMessageChunk("a", id="1")
    assert add_ai_message_chunks(chunk) == chunk
    assert add_ai_message_chunks(chunk, AIMessageChunk("b"), AIMessageChunk("c")) == (
        AIMessageChunk("abc", id="1")
    )


@pytest.mark.parametrize(
    ("block", "is_data"),
    [
        ({"type": "image", "url": "https://x/y.png"}, True),
        ({"type": "audio", "source_type": "base64", "data": "AA=="}, True),
        ({"type": "file", "source_type": "base64"}, False),
        ({"type": "image_url", "image_url": "https://x/y.png"}, False),
        ({"type": "text", "text": "x"}, False),
        ({}, False),
    ],
)
def test_data_blocks_say_where_their_bytes_are(block: dict[str, Any], is_data: bool) -> None:
    """Blocks of a provider are none, and neither are those that lack the bytes."""
    assert is_data_content_block(block) is is_data


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "base64": "AA==", "mime_type": "image/png"},
        {"type": "image", "source_type": "base64", "data": "AA==", "mime_type": "image/png"},
        {
            "type": "image",
            "source": {"type": "base64", "data": "AA==", "media_type": "image/png"},
        },
    ],
)
def test_an_image_of_any_form_is_written_for_openai(block: dict[str, Any]) -> None:
    """Bytes become a URL of their own."""
    assert convert_to_openai_image_block(block) == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,AA=="},
    }


@pytest.mark.parametrize(
    "block", [{"type": "text", "text": "x"}, {"type": "image", "file_id": "1"}, {"type": "image"}]
)
def test_what_is_no_image_for_openai_is_refused(block: dict[str, Any]) -> None:
    """The error shows the block, and what it needs."""
    with pytest.raises(ValueError, match="as an image of OpenAI: it needs"):
        convert_to_openai_image_block(block)


def test_blocks_of_bedrock_become_text() -> None:
    """OpenAI has neither JSON nor guarded content."""
    message = HumanMessage(
        [
            {"type": "json", "json": {"sea": "Größe"}},
            {"type": "guard_content", "guard_content": {"text": "x"}},
            {"type": "guard_content", "guard_content": 1},
        ]
    )
    assert convert_to_openai_messages(message)["content"] == [
        {"type": "text", "text": '{"sea": "Größe"}'},
        {"type": "text", "text": "x"},
        {"type": "guard_content", "guard_content": 1},
    ]
