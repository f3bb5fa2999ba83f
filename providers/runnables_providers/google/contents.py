"""Conversations as Gemini takes them: contents of parts (https://ai.google.dev/api/caching#Content).

The extras of a block are fields of its part, by Gemini's own names: so a `thoughtSignature` is sent
back on the part that it came with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from runnables.messages import (
    AIMessage,
    BaseMessage,
    ToolMessage,
    message_chunk_to_message,
)
from runnables.messages.kinds import role_of
from runnables.messages.normalize import ConversationError, base64_of, check_place
from runnables_providers._remote.tool_calls import CalledTools, arguments, service_id
from runnables_providers.google.service import GOOGLE

Part: TypeAlias = dict[str, Any]

PARTS: Final = frozenset(
    "text inlineData fileData functionCall functionResponse executableCode codeExecutionResult "
    "toolCall toolResponse".split()
)
"""The fields of a part that say what it is; each part has one."""

SKIPPED: Final = "skip_thought_signature_validator"
"""The signature that Google expects on a call that another model made
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
    # the MIME type of a medium that has none
    "image": "image/png",
    "audio": "audio/wav",
    "video": "video/mp4",
    "file": "application/pdf",
    "text-plain": "text/plain",
}


def conversation(messages: Sequence[BaseMessage], *, sign: bool) -> dict[str, Any]:
    """Return the `contents` of a request, and its `systemInstruction` where there is one.

    Results of tools in a row are one content, as Gemini expects the results of all calls of a turn
    together. Names of messages are not sent.

    Args:
        messages: the conversation.
        sign: whether the model requires a signature on the calls of each turn.

    Raises:
        ConversationError: Gemini's API does not support a role or a block, or there is the result
            of a call that the conversation does not have.
    """
    writer = _Writer(sign)
    for message in messages:
        writer.add(message_chunk_to_message(message))
    system = {"systemInstruction": {"parts": writer.system}} if writer.system else {}
    return {"contents": writer.contents, **system}


class _Writer:
    """A writer of a conversation, message by message."""

    def __init__(self, sign: bool) -> None:
        self.contents: list[dict[str, Any]] = []
        self.system: list[Part] = []
        self._sign = sign
        self._tools = CalledTools()
        self._results: list[Part] | None = None
        self._nameless: set[str | None] = set()

    def add(self, message: BaseMessage) -> None:
        self._tools.note(message)
        if isinstance(message, ToolMessage):
            if message.tool_call_id in self._nameless:  # a response needs the name of a call
                self._add_result({"text": message.text})
            else:
                self._add_result(self._response(message))
            return
        role = _ROLES.get(role_of(message))
        if role is None:
            raise ConversationError(
                f"Gemini knows no role {role_of(message)!r}. Known: {', '.join(_ROLES)}."
            )
        if role == "system":
            self.system += self._parts(message)
            return
        self._results = None
        parts = self._answer(message) if isinstance(message, AIMessage) else self._parts(message)
        self.contents.append({"role": role, "parts": parts or [{"text": ""}]})

    def _add_result(self, part: Part) -> None:
        if self._results is None:
            self._results = []
            self.contents.append({"role": "user", "parts": self._results})
        self._results.append(part)

    def _parts(self, message: BaseMessage) -> list[Part]:
        """Return the parts of a message that is no answer."""
        return [self._part(cast("Mapping[str, Any]", block)) for block in message.content_blocks]

    def _part(self, block: Mapping[str, Any]) -> Part:
        value: Mapping[str, Any] = block.get("value") or {}
        if value.get("type") == "tool_result":
            return self._response(_as_message(value))
        part = _part_of(block)
        if part is None:
            check_place(block)
            raise ConversationError(
                f"Gemini takes no block of type {value.get('type') or block['type']!r}: "
                f"{dict(value or block)!r}. Leave it out of the message."
            )
        return part

    def _answer(self, message: AIMessage) -> list[Part]:
        """Return the parts of an answer; of another provider's, those that Gemini can read."""
        provider = message.response_metadata.get("model_provider")
        run = {call["id"]: call for call in message.tool_calls}
        parts: list[Part] = []
        for block in cast("Sequence[Mapping[str, Any]]", message.content_blocks):
            if block["type"] == "tool_call" and block.get("id") in run:
                # where the two differ, the call is right: it is what was run
                call = run[block["id"]]
                block = {**block, "name": call["name"], "args": call["args"]}
            if not _is_sent_back(block, provider):
                continue
            if block["type"] in ("tool_call", "invalid_tool_call") and not block.get("name"):
                self._nameless.add(cast("str | None", block.get("id")))
                part: Part | None = {"text": str(block["args"] or "")}
            elif provider == GOOGLE.name:
                part = _own_part(block)
            else:
                part = _part_of(block)
            if part is not None:
                parts.append(part)
        calls = [part for part in parts if "functionCall" in part]
        if self._sign and calls and not any("thoughtSignature" in part for part in parts):
            calls[0]["thoughtSignature"] = SKIPPED
        return parts

    def _response(self, message: ToolMessage) -> Part:
        parts = self._parts(message)
        text = "".join(part["text"] for part in parts if "text" in part)
        media = [part for part in parts if "text" not in part]
        result = {"error" if message.status == "error" else "output": text}
        response: dict[str, Any] = {"name": self._tools.tool_of(message), "response": result}
        call_id = service_id(message.tool_call_id)
        response |= {"id": call_id} if call_id else {}
        response |= {"parts": media} if media else {}
        return {"functionResponse": response}


def _as_message(result: Mapping[str, Any]) -> ToolMessage:
    """Return Anthropic's block of a tool result as a message."""
    content, call_id = result.get("content", ""), result["tool_use_id"]
    status: Literal["error", "success"] = "error" if result.get("is_error") else "success"
    return ToolMessage(content, tool_call_id=call_id, status=status)


def _is_sent_back(block: Mapping[str, Any], provider: str | None) -> bool:
    """Tell whether a block of an answer of this provider is sent to the model."""
    own = provider == GOOGLE.name
    match block["type"]:
        case "reasoning":
            return own or "thoughtSignature" in (block.get("extras") or {})
        case "refusal":
            return not own  # the text of one of Google is made by this package
        case "non_standard":
            return own or provider is None  # only its own provider can read one
        case kind if kind in _TYPES and not own and provider is not None:
            return "file_id" not in block  # a file of another service
        case _:
            return True


def _part_of(block: Mapping[str, Any]) -> Part | None:
    """Return the part of a block; None where Gemini has none for it."""
    write = _WRITERS.get(block["type"])
    part = write(block) if write else None
    if part is None:
        return None
    extras: Mapping[str, Any] = block.get("extras") or {}
    return {**part, **{key: extras[key] for key in _EXTRAS if key in extras}}


def _own_part(block: Mapping[str, Any]) -> Part | None:
    """Return the part of a block that came from Gemini, with all that the part had."""
    if block["type"] == "non_standard":
        return dict(block["value"])
    write = _WRITERS.get(block["type"])
    part = write(block) if write else None
    if part is None:
        return None
    extras: Mapping[str, Any] = block.get("extras") or {}
    for key, value in extras.items():
        if key == "signature":  # that of a block of Anthropic's, in an answer that was put together
            continue
        # the extras of a call or a medium have more fields of its object
        part[key] = {**part[key], **value} if key in part and key in PARTS else value
    return part


def _text(block: Mapping[str, Any]) -> Part:
    return {"text": block["text"]}


def _refusal(block: Mapping[str, Any]) -> Part:
    return {"text": block["refusal"]}


def _reasoning(block: Mapping[str, Any]) -> Part:
    return {"text": block.get("reasoning", ""), "thought": True}


def _call(block: Mapping[str, Any]) -> Part:
    call: Part = {"name": block.get("name") or "", "args": arguments(block)}
    call_id = service_id(block.get("id"))
    return {"functionCall": {**call, "id": call_id} if call_id else call}


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
    mime_type = {"mimeType": block["mime_type"]} if block.get("mime_type") else {}
    return {"fileData": {"fileUri": place, **mime_type}}


def _own(block: Mapping[str, Any]) -> Part | None:
    """Return a part that has no canonical block, such as code that the service ran."""
    value: Mapping[str, Any] = block["value"]
    return dict(value) if PARTS & value.keys() else None


_WRITERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Part | None]]] = {
    "text": _text,
    "refusal": _refusal,
    "reasoning": _reasoning,
    "tool_call": _call,
    "invalid_tool_call": _call,
    "non_standard": _own,
    **dict.fromkeys(_TYPES, _medium),
}
