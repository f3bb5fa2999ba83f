"""Messages as the input items of OpenAI's Responses.

An answer becomes the items that it consisted of, in the model's order: reasoning, text, calls. To
the service that made it, each item goes back with its id and all of its fields: the service refuses
an answer or a call whose reasoning is missing, and reasoning whose answer is another one.
Another service gets the text and the calls.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from runnables.messages import AIMessage, BaseMessage, ToolMessage
from runnables.messages.convert import DEVELOPER
from runnables.messages.kinds import role_of
from runnables.messages.normalize import base64_of, canonical_blocks, check_place
from runnables.messages.openai import input_audio
from runnables_providers._remote.json_values import object_of
from runnables_providers._remote.origins import Origin, origin_of
from runnables_providers.openai.response_parts import (
    ITEM_KEY,
    MESSAGE_KEY,
    ORDER_KEY,
    PLACE_KEY,
    place_of,
    summary_of,
)

_OWN_ENDINGS: Final = ("_call", "_call_output", "_list_tools", "_approval_request", "compaction")
"""How the types of Responses' own items end, apart from messages, reasoning and function calls."""


def input_items(
    messages: Sequence[BaseMessage],
    *,
    provider: str = "openai",
    endpoint: str = "",
    full_items: bool = False,
    stored: bool = True,
) -> list[dict[str, Any]]:
    """Return a conversation as input items.

    Args:
        messages: the conversation.
        provider: the provider, as its answers name it in their metadata.
        endpoint: the endpoint, as its answers name it in their metadata.
        full_items: whether the text of an answer is sent back as an item with all fields, and an
            id that is made here if it has none. OpenAI takes the text alone, too; other servers
            may not.
        stored: whether the service stores answers, and so knows reasoning by its id.
    """
    items: list[dict[str, Any]] = []
    custom_calls: set[str] = set()
    for message in messages:
        if isinstance(message, ToolMessage):
            items.append(_result(message, is_custom=message.tool_call_id in custom_calls))
        elif isinstance(message, AIMessage):
            origin = origin_of(message, provider, endpoint)
            known = stored and message.response_metadata.get("store") is not False
            made = _Answer(message, origin, full_items=full_items, stored=known).items()
            custom_calls |= {str(item.get("call_id")) for item in made if _is_custom(item)}
            items.extend(made)
        else:
            items.append(_question(message))
    return [_full_item(item, place) for place, item in enumerate(items)] if full_items else items


def _full_item(item: dict[str, Any], place: int) -> dict[str, Any]:
    """Give the text of an answer an id, where it has none."""
    is_text = item.get("type") == "message" and item.get("role") == "assistant"
    return {**item, "id": f"msg_{place}"} if is_text and "id" not in item else item


def _is_custom(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "custom_tool_call"


def _question(message: BaseMessage) -> dict[str, Any]:
    role = message.additional_kwargs.get(DEVELOPER) or role_of(message)
    if isinstance(message.content, str):
        return {"role": role, "content": message.content}
    blocks = cast("Sequence[Mapping[str, Any]]", canonical_blocks(message.content))
    return {"role": role, "content": [_part(block) for block in blocks]}


def _result(message: ToolMessage, *, is_custom: bool) -> dict[str, Any]:
    content: Any = message.content
    if not isinstance(content, str):
        blocks = cast("Sequence[Mapping[str, Any]]", canonical_blocks(message.content))
        content = [_part(block) for block in blocks]
    return {
        "type": "custom_tool_call_output" if is_custom else "function_call_output",
        "call_id": message.tool_call_id,
        "output": content,
    }


@dataclass
class _Answer:
    """An answer, on its way back.

    Attributes:
        message: the message.
        origin: where it came from.
        full_items: see `input_items`.
        stored: whether the service knows its reasoning by the id.
    """

    message: AIMessage
    origin: Origin
    full_items: bool
    stored: bool

    def items(self) -> list[dict[str, Any]]:
        """Return its items, in the model's order."""
        found: list[tuple[int | None, dict[str, Any] | _Text]] = []
        calls: list[tuple[int | None, dict[str, Any]]] = []
        for block in cast("Sequence[Mapping[str, Any]]", self.message.content_blocks):
            place = place_of(block.get("index"))
            match block["type"]:
                case "text" | "refusal":
                    text = self._text(block)
                    last = found[-1][1] if found else None
                    if isinstance(last, _Text) and last.continues_with(text):
                        last.parts += text.parts
                    else:
                        found.append((place, text))
                case "reasoning" if (item := self._reasoning(block)) is not None:
                    found.append((place, item))
                case "tool_call" | "invalid_tool_call":
                    if (place := self._place_of_call(block)) is None:
                        found.append((None, self._call(block)))
                    else:
                        calls.append((place, self._call(block)))
                case "non_standard" if self._is_own_item(block["value"]):
                    found.append((place, dict(block["value"])))
                case _:
                    pass
        order: Any = self.message.additional_kwargs.get(ORDER_KEY)
        if order and self.origin is Origin.SAME:
            ordered = _in_known_order([*found, *calls], order)
        else:
            ordered = _in_order(found, calls)
        return [
            item.written(self.full_items) if isinstance(item, _Text) else item for item in ordered
        ]

    def _text(self, block: Mapping[str, Any]) -> _Text:
        fields: dict[str, Any] = {}
        notes: Any = block.get("annotations") or []
        if self.origin is Origin.SAME:
            if "index" not in block and "id" not in block:  # it was a string
                fields = dict(self.message.additional_kwargs.get(MESSAGE_KEY) or {})
                notes = fields.pop("annotations", [])
            else:
                extras: Mapping[str, Any] = block.get("extras") or {}
                fields = {"id": block.get("id"), **(extras.get(ITEM_KEY) or {})}
        elif self.origin is Origin.UNKNOWN and str(block.get("id")).startswith("msg_"):
            fields = {"id": block["id"]}
        if self.origin is Origin.UNKNOWN:  # such as a conversation that a client has sent
            fields["phase"] = self.message.additional_kwargs.get("phase")
        if block["type"] == "refusal":
            part: dict[str, Any] = {"type": "refusal", "refusal": block["refusal"]}
        else:
            part = {"type": "output_text", "text": block["text"], "annotations": notes}
        return _Text({key: fields[key] for key in fields if fields[key] is not None}, [part])

    def _reasoning(self, block: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return reasoning of the service's own as an item; None for that of other services."""
        extras: dict[str, Any] = dict(block.get("extras") or {})
        id_field = {"id": block["id"]} if block.get("id") else {}
        has_content = bool(extras.get("encrypted_content") or extras.get("content"))
        if self.origin is Origin.OTHER or not (id_field or has_content):
            return None
        if not (self.stored or has_content):
            return None  # the service would look for it, and has not kept it
        if self.origin is Origin.UNKNOWN:
            extras = {key: extras[key] for key in _REASONING_FIELDS if key in extras}
        if "summary" not in extras and "content" not in extras:
            extras["summary"] = summary_of(block.get("reasoning") or "")
        return {"type": "reasoning", **id_field, "summary": [], **extras}

    def _call(self, block: Mapping[str, Any]) -> dict[str, Any]:
        args = block["args"]
        text = args if isinstance(args, str) else json.dumps(args or {}, ensure_ascii=False)
        extras = object_of(block.get("extras"))
        own = object_of(extras.get(ITEM_KEY) if self.origin is Origin.SAME else None)
        return {
            "type": "function_call",
            "call_id": block.get("id"),
            "name": block["name"] or "",
            "arguments": text,
            **own,
        }

    def _place_of_call(self, block: Mapping[str, Any]) -> int | None:
        place = object_of(block.get("extras")).get(PLACE_KEY)
        return place if self.origin is Origin.SAME and isinstance(place, int) else None

    def _is_own_item(self, value: Mapping[str, Any]) -> bool:
        if self.origin is Origin.UNKNOWN:
            return str(value.get("type")).endswith(_OWN_ENDINGS)
        return self.origin is Origin.SAME


_REASONING_FIELDS: Final = ("summary", "content", "encrypted_content")


@dataclass
class _Text:
    """The text of an answer, as one item.

    Attributes:
        fields: the id and the other fields of the item.
        parts: the parts of its content.
    """

    fields: dict[str, Any]
    parts: list[dict[str, Any]]

    def continues_with(self, text: _Text) -> bool:
        """Tell whether another text is a part of the same item."""
        return self.fields.get("id") == text.fields.get("id")

    def joined(self) -> str:
        """Return the text of all parts."""
        return "".join(part.get("text") or part.get("refusal") or "" for part in self.parts)

    def written(self, full: bool) -> dict[str, Any]:
        """Return the item; without an id, the short form that has the text alone."""
        if not full and self.fields.keys() <= {"phase"}:
            return {"role": "assistant", "content": self.joined(), **self.fields}
        parts = self.parts
        if self.fields.keys() <= {"phase"}:  # it was no item of this service: one text is enough
            no_notes: list[Any] = []
            parts = [{"type": "output_text", "text": self.joined(), "annotations": no_notes}]
        head = {"type": "message", "status": "completed", **self.fields}
        return {**head, "role": "assistant", "content": parts}


def _in_order(
    found: Sequence[tuple[int | None, Any]], calls: Sequence[tuple[int | None, dict[str, Any]]]
) -> list[Any]:
    """Return the items with the calls at their places among them."""
    ordered = list(found)
    for place, call in calls:
        later = (
            number
            for number, (other, _) in enumerate(ordered)
            if other is not None and place is not None and other > place
        )
        ordered.insert(next(later, len(ordered)), (place, call))
    return [item for _, item in ordered]


def _in_known_order(items: Sequence[tuple[int | None, Any]], order: Sequence[int]) -> list[Any]:
    """Return the items in the order of the places; the place of a string is -1."""
    rank = {place: number for number, place in enumerate(order)}

    def rank_of(item: tuple[int | None, Any]) -> int:
        return rank.get(-1 if item[0] is None else item[0], len(order))

    return [item for _, item in sorted(items, key=rank_of)]


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
        case "audio" if "base64" in block:
            return {"type": "input_audio", "input_audio": input_audio(block)}
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
