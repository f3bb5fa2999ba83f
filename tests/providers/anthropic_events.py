"""Responses and events of Anthropic, written from its documentation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Split = Callable[[str], Sequence[str]]
"""A function that splits a string."""


def in_halves(text: str) -> Sequence[str]:
    """Split a string into two halves."""
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def answer(
    *blocks: dict[str, Any], usage: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return the body of a response."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(blocks),
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage or {"input_tokens": 10, "output_tokens": 7},
        **more,
    }


def events(body: dict[str, Any], split: Split = in_halves) -> list[dict[str, Any]]:
    """Return the events of the same answer as a stream."""
    known = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    start = {**body, **known, "usage": {**body["usage"], "output_tokens": 1}}
    events = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(body["content"]):
        start_block, deltas = _block(block, split)
        events.append({"type": "content_block_start", "index": index, "content_block": start_block})
        events += [
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        ]
        events.append({"type": "content_block_stop", "index": index})
    end = {key: body.get(key) for key in ("stop_reason", "stop_sequence", "stop_details")}
    counts = {"output_tokens": body["usage"]["output_tokens"]}
    events.append({"type": "message_delta", "delta": end, "usage": counts})
    return [*events, {"type": "message_stop"}]


def _block(block: dict[str, Any], split: Split) -> tuple[dict[str, Any], Iterable[dict[str, Any]]]:
    match block["type"]:
        case "text":
            cited = block.get("citations") or []
            citations = [{"type": "citations_delta", "citation": each} for each in cited]
            deltas = [{"type": "text_delta", "text": part} for part in split(block["text"])]
            start = {**block, "text": "", **({"citations": []} if cited else {})}
            return start, [*citations, *deltas]
        case "thinking":
            parts = split(block["thinking"])
            deltas = [{"type": "thinking_delta", "thinking": part} for part in parts]
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*deltas, signature]
        case "tool_use" | "server_tool_use" | "mcp_tool_use":
            text = json.dumps(block["input"]) if block["input"] else ""
            parts = ["", *split(text)]
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
            return {**block, "input": {}}, deltas
        case _:
            return block, []


def sse(events: Iterable[dict[str, Any]]) -> bytes:
    """Return the events as the bytes of a stream."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
        for event in events
    )
