"""Answers of the Messages API, read block by block, or delta by delta of a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from runnables.messages import ToolCallChunk, UsageMetadata, tool_call_chunk
from runnables.messages.blocks import Block, Content
from runnables.messages.merging import join_deltas_by_key
from runnables.messages.tool_calls import parse_args
from runnables.models import StopSequenceFilter
from runnables_providers.anthropic.blocks import INVALID_JSON_KEY

Addition: TypeAlias = tuple[Content, list[ToolCallChunk]]
"""What an event adds to the content of a message, and to its tool calls."""

_NOTHING: Final[Addition] = ("", [])
_TEXT_KEYS: Final = ("type", "text", "citations")
_CALL_KEYS: Final = ("type", "id", "name", "input")
_THINKING_KEYS: Final = ("type", "thinking", "signature")


@dataclass
class _OpenBlock:
    """A block that is not complete yet, or whose place is not known yet.

    Attributes:
        block: the block, as it started.
        json: the parts of its input.
    """

    block: Block
    json: list[str] = field(default_factory=list[str])

    def complete(self) -> Block:
        """Return the block with its input; invalid JSON is kept as a string."""
        text = "".join(self.json)
        if not text:
            return self.block
        try:
            return {**self.block, "input": parse_args(text)}
        except ValueError:
            return {**self.block, "input": {INVALID_JSON_KEY: text}}


class AnswerReader:
    """A reader that turns blocks into the content and the tool calls of a message.

    A complete block is read as its start and its stop, so that an answer and its stream make the
    same message. Text is a plain string, unless it may cite: then it is a block, as each has
    citations of its own. Blocks have their place in the answer as `index`. Tool calls are in the
    message's `tool_calls`, and also in its content where another block follows them.

    Args:
        cited: whether every text becomes a block.
        stop: strings before which each text of the answer is truncated.
    """

    def __init__(self, *, cited: bool, stop: Sequence[str] = ()) -> None:
        self.unread: list[Mapping[str, Any]] = []
        """Deltas of unknown types, for which the message has no place."""
        self._cited = cited
        self._filter = StopSequenceFilter(stop) if stop else None
        self._citing: set[int] = set()
        self._thinking: set[int] = set()
        self._waiting: dict[int, _OpenBlock] = {}
        self._calls: dict[int, _OpenBlock] = {}

    def start(self, index: int, block: Mapping[str, Any]) -> Addition:
        """Take the start of a block, or a complete block."""
        kind = _string(block["type"])
        if kind == "tool_use":
            self._calls[index] = _OpenBlock({**block, "index": index})
            return "", [self._call(index, block)]
        before = [*_take_all(self._waiting), *_take_all(self._calls)]
        match kind:
            case "text":
                more = _rest(block, _TEXT_KEYS)
                if self._cited or more or block.get("citations") is not None:
                    self._citing.add(index)
                new = self._text(index, block["text"], block.get("citations"))
                if more and isinstance(new, dict):
                    new["extras"] = more
            case "thinking":
                self._thinking.add(index)
                new = _thinking(index, block)
            case _:
                self._waiting[index] = _OpenBlock({**block, "index": index})
                new = ""
        return _content(before, new), []

    def delta(self, index: int, delta: Mapping[str, Any]) -> Addition:
        """Take a delta of a block."""
        match delta["type"]:
            case "text_delta":
                return _content([], self._text(index, delta["text"])), []
            case "input_json_delta":
                return self._input(index, _string(delta["partial_json"]))
            case "thinking_delta":
                thinking = _string(delta["thinking"])
                return [{"type": "thinking", "thinking": thinking, "index": index}], []
            case "signature_delta":
                signature = _string(delta["signature"])
                return [{"type": "thinking", "signature": signature, "index": index}], []
            case "citations_delta":
                return [_cited(index, "", [delta["citation"]])], []
            case _:
                return self._merge(index, delta)

    def stop(self, index: int) -> Addition:
        """Take the end of a block."""
        call = self._calls.get(index)
        if call is not None and call.block.get("input") and not call.json:
            text = json.dumps(call.block["input"], ensure_ascii=False)
            return "", [tool_call_chunk(args=text, index=index)]
        if self._filter and (rest := self._filter.finish()):
            return _content([], _cited(index, rest) if index in self._citing else rest), []
        return _take_all(self._waiting), []

    def finish(self) -> Content:
        """Return the rest of an answer whose last block had no end."""
        return _take_all(self._waiting)

    # -- one block

    def _text(self, index: int, text: str, citations: Any = None) -> str | Block:
        text = self._filter.feed(_string(text)) if self._filter else _string(text)
        return _cited(index, text, citations) if index in self._citing else text

    def _call(self, index: int, block: Mapping[str, Any]) -> ToolCallChunk:
        chunk = tool_call_chunk(name=block["name"], args="", id=block["id"], index=index)
        extras = _rest(block, _CALL_KEYS)
        return {**chunk, "extras": extras} if extras else chunk

    def _input(self, index: int, text: str) -> Addition:
        if not text:
            return _NOTHING
        if index not in self._calls:
            if index in self._waiting:
                self._waiting[index].json.append(text)
            return _NOTHING
        self._calls[index].json.append(text)
        return "", [tool_call_chunk(args=text, index=index)]

    def _merge(self, index: int, delta: Mapping[str, Any]) -> Addition:
        """Take a delta of an unknown type: its strings are appended to those of the block."""
        rest = {key: value for key, value in delta.items() if key != "type"}
        if index in self._waiting:
            self._waiting[index].block = join_deltas_by_key([self._waiting[index].block, rest])
        elif index in self._calls:
            return "", [{**tool_call_chunk(index=index), "extras": rest}]
        elif index in self._citing:
            return [{**_cited(index, ""), "extras": rest}], []
        elif index in self._thinking:
            return [{"type": "thinking", "index": index, **rest}], []
        else:
            self.unread.append({"index": index, **delta})
        return _NOTHING


def _take_all(blocks: dict[int, _OpenBlock]) -> list[str | Block]:
    """Remove all blocks, and return them complete."""
    if not blocks:  # as nearly always
        return []
    found = [block.complete() for block in blocks.values()]
    blocks.clear()
    return [*found]


def _content(before: list[str | Block], new: str | Block) -> Content:
    """Return a string alone as the content; with blocks, it is an item of the content."""
    if isinstance(new, str) and not before:
        return new
    return [*before, new] if new else before


def _cited(index: int, text: str, citations: Any = None) -> Block:
    block: Block = {"type": "text", "text": text, "index": index}
    return {**block, "annotations": [*citations]} if citations else block


def _thinking(index: int, block: Mapping[str, Any]) -> Block:
    found: Block = {"type": "thinking", "thinking": _string(block["thinking"]), "index": index}
    signature = block.get("signature")
    found |= {"signature": _string(signature)} if signature else {}
    return {**_rest(block, _THINKING_KEYS), **found}


def _rest(block: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a block that have a value, and are not among these."""
    return {key: value for key, value in block.items() if key not in known and value is not None}


def _string(text: Any) -> str:
    """Return a string unchanged. Anything else would fail later, when chunks are joined, and look
    like a mistake of this library.

    Raises:
        TypeError: it is no string.
    """
    if not isinstance(text, str):
        raise TypeError(f"{text!r} where a string should be")
    return text


# -- metadata

_READ: Final = ("type", "role", "id", "model", "content", "usage")
"""Fields of an answer that are in the message itself; all others are metadata."""

_USAGE_FACTS: Final = ("service_tier", "server_tool_use", "inference_geo", "speed")
_COUNTS: Final = (
    *("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
    *("cache_creation", "output_tokens_details"),
)


def metadata_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata in an answer, or in a delta of one."""
    return _rest(message, _READ)


def usage_metadata_of(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata that a usage has besides token counts."""
    facts = {key: usage[key] for key in _USAGE_FACTS if usage.get(key) is not None}
    more = _rest(usage, (*_USAGE_FACTS, *_COUNTS))
    return {**facts, **({"usage": more} if more else {})}


def refusal_of(metadata: Mapping[str, Any]) -> Block | None:
    """Return the refusal that an answer ended with."""
    if metadata.get("stop_reason") != "refusal":
        return None
    details: Mapping[str, Any] = metadata.get("stop_details") or {}
    category = details.get("category")
    why = f" ({category})" if category else ""
    text = details.get("explanation") or f"Claude declined to answer{why}."
    return {"type": "refusal", "refusal": text}


def usage_of(usage: Mapping[str, Any]) -> UsageMetadata | None:
    """Return the token counts of an answer; input tokens include those of the cache, which
    Anthropic counts apart."""
    if not usage:
        return None
    inputs = {
        "cache_read": _count(usage, "cache_read_input_tokens"),
        "cache_creation": _count(usage, "cache_creation_input_tokens"),
        **_counts(usage.get("cache_creation")),
    }
    read = _count(usage, "input_tokens") + inputs["cache_read"] + inputs["cache_creation"]
    outputs = _counts(usage.get("output_tokens_details"))
    written = _count(usage, "output_tokens")
    found = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    if known := {kind: count for kind, count in inputs.items() if count}:
        found["input_token_details"] = cast("Any", known)
    if outputs.get("thinking_tokens"):
        found["output_token_details"] = {"reasoning": outputs["thinking_tokens"]}
    return found


def _count(usage: Mapping[str, Any], key: str) -> int:
    return int(usage.get(key) or 0)


def _counts(counts: Mapping[str, Any] | None) -> dict[str, int]:
    return {key: int(count) for key, count in (counts or {}).items() if count}
