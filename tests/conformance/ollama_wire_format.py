"""The wire format of Ollama: https://github.com/ollama/ollama/blob/main/docs/api.md."""

from __future__ import annotations

import json
from typing import Any

from runnables.testing import (
    RecordedRequest,
    Response,
    ScriptedReply,
    ScriptedToolCall,
    Unsupported,
    WireFormat,
    json_line,
)


class OllamaWireFormat(WireFormat):
    """Lines of JSON: arguments are objects, and a tool call comes in one line."""

    stream_type = "application/x-ndjson"

    def is_streamed(self, request: RecordedRequest) -> bool:
        return request.body.get("stream", True) is not False

    def response(self, reply: ScriptedReply) -> Response:
        message = {"content": reply.text, **self._calls(reply)}
        return Response({**self._line(reply, message), **self._end(reply)})

    def events(self, reply: ScriptedReply) -> list[bytes]:
        messages: list[dict[str, Any]] = [{"content": text} for text in reply.text_chunks()]
        messages += [{"content": "", **self._calls(reply)}] if reply.tool_calls else []
        lines = [{**self._line(reply, message), "done": False} for message in messages]
        return [*map(json_line, lines), json_line({**self._line(reply, {}), **self._end(reply)})]

    def error(self, status: int, message: str) -> Response:
        return Response({"error": message}, status)

    def stream_error(self, message: str) -> bytes:
        return json_line({"error": message})

    def _line(self, reply: ScriptedReply, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "model": reply.model,
            "created_at": "2025-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": "", **message},
        }

    def _end(self, reply: ScriptedReply) -> dict[str, Any]:
        return {
            "done": True,
            "done_reason": "stop",
            "total_duration": 5,
            "prompt_eval_count": reply.input_tokens,
            "eval_count": reply.output_tokens,
        }

    def _calls(self, reply: ScriptedReply) -> dict[str, Any]:
        return (
            {"tool_calls": [_tool_call(call) for call in reply.tool_calls]}
            if reply.tool_calls
            else {}
        )


def _tool_call(call: ScriptedToolCall) -> dict[str, Any]:
    try:
        arguments = json.loads(call.args or "{}")
    except ValueError as error:
        raise Unsupported("arguments are sent as objects") from error
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments}}
