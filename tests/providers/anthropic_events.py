"""Answers as Anthropic sends them, whole and as events, written from its documentation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Pieces = Callable[[str], Sequence[str]]
"""Cuts a text."""


def in_halves(text: str) -> Sequence[str]:
    """The plainest way to cut."""
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def answer(
    *blocks: dict[str, Any], usage: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """The body of a whole answer."""
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


def events(body: dict[str, Any], cut: Pieces = in_halves) -> list[dict[str, Any]]:
    """The events that the same answer is streamed as."""
    known = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    begun = {**body, **known, "usage": {**body["usage"], "output_tokens": 1}}
    found = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(body["content"]):
        start, deltas = _block(block, cut)
        found.append({"type": "content_block_start", "index": index, "content_block": start})
        found += [{"type": "content_block_delta", "index": index, "delta": it} for it in deltas]
        found.append({"type": "content_block_stop", "index": index})
    end = {key: body.get(key) for key in ("stop_reason", "stop_sequence", "stop_details")}
    counts = {"output_tokens": body["usage"]["output_tokens"]}
    found.append({"type": "message_delta", "delta": end, "usage": counts})
    return [*found, {"type": "message_stop"}]


def _block(block: dict[str, Any], cut: Pieces) -> tuple[dict[str, Any], Iterable[dict[str, Any]]]:
    match block["type"]:
        case "text":
            cited = block.get("citations") or []
            citations = [{"type": "citations_delta", "citation": it} for it in cited]
            texts = [{"type": "text_delta", "text": it} for it in cut(block["text"])]
            start = {**block, "text": "", **({"citations": []} if cited else {})}
            return start, [*citations, *texts]
        case "thinking":
            thoughts = [{"type": "thinking_delta", "thinking": it} for it in cut(block["thinking"])]
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*thoughts, signature]
        case "tool_use" | "server_tool_use" | "mcp_tool_use":
            text = json.dumps(block["input"]) if block["input"] else ""
            pieces = ["", *cut(text)]
            deltas = [{"type": "input_json_delta", "partial_json": it} for it in pieces]
            return {**block, "input": {}}, deltas
        case _:
            return block, []


def sse(events: Iterable[dict[str, Any]]) -> bytes:
    """Events as the bytes of a stream."""
    return b"".join(
        f"event: {it['type']}\ndata: {json.dumps(it, ensure_ascii=False)}\n\n".encode()
        for it in events
    )
