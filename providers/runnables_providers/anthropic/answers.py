"""Answers of the Messages API: blocks that come whole, or in pieces."""

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
from runnables_providers.anthropic.blocks import INVALID

Piece: TypeAlias = tuple[Content, list[ToolCallChunk]]
"""What a part of an answer adds to the content of a message, and to its tool calls."""

_NOTHING: Final[Piece] = ("", [])
_CALL_KEYS: Final = ("type", "id", "name", "input")


@dataclass
class _Open:
    """A block that is not complete yet, or whose place is not known yet.

    Attributes:
        block: as it began.
        json: the pieces of its input.
    """

    block: Block
    json: list[str] = field(default_factory=list[str])

    def whole(self) -> Block:
        """The block with its input; what is no JSON stays as the text that it is."""
        text = "".join(self.json)
        if not text:
            return self.block
        try:
            return {**self.block, "input": parse_args(text)}
        except ValueError:
            return {**self.block, "input": {INVALID: text}}


class AnswerReader:
    """Turns blocks into the content and the tool calls of a message, piece by piece.

    A whole block is a start and a stop, so that an answer and its stream read alike. Texts are
    plain, unless they may cite: then they are blocks, as each has citations of its own. Blocks
    have their place in the answer as `index`. Calls of tools stand in the message's tool calls;
    in its content, too, where something follows them.

    Args:
        cited: whether every text is to be a block.
        stop: texts before which each text of the answer is cut.
    """

    def __init__(self, *, cited: bool, stop: Sequence[str] = ()) -> None:
        self._cited = cited
        self._cutter = StopSequenceFilter(stop) if stop else None
        self._citing: set[int] = set()
        self._held: dict[int, _Open] = {}
        self._calls: dict[int, _Open] = {}

    def start(self, index: int, block: Mapping[str, Any]) -> Piece:
        """A block begins, or is here as a whole."""
        kind = _said(block["type"])
        if kind == "tool_use":
            self._calls[index] = _Open({**block, "index": index})
            return "", [self._call(index, block)]
        before = [*self._release(), *self._called()]
        match kind:
            case "text":
                if self._cited or block.get("citations") is not None:
                    self._citing.add(index)
                said = self._text(index, block["text"], block.get("citations"))
            case "thinking":
                said = _thought(index, block)
            case _:
                self._held[index] = _Open({**block, "index": index})
                said = ""
        return _content(before, said), []

    def delta(self, index: int, delta: Mapping[str, Any]) -> Piece:
        """More of a block."""
        match delta["type"]:
            case "text_delta":
                return _content([], self._text(index, delta["text"])), []
            case "input_json_delta":
                return self._input(index, _said(delta["partial_json"]))
            case "thinking_delta":
                thought = _said(delta["thinking"])
                return [{"type": "thinking", "thinking": thought, "index": index}], []
            case "signature_delta":
                signature = _said(delta["signature"])
                return [{"type": "thinking", "signature": signature, "index": index}], []
            case "citations_delta":
                return [_cited(index, "", [delta["citation"]])], []
            case _:
                self._grow(index, delta)
                return _NOTHING

    def stop(self, index: int) -> Piece:
        """A block is complete."""
        call = self._calls.get(index)
        if call is not None and call.block.get("input") and not call.json:
            text = json.dumps(call.block["input"], ensure_ascii=False)
            return "", [tool_call_chunk(args=text, index=index)]
        if self._cutter and (rest := self._cutter.finish()):
            return _content([], _cited(index, rest) if index in self._citing else rest), []
        return self._release(), []

    def finish(self) -> Content:
        """What is left of an answer whose last block was not said to be complete."""
        return self._release()

    # -- one block

    def _text(self, index: int, text: Any, citations: Any = None) -> str | Block:
        said = self._cutter.feed(_said(text)) if self._cutter else _said(text)
        return _cited(index, said, citations) if index in self._citing else said

    def _call(self, index: int, block: Mapping[str, Any]) -> ToolCallChunk:
        piece = tool_call_chunk(name=block["name"], args="", id=block["id"], index=index)
        extras = {key: it for key, it in block.items() if key not in _CALL_KEYS and it is not None}
        return {**piece, "extras": extras} if extras else piece

    def _input(self, index: int, text: str) -> Piece:
        if not text:
            return _NOTHING
        if index not in self._calls:
            if index in self._held:
                self._held[index].json.append(text)
            return _NOTHING
        self._calls[index].json.append(text)
        return "", [tool_call_chunk(args=text, index=index)]

    def _grow(self, index: int, delta: Mapping[str, Any]) -> None:
        """Take a delta of a kind that is not known: its texts go on with those of the block."""
        if index in self._held:
            rest = {key: value for key, value in delta.items() if key != "type"}
            self._held[index].block = join_deltas_by_key([self._held[index].block, rest])

    # -- what waited

    def _release(self) -> list[str | Block]:
        """The blocks that waited to be complete."""
        return _emptied(self._held)

    def _called(self) -> list[str | Block]:
        """The calls that something follows, so that their place must be kept."""
        return _emptied(self._calls)


def _emptied(blocks: dict[int, _Open]) -> list[str | Block]:
    if not blocks:  # as nearly always
        return []
    found = [block.whole() for block in blocks.values()]
    blocks.clear()
    return [*found]


def _content(before: list[str | Block], said: str | Block) -> Content:
    """A text alone is one; beside blocks, it is an item of the content."""
    if isinstance(said, str) and not before:
        return said
    return [*before, said] if said else before


def _cited(index: int, text: str, citations: Any = None) -> Block:
    block: Block = {"type": "text", "text": text, "index": index}
    return {**block, "annotations": [*citations]} if citations else block


def _thought(index: int, block: Mapping[str, Any]) -> Block:
    thought: Block = {"type": "thinking", "thinking": _said(block["thinking"]), "index": index}
    signature = block.get("signature")
    return {**thought, "signature": _said(signature)} if signature else thought


def _said(text: Any) -> str:
    """A text as it is. Anything else would fail later, where pieces are joined, as a slip of ours.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(text, str):
        raise TypeError(f"{text!r} where a text should be")
    return text


# -- beside the content

_FACTS: Final = ("stop_reason", "stop_sequence", "stop_details", "container", "diagnostics")
_USAGE_FACTS: Final = ("service_tier", "server_tool_use", "inference_geo", "speed")


def facts_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer tells of itself, as it tells it."""
    return {key: told[key] for key in _FACTS if told.get(key) is not None}


def usage_facts_of(usage: Mapping[str, Any]) -> dict[str, Any]:
    """What the usage tells beyond tokens."""
    return {key: usage[key] for key in _USAGE_FACTS if usage.get(key) is not None}


def refusal_of(facts: Mapping[str, Any]) -> Block | None:
    """The refusal that an answer ended with."""
    if facts.get("stop_reason") != "refusal":
        return None
    details: Mapping[str, Any] = facts.get("stop_details") or {}
    category = details.get("category")
    why = f" ({category})" if category else ""
    said = details.get("explanation") or f"Claude declined to answer{why}."
    return {"type": "refusal", "refusal": said}


def usage_of(told: Mapping[str, Any]) -> UsageMetadata | None:
    """The tokens of an answer; those of the cache, which Anthropic counts apart, are read, too."""
    if not told:
        return None
    into = {
        "cache_read": _count(told, "cache_read_input_tokens"),
        "cache_creation": _count(told, "cache_creation_input_tokens"),
        **_counts(told.get("cache_creation")),
    }
    read = _count(told, "input_tokens") + into["cache_read"] + into["cache_creation"]
    out = _counts(told.get("output_tokens_details"))
    wrote = _count(told, "output_tokens")
    usage = UsageMetadata(input_tokens=read, output_tokens=wrote, total_tokens=read + wrote)
    if known := {kind: count for kind, count in into.items() if count}:
        usage["input_token_details"] = cast("Any", known)
    if out.get("thinking_tokens"):
        usage["output_token_details"] = {"reasoning": out["thinking_tokens"]}
    return usage


def _count(told: Mapping[str, Any], key: str) -> int:
    return int(told.get(key) or 0)


def _counts(told: Mapping[str, Any] | None) -> dict[str, int]:
    return {key: int(count) for key, count in (told or {}).items() if count}
