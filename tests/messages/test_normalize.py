"""Translation of the blocks of providers to canonical blocks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    convert_to_openai_messages,
    tool_call_chunk,
)
from tests.messages import arbitrary

DATA = "data:image/png;base64,AAAA"

CASES: list[tuple[Any, Any]] = [
    ("hi", {"type": "text", "text": "hi"}),
    # canonical blocks; keys of providers go to the extras
    (
        {"type": "text", "text": "a", "index": 0, "cache_control": {"type": "x"}},
        {"type": "text", "text": "a", "index": 0, "extras": {"cache_control": {"type": "x"}}},
    ),
    ({"type": "image", "url": "u"}, {"type": "image", "url": "u"}),
    # OpenAI, chat completions
    ({"type": "image_url", "image_url": "u"}, {"type": "image", "url": "u"}),
    (
        {"type": "image_url", "image_url": {"url": DATA, "detail": "low"}},
        {"type": "image", "base64": "AAAA", "mime_type": "image/png", "extras": {"detail": "low"}},
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "audio", "base64": "AA", "mime_type": "audio/wav"},
    ),
    (
        {"type": "file", "file": {"file_data": "data:text/csv;base64,AA", "filename": "f"}},
        {"type": "file", "base64": "AA", "mime_type": "text/csv", "extras": {"filename": "f"}},
    ),
    ({"type": "file", "file": {"file_id": "f"}}, {"type": "file", "file_id": "f"}),
    # OpenAI, Responses
    (
        {"type": "output_text", "text": "a", "annotations": [{"a": 1}]},
        {"type": "text", "text": "a", "annotations": [{"a": 1}]},
    ),
    ({"type": "input_image", "image_url": "u"}, {"type": "image", "url": "u"}),
    ({"type": "input_image", "file_id": "f"}, {"type": "image", "file_id": "f"}),
    ({"type": "input_file", "file_url": "u"}, {"type": "file", "url": "u"}),
    (
        {"type": "reasoning", "id": "r", "summary": [{"text": "a"}, {"text": "b"}]},
        {"type": "reasoning", "id": "r", "reasoning": "a\n\nb"},
    ),
    (
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}', "id": "i"},
        {
            "type": "tool_call",
            "id": "c",
            "name": "f",
            "args": {"a": 1},
            "extras": {"item_id": "i"},
        },
    ),
    # Anthropic
    (
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "reasoning", "reasoning": "a", "extras": {"signature": "s"}},
    ),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
        {"type": "image", "base64": "AA", "mime_type": "image/png"},
    ),
    (
        {"type": "image", "source": {"type": "url", "url": "u"}},
        {"type": "image", "url": "u"},
    ),
    (
        {"type": "document", "source": {"type": "text", "data": "a"}, "title": "t"},
        {
            "type": "text-plain",
            "text": "a",
            "mime_type": "text/plain",
            "extras": {"title": "t"},
        },
    ),
    (
        {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
        {"type": "tool_call", "id": "c", "name": "f", "args": {"a": 1}},
    ),
    (
        {"type": "tool_use", "id": "c", "name": "f", "input": {}, "partial_json": '{"a": 1}'},
        {"type": "tool_call", "id": "c", "name": "f", "args": {"a": 1}},
    ),
    # Google, Bedrock, and LangChain's older format
    (
        {"type": "media", "mime_type": "video/mp4", "file_uri": "u"},
        {"type": "video", "url": "u", "mime_type": "video/mp4"},
    ),
    (
        {"image": {"format": "png", "source": {"bytes": b"a"}}},
        {"type": "image", "base64": "YQ==", "mime_type": "image/png"},
    ),
    (
        {"type": "image", "source_type": "base64", "data": "AA", "mime_type": "image/png"},
        {"type": "image", "base64": "AA", "mime_type": "image/png"},
    ),
    ({"type": "image", "source_type": "id", "id": "f"}, {"type": "image", "file_id": "f"}),
]


@pytest.mark.parametrize(("item", "canonical"), CASES, ids=[str(item)[:80] for item, _ in CASES])
def test_blocks_of_providers_are_translated(item: Any, canonical: Any) -> None:
    """Each block has one canonical block, which translates to itself."""
    assert HumanMessage([item]).content_blocks == [canonical]
    assert HumanMessage([canonical]).content_blocks == [canonical]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "tool_result", "tool_use_id": "1", "content": "a"},
        {"type": "text"},
        {"type": "image_url", "image_url": {}},
        {"type": "image", "source": {"type": "moon"}},
        {"type": "tool_use", "id": "c"},
        {"type": ["odd"]},
        {},
    ],
    ids=str,
)
def test_a_block_without_a_canonical_type_is_kept_unchanged(item: dict[str, Any]) -> None:
    """Blocks of servers' own tools, and incomplete ones, are values of a non-standard block."""
    assert HumanMessage([item]).content_blocks == [{"type": "non_standard", "value": item}]


@given(arbitrary.contents)
def test_canonical_blocks_translate_to_themselves(content: Any) -> None:
    """Translating twice is translating once, and keeps the text."""
    once = HumanMessage(content).content_blocks
    assert HumanMessage(once).content_blocks == once  # type: ignore[arg-type]
    assert HumanMessage(content_blocks=once).text == HumanMessage(content).text


def test_tool_calls_and_reasoning_are_among_the_blocks() -> None:
    """Calls and reasoning outside of the content are included, once."""
    call: Any = {"name": "f", "args": {}, "id": "1", "type": "tool_call"}
    tool_use = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    plain = AIMessage("a", tool_calls=[call], additional_kwargs={"reasoning_content": "hm"})
    assert [block["type"] for block in plain.content_blocks] == ["reasoning", "text", "tool_call"]
    assert AIMessage([tool_use], tool_calls=[call]).content_blocks == [call]


def test_calls_among_the_blocks_are_chunks_until_the_last_chunk() -> None:
    """A call that is being streamed is a call chunk; at the end it is a call."""
    chunk = AIMessageChunk("a", tool_call_chunks=[tool_call_chunk(name="f", args="{", index=0)])
    rest = AIMessageChunk(
        tool_call_chunks=[tool_call_chunk(args="}", index=0)], chunk_position="last"
    )
    assert [block["type"] for block in chunk.content_blocks] == ["text", "tool_call_chunk"]
    assert [block["type"] for block in (chunk + rest).content_blocks] == ["text", "tool_call"]


def test_a_refusal_is_a_block_of_its_own() -> None:
    """It may come in a block or in `additional_kwargs`; it is no text of the message."""
    block = {"type": "refusal", "refusal": "no"}
    for message in (AIMessage([block]), AIMessage("", additional_kwargs={"refusal": "no"})):
        assert message.content_blocks == [block]
        assert (message.refusal, message.text) == ("no", "")
    assert AIMessage("yes").refusal is None
    assert convert_to_openai_messages(AIMessage([block]))["content"] == [block]
