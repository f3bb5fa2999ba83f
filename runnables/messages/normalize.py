"""Translation of the blocks of providers to canonical blocks."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from runnables.errors import ConfigError
from runnables.messages.blocks import Block, Content, ContentBlock
from runnables.messages.tool_calls import parse_args

Translator: TypeAlias = Callable[[Mapping[str, Any]], Block | None]
"""A function that translates a block; it returns None where the block lacks a key that it needs."""

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
"""The keys of each canonical block, apart from the common ones."""
_MEDIA_KINDS: Final = frozenset(kind for kind, keys in _KEYS.items() if keys >= _MEDIA)


class ConversationError(ConfigError):
    """A conversation without a message, with a block that the model does not take, or in a dict
    with keys that an agent does not know."""


def is_data_content_block(block: Mapping[str, Any]) -> bool:
    """Tell whether a block is an image, audio, a video or a file that says where its bytes are.

    Args:
        block: a canonical block, or one with LangChain's `source_type`.

    Example:
        >>> is_data_content_block({"type": "image", "url": "https://x/sea.png"})
        True
        >>> is_data_content_block({"type": "text", "text": "The sea"})
        False
    """
    kind = block.get("type")
    return kind in _MEDIA_KINDS and canonical_block(dict(block))["type"] == kind


def base64_of(block: Mapping[str, Any]) -> str:
    """Return the base64 string of a media block.

    Raises:
        TypeError: it is of type bytes, which may or may not be base64 already.
    """
    data = block["base64"]
    if isinstance(data, str):
        return data
    raise TypeError(
        f"The key 'base64' of a block of type {block.get('type')!r} is of type "
        f"{type(data).__name__!r}: expected a string, as of base64.b64encode(data).decode()."
    )


def check_place(block: Mapping[str, Any], where: str = "A block") -> None:
    """Refuse a media block that does not say where its bytes are.

    Args:
        block: a canonical block; one that could not be translated is of type "non_standard".
        where: the location of the block, for the error.

    Raises:
        ConversationError: the block has neither a URL, nor base64, nor a file id.
    """
    value: Mapping[str, Any] = block.get("value") or {}
    if block["type"] != "non_standard" or value.get("type") not in _MEDIA_KINDS:
        return
    keys = ", ".join(repr(key) for key in value if key != "type") or "nothing"
    raise ConversationError(
        f"{where} of type {value['type']!r} has {keys}: it needs 'url', 'base64' or 'file_id'."
    )


def text_of(content: Content) -> str:
    """Return all strings and text blocks of a content, joined."""
    if isinstance(content, str):
        return content
    return "".join(_item_text(item) for item in content)


def _item_text(item: str | Mapping[str, Any]) -> str:
    if isinstance(item, str):
        return item
    text = item.get("text") if item.get("type") in {"text", "output_text", "input_text"} else None
    return text if isinstance(text, str) else ""


def refusal_of(content: Content) -> str:
    """Return all refusals in a content, joined; an empty string where there is none."""
    blocks = (item for item in content if isinstance(item, Mapping))
    refusals = (block.get("refusal") for block in blocks if block.get("type") == "refusal")
    return "".join(refusal for refusal in refusals if isinstance(refusal, str))


def items_of(content: Content) -> Sequence[str | Block]:
    """Return a content as a list of items; an empty string has none."""
    return ([content] if content else []) if isinstance(content, str) else content


def canonical_blocks(content: Content) -> list[ContentBlock]:
    """Return a content as canonical blocks, in order; an empty string is no block."""
    return [canonical_block(item) for item in items_of(content) if item != ""]


def canonical_block(item: str | Mapping[str, Any]) -> ContentBlock:
    """Return an item of a content as a canonical block; an unknown one is kept unchanged in one."""
    if isinstance(item, str):
        return {"type": "text", "text": item}
    kind = item.get("type")
    translate = _TRANSLATORS.get(kind) if isinstance(kind, str) else None
    block = (translate or _from_bedrock)(item)
    if block is None:
        block = {"type": "non_standard", "value": dict(item)}
        block |= {"index": item["index"]} if "index" in item else {}
    return cast("ContentBlock", block)


def _block(
    kind: str, item: Mapping[str, Any], used: Sequence[str] = (), **keys: Any
) -> dict[str, Any]:
    """Return a block with these keys; unused keys of the item go to its extras."""
    block = {"type": kind, **{key: value for key, value in keys.items() if value is not None}}
    block |= {key: item[key] for key in ("id", "index") if item.get(key) is not None}
    rest = {key: item[key] for key in item if key not in {*_COMMON, *used}}
    extras: dict[str, Any] = {**rest, **(item.get("extras") or {})}
    return {**block, "extras": extras} if extras else block


def _from_canonical(item: Mapping[str, Any]) -> Block | None:
    """Translate a block whose keys are canonical; other keys go to its extras."""
    kind = item["type"]
    keys = {key: item[key] for key in _KEYS[kind] if key in item}
    block = _block(kind, item, tuple(keys))
    return {**block, **keys}


def _from_text(item: Mapping[str, Any]) -> Block | None:
    if not isinstance(item.get("text"), str):
        return None
    return _from_canonical({**item, "type": "text"})


def _from_reasoning(item: Mapping[str, Any]) -> Block | None:
    """Translate a canonical block, or a reasoning item of OpenAI's Responses with a summary."""
    if "reasoning" in item or "summary" not in item:
        return _from_canonical(item)
    parts: list[dict[str, str]] = item["summary"] or []
    text = "\n\n".join(part.get("text", "") for part in parts)
    return _block("reasoning", item, ("summary",), reasoning=text)


def _from_thinking(item: Mapping[str, Any]) -> Block | None:
    """Translate Anthropic's reasoning, a string, or Mistral's, a list of text blocks."""
    thinking = item.get("thinking")
    if isinstance(thinking, list):
        thinking = text_of(cast("list[str | Block]", thinking))
    return _block("reasoning", item, ("thinking",), reasoning=thinking)


def _from_refusal(item: Mapping[str, Any]) -> Block | None:
    return _from_canonical(item) if isinstance(item.get("refusal"), str) else None


def _from_media(item: Mapping[str, Any]) -> Block | None:
    """Translate a canonical block; also Anthropic's `source` and LangChain's `source_type`."""
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
    old_key, key = keys.get(item["source_type"], ("", ""))
    if not isinstance(item.get(old_key), str):
        return None
    rest = {name: item[name] for name in item if name not in {old_key, "source_type", "mime_type"}}
    source: dict[str, Any] = {key: item[old_key], "mime_type": item.get("mime_type")}
    return _block(kind, rest, **source)


def _from_document(item: Mapping[str, Any]) -> Block | None:
    return _from_media({**item, "type": "file"})


def _from_image_url(item: Mapping[str, Any]) -> Block | None:
    """Translate OpenAI's image; its URL is an object in chat completions, a string in Responses."""
    image_url = item.get("image_url")
    inner = _mapping(image_url)
    url = inner.get("url") if inner else image_url
    if isinstance(url, str):
        options = {key: value for key, value in inner.items() if key != "url"}
        return _block("image", {**item, **options}, ("image_url",), **_url_or_data(url))
    if item.get("type") == "input_image" and isinstance(item.get("file_id"), str):
        return _block("image", item, ("file_id",), file_id=item["file_id"])
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _url_or_data(url: str) -> dict[str, str]:
    """Return a URL by its key, or the content of a data URL."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return {"url": url}
    mime_type = head.removeprefix("data:").removesuffix(";base64")
    return {"base64": data, **({"mime_type": mime_type} if mime_type else {})}


def _from_input_audio(item: Mapping[str, Any]) -> Block | None:
    match item.get("input_audio"):
        case {"data": str(data), "format": str(format)}:
            mime_type = f"audio/{format}"
            return _block("audio", item, ("input_audio",), base64=data, mime_type=mime_type)
        case _:
            return None


def _from_file(item: Mapping[str, Any]) -> Block | None:
    """Translate a canonical block, or OpenAI's, with its keys in `file` (chat) or in the block."""
    inner = _mapping(item.get("file")) or item
    source: dict[str, str] | None = None
    if isinstance(data := inner.get("file_data"), str):
        is_url = data.startswith(("data:", "http://", "https://"))
        source = _url_or_data(data) if is_url else {"base64": data}
    elif isinstance(url := inner.get("file_url"), str):
        source = {"url": url}
    elif inner is not item and isinstance(file_id := inner.get("file_id"), str):
        source = {"file_id": file_id}
    if source is None:
        return _from_media({**item, "type": "file"})
    rest = {key: inner[key] for key in inner if key not in {"file_data", "file_url", "file_id"}}
    outer = {key: item[key] for key in item if key != "file"} if inner is not item else {}
    return _block("file", {**outer, **rest}, **source)


def _from_tool_use(item: Mapping[str, Any]) -> Block | None:
    match item:
        case {"id": str(), "name": str(name), "input": dict()}:
            used = ("name", "input", "partial_json")
            return _block("tool_call", item, used, name=name, args=_tool_use_args(item))
        case _:
            return None


def _tool_use_args(item: Mapping[str, Any]) -> Any:
    """Return the input of a `tool_use`; a streamed one is empty, with JSON in `partial_json`."""
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
    """Translate Google's `media`, whose MIME type says of which kind it is."""
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
    """Translate Bedrock's image, which has no `type`."""
    match item:
        case {"image": {"format": str(format), "source": {"bytes": data}}}:
            if text := _as_base64(data):
                return _block("image", item, ("image",), base64=text, mime_type=f"image/{format}")
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
