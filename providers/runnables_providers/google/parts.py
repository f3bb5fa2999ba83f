"""The parts of an answer of Gemini, read as chunks of a message.

A message keeps the order of the parts, and all that a part has: a signed part is a block of its
own, with the fields that have no canonical key among its extras. Function calls are in the
message's `tool_calls`, and also in its content where another part follows them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from runnables.messages import AIMessageChunk, BaseMessage, tool_call_chunk
from runnables_providers._remote.tool_calls import invented_id
from runnables_providers.google.contents import PARTS
from runnables_providers.google.streamed_calls import StreamedCall, is_streamed

_CALL_KEYS: Final = frozenset({"name", "args", "id"})


class PartReader:
    """A reader of parts, in their order.

    Args:
        messages: the conversation before the answer, for the ids of calls without one.

    Attributes:
        id: the id of the answer, once it is known.
        calls: how many calls were read.
    """

    def __init__(self, messages: Sequence[BaseMessage]) -> None:
        self.id: str | None = None
        self.calls = 0
        self._messages = messages
        self._reasoning_blocks = 0
        self._in_reasoning = False
        self._open_call: StreamedCall | None = None
        self._calls_before: list[dict[str, Any]] = []

    def read(self, part: Mapping[str, Any]) -> AIMessageChunk | None:
        """Return the chunk of a part; None where it adds nothing yet."""
        if "functionCall" in part:
            self._in_reasoning = False
            return self._read_call(part)
        rest = {key: part[key] for key in part if key not in PARTS | {"thought"}}
        is_reasoning = bool(part.get("thought")) and "text" in part
        if is_reasoning and (rest or not self._in_reasoning):
            self._reasoning_blocks += 1
        self._in_reasoning = is_reasoning and not rest
        block = self._block(part, is_reasoning)
        if part.get("thought") and not is_reasoning:
            rest["thought"] = part["thought"]
        if block["type"] == "text" and not rest:
            return self._content(block["text"]) if block["text"] else None
        if rest and block["type"] != "non_standard":
            block["extras"] = {**block.get("extras", {}), **rest}
        return self._content(block)

    def broken_call(self, text: str) -> AIMessageChunk:
        """Return the chunk of a call that cannot be run; `text` is what the model wrote."""
        return self._call_chunk({}, {}, text=text)

    def finish(self) -> AIMessageChunk | None:
        """Return the chunk of a call whose end never came."""
        call = self._open_call
        if call is None:
            return None
        self._open_call = None
        return self._call_chunk(call.call(), call.part, text=call.cut_off())

    def _content(self, new: str | dict[str, Any]) -> AIMessageChunk:
        """Return a chunk of the content, after the calls that came before."""
        if isinstance(new, str) and not self._calls_before:
            return AIMessageChunk(new, id=self.id)
        content = [*self._calls_before, new]
        self._calls_before = []
        return AIMessageChunk(content, id=self.id)

    def _block(self, part: Mapping[str, Any], is_reasoning: bool) -> dict[str, Any]:
        match part:
            case {"text": str(text)} if is_reasoning:
                return {"type": "reasoning", "reasoning": text, "index": self._reasoning_blocks}
            case {"text": str(text)}:
                return {"type": "text", "text": text}
            case {"inlineData": {"mimeType": str(kind), "data": str(data), **more}}:
                block = {"type": _medium(kind), "base64": data, "mime_type": kind}
                return {**block, "extras": {"inlineData": more}} if more else block
            case {"fileData": {"fileUri": str(url), **more}}:
                kind = str(more.pop("mimeType", ""))
                mime_type = {"mime_type": kind} if kind else {}
                block = {"type": _medium(kind), "url": url, **mime_type}
                return {**block, "extras": {"fileData": more}} if more else block
            case _:
                return {"type": "non_standard", "value": dict(part)}

    # -- calls

    def _read_call(self, part: Mapping[str, Any]) -> AIMessageChunk | None:
        """Return the chunk of a call; None for a part of one that continues."""
        call: Mapping[str, Any] = part["functionCall"]
        rest = {key: part[key] for key in part if key != "functionCall"}
        continues = self._open_call is not None and not call.get("name")
        if not continues and not is_streamed(call):
            return self._call_chunk(call, rest)
        before = None if continues else self.finish()
        open_call = self._open_call = self._open_call or StreamedCall()
        if not open_call.add(part):
            return before
        self._open_call = None
        chunk = self._call_chunk(open_call.call(), open_call.part)
        return chunk if before is None else before + chunk

    def _call_chunk(
        self, call: Mapping[str, Any], rest: Mapping[str, Any], text: str | None = None
    ) -> AIMessageChunk:
        """Return the chunk of a complete call; a call without an id gets one."""
        place, self.calls = self.calls, self.calls + 1
        name: str | None = call.get("name")
        args: Mapping[str, Any] = call.get("args") or {}
        call_id = call.get("id") or invented_id(self.id or self._messages, place, name, args)
        chunk = tool_call_chunk(
            name=name,
            args=json.dumps(args, ensure_ascii=False) if text is None else text,
            id=call_id,
            index=place,
        )
        more = {key: value for key, value in call.items() if key not in _CALL_KEYS}
        if extras := {**rest, **({"functionCall": more} if more else {})}:
            chunk["extras"] = extras
        if name and text is None:
            block = {"type": "tool_call", "id": call_id, "name": name, "args": dict(args)}
            self._calls_before.append({**block, "extras": extras} if extras else block)
        return AIMessageChunk("", id=self.id, tool_call_chunks=[chunk])


def _medium(mime_type: str) -> str:
    kind = mime_type.partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else "file"
