"""From the blocks of providers to the canonical ones."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from runnables.errors import ConfigError
from runnables.messages.blocks import Block, Content, ContentBlock
from runnables.messages.tool_calls import parse_args

Translator: TypeAlias = Callable[[Mapping[str, Any]], Block | None]
"""Translates one block; None: it lacks what it should have."""

_COMMON: Final = {"type", "id", "index", "extras"}
_MEDIA: Final = {"url", "base64", "file_id", "mime_type"}
_KEYS: Final[Mapping[str, set[str]]] = {
    "text": {"text", "annotations"},
    "reasoning": {"reasoning"},
    "refusal": {"refusal"},
    "image": _MEDIA,
    "audio": _MEDIA,
    "video": _MEDIA,
    "file": _MEDIA,
    "text-plain": _MEDIA | {"text", "title", "context"},
    "tool_call": {"name", "args"},
    "tool_call_chunk": {"name", "args"},
    "invalid_tool_call": {"name", "args", "error"},
    "non_standard": {"value"},
}
"""The keys of each canonical block beside the common ones."""
_MEDIA_KINDS: Final = frozenset(kind for kind, keys in _KEYS.items() if keys >= _MEDIA)


def base64_of(block: Mapping[str, Any]) -> str:
    """The bytes of a medium, as base64.

    Raises:
        TypeError: they stand there as bytes, of which nobody knows whether they are base64 yet.
    """
    found = block["base64"]
    if isinstance(found, str):
        return found
    raise TypeError(
        f"The key 'base64' of a block of type {block.get('type')!r} is of type "
        f"{type(found).__name__!r}: expected a text, as of base64.b64encode(data).decode()."
    )


def check_place(block: Mapping[str, Any], where: str = "A block") -> None:
    """Refuse a medium in which nobody finds its bytes.

    Args:
        block: a canonical block; what could not be read is one of type "non_standard".
        where: its place, for the error.

    Raises:
        ConfigError: it has none of the keys that say where they are.
    """
    value: Mapping[str, Any] = block.get("value") or {}
    if block["type"] != "non_standard" or value.get("type") not in _MEDIA_KINDS:
        return
    told = ", ".join(repr(key) for key in value if key != "type") or "nothing"
    raise ConfigError(
        f"{where} of type {value['type']!r} has {told}: it needs 'url', 'base64' or 'file_id'."
    )


def text_of(content: Content) -> str:
    """All texts and text blocks of a content, joined."""
    if isinstance(content, str):
        return content
    return "".join(_item_text(item) for item in content)


def _item_text(item: str | Mapping[str, Any]) -> str:
    if isinstance(item, str):
        return item
    text = item.get("text") if item.get("type") in {"text", "output_text", "input_text"} else None
    return text if isinstance(text, str) else ""


def refusal_of(content: Content) -> str:
    """All refusals in a content, joined; empty where there is none."""
    blocks = (item for item in content if isinstance(item, Mapping))
    refusals = (block.get("refusal") for block in blocks if block.get("type") == "refusal")
    return "".join(it for it in refusals if isinstance(it, str))


def items_of(content: Content) -> Sequence[str | Block]:
    """A content as a list of items; the empty text has none."""
    return ([content] if content else []) if isinstance(content, str) else content


def canonical_blocks(content: Content) -> list[ContentBlock]:
    """A content as canonical blocks, in order; the empty text is no block."""
    return [canonical_block(item) for item in items_of(content) if item != ""]


def canonical_block(item: str | Mapping[str, Any]) -> ContentBlock:
    """One item of a content as a canonical block. Never fails: what it cannot read stays whole."""
    if isinstance(item, str):
        return {"type": "text", "text": item}
    kind = item.get("type")
    reader = _TRANSLATORS.get(kind) if isinstance(kind, str) else None
    block = (reader or _from_bedrock)(item)
    if block is None:
        block = {"type": "non_standard", "value": dict(item)}
        block |= {"index": item["index"]} if "index" in item else {}
    return cast("ContentBlock", block)


def _block(
    kind: str, item: Mapping[str, Any], used: Sequence[str] = (), **keys: Any
) -> dict[str, Any]:
    """A block of the given keys; what else the item has goes to its extras."""
    block = {"type": kind, **{key: value for key, value in keys.items() if value is not None}}
    block |= {key: item[key] for key in ("id", "index") if item.get(key) is not None}
    rest = {key: item[key] for key in item if key not in {*_COMMON, *used}}
    extras: dict[str, Any] = {**rest, **(item.get("extras") or {})}
    return {**block, "extras": extras} if extras else block


def _from_canonical(item: Mapping[str, Any]) -> Block | None:
    """A block that is canonical already, or nearly so."""
    kind = item["type"]
    keys = {key: item[key] for key in _KEYS[kind] if key in item}
    block = _block(kind, item, tuple(keys))
    return {**block, **keys}


def _from_text(item: Mapping[str, Any]) -> Block | None:
    if not isinstance(item.get("text"), str):
        return None
    return _from_canonical({**item, "type": "text"})


def _from_reasoning(item: Mapping[str, Any]) -> Block | None:
    """Canonical, or a reasoning item of OpenAI's Responses with its summary parts."""
    if "reasoning" in item or "summary" not in item:
        return _from_canonical(item)
    parts: list[dict[str, str]] = item["summary"] or []
    text = "\n\n".join(part.get("text", "") for part in parts)
    return _block("reasoning", item, ("summary",), reasoning=text)


def _from_thinking(item: Mapping[str, Any]) -> Block | None:
    return _block("reasoning", item, ("thinking",), reasoning=item.get("thinking"))


def _from_refusal(item: Mapping[str, Any]) -> Block | None:
    return _from_canonical(item) if isinstance(item.get("refusal"), str) else None


def _from_media(item: Mapping[str, Any]) -> Block | None:
    """Canonical; or Anthropic's with a `source`; or one of LangChain's older `source_type`."""
    kind = item["type"]
    if isinstance(source := item.get("source"), Mapping):
        return _from_source(kind, item, cast("Mapping[str, Any]", source))
    if "source_type" in item:
        return _from_source_type(kind, item)
    return _from_canonical(item) if _MEDIA & item.keys() or "text" in item else None


def _from_source(kind: str, item: Mapping[str, Any], source: Mapping[str, Any]) -> Block | None:
    match source:
        case {"type": "base64", "data": str(data)}:
            return _block(kind, item, ("source",), base64=data, mime_type=source.get("media_type"))
        case {"type": "url", "url": str(url)}:
            return _block(kind, item, ("source",), url=url)
        case {"type": "file", "file_id": str(file_id)}:
            return _block(kind, item, ("source",), file_id=file_id)
        case {"type": "text", "data": str(text)}:
            return _block("text-plain", item, ("source",), text=text, mime_type="text/plain")
        case _:
            return None


def _from_source_type(kind: str, item: Mapping[str, Any]) -> Block | None:
    keys = {"base64": ("data", "base64"), "url": ("url", "url"), "id": ("id", "file_id")}
    here, there = keys.get(item["source_type"], ("", ""))
    if not isinstance(item.get(here), str):
        return None
    rest = {key: item[key] for key in item if key not in {here, "source_type", "mime_type"}}
    where: dict[str, Any] = {there: item[here], "mime_type": item.get("mime_type")}
    return _block(kind, rest, **where)


def _from_document(item: Mapping[str, Any]) -> Block | None:
    return _from_media({**item, "type": "file"})


def _from_image_url(item: Mapping[str, Any]) -> Block | None:
    """OpenAI: `image_url` is an object in chat completions and a text in Responses."""
    found = item.get("image_url")
    inner = _mapping(found)
    url = inner.get("url") if inner else found
    if isinstance(url, str):
        more = {key: value for key, value in inner.items() if key != "url"}
        return _block("image", {**item, **more}, ("image_url",), **_url_or_data(url))
    if item.get("type") == "input_image" and isinstance(item.get("file_id"), str):
        return _block("image", item, ("file_id",), file_id=item["file_id"])
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _url_or_data(url: str) -> dict[str, str]:
    """A URL, or what a data URL holds."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return {"url": url}
    mime_type = head.removeprefix("data:").removesuffix(";base64")
    return {"base64": data, **({"mime_type": mime_type} if mime_type else {})}


def _from_input_audio(item: Mapping[str, Any]) -> Block | None:
    match item.get("input_audio"):
        case {"data": str(data), "format": str(form)}:
            mime_type = f"audio/{form}"
            return _block("audio", item, ("input_audio",), base64=data, mime_type=mime_type)
        case _:
            return None


def _from_file(item: Mapping[str, Any]) -> Block | None:
    """Canonical; or OpenAI's, whose keys stand in an object (chat) or in the block (Responses)."""
    inner = _mapping(item.get("file")) or item
    where: dict[str, str] | None = None
    if isinstance(data := inner.get("file_data"), str):
        where = _url_or_data(data) if data.startswith("data:") else {"base64": data}
    elif isinstance(url := inner.get("file_url"), str):
        where = {"url": url}
    elif inner is not item and isinstance(file_id := inner.get("file_id"), str):
        where = {"file_id": file_id}
    if where is None:
        return _from_media({**item, "type": "file"})
    rest = {key: inner[key] for key in inner if key not in {"file_data", "file_url", "file_id"}}
    outer = {key: item[key] for key in item if key != "file"} if inner is not item else {}
    return _block("file", {**outer, **rest}, **where)


def _from_tool_use(item: Mapping[str, Any]) -> Block | None:
    match item:
        case {"id": str(), "name": str(name), "input": dict()}:
            used = ("name", "input", "partial_json")
            return _block("tool_call", item, used, name=name, args=_tool_use_args(item))
        case _:
            return None


def _tool_use_args(item: Mapping[str, Any]) -> Any:
    """The input of a `tool_use`; a streamed one has its JSON text beside an empty object."""
    try:
        return item["input"] or parse_args(item.get("partial_json"))
    except ValueError:
        return item["input"]


def _from_function_call(item: Mapping[str, Any]) -> Block | None:
    match item:
        case {"call_id": str(id), "name": str(name), "arguments": str(text)}:
            pass
        case _:
            return None
    item = {**item, "id": id, **({"item_id": item["id"]} if item.get("id") else {})}
    used = ("call_id", "name", "arguments")
    try:
        return _block("tool_call", item, used, name=name, args=parse_args(text))
    except ValueError as error:
        return _block("invalid_tool_call", item, used, name=name, args=text, error=str(error))


def _from_google_media(item: Mapping[str, Any]) -> Block | None:
    """Google's `media`: any medium, told by its MIME type."""
    mime_type = item.get("mime_type")
    if not isinstance(mime_type, str):
        return None
    kind = mime_type.partition("/")[0]
    kind = kind if kind in {"image", "audio", "video"} else "file"
    if isinstance(url := item.get("file_uri"), str):
        return _block(kind, item, ("file_uri", "mime_type"), url=url, mime_type=mime_type)
    if data := _as_base64(item.get("data")):
        return _block(kind, item, ("data", "mime_type"), base64=data, mime_type=mime_type)
    return None


def _from_bedrock(item: Mapping[str, Any]) -> Block | None:
    """Bedrock's image, which has no `type`."""
    match item:
        case {"image": {"format": str(form), "source": {"bytes": data}}}:
            if text := _as_base64(data):
                return _block("image", item, ("image",), base64=text, mime_type=f"image/{form}")
        case _:
            pass
    return None


def _as_base64(data: object) -> str | None:
    if isinstance(data, bytes):
        return base64.b64encode(data).decode()
    return data if isinstance(data, str) else None


_TRANSLATORS: Final[Mapping[str, Translator]] = {
    "text": _from_text,
    "input_text": _from_text,
    "output_text": _from_text,
    "reasoning": _from_reasoning,
    "thinking": _from_thinking,
    "refusal": _from_refusal,
    "image": _from_media,
    "audio": _from_media,
    "video": _from_media,
    "text-plain": _from_media,
    "file": _from_file,
    "input_file": _from_file,
    "document": _from_document,
    "image_url": _from_image_url,
    "input_image": _from_image_url,
    "input_audio": _from_input_audio,
    "media": _from_google_media,
    "tool_use": _from_tool_use,
    "function_call": _from_function_call,
    "tool_call": _from_canonical,
    "tool_call_chunk": _from_canonical,
    "invalid_tool_call": _from_canonical,
    "non_standard": _from_canonical,
}
