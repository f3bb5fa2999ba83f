"""The content of runs as attributes: prompts, answers, arguments, documents. Off by default.

Messages are recorded as both conventions have them. The bytes of images, audio and files are left
out. Secrets that are known, or that have their name beside them, are hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.callbacks.calls import conversation, prompt_of, tool_arguments
from runnables.messages.base import BaseMessage
from runnables.messages.roles import ToolMessage
from runnables.redaction import hide_in_text
from runnables.tracing.attributes import finish_reason
from runnables.tracing.names import GenAI, OpenInference
from runnables.tracing.strings import shown

if TYPE_CHECKING:
    from runnables.core.handlers import Event

_ROLES: Final = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
_MEDIA: Final = frozenset({"image", "audio", "video", "file"})


def content_of(event: Event) -> dict[str, Any]:
    """Return the input and the output of a run that has ended, as attributes."""
    match event.run_type:
        case "chat_model":
            return _of_chat(event)
        case "tool":
            return _of_tool(event)
        case "retriever":
            return _of_retriever(event)
        case "llm":
            return _of_values(prompt_of(event), event.output)
        case _:
            return _of_values(event.input, event.output)


def data_of(event: Event) -> str:
    """Return the data of a user's own event."""
    return shown(event.data)[0]


# -- by kind of run


def _of_values(value: Any, output: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if value is not None:
        found[OpenInference.INPUT], found[OpenInference.INPUT_TYPE] = shown(value)
    if output is not None:
        found[OpenInference.OUTPUT], found[OpenInference.OUTPUT_TYPE] = shown(output)
    return found


def _of_chat(event: Event) -> dict[str, Any]:
    asked = conversation(event)
    found = _of_values([_genai_message(message) for message in asked], None)
    found[GenAI.INPUT_MESSAGES] = found[OpenInference.INPUT]
    _add_flat(found, OpenInference.INPUT_MESSAGES, asked)
    if tools := event.options.get("tools"):
        found[GenAI.TOOL_DEFINITIONS] = shown(tools)[0]
    if isinstance(event.output, BaseMessage):
        answer = _genai_message(event.output)
        calls = getattr(event.output, "tool_calls", ())
        reason = finish_reason(event.output)
        answer["finish_reason"] = reason or ("tool_call" if calls else "stop")
        found[GenAI.OUTPUT_MESSAGES] = shown([answer])[0]
        found.update(_of_values(None, str(event.output.text) or [answer]))
        _add_flat(found, OpenInference.OUTPUT_MESSAGES, [event.output])
    return found


def _of_tool(event: Event) -> dict[str, Any]:
    arguments = tool_arguments(event.input)[0]
    output = event.output
    if isinstance(output, ToolMessage):
        output = output.content
    found = _of_values(arguments, output)
    if OpenInference.INPUT in found:
        found[GenAI.TOOL_ARGUMENTS] = found[OpenInference.INPUT]
    if OpenInference.OUTPUT in found:
        found[GenAI.TOOL_RESULT] = found[OpenInference.OUTPUT]
    return found


def _of_retriever(event: Event) -> dict[str, Any]:
    found = _of_values(event.input, None)
    if isinstance(event.input, str):
        found[GenAI.QUERY] = found[OpenInference.INPUT]
    output: object = event.output
    documents = cast("Sequence[Any]", output) if isinstance(output, list) else ()
    short: list[dict[str, Any]] = []
    for index, document in enumerate(documents):
        prefix = f"{OpenInference.DOCUMENTS}.{index}."
        text = str(getattr(document, "page_content", document))
        found[prefix + OpenInference.DOCUMENT] = hide_in_text(text)
        short.append({"content": text})
        if document_id := getattr(document, "id", None):
            found[prefix + OpenInference.DOCUMENT_ID] = short[-1]["id"] = str(document_id)
        if metadata := getattr(document, "metadata", None):
            found[prefix + OpenInference.DOCUMENT_METADATA] = shown(metadata)[0]
    if short:
        found[GenAI.DOCUMENTS] = shown(short)[0]
    return found


# -- messages


def _genai_message(message: BaseMessage) -> dict[str, Any]:
    """Return a message as the GenAI conventions have it."""
    role = _ROLES.get(message.type) or str(getattr(message, "role", message.type))
    if isinstance(message, ToolMessage):
        content: Any = message.content
        response = {
            "type": "tool_call_response",
            "id": message.tool_call_id,
            "response": content if isinstance(content, str) else _parts(message),
        }
        return {"role": role, "parts": [response]}
    return {"role": role, "parts": _parts(message)}


def _parts(message: BaseMessage) -> list[dict[str, Any]]:
    return [_part(block) for block in cast("Sequence[Mapping[str, Any]]", message.content_blocks)]


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    kind = block.get("type")
    if kind in ("text", "reasoning"):
        return {"type": kind, "content": block.get(kind, "")}
    if kind == "tool_call":
        keys = {"id": block.get("id"), "name": block.get("name"), "arguments": block.get("args")}
        return {"type": kind, **keys}
    if kind in _MEDIA:
        found = {"type": "uri" if "url" in block else "blob", "modality": kind}
        found.update({key: block[key] for key in ("mime_type", "file_id") if key in block})
        if "url" in block:
            url = str(block["url"])
            return {**found, "uri": url if not url.startswith("data:") else "data:..."}
        return found
    return {"type": str(kind)}


def _add_flat(found: dict[str, Any], prefix: str, messages: Sequence[BaseMessage]) -> None:
    """Add messages as OpenInference has them, which has an attribute for each value."""
    for index, message in enumerate(messages):
        start = f"{prefix}.{index}."
        found[start + OpenInference.ROLE] = _genai_message(message)["role"]
        if text := str(message.text):
            found[start + OpenInference.CONTENT] = hide_in_text(text)
        if isinstance(message, ToolMessage):
            found[start + OpenInference.ANSWERED_CALL] = message.tool_call_id
        for number, call in enumerate(getattr(message, "tool_calls", ())):
            place = f"{start}{OpenInference.CALLS}.{number}."
            found[place + OpenInference.CALL_NAME] = str(call["name"])
            found[place + OpenInference.CALL_ARGUMENTS] = shown(call["args"])[0]
            if call["id"] is not None:
                found[place + OpenInference.CALL_ID] = str(call["id"])
