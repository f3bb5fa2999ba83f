"""Messages as the input items of OpenAI's Responses.

An answer becomes the items that it was made of, in the order that the model made them: thoughts,
text, calls. Thoughts go back as they came, with their ids and what is sealed in them, because the
service refuses a call whose thought is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.messages import AIMessage, BaseMessage, ToolMessage
from runnables.messages.kinds import role_of
from runnables.messages.normalize import base64_of, canonical_blocks, check_place

_DEVELOPER: Final = "__openai_role__"


def input_items(messages: Sequence[BaseMessage], *, whole: bool = False) -> list[dict[str, Any]]:
    """A conversation as input items.

    Args:
        messages: what was said.
        whole: whether what the model said goes back as an item with all that its answer had, and
            an id that is made here. OpenAI takes the text alone, too; other servers may not.
    """
    items = [item for message in messages for item in _items(message)]
    return [_whole(item, at) for at, item in enumerate(items)] if whole else items


def _whole(item: dict[str, Any], place: int) -> dict[str, Any]:
    if item.get("role") != "assistant" or not isinstance(item.get("content"), str):
        return item
    text: dict[str, Any] = {"type": "output_text", "text": item["content"], "annotations": []}
    about = {"type": "message", "id": f"msg_{place}", "status": "completed"}
    return {**about, "role": "assistant", "content": [text]}


def _items(message: BaseMessage) -> Sequence[dict[str, Any]]:
    if isinstance(message, ToolMessage):
        return (_result(message),)
    if isinstance(message, AIMessage):
        return _said(message)
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


def _said(message: AIMessage) -> list[dict[str, Any]]:
    """The items of an answer."""
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
                made = _thought(block)
            case "tool_call" | "invalid_tool_call":
                made = _call(block)
            case "non_standard":
                made = dict(block["value"])
            case _:
                made = None
        if made is not None:
            flush()
            items.append(made)
    flush()
    return items


def _thought(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """A thought of OpenAI's own; those of other services mean nothing to it."""
    extras: Mapping[str, Any] = block.get("extras") or {}
    if not block.get("id") and not extras.get("encrypted_content"):
        return None
    summary = [{"type": "summary_text", "text": it} for it in _parts(block.get("reasoning"))]
    thought = {"type": "reasoning", "summary": summary}
    thought |= {"id": block["id"]} if block.get("id") else {}
    sealed = extras.get("encrypted_content")
    return {**thought, "encrypted_content": sealed} if sealed else thought


def _parts(text: str | None) -> list[str]:
    return text.split("\n\n") if text else []


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
    """A block of a message as a part of the input.

    What has no form of its own goes as it stands.
    """
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


def _url(block: Mapping[str, Any], otherwise: str) -> str | None:
    if "base64" in block:
        return f"data:{block.get('mime_type', otherwise)};base64,{base64_of(block)}"
    return cast("str | None", block.get("url"))
