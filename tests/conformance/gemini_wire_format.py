"""How Gemini's generateContent speaks: https://ai.google.dev/api/generate-content."""

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
    server_sent,
)

KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class GeminiWire(WireFormat):
    """Arguments are objects, also in streams, where each call comes whole."""

    def is_streamed(self, asked: RecordedRequest) -> bool:
        return "streamGenerateContent" in asked.path

    def answer(self, said: ScriptedReply) -> Answer:
        parts = [*([{"text": said.text}] if said.text else []), *self._calls(said)]
        return Answer(self._event(said, parts, last=True))

    def events(self, said: ScriptedReply) -> list[bytes]:
        parts = [*({"text": piece} for piece in said.pieces()), *self._calls(said)]
        found = [self._event(said, [part], last=False) for part in parts]
        return [*map(server_sent, found), server_sent(self._event(said, [{"text": ""}], last=True))]

    def error(self, status: int, message: str) -> Answer:
        error = {"code": status, "message": message, "status": KINDS.get(status, "UNKNOWN")}
        return Answer({"error": error}, status)

    def fault(self, message: str) -> bytes:
        return server_sent({"error": {"code": 503, "message": message, "status": "UNAVAILABLE"}})

    def _event(self, said: ScriptedReply, parts: list[Any], *, last: bool) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if last:
            candidate["finishReason"] = "STOP"
        counts = {
            "promptTokenCount": said.input_tokens,
            "candidatesTokenCount": said.output_tokens,
            "totalTokenCount": said.input_tokens + said.output_tokens,
        }
        return {
            "candidates": [candidate],
            "usageMetadata": counts,
            "modelVersion": said.model,
            "responseId": "resp_1",
        }

    def _calls(self, said: ScriptedReply) -> list[dict[str, Any]]:
        return [{"functionCall": _call(call)} for call in said.calls]


def _call(call: ScriptedToolCall) -> dict[str, Any]:
    try:
        return {"name": call.name, "args": json.loads(call.args or "{}"), "id": call.id}
    except ValueError as error:
        raise Unsupported("arguments are objects") from error
