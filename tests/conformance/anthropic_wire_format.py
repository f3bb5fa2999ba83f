"""How Anthropic's Messages API speaks: https://docs.anthropic.com/en/api/messages."""

from __future__ import annotations

import json
from typing import Any

from runnables.testing import (
    Answer,
    ScriptedReply,
    ScriptedToolCall,
    Unsupported,
    WireFormat,
    server_sent,
)

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


class MessagesWire(WireFormat):
    """Whole answers hold arguments as objects; streams, as pieces of text."""

    terminal = 2  # the reason with the usage, and the end

    def answer(self, said: ScriptedReply) -> Answer:
        blocks = [{"type": "text", "text": said.text}] if said.text else []
        blocks += [self._use(call, _arguments(call)) for call in said.calls]
        body = {**self._message(said), "content": blocks, "stop_reason": self._reason(said)}
        usage = {"input_tokens": said.input_tokens, "output_tokens": said.output_tokens}
        return Answer({**body, "usage": usage}, headers={"request-id": "req_1"})

    def events(self, said: ScriptedReply) -> list[bytes]:
        usage = {"input_tokens": said.input_tokens, "output_tokens": 1}
        begun = {**self._message(said), "content": [], "stop_reason": None, "usage": usage}
        found: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
        blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        if said.text:
            deltas = [{"type": "text_delta", "text": it} for it in said.pieces()]
            blocks.append(({"type": "text", "text": ""}, deltas))
        for call in said.calls:
            pieces = ["", *(call.args[at : at + 4] for at in range(0, len(call.args), 4))]
            inputs = [{"type": "input_json_delta", "partial_json": it} for it in pieces]
            blocks.append((self._use(call, {}), inputs))
        for index, (start, deltas) in enumerate(blocks):
            at = {"index": index}
            found.append({"type": "content_block_start", **at, "content_block": start})
            found += [{"type": "ping"}] if index == 0 else []
            found += [{"type": "content_block_delta", **at, "delta": it} for it in deltas]
            found.append({"type": "content_block_stop", **at})
        delta = {"stop_reason": self._reason(said), "stop_sequence": None}
        counts = {"output_tokens": said.output_tokens}
        found.append({"type": "message_delta", "delta": delta, "usage": counts})
        found.append({"type": "message_stop"})
        return [server_sent(it, it["type"]) for it in found]

    def error(self, status: int, message: str) -> Answer:
        error = {"type": KINDS.get(status, "api_error"), "message": message}
        return Answer({"type": "error", "error": error, "request_id": "req_1"}, status)

    def fault(self, message: str) -> bytes:
        error = {"type": "overloaded_error", "message": message}
        return server_sent({"type": "error", "error": error}, "error")

    def _message(self, said: ScriptedReply) -> dict[str, Any]:
        named = {"id": "msg_1", "type": "message", "role": "assistant", "model": said.model}
        return {**named, "stop_sequence": None}

    def _use(self, call: ScriptedToolCall, args: Any) -> dict[str, Any]:
        return {"type": "tool_use", "id": call.id, "name": call.name, "input": args}

    def _reason(self, said: ScriptedReply) -> str:
        return "tool_use" if said.calls else "end_turn"


def _arguments(call: ScriptedToolCall) -> Any:
    try:
        return json.loads(call.args or "{}")
    except ValueError as error:
        raise Unsupported("arguments are objects in a whole answer") from error
