"""Content in the words of the Messages API.

Blocks may be canonical, in Anthropic's own form, or in that of another provider; the own form
goes out as it came, but for the `index` that streamed blocks have.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.errors import InvalidRequestError
from runnables.messages.normalize import base64_of, canonical_block, check_place

if TYPE_CHECKING:
    from runnables.messages.blocks import Block

INVALID: Final = "INVALID_JSON"
"""Under which key a call is shown to its model whose arguments were no JSON: they must be an
object, and this is the key that Anthropic's documentation takes."""

_CITED: Final = frozenset(
    "char_location page_location content_block_location web_search_result_location "
    "search_result_location".split()
)
"""The types of citations that Anthropic made; those of others it would refuse."""

_OF_CALLS: Final = ("caller", "toolset_name", "cache_control")
"""What Anthropic says of a call, or is told, beside its arguments; others say other things."""

_IMAGES: Final[Mapping[str, str]] = {
    # how the base64 text of each kind that Claude sees begins
    "iVBOR": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}


def written(item: str | Mapping[str, Any], where: str, *, answered: bool) -> Block | None:
    """One item of a message's content; None where there is nothing to send.

    Args:
        item: a text or a block.
        where: its place, for the error.
        answered: whether the model said it, which alone may cite.

    Raises:
        InvalidRequestError: Claude cannot read it.
    """
    if isinstance(item, str):
        return text_block(item)
    kind = item.get("type")
    if kind == "thinking":
        return _thinking(item)
    if "source" in item:
        return _own(item)
    block = cast("Mapping[str, Any]", canonical_block(item))
    match block["type"]:
        case "text":
            return _text(block, answered)
        case "refusal":
            return text_block(block["refusal"])
        case "reasoning":
            return _reasoning(block)
        case "image":
            return _with_extras({"type": "image", "source": _source(block)}, block)
        case "file":
            return _file(block, where)
        case "text-plain":
            return _document(block, _text_source(block) if "text" in block else _source(block))
        case "tool_call":
            return tool_use(block)
        case "invalid_tool_call":
            return tool_use({**block, "args": {INVALID: block.get("args")}})
        case "tool_call_chunk":
            return None  # half a call
        case "non_standard":
            check_place(block, where)
            return _own(block["value"])
        case other:
            raise _unreadable(other, where, "Leave it out, or describe it in words.")


def text_block(text: str) -> Block | None:
    """A text; none where it is blank, which the API refuses."""
    return {"type": "text", "text": text} if text.strip() else None


def tool_use(call: Mapping[str, Any]) -> Block:
    """A call of a tool, with what Anthropic wants to see of it again."""
    use = {"type": "tool_use", "id": call_id(call.get("id")), "name": call.get("name") or "unknown"}
    extras: Mapping[str, Any] = call.get("extras") or {}
    own = {key: extras[key] for key in _OF_CALLS if key in extras}
    return {**use, "input": call.get("args") or {}, **own}


def call_id(name: str | None) -> str:
    """The name of a call in the letters that the API takes."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name or "unknown")


def _own(item: Mapping[str, Any]) -> Block:
    return {key: value for key, value in item.items() if key != "index"}


def _thinking(item: Mapping[str, Any]) -> Block | None:
    """A thought, which goes back as it came; unsigned it is another model's, and refused."""
    return _own(item) if item.get("signature") else None


def _reasoning(block: Mapping[str, Any]) -> Block | None:
    extras: Mapping[str, Any] = block.get("extras") or {}
    if not isinstance(signature := extras.get("signature"), str):
        return None
    return {"type": "thinking", "thinking": block.get("reasoning", ""), "signature": signature}


def _text(block: Mapping[str, Any], answered: bool) -> Block | None:
    made = text_block(block["text"])
    if made is None:
        return None
    extras: Mapping[str, Any] = block.get("extras") or {}
    if own := extras.get("citations"):
        made["citations"] = own
    elif answered and (cited := [_citation(it) for it in _annotations(block)]):
        made["citations"] = cited
    return _cached(made, extras)


def _annotations(block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [it for it in block.get("annotations") or () if it.get("type") in _CITED]


def _citation(it: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in it.items() if key != "file_id"}  # told, never taken


def _file(block: Mapping[str, Any], where: str) -> Block:
    """A document: PDF or plain text; what else is there, only the service can tell."""
    kind = block.get("mime_type") or "application/pdf"
    if "base64" not in block:
        return _document(block, _source(block))
    if kind.startswith("text/"):
        return _document(block, _text_source({"text": _decoded(block["base64"], where)}))
    if kind.startswith("image/"):
        return _with_extras({"type": "image", "source": _source(block)}, block)
    if kind != "application/pdf":
        raise _unreadable(f"file ({kind})", where, "Send a PDF, plain text, or an image.")
    return _document(block, _source({**block, "mime_type": kind}))


def _decoded(data: str, where: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidRequestError(
            f"{where}: the base64 of a text file does not read as UTF-8: {error}.",
            provider="anthropic",
        ) from error


def _document(block: Mapping[str, Any], source: Mapping[str, Any]) -> Block:
    document: Block = {"type": "document", "source": source}
    extras: Mapping[str, Any] = block.get("extras") or {}
    told = {"title": extras.get("filename"), **extras, **block}
    for key in ("title", "context", "citations"):
        if told.get(key) is not None:
            document[key] = told[key]
    return _cached(document, extras)


def _text_source(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "text", "media_type": "text/plain", "data": block["text"]}


def _source(block: Mapping[str, Any]) -> dict[str, Any]:
    """Where the bytes of a medium are."""
    if "file_id" in block:
        return {"type": "file", "file_id": block["file_id"]}
    url = block.get("url", "")
    if url.startswith("data:"):
        head, _, data = url.removeprefix("data:").partition(",")
        return _source({"base64": data, "mime_type": head.partition(";")[0]})
    if "base64" not in block:
        return {"type": "url", "url": url}
    data = base64_of(block)
    kind = block.get("mime_type") or _seen(data)
    return {"type": "base64", "media_type": kind, "data": data}


def _seen(data: str) -> str:
    """The kind of an image that does not say it."""
    return next((kind for start, kind in _IMAGES.items() if data.startswith(start)), "image/png")


def _with_extras(made: Block, block: Mapping[str, Any]) -> Block:
    extras: Mapping[str, Any] = block.get("extras") or {}
    if "transformations" in extras:
        made["transformations"] = extras["transformations"]
    return _cached(made, extras)


def _cached(made: Block, extras: Mapping[str, Any]) -> Block:
    if extras.get("cache_control"):
        made["cache_control"] = extras["cache_control"]
    return made


def _unreadable(kind: str, where: str, way: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{where} is of type {kind!r}, which Claude cannot read. {way}", provider="anthropic"
    )
