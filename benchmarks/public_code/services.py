"""The requests and answers of each service, to and from what all share."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.public_code.answers import Answer, Request, chunks, vector

Events = Iterator[dict[str, Any]]
ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "developer": "system",
         "function": "tool"}  # fmt: skip
CALL = "call_1"


def text_of(content: Any) -> str:
    """Return the text of a message's content, whether a string or blocks."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    return "".join(
        part if isinstance(part, str) else str(part.get("text") or part.get("content") or "")
        for part in parts
        if part
    )


def _messages(found: Sequence[Any]) -> list[tuple[str, str]]:
    messages: list[tuple[str, str]] = []
    for message in found:
        role = ROLES.get(str(message.get("role")), str(message.get("role")))
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        if any(isinstance(block, dict) and block.get("type") == "tool_result" for block in blocks):
            role = "tool"
        messages.append((role, text_of(content)))
    return messages


# OpenAI


def openai_request(body: dict[str, Any]) -> Request:
    """Read a request for a chat completion."""
    functions = [tool.get("function", {}) for tool in body.get("tools") or ()]
    functions += body.get("functions") or ()
    tools = {f["name"]: f.get("parameters") or {} for f in functions if f.get("name")}
    choice = body.get("tool_choice") or body.get("function_call")
    forced = None
    if isinstance(choice, dict):
        forced = (choice.get("function") or choice).get("name")
    elif choice in {"required", "any"}:
        forced = ""
    if choice == "none":
        tools = {}
    form: Any = body.get("response_format") or body.get("format") or {}
    schema: Any = None
    if form == "json" or (isinstance(form, dict) and form.get("type") == "json_object"):
        schema = {}
    elif isinstance(form, dict) and form:
        schema = form.get("json_schema", {}).get("schema", form)
        schema = None if schema.get("type") == "text" else schema
    return Request(_messages(body.get("messages", ())), tools, forced, schema)


def _usage(request: Request, answer: Answer) -> tuple[int, int]:
    asked = sum(len(text.split()) + 3 for _, text in request.messages)
    return asked, len((answer.text or json.dumps(answer.arguments)).split())


def openai_answer(body: dict[str, Any], request: Request, answer: Answer) -> dict[str, Any]:
    """Return a chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.tool and body.get("functions"):
        message["function_call"] = {
            "name": answer.tool,
            "arguments": json.dumps(answer.arguments),
        }
    elif answer.tool:
        message["tool_calls"] = [_openai_call(answer)]
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls" if answer.tool else "stop",
        "logprobs": _logprobs(answer) if body.get("logprobs") else None,
    }
    asked, said = _usage(request, answer)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": body.get("model") or "m",
        "system_fingerprint": "fp_1",
        "choices": [{**choice, "index": index} for index in range(body.get("n") or 1)],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }


def _openai_call(answer: Answer) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": json.dumps(answer.arguments)}
    return {"id": CALL, "type": "function", "function": function}


def _logprobs(answer: Answer) -> dict[str, Any]:
    return {
        "content": [
            {"token": chunk, "bytes": list(chunk.encode()), "logprob": -0.5, "top_logprobs": []}
            for chunk in chunks(answer.text)
        ]
    }


def openai_events(body: dict[str, Any], request: Request, answer: Answer) -> Events:
    """Yield the events of a streamed chat completion."""
    base = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": body.get("model") or "m",
        "system_fingerprint": "fp_1",
    }

    def event(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {**base, "choices": [choice]}

    yield event({"role": "assistant", "content": "" if answer.text else None})
    if answer.tool:
        written = json.dumps(answer.arguments)
        call = _openai_call(answer)
        first = {**call, "index": 0, "function": {"name": answer.tool, "arguments": ""}}
        yield event({"tool_calls": [first]})
        for chunk in chunks(written):
            yield event({"tool_calls": [{"index": 0, "function": {"arguments": chunk}}]})
    else:
        for chunk in chunks(answer.text):
            yield event({"content": chunk})
    yield event({}, "tool_calls" if answer.tool else "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        usage = openai_answer(body, request, answer)["usage"]
        yield {**base, "choices": [], "usage": usage}


def completion(body: dict[str, Any], answers: Sequence[Answer]) -> dict[str, Any]:
    """Return a completion of a string, for each prompt one choice."""
    choices = [
        {"text": answer.text, "index": index, "finish_reason": "stop", "logprobs": None}
        for index, answer in enumerate(answers)
    ]
    usage = {"prompt_tokens": 7, "completion_tokens": 7, "total_tokens": 14}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1700000000,
        "model": body.get("model"),
        "choices": choices,
        "usage": usage,
    }


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Return the embeddings of strings; tokens are bytes, as the runner's encoding has them."""
    found = body.get("input", [])
    strings = [found] if isinstance(found, str) or (found and isinstance(found[0], int)) else found
    data: list[dict[str, Any]] = []
    for index, text in enumerate(strings):
        plain = bytes(text).decode(errors="replace") if isinstance(text, list) else text
        numbers: Any = vector(plain, body.get("dimensions") or 256)
        if body.get("encoding_format") == "base64":
            numbers = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        data.append({"object": "embedding", "index": index, "embedding": numbers})
    usage = {"prompt_tokens": len(strings), "total_tokens": len(strings)}
    return {"object": "list", "data": data, "model": body.get("model"), "usage": usage}


# Anthropic


def anthropic_request(body: dict[str, Any]) -> Request:
    """Read a request for a message."""
    system = text_of(body["system"]) if body.get("system") else ""
    messages = [("system", system)] * bool(system) + _messages(body.get("messages", ()))
    tools = {tool["name"]: tool.get("input_schema") or {} for tool in body.get("tools") or ()}
    choice = body.get("tool_choice") or {}
    forced = {"tool": choice.get("name"), "any": ""}.get(str(choice.get("type")))
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return Request(messages, tools, forced, form.get("schema"))


def anthropic_answer(body: dict[str, Any], request: Request, answer: Answer) -> dict[str, Any]:
    """Return a message."""
    block: dict[str, Any] = {"type": "text", "text": answer.text}
    if answer.tool:
        block = {"type": "tool_use", "id": CALL, "name": answer.tool, "input": answer.arguments}
    asked, said = _usage(request, answer)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [block],
        "stop_reason": "tool_use" if answer.tool else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": asked, "output_tokens": said},
    }


def anthropic_events(body: dict[str, Any], request: Request, answer: Answer) -> Events:
    """Yield the events of a streamed message."""
    whole = anthropic_answer(body, request, answer)
    begun = {**whole, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": begun}
    block = whole["content"][0]
    empty = {**block, "input": {}} if answer.tool else {**block, "text": ""}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    text = json.dumps(answer.arguments) if answer.tool else answer.text
    for chunk in chunks(text):
        delta = {"type": "text_delta", "text": chunk}
        if answer.tool:
            delta = {"type": "input_json_delta", "partial_json": chunk}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": whole["usage"]}
    yield {"type": "message_stop"}


# Google


def google_request(body: dict[str, Any]) -> Request:
    """Read a request for content."""
    messages: list[tuple[str, str]] = []
    if system := body.get("systemInstruction"):
        messages.append(("system", text_of(system.get("parts", ()))))
    for content in body.get("contents", ()):
        parts = content.get("parts", [])
        role = ROLES.get(content.get("role", "user"), "user")
        if any("functionResponse" in part for part in parts):
            role = "tool"
        messages.append((role, text_of(parts)))
    tools = {
        declared["name"]: declared.get("parameters") or declared.get("parametersJsonSchema") or {}
        for tool in body.get("tools") or ()
        for declared in tool.get("functionDeclarations", ())
    }
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    forced = (
        (calling.get("allowedFunctionNames") or [""])[0] if calling.get("mode") == "ANY" else None
    )
    config = body.get("generationConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if schema is None and config.get("responseMimeType") == "application/json":
        schema = {}
    return Request(messages, tools, forced, schema)


def google_answer(
    body: dict[str, Any], request: Request, answer: Answer, text: str | None = None
) -> dict[str, Any]:
    """Return content, or a part of it."""
    part: dict[str, Any] = {"text": answer.text if text is None else text}
    if answer.tool:
        part = {"functionCall": {"name": answer.tool, "args": answer.arguments}}
    asked, said = _usage(request, answer)
    usage = {
        "promptTokenCount": asked,
        "candidatesTokenCount": said,
        "totalTokenCount": asked + said,
    }
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"}


# Ollama


def ollama_answer(
    body: dict[str, Any], request: Request, answer: Answer, text: str | None = None
) -> dict[str, Any]:
    """Return a whole message of Ollama's; with `text`, a part of one that goes on."""
    asked, said = _usage(request, answer)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text if text is None else text,
    }
    if answer.tool:
        message["tool_calls"] = [{"function": {"name": answer.tool, "arguments": answer.arguments}}]
    event = {
        "model": body.get("model"),
        "created_at": "2024-01-07T00:00:00Z",
        "message": message,
        "done": text is None,
    }
    if "prompt" in body:
        event["response"] = message["content"]
    if text is None:
        event |= {"done_reason": "stop", "prompt_eval_count": asked, "eval_count": said}
    return event
