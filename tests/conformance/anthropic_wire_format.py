"""The wire format of Anthropic's Messages API: https://docs.anthropic.com/en/api/messages."""

from __future__ import annotations

import json
from typing import Any

from runnables.testing import (
    Response,
    ScriptedReply,
    ScriptedToolCall,
    Unsupported,
    WireFormat,
    sse_event,
)

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


class MessagesWireFormat(WireFormat):
    """Messages: a response holds arguments as objects, and a stream as parts of a string."""

    terminal = 2  # the reason with the usage, and the end

    def response(self, reply: ScriptedReply) -> Response:
        blocks = [{"type": "text", "text": reply.text}] if reply.text else []
        blocks += [self._tool_use(call, _arguments(call)) for call in reply.tool_calls]
        body = {**self._message(reply), "content": blocks, "stop_reason": self._stop_reason(reply)}
        usage = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
        return Response({**body, "usage": usage}, headers={"request-id": "req_1"})

    def events(self, reply: ScriptedReply) -> list[bytes]:
        usage = {"input_tokens": reply.input_tokens, "output_tokens": 1}
        message = {**self._message(reply), "content": [], "stop_reason": None, "usage": usage}
        blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        if reply.text:
            deltas = [{"type": "text_delta", "text": text} for text in reply.text_chunks()]
            blocks.append(({"type": "text", "text": ""}, deltas))
        for call in reply.tool_calls:
            parts = ["", *(call.args[start : start + 4] for start in range(0, len(call.args), 4))]
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
            blocks.append((self._tool_use(call, {}), deltas))
        events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
        for index, (block, deltas) in enumerate(blocks):
            events.append({"type": "content_block_start", "index": index, "content_block": block})
            events += [{"type": "ping"}] if index == 0 else []
            events += [
                {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
            ]
            events.append({"type": "content_block_stop", "index": index})
        delta = {"stop_reason": self._stop_reason(reply), "stop_sequence": None}
        counts = {"output_tokens": reply.output_tokens}
        events.append({"type": "message_delta", "delta": delta, "usage": counts})
        events.append({"type": "message_stop"})
        return [sse_event(event, event["type"]) for event in events]

    def error(self, status: int, message: str) -> Response:
        error = {"type": ERROR_TYPES.get(status, "api_error"), "message": message}
        return Response({"type": "error", "error": error, "request_id": "req_1"}, status)

    def stream_error(self, message: str) -> bytes:
        error = {"type": "overloaded_error", "message": message}
        return sse_event({"type": "error", "error": error}, "error")

    def _message(self, reply: ScriptedReply) -> dict[str, Any]:
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": reply.model}
        return {**message, "stop_sequence": None}

    def _tool_use(self, call: ScriptedToolCall, args: Any) -> dict[str, Any]:
        return {"type": "tool_use", "id": call.id, "name": call.name, "input": args}

    def _stop_reason(self, reply: ScriptedReply) -> str:
        return "tool_use" if reply.tool_calls else "end_turn"


def _arguments(call: ScriptedToolCall) -> Any:
    try:
        return json.loads(call.args or "{}")
    except ValueError as error:
        raise Unsupported("a response that is not streamed holds arguments as objects") from error
