"""Conversion of messages to the dicts of OpenAI's chat completions, which many services read.

`convert_to_messages` converts them back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, cast, overload

from runnables.messages.ai import AIMessage
from runnables.messages.base import BaseMessage
from runnables.messages.convert import (
    DEVELOPER,
    MessageLikeRepresentation,
    MessagesLike,
    convert_to_messages,
)
from runnables.messages.kinds import role_of
from runnables.messages.normalize import base64_of, canonical_block, check_place, items_of
from runnables.messages.prompt_values import PromptValue
from runnables.messages.roles import ToolMessage

_TRANSLATED: Final = {"text", "image_url", "image", "tool_use", "tool_result", "media"}
"""Types of which an incomplete block is an error, and not an unknown block."""


# A str is a single message, although it is iterable, so this signature goes first.
@overload
def convert_to_openai_messages(  # type: ignore[overload-overlap] # pyright: ignore[reportOverlappingOverload] - see above
    messages: BaseMessage | str | dict[str, Any],
    *,
    text_format: Literal["string", "block"] = "string",
    include_id: bool = False,
    pass_through_unknown_blocks: bool = True,
) -> dict[str, Any]: ...


@overload
def convert_to_openai_messages(
    messages: MessagesLike,
    *,
    text_format: Literal["string", "block"] = "string",
    include_id: bool = False,
    pass_through_unknown_blocks: bool = True,
) -> list[dict[str, Any]]: ...


def convert_to_openai_messages(
    messages: MessagesLike | MessageLikeRepresentation,
    *,
    text_format: Literal["string", "block"] = "string",
    include_id: bool = False,
    pass_through_unknown_blocks: bool = True,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Return messages as the dicts of OpenAI's chat completions.

    Args:
        messages: a conversation, or a single message; their blocks may be canonical or in the
            format of a provider. Anthropic's `tool_result` blocks become messages of their own.
        text_format: "string" writes a string wherever all blocks are text (joined by newlines);
            "block" always writes blocks.
        include_id: True writes the ids of messages.
        pass_through_unknown_blocks: True writes a block of a type that OpenAI does not have
            unchanged; False raises.

    Returns:
        A dict for a single message, a list for a conversation.

    Raises:
        ValueError: another text_format, a block without the keys that its type needs, or an
            unknown block that is not passed through.

    Example:
        >>> convert_to_openai_messages([SystemMessage("Be brief."), HumanMessage("Hi")])
        [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Hi'}]
        >>> convert_to_openai_messages(HumanMessage("Hi"), text_format="block")
        {'role': 'user', 'content': [{'type': 'text', 'text': 'Hi'}]}
    """
    if text_format not in ("string", "block"):
        raise ValueError(f"Unrecognized text_format={text_format!r}: use 'string' or 'block'.")
    writer = _Writer(text_format, include_id, pass_through_unknown_blocks)
    dicts = writer.messages(convert_to_messages(messages))
    single = isinstance(messages, (BaseMessage, str, Mapping)) and not isinstance(
        messages, PromptValue
    )
    return dicts[0] if single else dicts


def convert_to_openai_image_block(content_block: Mapping[str, Any]) -> dict[str, Any]:
    """Return an image as a block of OpenAI's chat completions.

    Args:
        content_block: the image: a canonical block, or one in the format of a provider.

    Raises:
        ValueError: a block of another type, or an image that OpenAI cannot take, such as an id.

    Example:
        >>> convert_to_openai_image_block({"type": "image", "url": "https://x/sea.png"})
        {'type': 'image_url', 'image_url': {'url': 'https://x/sea.png'}}
    """
    block = canonical_block(dict(content_block))
    written = _image(block) if block["type"] == "image" else None
    if written is None:
        raise ValueError(
            f"Cannot write {content_block!r} as an image of OpenAI: it needs the type 'image', and "
            "a 'url' or 'base64' with a 'mime_type'."
        )
    return written


def openai_dicts(
    message: BaseMessage, index: int = 0, *, cache_marks: bool = False
) -> Sequence[dict[str, Any]]:
    """Return what `convert_to_openai_messages` makes of a message by default, for providers.

    Args:
        message: the message.
        index: its place in the conversation, for errors.
        cache_marks: whether marks for the service's prompt cache, such as `cache_control`, are
            kept. OpenAI refuses them; most services with prompt caches that copy its interface
            expect them.
    """
    writer = _MARKING_WRITER if cache_marks else _DEFAULT_WRITER
    return writer.message(index, message)


def cache_marks_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the marks for prompt caches (`cache_control`, `cachePoint`, ...) among fields."""
    return {key: value for key, value in fields.items() if "cache" in key.lower()}


class _Writer:
    """A writer of messages with the options of one call."""

    def __init__(
        self, text_format: str, include_id: bool, pass_through: bool, cache_marks: bool = False
    ) -> None:
        self.text_format = text_format
        self.include_id = include_id
        self.pass_through = pass_through
        self.cache_marks = cache_marks

    def messages(self, messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
        """Return the dicts of a conversation."""
        return [
            written
            for index, message in enumerate(messages)
            for written in self.message(index, message)
        ]

    def message(self, index: int, message: BaseMessage) -> Sequence[dict[str, Any]]:
        """Return the dict of a message, and those of the tool results in its content."""
        if isinstance(message.content, str) and self.text_format == "string":
            return (self._with_id(message, _head(message, _calls(message)), message.content),)
        blocks, calls, results = self.parts(index, message)
        written = self._with_id(message, _head(message, calls), self.content(blocks))
        only_results = results and not blocks and not calls
        return results if only_results else [written, *results]

    def _with_id(self, message: BaseMessage, head: dict[str, Any], content: Any) -> dict[str, Any]:
        head["content"] = content
        if self.cache_marks and message.additional_kwargs:
            head.update(cache_marks_of(message.additional_kwargs))
        if self.include_id and message.id:
            head["id"] = message.id
        return head

    def content(self, blocks: list[dict[str, Any]]) -> Any:
        if self.text_format == "block":
            return blocks
        if all(block.get("type") == "text" and len(block) == 2 for block in blocks):
            return "\n".join(block["text"] for block in blocks)
        return blocks

    def parts(
        self, index: int, message: BaseMessage
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the blocks, tool calls and tool results of a message."""
        blocks: list[dict[str, Any]] = []
        calls = _calls(message)
        results: list[dict[str, Any]] = []
        known = {call["id"] for call in calls}
        for position, item in enumerate(items_of(message.content)):
            where = f"messages[{index}].content[{position}]"
            block: Mapping[str, Any] = canonical_block(item)
            if block["type"] in {"tool_call", "invalid_tool_call"}:
                if block.get("id") not in known:
                    calls.append(_call(block))
            elif _type(item) == "tool_result":
                results.extend(self.result(where, item))
            else:
                blocks.append(self.block(where, item, block))
        return blocks, calls, results

    def result(self, where: str, item: Any) -> Sequence[dict[str, Any]]:
        if not {"tool_use_id", "content"} <= item.keys():
            raise _incomplete(where, item)
        answer = ToolMessage(item["content"], tool_call_id=item["tool_use_id"])
        return self.message(0, answer)

    def block(self, where: str, item: Any, block: Mapping[str, Any]) -> dict[str, Any]:
        write = _BLOCKS.get(block["type"])
        written = write(block) if write else None
        if written is not None:
            marks = cache_marks_of(block.get("extras") or {}) if self.cache_marks else {}
            return {**written, **marks} if marks else written
        if _type(item) == "image":
            check_place(block, where)
        if block["type"] == "non_standard" and _type(item) in _TRANSLATED:
            raise _incomplete(where, item)
        if (text := _as_text(item)) is not None:
            return {"type": "text", "text": text}
        if self.pass_through or block["type"] == "reasoning":
            return dict(item)
        raise ValueError(
            f"{where} is a block of type {_type(item)!r}, which OpenAI does not have: {item!r}. "
            "Leave it out, or let it through with pass_through_unknown_blocks=True."
        )


_DEFAULT_WRITER: Final = _Writer("string", include_id=False, pass_through=True)
_MARKING_WRITER: Final = _Writer("string", False, pass_through=True, cache_marks=True)


def _head(message: BaseMessage, calls: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the dict of a message without its content."""
    head: dict[str, Any] = {"role": message.additional_kwargs.get(DEVELOPER) or role_of(message)}
    if message.name:
        head["name"] = message.name
    if calls:
        head["tool_calls"] = list(calls)
    if refusal := message.additional_kwargs.get("refusal"):
        head["refusal"] = refusal
    if isinstance(message, ToolMessage):
        head["tool_call_id"] = message.tool_call_id
    return head


def _calls(message: BaseMessage) -> list[dict[str, Any]]:
    """Return the tool calls, with the invalid ones, so that every tool message has its call."""
    if not isinstance(message, AIMessage):
        return []
    calls: Iterable[Any] = (*message.tool_calls, *message.invalid_tool_calls)
    return [_call(call) for call in calls]


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    args = call["args"]
    text = args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False)
    function = {"name": call["name"] or "", "arguments": text}
    return {"type": "function", "id": call.get("id"), "function": function}


def _type(item: Any) -> Any:
    return "text" if isinstance(item, str) else item.get("type")


def _incomplete(where: str, item: object) -> ValueError:
    return ValueError(f"{where} lacks keys that a block of its type needs: {item!r}.")


def _text(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": block["text"]}


def _refusal(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "refusal", "refusal": block["refusal"]}


def _image(block: Mapping[str, Any]) -> dict[str, Any] | None:
    url = _url(block, "image/png")
    if url is None:
        return None
    detail = _extra(block, "detail", None)
    image = {"url": url, **({"detail": detail} if detail else {})}
    return {"type": "image_url", "image_url": image}


def _audio(block: Mapping[str, Any]) -> dict[str, Any] | None:
    if "base64" not in block:
        return None
    return {"type": "input_audio", "input_audio": input_audio(block)}


def input_audio(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return audio as OpenAI takes it: the base64, and the format by OpenAI's name.

    MIME types have several names for a format, and parameters (`audio/ogg; codecs=opus`).
    """
    mime_type = str(block.get("mime_type") or "audio/wav").lower()
    name = mime_type.partition(";")[0].strip().rpartition("/")[2].removeprefix("x-")
    return {"data": base64_of(block), "format": _AUDIO_FORMATS.get(name, name)}


_AUDIO_FORMATS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("mpeg", "mpeg3", "mpga", "mp3", "mpegaudio"), "mp3"),
    **dict.fromkeys(("wav", "wave", "vnd.wave", "vnd.wav", "pn-wav"), "wav"),
    **dict.fromkeys(("mp4", "m4a", "mp4a-latm"), "m4a"),
}
"""OpenAI's names of formats, by the subtypes of MIME types, without "x-"."""


def _file(block: Mapping[str, Any]) -> dict[str, Any] | None:
    if "file_id" in block:
        return {"type": "file", "file": {"file_id": block["file_id"]}}
    data = _url(block, "application/pdf")
    if data is None:
        return None
    # OpenAI needs a name for bytes; the services that fetch a URL (OpenRouter) take it from there
    name = _extra(block, "filename", "file" if "base64" in block else None)
    return {"type": "file", "file": {**({"filename": name} if name else {}), "file_data": data}}


def _plain(block: Mapping[str, Any]) -> dict[str, Any] | None:
    return {"type": "text", "text": block["text"]} if "text" in block else None


def _as_text(item: Mapping[str, Any]) -> str | None:
    """Return the text of a block of Amazon Bedrock that OpenAI does not have, or None."""
    match item:
        case {"type": "json", "json": value}:
            return json.dumps(value, ensure_ascii=False)
        case {"type": "guard_content", "guard_content": {"text": str(text)}}:
            return text
        case _:
            return None


def _extra(block: Mapping[str, Any], key: str, default: Any) -> Any:
    extras: Mapping[str, Any] = block.get("extras") or {}
    return extras.get(key, default)


def _url(block: Mapping[str, Any], default_type: str) -> str | None:
    """Return the URL of a media block, or a data URL with its bytes."""
    if "base64" in block:
        return f"data:{block.get('mime_type', default_type)};base64,{base64_of(block)}"
    return cast("str | None", block.get("url"))


_BLOCKS: Final = {
    "text": _text,
    "refusal": _refusal,
    "text-plain": _plain,
    "image": _image,
    "audio": _audio,
    "file": _file,
}
