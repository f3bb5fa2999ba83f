"""The output of a chain, chunk by chunk, as the parts that protocols encode."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.agents import approvals as agents
from runnables.engine.merging import SNAPSHOTS, Accumulator, comes_in_parts
from runnables.engine.stream import merge_of, stream_may_restart
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.base import BaseMessage
from runnables.messages.kinds import complete_message
from runnables.messages.roles import HumanMessage, ToolMessage
from runnables.messages.tool_call_merging import MergedCall, ToolCallAssembler
from runnables.models.calls import join_answer
from runnables.serving.approvals import NO_ASKING, Asking
from runnables.serving.parts import (
    ApprovalRequest,
    Finish,
    FinishReason,
    MessageEnd,
    Part,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolResult,
    Value,
)

if TYPE_CHECKING:
    from runnables.messages.usage import UsageMetadata

_REASONS: Final[Mapping[str, FinishReason]] = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
}
"""What services call the ends of their answers, beside those that mean nothing special."""


def finish_reason(message: AIMessage) -> FinishReason:
    """Return why a message ended, in the words of OpenAI's chat completions."""
    said = message.response_metadata
    for key in ("finish_reason", "stop_reason", "done_reason"):
        if reason := _REASONS.get(str(said.get(key)).lower()):
            return reason
    return "tool_calls" if message.tool_calls else "stop"


class OutputReader:
    """The state of one answer, from chunks to parts; nothing here waits or runs.

    Text and messages become parts as they come; at the end, where a later chunk may take back what
    an earlier one says. Any other output is a `Value`: one for each snapshot, and one at the end
    where the chunks are parts of it.

    Args:
        given: how many messages the chain was given: an agent's output begins with them. None:
            those up to the last one of a person.
        asking: how the run asks for approval.
    """

    def __init__(self, given: int | None = 0, asking: Asking = NO_ASKING) -> None:
        self._to_skip = given
        self._asking = asking
        self._is_asking = False
        self._waits: bool | None = None
        self._held: list[Any] = []
        self._stream: object = None
        self._message: list[AIMessageChunk] = []
        self._calls = ToolCallAssembler(_Call)
        self._value: Accumulator | None = None
        self._last: AIMessage | None = None
        self._runs_tools = False

    def read(self, chunk: Any, chunks: object) -> Iterable[Part]:
        """Return the parts that a chunk brings.

        Args:
            chunk: the chunk.
            chunks: the stream, which knows how its chunks merge.
        """
        if self._waits is None:  # with its first chunk, a stream knows how they merge
            self._waits = _may_take_back(chunk, chunks)
        if self._waits:
            self._held.append(chunk)
            self._stream = chunks
            return ()
        if isinstance(chunk, str):
            return (TextDelta(chunk),) if chunk else ()
        if isinstance(chunk, BaseMessage):
            return self._read_message(chunk)
        return self._read_other(chunk, chunks)

    def _read_other(self, chunk: Any, chunks: object) -> Generator[Part, None, None]:
        if (messages := _messages_of(chunk)) is not None:
            self._runs_tools = True
            if self._to_skip is None:
                self._to_skip = _count_given(messages)
            new = messages[self._to_skip :]
            self._to_skip = max(0, self._to_skip - len(messages))
            for message in new:
                yield from self._read_message(message)
        if (requests := _requests_of(chunk)) is not None:
            yield from self._end_message()
            yield from self._ask(requests)
        elif messages is None:
            yield from self._end_message()
            self._add_value(chunk, chunks)
            if merge_of(chunks) is SNAPSHOTS:
                yield Value(chunk, is_whole=False)
            elif isinstance(chunk, Mapping) and "structured_response" in chunk:
                yield Value(cast("Any", chunk)["structured_response"], is_whole=False)

    def _add_value(self, chunk: Any, chunks: object) -> None:
        if self._value is None:
            self._value = merge_of(chunks).accumulator()
        self._value.add(chunk)

    def _ask(self, requests: Sequence[agents.ApprovalRequest]) -> Generator[Part, None, None]:
        self._is_asking = True
        for request in requests:
            call_id, tool = request.call_id, request.tool
            signer = self._asking.signer
            id = call_id if signer is None else signer.id_of(call_id, tool, request.arguments)
            yield ApprovalRequest(id, call_id, tool, request.reason)

    def end(self, usage: UsageMetadata | None = None) -> Generator[Part, None, None]:
        """Yield the last parts of a whole answer.

        Args:
            usage: the tokens of all models of the run; None: those of the answer's last message.
        """
        if self._waits:
            self._waits = False
            for value in merged(self._held, self._stream):
                yield from self.read(value, None)
        yield from self._end_message()
        if self._value is not None and not self._value.empty:
            value = self._value.value()
            if isinstance(value, Mapping) and "structured_response" in value:
                value = cast("Any", value)["structured_response"]
            yield Value(value, is_whole=True)
        last = self._last
        if last is None:
            yield Finish("tool_calls" if self._is_asking else "stop", usage)
            return
        model = last.response_metadata.get("model_name")
        name = model if isinstance(model, str) else None
        yield Finish(finish_reason(last), usage or last.usage_metadata, name)

    # -- messages

    def _read_message(self, message: BaseMessage) -> Generator[Part, None, None]:
        if isinstance(message, ToolMessage):
            yield from self._end_message()
            is_error = message.status == "error"
            name, id = message.name or "", message.tool_call_id
            is_denied = self._last is None and self._asking.is_denied(id)
            yield ToolResult(id, name, message.content, is_error, is_denied)
        elif isinstance(message, AIMessage):
            if self._message and not isinstance(message, AIMessageChunk):
                yield from self._end_message()
            self._message.append(cast("AIMessageChunk", message))
            yield from self._deltas(message)
            if getattr(message, "chunk_position", "last") == "last":
                yield from self._end_message()

    def _deltas(self, message: AIMessage) -> Iterable[Part]:
        if isinstance(message.content, str) and not message.additional_kwargs:
            if message.content:
                yield TextDelta(message.content)
        else:
            for block in message.content_blocks:
                if block["type"] == "text" and block["text"]:
                    yield TextDelta(block["text"])
                elif block["type"] == "reasoning" and block.get("reasoning"):
                    yield ReasoningDelta(block.get("reasoning", ""))
                elif block["type"] == "refusal" and block["refusal"]:
                    yield TextDelta(block["refusal"])
        if isinstance(message, AIMessageChunk):
            for chunk in message.tool_call_chunks:
                yield from self._call_delta(chunk)
        elif message.tool_calls:
            for chunk in AIMessageChunk(tool_calls=message.tool_calls).tool_call_chunks:
                yield from self._call_delta(chunk)

    def _call_delta(self, chunk: Any) -> Iterable[Part]:
        self._calls.add(chunk)
        for index, call in enumerate(self._calls.calls):
            if (args := call.take()) is not None:
                is_first, call.was_shown = not call.was_shown, True
                yield ToolCallDelta(
                    index, call.id or "", call.name or "", args, is_first, self._runs_tools
                )

    def _end_message(self) -> Iterable[Part]:
        if not self._message:
            return
        whole, self._message = cast("Any", self._message), []
        message = whole[0] if len(whole) == 1 else join_answer(whole)
        self._calls = ToolCallAssembler(_Call)
        self._last = cast("AIMessage", complete_message(message))
        yield MessageEnd(self._last)


class _Call(MergedCall):
    """A call whose arguments are passed on as they come, once its name and id are known."""

    def __init__(self) -> None:
        super().__init__()
        self.was_shown = False
        self._new: list[str] = []

    def add_args(self, text: str) -> None:
        super().add_args(text)
        self._new.append(text)

    def take(self) -> str | None:
        """Return the new text of the arguments; None where there is nothing to show."""
        if not self._new or not self.id or not self.name:
            return None
        text = "".join(self._new)
        self._new.clear()
        return text if text or not self.was_shown else None


def _messages_of(chunk: Any) -> Sequence[BaseMessage] | None:
    """Return the messages of a chunk of an agent; None for any other chunk."""
    if not isinstance(chunk, Mapping):
        return None
    messages: Any = cast("Mapping[str, Any]", chunk).get("messages")
    if not isinstance(messages, list) or "structured_response" in chunk:
        return None
    found = cast("Any", messages)
    return found if all(isinstance(message, BaseMessage) for message in found) else None


def merged(chunks: Iterable[Any], stream: object) -> list[Any]:
    """Return the value of the chunks of a stream that has ended; an empty list for none.

    A stream that has started over may merge in another way, and says so only at its end.
    """
    whole = merge_of(stream).accumulator()
    for chunk in chunks:
        whole.add(chunk)
    return [] if whole.empty else [whole.value()]


def _may_take_back(chunk: Any, chunks: object) -> bool:
    """Tell whether a later chunk of a stream may take back what this one says."""
    is_text = isinstance(chunk, (str, BaseMessage))
    return stream_may_restart(chunks) or (is_text and not comes_in_parts(merge_of(chunks)))


def _count_given(messages: Sequence[BaseMessage]) -> int:
    """Return how many messages there are up to the last one of a person."""
    numbered = enumerate(messages, start=1)
    return max((n for n, message in numbered if isinstance(message, HumanMessage)), default=0)


def _requests_of(chunk: Any) -> Sequence[agents.ApprovalRequest] | None:
    """Return the requests for approval of a chunk of an agent; None for any other chunk."""
    if not isinstance(chunk, Mapping):
        return None
    requests: Any = cast("Mapping[str, Any]", chunk).get("approval_requests")
    if not isinstance(requests, list) or not requests:
        return None
    found = cast("Any", requests)
    return found if all(isinstance(each, agents.ApprovalRequest) for each in found) else None
