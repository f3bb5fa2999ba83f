"""Conversations in Gemini's form: contents of parts (https://ai.google.dev/api/caching#Content).

The extras of a block are fields of its part, in Gemini's own words: so a `thoughtSignature` goes
back on the part that it came with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from runnables.errors import ConfigError
from runnables.messages import (
    AIMessage,
    BaseMessage,
    ToolMessage,
    message_chunk_to_message,
)
from runnables.messages.kinds import role_of
from runnables.messages.normalize import base64_of, check_place
from runnables_providers._remote.tool_calls import CalledTools, arguments, service_id
from runnables_providers.google.service import GOOGLE

Part: TypeAlias = dict[str, Any]

PARTS: Final = frozenset(
    "text inlineData fileData functionCall functionResponse executableCode codeExecutionResult "
    "toolCall toolResponse".split()
)
"""What a part can be, one of these each."""

SKIPPED: Final = "skip_thought_signature_validator"
"""What Google wants as the signature of a call that another model made
(https://ai.google.dev/gemini-api/docs/thought-signatures)."""

_EXTRAS: Final = ("thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")
_ROLES: Final[Mapping[str, str]] = {
    "user": "user",
    "human": "user",
    "assistant": "model",
    "ai": "model",
    "model": "model",
    "system": "system",
    "developer": "system",
}
_TYPES: Final[Mapping[str, str]] = {
    # what a medium is where nobody says so
    "image": "image/png",
    "audio": "audio/wav",
    "video": "video/mp4",
    "file": "application/pdf",
    "text-plain": "text/plain",
}


def conversation(messages: Sequence[BaseMessage], *, sign: bool) -> dict[str, Any]:
    """The `contents` of a request, and its `systemInstruction` where there is one.

    Results of tools that follow one another are one content, as Gemini wants to have the results
    of all calls of a turn together. Names of people have no place in it.

    Args:
        messages: what was said.
        sign: whether the model wants a signature on the calls of each turn.

    Raises:
        ConfigError: an unknown role, a block without a form in Gemini's API, or the result of a
            call that the conversation does not have.
    """
    writer = _Writer(sign)
    for message in messages:
        writer.add(message_chunk_to_message(message))
    system = {"systemInstruction": {"parts": writer.system}} if writer.system else {}
    return {"contents": writer.contents, **system}


class _Writer:
    """Writes a conversation, message by message."""

    def __init__(self, sign: bool) -> None:
        self.contents: list[dict[str, Any]] = []
        self.system: list[Part] = []
        self._sign = sign
        self._tools = CalledTools()
        self._results: list[Part] | None = None

    def add(self, message: BaseMessage) -> None:
        self._tools.note(message)
        if isinstance(message, ToolMessage):
            self._add_result(self._response(message))
            return
        role = _ROLES.get(role_of(message))
        if role is None:
            raise ConfigError(
                f"Gemini knows no role {role_of(message)!r}. Known: {', '.join(_ROLES)}."
            )
        if role == "system":
            self.system += self._parts(message)
            return
        self._results = None
        parts = self._said(message) if isinstance(message, AIMessage) else self._parts(message)
        self.contents.append({"role": role, "parts": parts or [{"text": ""}]})

    def _add_result(self, part: Part) -> None:
        if self._results is None:
            self._results = []
            self.contents.append({"role": "user", "parts": self._results})
        self._results.append(part)

    def _parts(self, message: BaseMessage) -> list[Part]:
        """What anybody but the model said."""
        return [self._part(cast("Mapping[str, Any]", it)) for it in message.content_blocks]

    def _part(self, block: Mapping[str, Any]) -> Part:
        value: Mapping[str, Any] = block.get("value") or {}
        if value.get("type") == "tool_result":
            return self._response(_as_message(value))
        part = _written(block)
        if part is None:
            check_place(block)
            raise ConfigError(
                f"Gemini has no form for a block of type {value.get('type') or block['type']!r}: "
                f"{dict(value or block)!r}. Leave it out of the message."
            )
        return part

    def _said(self, message: AIMessage) -> list[Part]:
        """What the model said; of another model's answer, what they have in common."""
        maker = message.response_metadata.get("model_provider")
        blocks = [cast("Mapping[str, Any]", it) for it in message.content_blocks]
        parts = [part for it in blocks if _goes_back(it, maker) and (part := _written(it))]
        calls = [part for part in parts if "functionCall" in part]
        if self._sign and calls and not any("thoughtSignature" in part for part in parts):
            calls[0]["thoughtSignature"] = SKIPPED
        return parts

    def _response(self, message: ToolMessage) -> Part:
        blocks = [cast("Mapping[str, Any]", it) for it in message.content_blocks]
        parts = [self._part(block) for block in blocks]
        text = "".join(part["text"] for part in parts if "text" in part)
        media = [part for part in parts if "text" not in part]
        told = {"error" if message.status == "error" else "output": text}
        response: dict[str, Any] = {"name": self._tools.tool_of(message), "response": told}
        name = service_id(message.tool_call_id)
        response |= {"id": name} if name else {}
        response |= {"parts": media} if media else {}
        return {"functionResponse": response}


def _as_message(result: Mapping[str, Any]) -> ToolMessage:
    """The result of a tool in Anthropic's form as a message."""
    content, name = result.get("content", ""), result["tool_use_id"]
    status: Literal["error", "success"] = "error" if result.get("is_error") else "success"
    return ToolMessage(content, tool_call_id=name, status=status)


def _goes_back(block: Mapping[str, Any], maker: str | None) -> bool:
    """Whether the model gets a block of an answer, whoever made that, to see again."""
    own = maker == GOOGLE.name
    match block["type"]:
        case "reasoning":
            return own or "thoughtSignature" in (block.get("extras") or {})
        case "refusal":
            return not own  # its words are ours
        case "non_standard":
            return own or maker is None  # those of others are for them
        case _:
            return True


def _written(block: Mapping[str, Any]) -> Part | None:
    """The part of a block; None where there is no form for it."""
    write = _WRITERS.get(block["type"])
    part = write(block) if write else None
    if part is None:
        return None
    extras: Mapping[str, Any] = block.get("extras") or {}
    return {**part, **{key: extras[key] for key in _EXTRAS if key in extras}}


def _text(block: Mapping[str, Any]) -> Part:
    return {"text": block["text"]}


def _refusal(block: Mapping[str, Any]) -> Part:
    return {"text": block["refusal"]}


def _thought(block: Mapping[str, Any]) -> Part:
    return {"text": block.get("reasoning", ""), "thought": True}


def _call(block: Mapping[str, Any]) -> Part:
    call: Part = {"name": block.get("name") or "", "args": arguments(block)}
    name = service_id(block.get("id"))
    return {"functionCall": {**call, "id": name} if name else call}


def _medium(block: Mapping[str, Any]) -> Part | None:
    if "text" in block:
        return _text(block)
    kind: str = block.get("mime_type") or _TYPES[block["type"]]
    if "base64" in block:
        return {"inlineData": {"mimeType": kind, "data": base64_of(block)}}
    place: str | None = block.get("url") or block.get("file_id")
    if place is None:
        return None
    head, comma, data = place.partition(";base64,")
    if comma and head.startswith("data:"):
        return {"inlineData": {"mimeType": head.removeprefix("data:") or kind, "data": data}}
    told = {"mimeType": block["mime_type"]} if block.get("mime_type") else {}
    return {"fileData": {"fileUri": place, **told}}


def _own(block: Mapping[str, Any]) -> Part | None:
    """A part that has no canonical form, such as code that the service ran."""
    value: Mapping[str, Any] = block["value"]
    return dict(value) if PARTS & value.keys() else None


_WRITERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Part | None]]] = {
    "text": _text,
    "refusal": _refusal,
    "reasoning": _thought,
    "tool_call": _call,
    "invalid_tool_call": _call,
    "non_standard": _own,
    **dict.fromkeys(_TYPES, _medium),
}
