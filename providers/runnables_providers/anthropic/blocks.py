"""Content blocks as the Messages API takes them.

Blocks may be canonical, in Anthropic's own format, or in that of another provider. Anthropic's own
are sent unchanged, without the `index` that streamed blocks have.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.errors import InvalidRequestError
from runnables.messages.normalize import base64_of, canonical_block, check_place

if TYPE_CHECKING:
    from runnables.messages.blocks import Block

INVALID_JSON_KEY: Final = "INVALID_JSON"
"""The key under which invalid JSON arguments are shown to the model: arguments must be an object,
and Anthropic's documentation uses this key."""

_CITATION_TYPES: Final = frozenset(
    "char_location page_location content_block_location web_search_result_location "
    "search_result_location".split()
)
"""The types of citations that Anthropic makes; it would refuse those of others."""

_TOOL_CALL_FIELDS: Final = ("caller", "toolset_name", "cache_control")
"""Anthropic's own fields of a tool call; extras of other providers are left out."""

_IMAGES: Final[Mapping[str, str]] = {
    # by the first letters of the base64, the image types that Claude can see
    "iVBOR": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}


@dataclass(frozen=True)
class Author:
    """Where a message comes from, as it decides what is sent back.

    Attributes:
        from_model: whether a model wrote it: only then may it have citations.
        own: whether that was a model of the same service, which gets back all fields that it sent.
        unsigned: whether the service takes reasoning without a signature; Anthropic refuses it, and
            compatible servers do not sign theirs.
    """

    from_model: bool = False
    own: bool = False
    unsigned: bool = False


def request_block(item: str | Mapping[str, Any], where: str, author: Author) -> Block | None:
    """Return an item of a message's content as a block; None where there is nothing to send.

    Args:
        item: a string or a block.
        where: its place, for the error.
        author: where the message comes from.

    Raises:
        InvalidRequestError: Claude cannot read it.
    """
    if isinstance(item, str):
        return text_block(item)
    kind = item.get("type")
    if kind == "thinking":
        return _thinking(item, author)
    if "source" in item:
        return _without_index(item)
    block = cast("Mapping[str, Any]", canonical_block(item))
    match block["type"]:
        case "text":
            return _text(block, author)
        case "refusal":
            return text_block(block["refusal"])
        case "reasoning":
            return _reasoning(block, author)
        case "image":
            return _with_transformations({"type": "image", "source": _source(block)}, block)
        case "file":
            return _file(block, where)
        case "text-plain":
            return _document(block, _text_source(block) if "text" in block else _source(block))
        case "tool_call":
            return tool_use(block, own=author.own)
        case "invalid_tool_call":
            args = {INVALID_JSON_KEY: block.get("args")}
            return tool_use({**block, "args": args}, own=author.own)
        case "tool_call_chunk":
            return None  # an incomplete call
        case "non_standard":
            check_place(block, where)
            return _without_index(block["value"])
        case other:
            raise _unreadable(other, where, "Leave it out, or describe it in words.")


def text_block(text: str) -> Block | None:
    """Return a block of text; None for blank text, which the API refuses."""
    return {"type": "text", "text": text} if text.strip() else None


def tool_use(call: Mapping[str, Any], *, own: bool = False) -> Block:
    """Return a tool call as a block, with the fields that Anthropic expects back.

    Args:
        call: the call.
        own: whether Anthropic sent it, so that all other fields are its own, too.
    """
    use = {"type": "tool_use", "id": call_id(call.get("id")), "name": call.get("name") or "unknown"}
    extras: Mapping[str, Any] = call.get("extras") or {}
    more = {key: extras[key] for key in (extras if own else _TOOL_CALL_FIELDS) if key in extras}
    return {**use, "input": call.get("args") or {}, **more}


def call_id(id: str | None) -> str:
    """Return the id of a call in the letters that the API accepts."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", id or "unknown")


def _without_index(item: Mapping[str, Any]) -> Block:
    return {key: value for key, value in item.items() if key != "index"}


def _thinking(item: Mapping[str, Any], author: Author) -> Block | None:
    """Return reasoning unchanged; None where it has no signature: it is another model's, and the
    API would refuse it."""
    if not item.get("signature") and not (author.own and author.unsigned):
        return None
    return _without_index(item)


def _reasoning(block: Mapping[str, Any], author: Author) -> Block | None:
    extras: Mapping[str, Any] = block.get("extras") or {}
    item = {"type": "thinking", "thinking": block.get("reasoning", "")}
    if author.own:
        return _thinking({**item, **extras}, author)
    if not isinstance(signature := extras.get("signature"), str):
        return None
    return {**item, "signature": signature}


def _text(block: Mapping[str, Any], author: Author) -> Block | None:
    made = text_block(block["text"])
    if made is None:
        return None
    extras: Mapping[str, Any] = block.get("extras") or {}
    if author.own:
        made |= {key: value for key, value in extras.items() if key != "citations"}
    if own := extras.get("citations"):
        made["citations"] = own
    elif author.from_model and (citations := _citations(block, author)):
        made["citations"] = citations
    return _with_cache_control(made, extras)


def _citations(block: Mapping[str, Any], author: Author) -> list[dict[str, Any]]:
    return [
        # answers have a `file_id`, which requests may not have
        {key: value for key, value in annotation.items() if key != "file_id"}
        for annotation in block.get("annotations") or ()
        if author.own or annotation.get("type") in _CITATION_TYPES
    ]


def _file(block: Mapping[str, Any], where: str) -> Block:
    """Return a document (PDF or plain text) or an image; a file by URL or id as a document."""
    kind = block.get("mime_type") or "application/pdf"
    if "base64" not in block:
        return _document(block, _source(block))
    if kind.startswith("text/"):
        return _document(block, _text_source({"text": _decoded(block["base64"], where)}))
    if kind.startswith("image/"):
        return _with_transformations({"type": "image", "source": _source(block)}, block)
    if kind != "application/pdf":
        raise _unreadable(f"file ({kind})", where, "Send a PDF, plain text, or an image.")
    return _document(block, _source({**block, "mime_type": kind}))


def _decoded(data: str, where: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidRequestError(
            f"{where}: the base64 of the text file does not read as UTF-8: {error}.",
            provider="anthropic",
        ) from error


def _document(block: Mapping[str, Any], source: Mapping[str, Any]) -> Block:
    document: Block = {"type": "document", "source": source}
    extras: Mapping[str, Any] = block.get("extras") or {}
    fields = {"title": extras.get("filename"), **extras, **block}
    for key in ("title", "context", "citations"):
        if fields.get(key) is not None:
            document[key] = fields[key]
    return _with_cache_control(document, extras)


def _text_source(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "text", "media_type": "text/plain", "data": block["text"]}


def _source(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the bytes of a medium are."""
    if "file_id" in block:
        return {"type": "file", "file_id": block["file_id"]}
    url = block.get("url", "")
    if url.startswith("data:"):
        head, _, data = url.removeprefix("data:").partition(",")
        return _source({"base64": data, "mime_type": head.partition(";")[0]})
    if "base64" not in block:
        return {"type": "url", "url": url}
    data = base64_of(block)
    kind = block.get("mime_type") or _image_type(data)
    return {"type": "base64", "media_type": kind, "data": data}


def _image_type(data: str) -> str:
    """Return the MIME type of an image, from how its base64 begins."""
    return next((kind for start, kind in _IMAGES.items() if data.startswith(start)), "image/png")


def _with_transformations(made: Block, block: Mapping[str, Any]) -> Block:
    """Add the transformations and the cache control of a block."""
    extras: Mapping[str, Any] = block.get("extras") or {}
    if "transformations" in extras:
        made["transformations"] = extras["transformations"]
    return _with_cache_control(made, extras)


def _with_cache_control(made: Block, extras: Mapping[str, Any]) -> Block:
    if extras.get("cache_control"):
        made["cache_control"] = extras["cache_control"]
    return made


def _unreadable(kind: str, where: str, advice: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{where} is of type {kind!r}, which Claude cannot read. {advice}", provider="anthropic"
    )
