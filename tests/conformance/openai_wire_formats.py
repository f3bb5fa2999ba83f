"""The wire formats of OpenAI's APIs, from their API reference."""

from __future__ import annotations

from typing import Any

from runnables.testing import Response, ScriptedReply, ScriptedToolCall, WireFormat, sse_event


class CompletionsWireFormat(WireFormat):
    """Chat completions: https://platform.openai.com/docs/api-reference/chat."""

    terminal = 3  # the reason, the usage, and "[DONE]"

    def response(self, reply: ScriptedReply) -> Response:
        message = {"role": "assistant", "content": reply.text or None, "refusal": None}
        if reply.tool_calls:
            message["tool_calls"] = [self._call(call) for call in reply.tool_calls]
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason(reply)}
        body = {**self._base(reply, "chat.completion"), "choices": [choice]}
        return Response({**body, "usage": self._usage(reply)}, headers={"x-request-id": "req_1"})

    def events(self, reply: ScriptedReply) -> list[bytes]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
        deltas += [{"content": text} for text in reply.text_chunks()]
        for index, call in enumerate(reply.tool_calls):
            start = {"index": index, **self._call(call)}
            start["function"] = {"name": call.name, "arguments": ""}
            deltas.append({"tool_calls": [start]})
            for begin in range(0, len(call.args), 4):
                function = {"arguments": call.args[begin : begin + 4]}
                deltas.append({"tool_calls": [{"index": index, "function": function}]})
        base = {**self._base(reply, "chat.completion.chunk"), "usage": None}
        chunks = [
            {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            for delta in deltas
        ]
        end = {"index": 0, "delta": {}, "finish_reason": self._finish_reason(reply)}
        chunks.append({**base, "choices": [end]})
        chunks.append({**base, "choices": [], "usage": self._usage(reply)})
        return [*map(sse_event, chunks), sse_event("[DONE]")]

    def error(self, status: int, message: str) -> Response:
        error = {"message": message, "type": "some_error", "param": None, "code": None}
        return Response({"error": error}, status)

    def stream_error(self, message: str) -> bytes:
        return sse_event({"error": {"message": message, "type": "server_error", "code": None}})

    def _call(self, call: ScriptedToolCall) -> dict[str, Any]:
        function = {"name": call.name, "arguments": call.args}
        return {"id": call.id, "type": "function", "function": function}

    def _base(self, reply: ScriptedReply, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1700000000, "model": reply.model}

    def _finish_reason(self, reply: ScriptedReply) -> str:
        return "tool_calls" if reply.tool_calls else "stop"

    def _usage(self, reply: ScriptedReply) -> dict[str, Any]:
        read, written = reply.input_tokens, reply.output_tokens
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": 0},
        }


class ResponsesWireFormat(CompletionsWireFormat):
    """Responses: https://platform.openai.com/docs/api-reference/responses."""

    terminal = 1

    def response(self, reply: ScriptedReply) -> Response:
        return Response(self._body(reply, "completed"), headers={"x-request-id": "req_1"})

    def events(self, reply: ScriptedReply) -> list[bytes]:
        created = {**self._body(ScriptedReply(model=reply.model), "in_progress"), "usage": None}
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": created},
            {"type": "response.in_progress", "response": created},
        ]
        for index, item in enumerate(self._items(reply)):
            location = {"output_index": index, "item_id": item["id"]}
            item_events = self._text_events if item["type"] == "message" else self._call_events
            events += item_events(item, location, reply)
            done = {"type": "response.output_item.done", "output_index": index, "item": item}
            events.append(done)
        end = {"type": "response.completed", "response": self._body(reply, "completed")}
        events.append(end)
        numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
        return [sse_event(event, event["type"]) for event in numbered]

    def stream_error(self, message: str) -> bytes:
        error = {"type": "error", "code": "server_error", "message": message, "param": None}
        return sse_event(error, "error")

    def _text_events(self, item: Any, location: Any, reply: ScriptedReply) -> list[dict[str, Any]]:
        part = {**location, "content_index": 0}
        empty = {"type": "output_text", "text": "", "annotations": []}
        full = {**empty, "text": reply.text}
        added = {**item, "status": "in_progress", "content": []}
        deltas = [
            {"type": "response.output_text.delta", **part, "delta": text}
            for text in reply.text_chunks()
        ]
        return [
            {"type": "response.output_item.added", "output_index": 0, "item": added},
            {"type": "response.content_part.added", **part, "part": empty},
            *deltas,
            {"type": "response.output_text.done", **part, "text": reply.text},
            {"type": "response.content_part.done", **part, "part": full},
        ]

    def _call_events(self, item: Any, location: Any, reply: ScriptedReply) -> list[dict[str, Any]]:
        args = item["arguments"]
        kind = "response.function_call_arguments"
        added = {**item, "status": "in_progress", "arguments": ""}
        parts = [args[start : start + 4] for start in range(0, len(args), 4)]
        return [
            {
                "type": "response.output_item.added",
                "output_index": location["output_index"],
                "item": added,
            },
            *({"type": f"{kind}.delta", **location, "delta": part} for part in parts),
            {"type": f"{kind}.done", **location, "arguments": args},
        ]

    def _body(self, reply: ScriptedReply, status: str) -> dict[str, Any]:
        read, written = reply.input_tokens, reply.output_tokens
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1700000000,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": reply.model,
            "output": self._items(reply),
            "usage": {
                "input_tokens": read,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": written,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": read + written,
            },
        }

    def _items(self, reply: ScriptedReply) -> list[dict[str, Any]]:
        text = {"type": "output_text", "text": reply.text, "annotations": []}
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
            for number, call in enumerate(reply.tool_calls)
        ]
        return [*([message] if reply.text else []), *calls]
