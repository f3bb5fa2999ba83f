"""The UI message stream of the AI SDK: what `useChat` sends and reads.

The format is that of the npm package `ai`, versions 5 to 7 (`src/ui-message-stream`), read in
November 2026. What is ours alone travels in parts whose type begins with `data-`, as an unknown
type ends a stream there.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.agents.approvals import denial
from runnables.messages.ai import AIMessage
from runnables.messages.roles import HumanMessage, SystemMessage, ToolMessage
from runnables.messages.tool_calls import tool_call
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
from runnables.serving.recording import row_of
from runnables.serving.sse import DONE, HOLE, StringFrames, as_json, frame

if TYPE_CHECKING:
    from runnables.agents.approvals import ApprovalAnswer
    from runnables.messages.base import BaseMessage

HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-cache",
    "x-vercel-ai-ui-message-stream": "v1",
    "x-accel-buffering": "no",
}

_PACKED: Final = "data-model-message"
"""The type of the part that keeps a whole message of the model."""

_REASONS: Final = {"tool_calls": "tool-calls", "content_filter": "content-filter"}


class UIMessageStream:
    """An encoder of an answer as parts of one message of the page.

    Args:
        message_id: the id of the message; None where the page goes on with the message that it
            has, as after an approval.
        shows_steps: whether the runs inside the chain are `data-step` parts.
    """

    def __init__(self, message_id: str | None, *, shows_steps: bool = False) -> None:
        self._message_id = message_id
        self._shows_steps = shows_steps
        self._has_begun = False
        self._open: str | None = None  # "text" or "reasoning"
        self._count = 0
        self._in_step = False
        self._calls: set[str] = set()  # without results yet

    def encode(self, part: Part) -> bytes:
        """Return the bytes of a part; none for what is not shown."""
        if isinstance(part, TextDelta) and self._open == "text":
            return self._deltas.frame(part.text)
        frames = [frame(each) for each in self._frames(part)]
        if not self._has_begun:
            self._has_begun = True
            start = {} if self._message_id is None else {"messageId": self._message_id}
            frames.insert(0, frame({"type": "start", **start}))
        if isinstance(part, (Finish, Failure)):
            frames.append(DONE)
        return b"".join(frames)

    def _frames(self, part: Part) -> Generator[dict[str, Any], None, None]:
        match part:
            case TextDelta():
                yield from self._delta("text", part.text)
            case ReasoningDelta():
                yield from self._delta("reasoning", part.text)
            case ToolCallDelta():
                yield from self._call(part)
            case MessageEnd():
                yield from self._end_message(part.message)
            case ToolResult():
                yield from self._result(part)
            case ApprovalRequest():
                yield from self._close()
                why = {"reason": part.reason} if part.reason else {}
                request = {"approvalId": part.id, "toolCallId": part.call_id, **why}
                yield {"type": "tool-approval-request", **request}
            case Value():
                yield from self._close()
                yield {"type": "data-output", "id": "output", "data": part.value}
            case Step() if self._shows_steps:
                yield {"type": "data-step", "id": part.id, "data": row_of(part)}
            case Finish():
                yield from self._close()
                yield from self._end_step()
                reason = _REASONS.get(part.reason, part.reason)
                more = {} if part.usage is None else {"messageMetadata": {"usage": part.usage}}
                yield {"type": "finish", "finishReason": reason, **more}
            case Failure():
                yield from self._close()  # an open text would stay open for ever
                if part.code == "stopped":
                    yield {"type": "abort", "reason": part.message}
                    return
                yield {"type": "error", "errorText": part.message}
            case _:
                pass

    def _begin_step(self) -> Generator[dict[str, Any], None, None]:
        if not self._in_step:
            self._in_step = True
            yield {"type": "start-step"}

    def _end_step(self) -> Generator[dict[str, Any], None, None]:
        if self._in_step:
            self._in_step = False
            yield {"type": "finish-step"}

    def _delta(self, kind: str, text: str) -> Generator[dict[str, Any], None, None]:
        if self._open != kind:
            yield from self._close()
            yield from self._begin_step()
            self._open = kind
            self._count += 1
            delta = {"type": f"{kind}-delta", "id": f"{kind}-{self._count}", "delta": HOLE}
            self._deltas = StringFrames(delta)
            yield {"type": f"{kind}-start", "id": f"{kind}-{self._count}"}
        yield {"type": f"{kind}-delta", "id": f"{kind}-{self._count}", "delta": text}

    def _close(self) -> Generator[dict[str, Any], None, None]:
        if self._open is not None:
            yield {"type": f"{self._open}-end", "id": f"{self._open}-{self._count}"}
            self._open = None

    def _call(self, part: ToolCallDelta) -> Generator[dict[str, Any], None, None]:
        yield from self._close()
        yield from self._begin_step()
        if part.is_first:
            self._calls.add(part.id)
            start = {"type": "tool-input-start", "toolCallId": part.id, "toolName": part.name}
            yield {**start, "dynamic": True}
        if part.args:
            more = {"toolCallId": part.id, "inputTextDelta": part.args}
            yield {"type": "tool-input-delta", **more}

    def _end_message(self, message: AIMessage) -> Generator[dict[str, Any], None, None]:
        yield from self._close()
        for call in message.tool_calls:
            call_id = call["id"] or ""
            head = {"toolCallId": call_id, "toolName": call["name"], "dynamic": True}
            yield {"type": "tool-input-available", **head, "input": call["args"]}
        for wrong in message.invalid_tool_calls:
            named = {"toolCallId": wrong["id"] or "", "toolName": wrong["name"] or ""}
            error = {"input": wrong["args"], "errorText": "The arguments are no valid JSON."}
            yield {"type": "tool-input-error", **named, "dynamic": True, **error}
        if (packed := pack(message)) is not None:
            yield {"type": _PACKED, "data": packed}
        if not message.tool_calls:
            yield from self._end_step()

    def _result(self, part: ToolResult) -> Generator[dict[str, Any], None, None]:
        head = {"toolCallId": part.id, "dynamic": True}
        if part.is_denied:
            yield {"type": "tool-output-denied", **head}
        elif part.is_error:
            text = part.content if isinstance(part.content, str) else as_json(part.content).decode()
            yield {"type": "tool-output-error", **head, "errorText": text}
        else:
            yield {"type": "tool-output-available", **head, "output": part.content}
        self._calls.discard(part.id)
        if not self._calls:
            yield from self._end_step()


def read_ui_messages(body: Mapping[str, Any]) -> list[BaseMessage]:
    """Return the conversation that `useChat` has sent.

    A message of the page holds several messages of the model and the results of tools between
    them, each group after a `step-start`.

    Raises:
        RequestError: it is none.
    """
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise RequestError("'messages' must be a list with at least one message.")
    conversation: list[BaseMessage] = []
    for index, item in enumerate(cast("Any", given)):
        fields: dict[str, Any] = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        parts = fields.get("parts")
        if not isinstance(parts, list) or not all(map(_is_part, cast("Any", parts))):
            raise RequestError(f"messages[{index}] must be an object with 'role' and 'parts'.")
        known = cast("list[dict[str, Any]]", parts)
        match fields.get("role"):
            case "user":
                conversation.append(HumanMessage(_user_content(known)))
            case "system":
                conversation.append(SystemMessage(_text(known)))
            case "assistant":
                for step in _steps(known):
                    conversation.extend(_answer(step))
            case _:
                raise RequestError(
                    f"messages[{index}].role must be one of: user, assistant, system."
                )
    return conversation


def _is_part(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(cast("Any", part).get("type"), str)


def _text(parts: Sequence[Mapping[str, Any]]) -> str:
    found = [part.get("text") for part in parts if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in found):
        raise RequestError("A part of type 'text' must have a string as its 'text'.")
    return "".join(cast("list[str]", found))


def _user_content(parts: Sequence[Mapping[str, Any]]) -> Any:
    """Return the text of a person, with the files beside it as blocks."""
    files = [_file(part) for part in parts if part.get("type") == "file"]
    if not files:
        return _text(parts)
    return [{"type": "text", "text": _text(parts)}, *files]


def _file(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file as a block: an image, sound, video, or any other file; by URL, or its bytes."""
    media_type, url = str(part.get("mediaType", "")), str(part.get("url", ""))
    kind = media_type.partition("/")[0]
    block: dict[str, Any] = {"type": kind if kind in ("image", "audio", "video") else "file"}
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return {**block, "base64": data, "mime_type": media_type}
    if not url.startswith("https://"):
        raise RequestError("A file must have a https: or data: URL.")
    return {**block, "url": url, "mime_type": media_type}


def _steps(parts: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    steps: list[list[dict[str, Any]]] = [[]]
    for part in parts:
        if part.get("type") == "step-start":
            steps.append([])
        else:
            steps[-1].append(part)
    return [step for step in steps if step]


def _answer(step: Sequence[dict[str, Any]]) -> Generator[BaseMessage, None, None]:
    """Yield the message of one step, and the results of its tools."""
    calls = [part for part in step if _is_call(part)]
    text = _text(step)
    packed = next((part.get("data") for part in step if part.get("type") == _PACKED), None)
    ids = [str(part.get("toolCallId")) for part in calls]
    message = unpack(packed, text, ids)
    if message is None:
        requests = [
            tool_call(name=_name(part), args=_arguments(part), id=str(part.get("toolCallId")))
            for part in calls
        ]
        message = AIMessage(text, tool_calls=requests)
    if text or calls or message.content:
        yield message
    for part in calls:
        if (result := _result_of(part)) is not None:
            yield result


def read_approvals(body: Mapping[str, Any]) -> dict[str, ApprovalAnswer | None]:
    """Return the answers to requests for approval in the last message, by the ids of the requests.

    A person who writes instead of answering has denied: then the last message is theirs.
    """
    messages: Any = body.get("messages")
    last: dict[str, Any] = messages[-1]
    if last.get("role") != "assistant":
        return {}
    answers: dict[str, ApprovalAnswer | None] = {}
    for part in last["parts"]:
        id = _approval(part).get("id")
        if _is_call(part) and isinstance(id, str):
            match part.get("state"):
                case "approval-responded":
                    answers[id] = _answer_in(part)
                case "approval-requested":
                    answers[id] = None
                case _:
                    pass
    return answers


def _approval(part: Mapping[str, Any]) -> dict[str, Any]:
    approval = part.get("approval")
    return cast("dict[str, Any]", approval) if isinstance(approval, dict) else {}


def _answer_in(part: Mapping[str, Any]) -> ApprovalAnswer:
    """Return the answer of a person that a call of the page has: true alone approves."""
    reason = _approval(part).get("reason")
    return _approval(part).get("approved") is True or (reason if isinstance(reason, str) else False)


def _is_call(part: Mapping[str, Any]) -> bool:
    kind = str(part.get("type", ""))
    return kind == "dynamic-tool" or kind.startswith("tool-")


def _name(part: Mapping[str, Any]) -> str:
    return str(part.get("toolName") or str(part.get("type", "")).removeprefix("tool-"))


def _arguments(part: Mapping[str, Any]) -> dict[str, Any]:
    given = part.get("input")
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {}


def _result_of(part: Mapping[str, Any]) -> ToolMessage | None:
    """Return the result of a tool that the page has; None where it has none yet."""
    call_id, name = str(part.get("toolCallId")), _name(part)
    match part.get("state"):
        case "output-available":
            output = part.get("output")
            content = output if isinstance(output, str) else json.dumps(output)
            return ToolMessage(content, tool_call_id=call_id, name=name)
        case "output-error":
            text = str(part.get("errorText", ""))
            return ToolMessage(text, tool_call_id=call_id, name=name, status="error")
        case "output-denied":
            text = denial(_answer_in(part))
            return ToolMessage(text, tool_call_id=call_id, name=name, status="error")
        case _:
            return None
