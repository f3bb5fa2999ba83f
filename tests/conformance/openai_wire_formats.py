"""How OpenAI's services speak, as their API reference has it."""

from __future__ import annotations

from typing import Any

from runnables.testing import Answer, ScriptedReply, ScriptedToolCall, WireFormat, server_sent


class CompletionsWire(WireFormat):
    """Chat completions: https://platform.openai.com/docs/api-reference/chat."""

    terminal = 3  # the reason, the usage, and "[DONE]"

    def answer(self, said: ScriptedReply) -> Answer:
        message = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.calls:
            message["tool_calls"] = [self._call(it) for it in said.calls]
        choice = {"index": 0, "message": message, "finish_reason": self._reason(said)}
        body = {**self._base(said, "chat.completion"), "choices": [choice]}
        return Answer({**body, "usage": self._usage(said)}, headers={"x-request-id": "req_1"})

    def events(self, said: ScriptedReply) -> list[bytes]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
        deltas += [{"content": piece} for piece in said.pieces()]
        for index, call in enumerate(said.calls):
            start = {"index": index, **self._call(call)}
            start["function"] = {"name": call.name, "arguments": ""}
            deltas.append({"tool_calls": [start]})
            for at in range(0, len(call.args), 4):
                piece = {"index": index, "function": {"arguments": call.args[at : at + 4]}}
                deltas.append({"tool_calls": [piece]})
        base = {**self._base(said, "chat.completion.chunk"), "usage": None}
        chunks = [
            {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            for delta in deltas
        ]
        end = {"index": 0, "delta": {}, "finish_reason": self._reason(said)}
        chunks.append({**base, "choices": [end]})
        chunks.append({**base, "choices": [], "usage": self._usage(said)})
        return [*map(server_sent, chunks), server_sent("[DONE]")]

    def error(self, status: int, message: str) -> Answer:
        error = {"message": message, "type": "some_error", "param": None, "code": None}
        return Answer({"error": error}, status)

    def fault(self, message: str) -> bytes:
        return server_sent({"error": {"message": message, "type": "server_error", "code": None}})

    def _call(self, call: ScriptedToolCall) -> dict[str, Any]:
        function = {"name": call.name, "arguments": call.args}
        return {"id": call.id, "type": "function", "function": function}

    def _base(self, said: ScriptedReply, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1700000000, "model": said.model}

    def _reason(self, said: ScriptedReply) -> str:
        return "tool_calls" if said.calls else "stop"

    def _usage(self, said: ScriptedReply) -> dict[str, Any]:
        read, written = said.input_tokens, said.output_tokens
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": 0},
        }


class ResponsesWire(CompletionsWire):
    """Responses: https://platform.openai.com/docs/api-reference/responses."""

    terminal = 1

    def answer(self, said: ScriptedReply) -> Answer:
        return Answer(self._response(said, "completed"), headers={"x-request-id": "req_1"})

    def events(self, said: ScriptedReply) -> list[bytes]:
        begun = {**self._response(ScriptedReply(model=said.model), "in_progress"), "usage": None}
        found: list[dict[str, Any]] = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]
        for index, item in enumerate(self._items(said)):
            at = {"output_index": index, "item_id": item["id"]}
            begin = self._text_events if item["type"] == "message" else self._call_events
            found += begin(item, at, said)
            done = {"output_index": index, "item": item}
            found.append({"type": "response.output_item.done", **done})
        end = {"type": "response.completed", "response": self._response(said, "completed")}
        found.append(end)
        numbered = [{**it, "sequence_number": number} for number, it in enumerate(found)]
        return [server_sent(it, it["type"]) for it in numbered]

    def fault(self, message: str) -> bytes:
        error = {"type": "error", "code": "server_error", "message": message, "param": None}
        return server_sent(error, "error")

    def _text_events(self, item: Any, at: Any, said: ScriptedReply) -> list[dict[str, Any]]:
        part = {**at, "content_index": 0}
        empty = {"type": "output_text", "text": "", "annotations": []}
        whole = {**empty, "text": said.text}
        begun = {**item, "status": "in_progress", "content": []}
        deltas = [
            {"type": "response.output_text.delta", **part, "delta": it} for it in said.pieces()
        ]
        return [
            {"type": "response.output_item.added", "output_index": 0, "item": begun},
            {"type": "response.content_part.added", **part, "part": empty},
            *deltas,
            {"type": "response.output_text.done", **part, "text": said.text},
            {"type": "response.content_part.done", **part, "part": whole},
        ]

    def _call_events(self, item: Any, at: Any, said: ScriptedReply) -> list[dict[str, Any]]:
        args = item["arguments"]
        kind = "response.function_call_arguments"
        begun = {**item, "status": "in_progress", "arguments": ""}
        pieces = [args[start : start + 4] for start in range(0, len(args), 4)]
        return [
            {
                "type": "response.output_item.added",
                "output_index": at["output_index"],
                "item": begun,
            },
            *({"type": f"{kind}.delta", **at, "delta": piece} for piece in pieces),
            {"type": f"{kind}.done", **at, "arguments": args},
        ]

    def _response(self, said: ScriptedReply, status: str) -> dict[str, Any]:
        read, written = said.input_tokens, said.output_tokens
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1700000000,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": said.model,
            "output": self._items(said),
            "usage": {
                "input_tokens": read,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": written,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": read + written,
            },
        }

    def _items(self, said: ScriptedReply) -> list[dict[str, Any]]:
        text = {"type": "output_text", "text": said.text, "annotations": []}
        message = {
            "id": "msg_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [text],
        }
        calls = [
            {
                "id": f"fc_{number}",
                "type": "function_call",
                "status": "completed",
                "name": call.name,
                "call_id": call.id,
                "arguments": call.args,
            }
            for number, call in enumerate(said.calls)
        ]
        return [*([message] if said.text else []), *calls]
