"""The responses of OpenAI and of the Open Responses standard: parts as output items and events.

The format is that of https://www.openresponses.org (24 April 2026) and of OpenAI's clients of
November 2026. Nothing is stored: a client sends the whole conversation with each request.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.serving.packing import pack
from runnables.serving.parts import (
    Failure,
    Finish,
    FinishReason,
    MessageEnd,
    Part,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Value,
)
from runnables.serving.plain_text import as_text
from runnables.serving.sse import HOLE, StringFrames, as_json, frame

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessage
    from runnables.messages.usage import UsageMetadata

_INCOMPLETE: Final[Mapping[FinishReason, str]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}

_RESPONSE: Final[Mapping[str, Any]] = {
    "object": "response",
    "completed_at": None,
    "status": "in_progress",
    "incomplete_details": None,
    "previous_response_id": None,
    "instructions": None,
    "error": None,
    "tools": [],
    "tool_choice": "auto",
    "truncation": "disabled",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "temperature": 1.0,
    "reasoning": None,
    "usage": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "store": False,
    "background": False,
    "service_tier": "default",
    "metadata": {},
    "safety_identifier": None,
    "prompt_cache_key": None,
}
"""The keys that every response must have, as they are where no request has set them."""

_FUNCTION: Final = ("name", "description", "parameters", "strict")

_ECHOED: Final = ("instructions", "tool_choice", "temperature", "top_p", "metadata",
                  "max_output_tokens", "parallel_tool_calls", "prompt_cache_key")  # fmt: skip
"""The keys of a request that its response repeats, where they have a value."""


class ResponseItems:
    """The state of one response: parts in, events out; at any time, the response so far.

    Args:
        id: the id of the run.
        model: the name of the chain.
        request: the body of the request, parts of which the response repeats.
    """

    def __init__(self, id: str, model: str, request: Mapping[str, Any]) -> None:
        echoed = {key: request[key] for key in _ECHOED if request.get(key) is not None}
        head = {"id": f"resp_{id}", "created_at": int(time.time()), "model": model}
        self.response: dict[str, Any] = {**_RESPONSE, **head, **echoed, "output": []}
        self.response["tools"] = _tools(request)
        if isinstance(reasoning := request.get("reasoning"), dict):
            given = cast("dict[str, Any]", reasoning)
            self.response["reasoning"] = {key: given.get(key) for key in ("effort", "summary")}
        self._id = id
        self._item: dict[str, Any] | None = None
        self._deltas: list[str] = []  # of the open item: joined once, when it ends
        self._runs_tools = False

    def events(self, part: Part) -> Generator[dict[str, Any], None, None]:
        """Yield the events of a part."""
        match part:
            case TextDelta():
                yield from self._text(part.text)
            case ReasoningDelta():
                yield from self._reasoning(part.text)
            case ToolCallDelta() if part.runs_here:
                self._runs_tools = True
            case ToolCallDelta():
                yield from self._call(part)
            case MessageEnd():
                yield from self._end_message(part.message)
            case Value(is_whole=True):
                yield from self._text(as_text(part.value))
            case Finish():
                yield from self._finish(part)
            case Failure():
                yield from self._fail(part)
            case _:
                pass

    # -- items

    def _begin(self, kind: str, **fields: Any) -> Generator[dict[str, Any], None, None]:
        output = self.response["output"]
        prefix = {"message": "msg", "reasoning": "rs", "function_call": "fc"}[kind]
        self._deltas = []
        self._item = {"id": f"{prefix}_{self._id}_{len(output)}", "type": kind, **fields}
        output.append(self._item)
        yield self._event("response.output_item.added", output_index=len(output) - 1,
                          item=_copy(self._item))  # fmt: skip

    def _place(self, **more: Any) -> dict[str, Any]:
        assert self._item is not None, "an item is open"
        index = len(self.response["output"]) - 1
        return {"item_id": self._item["id"], "output_index": index, **more}

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, **fields}

    def _text(self, text: str) -> Generator[dict[str, Any], None, None]:
        if not self.is_in_text:
            yield from self._close()
            yield from self._begin("message", status="in_progress", role="assistant", content=[])
            part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [],
                                    "logprobs": []}  # fmt: skip
            self._opened()["content"].append(part)
            place = self._place(content_index=0)
            yield self._event("response.content_part.added", **place, part=dict(part))
        self.add_text(text)
        place = self._place(content_index=0, logprobs=[])
        delta = partial(self._event, "response.output_text.delta", **place)
        self.text_frames = StringFrames(delta(delta=HOLE))
        yield delta(delta=text)

    @property
    def is_in_text(self) -> bool:
        """Tell whether the open item is a message, whose next text only adds to it."""
        return self._item is not None and self._item["type"] == "message"

    def add_text(self, text: str) -> None:
        """Add to the text of the open message; `text_frames` makes the event."""
        self._deltas.append(text)

    def _reasoning(self, text: str) -> Generator[dict[str, Any], None, None]:
        if self._item is None or self._item["type"] != "reasoning":
            yield from self._close()
            yield from self._begin("reasoning", summary=[])
            part = {"type": "summary_text", "text": ""}
            self._opened()["summary"].append(part)
            place = self._place(summary_index=0)
            yield self._event("response.reasoning_summary_part.added", **place, part=dict(part))
        self._deltas.append(text)
        place = self._place(summary_index=0)
        yield self._event("response.reasoning_summary_text.delta", **place, delta=text)

    def _call(self, part: ToolCallDelta) -> Generator[dict[str, Any], None, None]:
        if self._item is None or self._item.get("call_id") != part.id:
            yield from self._close()
            call = {"call_id": part.id, "name": part.name, "arguments": ""}
            yield from self._begin("function_call", status="in_progress", **call)
        if part.args:
            self._deltas.append(part.args)
            place = self._place()
            yield self._event("response.function_call_arguments.delta", **place, delta=part.args)

    def _opened(self) -> dict[str, Any]:
        assert self._item is not None, "an item is open"
        return self._item

    def _close(self, status: str = "completed") -> Generator[dict[str, Any], None, None]:
        """Yield the events that end the open item."""
        item = self._item
        if item is None:
            return
        match item["type"]:
            case "message":
                part, place = item["content"][0], self._place(content_index=0)
                part["text"] = "".join(self._deltas)
                done: dict[str, Any] = {"text": part["text"], "logprobs": []}
                yield self._event("response.output_text.done", **place, **done)
                yield self._event("response.content_part.done", **place, part=dict(part))
            case "reasoning" if item["summary"]:
                part, place = item["summary"][0], self._place(summary_index=0)
                text = part["text"] = "".join(self._deltas)
                yield self._event("response.reasoning_summary_text.done", **place, text=text)
                yield self._event("response.reasoning_summary_part.done", **place, part=dict(part))
            case "function_call":
                item["arguments"] = "".join(self._deltas)
                done = {"name": item["name"], "arguments": item["arguments"]}
                yield self._event("response.function_call_arguments.done", **self._place(), **done)
            case _:
                pass
        if "status" in item:
            item["status"] = status
        index = len(self.response["output"]) - 1
        yield self._event("response.output_item.done", output_index=index, item=_copy(item))
        self._item = None

    def _end_message(self, message: AIMessage) -> Generator[dict[str, Any], None, None]:
        if self._item is not None and self._item["type"] == "message":
            phase = _phase(message)
            if phase is None and self._runs_tools:
                phase = "commentary" if message.tool_calls else "final_answer"
            if phase is not None:
                self._item["phase"] = phase
        yield from self._close()
        if (packed := pack(message)) is not None:
            yield from self._begin("reasoning", summary=[])
            self._opened()["encrypted_content"] = packed
            yield from self._close()

    # -- ends

    def _finish(self, part: Finish) -> Generator[dict[str, Any], None, None]:
        reason = _INCOMPLETE.get(part.reason)
        yield from self._close("completed" if reason is None else "incomplete")
        self.response["usage"] = _usage(part.usage)
        if reason is None:
            self.response |= {"status": "completed", "completed_at": int(time.time())}
            yield self._event("response.completed", response=self.response)
        else:
            self.response |= {"status": "incomplete", "incomplete_details": {"reason": reason}}
            yield self._event("response.incomplete", response=self.response)

    def _fail(self, part: Failure) -> Generator[dict[str, Any], None, None]:
        """Yield both events of a failure: some clients take only one of them for an error."""
        yield from self._close("incomplete")
        error = {"type": "server_error", "code": part.code, "message": part.message, "param": None}
        yield self._event("error", error=error)
        known = part.code if part.code == "rate_limit_exceeded" else "server_error"
        failed = {"code": known, "message": part.message}
        status = "cancelled" if part.code == "stopped" else "failed"
        self.response |= {"status": status, "error": failed}
        yield self._event("response.failed", response=self.response)


class ResponseEvents:
    """An encoder of a streamed response.

    Args:
        id: the id of the run.
        model: the name of the chain.
        request: the body of the request.
    """

    def __init__(self, id: str, model: str, request: Mapping[str, Any]) -> None:
        self._items = ResponseItems(id, model, request)
        self._number = 0

    @property
    def response(self) -> dict[str, Any]:
        """The response so far."""
        return self._items.response

    def encode(self, part: Part) -> bytes:
        """Return the bytes of a part; none for what this protocol does not show."""
        items = self._items
        if isinstance(part, TextDelta) and items.is_in_text:
            items.add_text(part.text)
            return self._numbered(items.text_frames.frame(part.text))
        frames: list[bytes] = []
        if self._number == 0:
            response = self._items.response
            frames.append(self._frame({"type": "response.created", "response": response}))
            frames.append(self._frame({"type": "response.in_progress", "response": response}))
        frames += map(self._frame, self._items.events(part))
        return b"".join(frames)

    def _frame(self, event: dict[str, Any]) -> bytes:
        return self._numbered(frame(event))

    def _numbered(self, event: bytes) -> bytes:
        """Return the frame of an event with its number, which is its first key."""
        number, self._number = self._number, self._number + 1
        return b'data: {"sequence_number":%d,%b' % (number, event.removeprefix(b"data: {"))


class WholeResponse:
    """An encoder of a response that is sent as a whole: its bytes come with the last part."""

    def __init__(self, id: str, model: str, request: Mapping[str, Any]) -> None:
        self._items = ResponseItems(id, model, request)

    def encode(self, part: Part) -> bytes:
        """Return the whole response at its end; nothing before."""
        for _ in self._items.events(part):
            pass
        return as_json(self._items.response) if isinstance(part, Finish) else b""


def _copy(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as it is now, with the parts as they are now."""
    parts: Any = {key: item[key] for key in ("content", "summary") if key in item}
    return {**item, **{key: [dict(part) for part in parts[key]] for key in parts}}


def _phase(message: AIMessage) -> str | None:
    """Return what the service has called the phase of a message; None where it has not."""
    given: list[Any] = [message.additional_kwargs]
    given += [block.get("extras") for block in message.content_blocks]
    for fields in filter(None, given):
        # Our own provider keeps the fields of an item together.
        for item in (fields, fields.get("message_item"), fields.get("item")):
            phase = cast("Any", item).get("phase") if isinstance(item, dict) else None
            if isinstance(phase, str):
                return phase
    return None


def _tools(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the functions among the tools of a request, with all keys that they must have."""
    tools = request.get("tools")
    return [
        {"type": "function", **{key: tool.get(key) for key in _FUNCTION}}
        for tool in cast("list[dict[str, Any]]", tools if isinstance(tools, list) else [])
        if isinstance(cast("Any", tool), dict) and tool.get("type") == "function"
    ]


def _usage(tokens: UsageMetadata | None) -> dict[str, Any]:
    given: Mapping[str, Any] = tokens or {}
    read, written = int(given.get("input_tokens", 0)), int(given.get("output_tokens", 0))
    inputs, outputs = given.get("input_token_details", {}), given.get("output_token_details", {})
    return {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": read + written,
        "input_tokens_details": {
            "cached_tokens": inputs.get("cache_read", 0),
            "cache_write_tokens": inputs.get("cache_creation", 0),
        },
        "output_tokens_details": {"reasoning_tokens": outputs.get("reasoning", 0)},
    }
