"""What a server answers, as what our tools return: content for the model, and an artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.tools.results import as_text

if TYPE_CHECKING:
    from mcp.types import CallToolResult


def content_and_artifact(result: CallToolResult) -> tuple[Any, Any]:
    """Return the content of an answer, and its structured content.

    One text is a string; anything else is a list of content blocks. Where there is no content, it
    is the structured content as JSON.
    """
    structured = result.structured_content
    blocks = [_block(block) for block in result.content]
    if not blocks:
        return ("" if structured is None else as_text(structured)), structured
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        return blocks[0]["text"], structured
    return blocks, structured


def _block(block: Any) -> dict[str, Any]:
    """Return a content block of MCP as one of ours."""
    match block.type:
        case "text":
            return {"type": "text", "text": block.text}
        case "image" | "audio":
            return {"type": block.type, "base64": block.data, "mime_type": block.mime_type}
        case "resource_link":
            return {"type": "text", "text": _link(block)}
        case _:
            return _resource(block.resource)


def _link(link: Any) -> str:
    """Return a link as text: a service that followed it could seldom reach the resource."""
    about = f": {link.description}" if link.description else ""
    return f"{link.title or link.name} <{link.uri}>{about}"


def _resource(resource: Any) -> dict[str, Any]:
    text = getattr(resource, "text", None)
    if text is not None:
        return {"type": "text", "text": text}
    mime_type = resource.mime_type or "application/octet-stream"
    kind = mime_type.partition("/")[0]
    type_ = kind if kind in ("image", "audio", "video") else "file"
    return {"type": type_, "base64": resource.blob, "mime_type": mime_type}


def error_text(result: CallToolResult) -> str:
    """Return what a model reads of a tool that has failed."""
    content, _ = content_and_artifact(result)
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block["type"] == "text")
