"""AG-UI 1.0: what CopilotKit and other front ends of agents send and read.

The format is that of the packages `ag-ui-protocol` and `@ag-ui/client` 1.0.0. Older clients end at
an event that they do not know, so nothing newer is sent to one that names no protocol version.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.messages.convert import convert_to_message
from runnables.messages.roles import HumanMessage, SystemMessage, ToolMessage
from runnables.serving.failures import RequestError
from runnables.serving.packing import pack, unpack
from runnables.serving.parts import (
    ApprovalRequest,
    Failure,
    Finish,
    MessageEnd,
    Part,
    ReasoningDelta,
    Step,
    TextDelta,
    ToolCallDelta,
    ToolResult,
    Value,
)
from runnables.serving.sse import HOLE, StringFrames, as_json, frame

if TYPE_CHECKING:
    from runnables.agents.approvals import ApprovalAnswer
    from runnables.messages.ai import AIMessage
    from runnables.messages.base import BaseMessage


class AgUiEvents:
    """An encoder of a run as events.

    Args:
        thread_id: the id of the conversation, as the client has sent it.
        run_id: the id of the run, as the client has sent it.
        is_current: whether the client has named protocol version 1 or newer.
    """

    def __init__(self, thread_id: str, run_id: str, *, is_current: bool = False) -> None:
        self._ids = {"threadId": thread_id, "runId": run_id}
        self._is_current = is_current
        self._has_begun = False
        self._count = 0
        self._open: str | None = None
        self._message_id = ""
        self._shown_id = ""  # of the message of the page that shows the model's
        self._call: str | None = None
        self._steps: dict[str, str] = {}
        self._interrupts: list[dict[str, Any]] = []

    def encode(self, part: Part) -> bytes:
        """Return the bytes of a part; none for what is not shown."""
        if isinstance(part, TextDelta) and self._open == "text":
            return self._deltas.frame(part.text)
        frames = list(self._events(part))
        if not self._has_begun:
            self._has_begun = True
            frames.insert(0, {"type": "RUN_STARTED", **self._ids})
        return b"".join(map(frame, frames))

    def _events(self, part: Part) -> Generator[dict[str, Any], None, None]:
        match part:
            case TextDelta():
                yield from self._begin("text")
                content = {"messageId": self._message_id, "delta": part.text}
                yield {"type": "TEXT_MESSAGE_CONTENT", **content}
            case ReasoningDelta():
                yield from self._begin("reasoning")
                content = {"messageId": self._message_id, "delta": part.text}
                yield {"type": "REASONING_MESSAGE_CONTENT", **content}
            case ToolCallDelta():
                yield from self._call_part(part)
            case MessageEnd():
                yield from self._close()
                packed = pack(part.message) if self._is_current and self._shown_id else None
                if packed is not None:
                    entity = {"subtype": "message", "entityId": self._shown_id}
                    value = {"type": "REASONING_ENCRYPTED_VALUE", "encryptedValue": packed}
                    yield {**value, **entity}
                self._shown_id = ""
            case ToolResult():
                yield from self._close()
                text = part.content if isinstance(part.content, str) else as_json(part.content)
                self._count += 1
                result = {"messageId": self._id("result"), "toolCallId": part.id, "content": text}
                yield {"type": "TOOL_CALL_RESULT", **result}
            case Value():
                yield from self._close()
                is_object = isinstance(part.value, Mapping)
                snapshot: Any = part.value if is_object else {"output": part.value}
                yield {"type": "STATE_SNAPSHOT", "snapshot": snapshot}
            case Step():
                yield from self._step(part)
            case ApprovalRequest():
                yield from self._close()
                self._interrupts.append(_interrupt(part))
            case Finish():
                yield from self._close()
                yield from self._close_steps()
                outcome = {"type": "interrupt", "interrupts": self._interrupts}
                more = {"outcome": outcome} if self._interrupts else {}
                yield {"type": "RUN_FINISHED", **self._ids, **more, **self._usage(part)}
            case Failure():
                yield from self._close()
                yield from self._close_steps()
                yield {"type": "RUN_ERROR", "message": part.message, "code": part.code}
            case _:  # of REST alone
                pass

    def _usage(self, part: Finish) -> dict[str, Any]:
        if part.usage is None or not self._is_current:
            return {}
        tokens = {
            "inputTokens": part.usage["input_tokens"],
            "outputTokens": part.usage["output_tokens"],
            "totalTokens": part.usage["total_tokens"],
        }
        return {"usage": [tokens if part.model is None else {"model": part.model, **tokens}]}

    def _id(self, kind: str) -> str:
        return f"{self._ids['runId']}-{kind}-{self._count}"

    def _begin(self, kind: str) -> Generator[dict[str, Any], None, None]:
        if self._open == kind:
            return
        yield from self._close()
        self._open = kind
        self._count += 1
        self._message_id = self._id(kind)
        named = {"messageId": self._message_id}
        if kind == "text":
            self._shown_id = self._shown_id or self._message_id
            content = {"type": "TEXT_MESSAGE_CONTENT", **named, "delta": HOLE}
            self._deltas = StringFrames(content)
            yield {"type": "TEXT_MESSAGE_START", **named, "role": "assistant"}
        else:
            yield {"type": "REASONING_START", **named}
            yield {"type": "REASONING_MESSAGE_START", **named, "role": "reasoning"}

    def _close(self) -> Generator[dict[str, Any], None, None]:
        named = {"messageId": self._message_id}
        if self._open == "text":
            yield {"type": "TEXT_MESSAGE_END", **named}
        elif self._open == "reasoning":
            yield {"type": "REASONING_MESSAGE_END", **named}
            yield {"type": "REASONING_END", **named}
        self._open = None
        if self._call is not None:
            yield {"type": "TOOL_CALL_END", "toolCallId": self._call}
            self._call = None

    def _call_part(self, part: ToolCallDelta) -> Generator[dict[str, Any], None, None]:
        if self._call != part.id:
            yield from self._close()
            parent = {"parentMessageId": self._shown_id} if self._shown_id else {}
            self._shown_id = self._shown_id or part.id  # a client names it after its first call
            self._call = part.id
            named = {"toolCallId": part.id, "toolCallName": part.name}
            yield {"type": "TOOL_CALL_START", **named, **parent}
        if part.args:
            yield {"type": "TOOL_CALL_ARGS", "toolCallId": part.id, "delta": part.args}

    def _step(self, part: Step) -> Generator[dict[str, Any], None, None]:
        """Yield a step; names of open steps must differ, so equal ones are numbered."""
        if part.status == "running":
            names = set(self._steps.values())
            name, number = part.name, 1
            while name in names:
                number += 1
                name = f"{part.name} {number}"
            self._steps[part.id] = name
            yield {"type": "STEP_STARTED", "stepName": name}
        elif (name_of_step := self._steps.pop(part.id, None)) is not None:
            yield {"type": "STEP_FINISHED", "stepName": name_of_step}

    def _close_steps(self) -> Generator[dict[str, Any], None, None]:
        for name in list(self._steps.values()):
            yield {"type": "STEP_FINISHED", "stepName": name}
        self._steps.clear()


_ANSWER: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["approved"],
}
"""The schema of an answer to a request for approval."""


def _interrupt(part: ApprovalRequest) -> dict[str, Any]:
    message = part.reason or f"The tool {part.tool!r} needs approval."
    about = {"id": part.id, "reason": "tool_approval", "message": message}
    return {**about, "toolCallId": part.call_id, "responseSchema": _ANSWER}


def read_resume(body: Mapping[str, Any]) -> dict[str, ApprovalAnswer]:
    """Return the answers to the interrupts of the run before, by their ids.

    Raises:
        RequestError: they are none.
    """
    given = body.get("resume")
    if given is None:
        return {}
    entries: Sequence[Any] = cast("Any", given) if isinstance(given, list) else (None,)
    answers: dict[str, ApprovalAnswer] = {}
    for entry in entries:
        fields = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        id, status, payload = (fields.get(key) for key in ("interruptId", "status", "payload"))
        if not isinstance(id, str) or status not in ("resolved", "cancelled"):
            raise RequestError(
                "'resume' must be a list of objects with 'interruptId' and 'status'."
            )
        answers[id] = status == "resolved" and _answer_in(payload)
    return answers


def _answer_in(payload: Any) -> ApprovalAnswer:
    """Return the answer of a person: true alone approves."""
    fields = cast("dict[str, Any]", payload) if isinstance(payload, dict) else {"approved": payload}
    reason = fields.get("reason")
    return fields.get("approved") is True or (reason if isinstance(reason, str) else False)


def read_ag_ui(body: Mapping[str, Any]) -> list[BaseMessage]:
    """Return the conversation of a `RunAgentInput`.

    Raises:
        RequestError: it is none.
    """
    given = body.get("messages")
    if not isinstance(given, list):
        raise RequestError("'messages' must be a list.")
    for key in ("threadId", "runId"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise RequestError(f"'{key}' must be a string.")
    conversation: list[BaseMessage] = []
    packed: dict[str, str] = {}
    for index, item in enumerate(cast("Any", given)):
        if not isinstance(item, dict):
            raise RequestError(f"messages[{index}] must be an object with 'role' and 'content'.")
        fields = cast("dict[str, Any]", item)
        message = _message(index, fields, packed)
        if message is not None:
            conversation.append(message)
    return conversation


def _message(index: int, fields: dict[str, Any], packed: dict[str, str]) -> BaseMessage | None:
    content = fields.get("content")
    match fields.get("role"):
        case "user":
            return HumanMessage(_content(index, content))
        case "system" | "developer":
            return SystemMessage(_string(index, content))
        case "tool":
            call_id, error = fields.get("toolCallId"), fields.get("error")
            if not isinstance(call_id, str):
                raise RequestError(f"messages[{index}].toolCallId must be a string.")
            status: Any = "error" if error else "success"
            return ToolMessage(_string(index, content), tool_call_id=call_id, status=status)
        case "assistant":
            return _answer(index, fields)
        case "reasoning" | "activity":
            return None
        case _:
            raise RequestError(
                f"messages[{index}].role must be one of: user, assistant, system, developer, tool."
            )


def _answer(index: int, fields: dict[str, Any]) -> AIMessage:
    content, calls = fields.get("content"), cast("Any", fields.get("toolCalls"))
    text = "" if content is None else _string(index, content)
    if not isinstance(calls, list | None):
        raise RequestError(f"messages[{index}].toolCalls must be a list.")
    try:
        plain = {"role": "assistant", "content": text, "tool_calls": cast("Any", calls or [])}
        message = convert_to_message(plain)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RequestError(f"messages[{index}] cannot be read as a message.") from None
    answer = cast("AIMessage", message)
    ids = [str(call["id"]) for call in answer.tool_calls]
    return unpack(fields.get("encryptedValue"), text, ids) or answer


def _string(index: int, content: Any) -> str:
    if not isinstance(content, str):
        raise RequestError(f"messages[{index}].content must be a string.")
    return content


def _content(index: int, content: Any) -> Any:
    """Return what a person has said: a string, or text and media."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RequestError(f"messages[{index}].content must be a string or a list of parts.")
    return [_block(index, part) for part in cast("Any", content)]


def _block(index: int, part: Any) -> dict[str, Any]:
    fields: dict[str, Any] = cast("dict[str, Any]", part) if isinstance(part, dict) else {}
    kind, text = fields.get("type"), fields.get("text")
    if kind == "text" and isinstance(text, str):
        return {"type": "text", "text": text}
    source: Any = fields.get("source")
    given: dict[str, Any] = cast("dict[str, Any]", source) if isinstance(source, dict) else fields
    block = {"type": kind if kind in ("image", "audio", "video") else "file"}
    media_type = given.get("mimeType")
    mime = {"mime_type": media_type} if isinstance(media_type, str) else {}
    url = given.get("url") or (given.get("value") if given.get("type") == "url" else None)
    data = given.get("data") or (given.get("value") if given.get("type") == "data" else None)
    if isinstance(data, str):
        return {**block, "base64": data, **mime}
    if isinstance(url, str) and url.startswith("https://"):
        return {**block, "url": url, **mime}
    raise RequestError(f"messages[{index}] has a part that cannot be read.")
