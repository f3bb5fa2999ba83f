"""The estimate of tokens."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    count_tokens_approximately,
    tool_call,
    tool_call_chunk,
    trim_messages,
)
from runnables.messages.script_tokens import text_tokens
from runnables_providers.scripted import ScriptedChatModel

DATA = base64.b64encode(bytes(range(256)) * 400).decode()  # 102,400 bytes


def test_tokens_are_estimated_from_letters() -> None:
    """Four letters make a token; messages and images have a fixed count; parts add up."""
    assert count_tokens_approximately([HumanMessage("a" * 8)]) == 3 + 3
    assert count_tokens_approximately([HumanMessage([{"type": "image", "url": "u"}])]) == 85 + 1 + 3
    conversation = [SystemMessage("be nice"), HumanMessage("hello"), AIMessage("hi")]
    assert count_tokens_approximately(conversation) == sum(
        count_tokens_approximately([message]) for message in conversation
    )
    named = HumanMessage("", name="b" * 40)
    assert count_tokens_approximately([named]) - 10 == count_tokens_approximately(
        [named], count_name=False
    )
    call: Any = {"name": "f", "args": {}, "id": "1"}
    assert count_tokens_approximately(
        [AIMessage("", tool_calls=[call])]
    ) > count_tokens_approximately([AIMessage("")])


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("The tide is high at seven, and the boats leave the harbour.", 0.2, 0.3),
        ("你好世界今天天气怎么样", 0.6, 1.7),
        ("こんにちは世界、お元気ですか", 0.6, 1.7),
        ("안녕하세요 세계", 0.5, 1.7),
        ("مرحبا بالعالم كيف حالك", 0.35, 1.0),
        ("שלום עולם, מה שלומך", 0.35, 1.0),
        ("สวัสดีชาวโลก", 0.4, 1.2),
        ("नमस्ते दुनिया", 0.4, 1.3),
        ("Привет, как дела", 0.3, 0.6),
        ("Καλημέρα Ελλάδα", 0.3, 0.7),
        ("\U0001f600\U0001f389\U0001f44d\U0001f3fd", 1.0, 3.0),
        ("for (int i = 0; i < n[j]; i++) { x[i] += a->b * 2.5; }", 0.3, 0.6),
        ('{"id": 12345, "name": "x", "values": [1, 2, 3]}', 0.3, 0.6),
        ("Grüße aus Köln, à bientôt", 0.2, 0.4),
        ("𠀀𠀁𠀂", 0.6, 3.0),
    ],
)
def test_each_script_has_its_own_rate(text: str, low: float, high: float) -> None:
    """Tokens a character lie in the range of the tokenizers in use, in messages and models."""
    tokens = text_tokens(text * 20) / len(text * 20)
    assert low <= tokens <= high
    assert count_tokens_approximately([HumanMessage(text * 20)]) >= low * len(text * 20)
    assert ScriptedChatModel().get_num_tokens(text * 20) >= low * len(text * 20)


@given(st.text(), st.text(), st.floats(1, 10))
def test_estimates_of_parts_add_up(one: str, other: str, chars_per_token: float) -> None:
    """So a longer text never counts less, and nothing counts less than the rate that was set."""
    both = text_tokens(one + other, chars_per_token)
    assert both == pytest.approx(
        text_tokens(one, chars_per_token) + text_tokens(other, chars_per_token)
    )
    assert both >= len(one + other) / chars_per_token - 1e-6


def test_a_rate_of_ones_own_counts_for_all_scripts() -> None:
    """Who knows the tokenizer sets the characters that make a token."""
    assert text_tokens("a你", 1.0) == 2
    assert text_tokens("你", 0.5) == 2


@pytest.mark.parametrize(
    ("block", "low", "high"),
    [
        ({"type": "audio", "base64": DATA, "mime_type": "audio/mp3"}, 50, 2000),
        ({"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}, 50, 2000),
        ({"type": "file", "base64": DATA, "mime_type": "application/pdf"}, 500, 8000),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}}, 500, 8000),
        ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf",
                                         "data": DATA}}, 500, 8000),
        ({"type": "video", "base64": DATA, "mime_type": "video/mp4"}, 50, 2000),
        ({"type": "image", "base64": DATA, "mime_type": "image/png"}, 85, 85),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}, 85, 85),
        ({"type": "file", "url": "https://x/a.pdf"}, 200, 5000),
        ({"type": "file", "file_id": "file-1"}, 200, 5000),
        ({"type": "audio", "url": "https://x/a.mp3"}, 100, 2000),
        ({"type": "video", "url": "https://x/a.mp4"}, 500, 10000),
        ({"type": "text-plain", "text": "word " * 100}, 100, 150),
        ({"type": "text-plain", "base64": base64.b64encode(b"word " * 100).decode()}, 100, 150),
        ({"type": "document", "source": {"type": "text", "data": "word " * 100}}, 100, 150),
        ({"type": "reasoning", "reasoning": "word " * 100}, 100, 150),
        ({"type": "unknown", "text": "你" * 100}, 100, 150),
        ({"type": "unknown", "blob": DATA}, 50, 8000),
        ({"type": "tool_result", "tool_use_id": "1", "content": [
            {"type": "text", "text": "word " * 100}, {"type": "image", "source": {
                "type": "base64", "media_type": "image/png", "data": DATA}}]}, 180, 300),
        ({"type": "image"}, 1, 10),
    ],
    ids=lambda value: str(value)[:55] if isinstance(value, dict) else "",
)  # fmt: skip
def test_files_and_media_are_not_counted_as_text(block: Any, low: int, high: int) -> None:
    """Their base64 is not what the model reads; something is counted for each."""
    tokens = count_tokens_approximately([HumanMessage([block])]) - 4
    assert low <= tokens <= high


def test_calls_and_reasoning_count_wherever_they_are() -> None:
    """A call counts once, as a block or in `tool_calls`, in a chunk or a message."""
    args = {"text": "你好" * 50}
    call = tool_call(name="say", args=args, id="1")
    alone = count_tokens_approximately([AIMessage(tool_calls=[call])])
    assert alone > 100
    block: Any = {"type": "tool_use", "id": "1", "name": "say", "input": args}
    assert count_tokens_approximately([AIMessage([block], tool_calls=[call])]) == alone
    beside = count_tokens_approximately(
        [AIMessage([{"type": "text", "text": ""}], tool_calls=[call])]
    )
    assert beside == alone
    text = json.dumps(args, ensure_ascii=False)
    part = tool_call_chunk(name="say", args=text, id="1")
    chunk = AIMessageChunk(tool_call_chunks=[part])
    assert abs(count_tokens_approximately([chunk]) - alone) <= 1
    thought = AIMessage("", additional_kwargs={"reasoning_content": "word " * 100})
    assert count_tokens_approximately([thought]) > 100
    result = ToolMessage([{"type": "text", "text": "你" * 100}], tool_call_id="1")
    assert count_tokens_approximately([result]) > 100


def test_other_scripts_are_trimmed_to_the_limit() -> None:
    """About as much is kept as fits."""
    talk = [HumanMessage("你好世界" * 25) for _ in range(10)]
    kept = trim_messages(talk, max_tokens=330, token_counter="approximate")
    assert 2 <= len(kept) <= 3
