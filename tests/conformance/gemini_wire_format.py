"""The wire format of Gemini's generateContent: https://ai.google.dev/api/generate-content."""

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
    sse_event,
)

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class GeminiWireFormat(WireFormat):
    """generateContent: arguments are objects, and a tool call comes in one event."""

    def is_streamed(self, request: RecordedRequest) -> bool:
        return "streamGenerateContent" in request.path

    def response(self, reply: ScriptedReply) -> Response:
        parts = [*([{"text": reply.text}] if reply.text else []), *self._call_parts(reply)]
        return Response(self._event(reply, parts, last=True))

    def events(self, reply: ScriptedReply) -> list[bytes]:
        parts = [*({"text": text} for text in reply.text_chunks()), *self._call_parts(reply)]
        events = [self._event(reply, [part], last=False) for part in parts]
        return [*map(sse_event, events), sse_event(self._event(reply, [{"text": ""}], last=True))]

    def error(self, status: int, message: str) -> Response:
        error = {"code": status, "message": message, "status": STATUS_NAMES.get(status, "UNKNOWN")}
        return Response({"error": error}, status)

    def stream_error(self, message: str) -> bytes:
        return sse_event({"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}})

    def _event(self, reply: ScriptedReply, parts: list[Any], *, last: bool) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if last:
            candidate["finishReason"] = "STOP"
        counts = {
            "promptTokenCount": reply.input_tokens,
            "candidatesTokenCount": reply.output_tokens,
            "totalTokenCount": reply.input_tokens + reply.output_tokens,
        }
        return {
            "candidates": [candidate],
            "usageMetadata": counts,
            "modelVersion": reply.model,
            "responseId": "resp_1",
        }

    def _call_parts(self, reply: ScriptedReply) -> list[dict[str, Any]]:
        return [{"functionCall": _function_call(call)} for call in reply.tool_calls]


def _function_call(call: ScriptedToolCall) -> dict[str, Any]:
    try:
        return {"name": call.name, "args": json.loads(call.args or "{}"), "id": call.id}
    except ValueError as error:
        raise Unsupported("arguments are sent as objects") from error
