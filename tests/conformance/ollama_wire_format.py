"""How Ollama speaks: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from __future__ import annotations

import json
from typing import Any

from runnables.testing import (
    Answer,
    RecordedRequest,
    ScriptedReply,
    ScriptedToolCall,
    Unsupported,
    WireFormat,
    json_line,
)


class OllamaWire(WireFormat):
    """Lines of JSON; arguments are objects, and each call comes whole."""

    stream_type = "application/x-ndjson"

    def is_streamed(self, asked: RecordedRequest) -> bool:
        return asked.body.get("stream", True) is not False

    def answer(self, said: ScriptedReply) -> Answer:
        message = {"content": said.text, **self._calls(said)}
        return Answer({**self._line(said, message), **self._end(said)})

    def events(self, said: ScriptedReply) -> list[bytes]:
        found = [{"content": piece} for piece in said.pieces()]
        found += [{"content": "", **self._calls(said)}] if said.calls else []
        lines = [{**self._line(said, it), "done": False} for it in found]
        return [*map(json_line, lines), json_line({**self._line(said, {}), **self._end(said)})]

    def error(self, status: int, message: str) -> Answer:
        return Answer({"error": message}, status)

    def fault(self, message: str) -> bytes:
        return json_line({"error": message})

    def _line(self, said: ScriptedReply, message: dict[str, Any]) -> dict[str, Any]:
        whole = {"role": "assistant", "content": "", **message}
        return {"model": said.model, "created_at": "2025-01-01T00:00:00Z", "message": whole}

    def _end(self, said: ScriptedReply) -> dict[str, Any]:
        return {
            "done": True,
            "done_reason": "stop",
            "total_duration": 5,
            "prompt_eval_count": said.input_tokens,
            "eval_count": said.output_tokens,
        }

    def _calls(self, said: ScriptedReply) -> dict[str, Any]:
        return {"tool_calls": [_call(call) for call in said.calls]} if said.calls else {}


def _call(call: ScriptedToolCall) -> dict[str, Any]:
    try:
        arguments = json.loads(call.args or "{}")
    except ValueError as error:
        raise Unsupported("arguments are objects") from error
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments}}
