"""Messages as the input items of OpenAI's Responses.

An answer becomes the items that it consisted of, in the model's order: reasoning, text, calls.
Reasoning is sent back unchanged, with its ids and its encrypted content, because the service
refuses a call whose reasoning is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.messages import AIMessage, BaseMessage, ToolMessage
from runnables.messages.kinds import role_of
from runnables.messages.normalize import base64_of, canonical_blocks, check_place

_DEVELOPER: Final = "__openai_role__"


def input_items(
    messages: Sequence[BaseMessage], *, full_items: bool = False
) -> list[dict[str, Any]]:
    """Return a conversation as input items.

    Args:
        messages: the conversation.
        full_items: whether the text of an answer is sent back as an item with all fields, and an
            id that is made here. OpenAI takes the text alone, too; other servers may not.
    """
    items = [item for message in messages for item in _items(message)]
    return [_full_item(item, place) for place, item in enumerate(items)] if full_items else items


def _full_item(item: dict[str, Any], place: int) -> dict[str, Any]:
    if item.get("role") != "assistant" or not isinstance(item.get("content"), str):
        return item
    text: dict[str, Any] = {"type": "output_text", "text": item["content"], "annotations": []}
    head = {"type": "message", "id": f"msg_{place}", "status": "completed"}
    return {**head, "role": "assistant", "content": [text]}


def _items(message: BaseMessage) -> Sequence[dict[str, Any]]:
    if isinstance(message, ToolMessage):
        return (_result(message),)
    if isinstance(message, AIMessage):
        return _answer_items(message)
    role = message.additional_kwargs.get(_DEVELOPER) or role_of(message)
    if isinstance(message.content, str):
        return ({"role": role, "content": message.content},)
    blocks = cast("Sequence[Mapping[str, Any]]", canonical_blocks(message.content))
    return ({"role": role, "content": [_part(block) for block in blocks]},)


def _result(message: ToolMessage) -> dict[str, Any]:
    content: Any = message.content
    if not isinstance(content, str):
        blocks = cast("Sequence[Mapping[str, Any]]", canonical_blocks(message.content))
        content = [_part(block) for block in blocks]
    return {
        "type": "function_call_output",
        "call_id": message.tool_call_id,
        "output": content,
    }


def _answer_items(message: AIMessage) -> list[dict[str, Any]]:
    """Return the items of an answer."""
    items: list[dict[str, Any]] = []
    text: list[str] = []

    def flush() -> None:
        if text:
            items.append({"role": "assistant", "content": "".join(text)})
            text.clear()

    for block in cast("Sequence[Mapping[str, Any]]", message.content_blocks):
        match block["type"]:
            case "text":
                text.append(block["text"])
                continue
            case "refusal":
                text.append(block["refusal"])
                continue
            case "reasoning":
                item = _reasoning(block)
            case "tool_call" | "invalid_tool_call":
                item = _call(block)
            case "non_standard":
                item = dict(block["value"])
            case _:
                item = None
        if item is not None:
            flush()
            items.append(item)
    flush()
    return items


def _reasoning(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return reasoning of OpenAI's own as an item; None for that of other services."""
    extras: Mapping[str, Any] = block.get("extras") or {}
    if not block.get("id") and not extras.get("encrypted_content"):
        return None
    text: str | None = block.get("reasoning")
    parts = text.split("\n\n") if text else []
    summary = [{"type": "summary_text", "text": part} for part in parts]
    item = {"type": "reasoning", "summary": summary}
    item |= {"id": block["id"]} if block.get("id") else {}
    encrypted = extras.get("encrypted_content")
    return {**item, "encrypted_content": encrypted} if encrypted else item


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    args = block["args"]
    text = args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False)
    return {
        "type": "function_call",
        "call_id": block.get("id"),
        "name": block["name"] or "",
        "arguments": text,
    }


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block of a message as a part of the input; unknown types are sent unchanged."""
    extras: Mapping[str, Any] = block.get("extras") or {}
    match block["type"]:
        case "text":
            return {"type": "input_text", "text": block["text"]}
        case "text-plain" if "text" in block:
            return {"type": "input_text", "text": block["text"]}
        case "image":
            return {"type": "input_image", **_image(block), "detail": extras.get("detail", "auto")}
        case "file":
            return {"type": "input_file", **_file(block, extras)}
        case "non_standard":
            if block["value"].get("type") == "image":
                check_place(block)
            return dict(block["value"])
        case _:
            return dict(block)


def _image(block: Mapping[str, Any]) -> dict[str, Any]:
    if "file_id" in block:
        return {"file_id": block["file_id"]}
    return {"image_url": _url(block, "image/png")}


def _file(block: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    if "file_id" in block:
        return {"file_id": block["file_id"]}
    if "base64" in block:
        name = extras.get("filename", "file")
        return {"filename": name, "file_data": _url(block, "application/pdf")}
    return {"file_url": block.get("url")}


def _url(block: Mapping[str, Any], default_type: str) -> str | None:
    if "base64" in block:
        return f"data:{block.get('mime_type', default_type)};base64,{base64_of(block)}"
    return cast("str | None", block.get("url"))
