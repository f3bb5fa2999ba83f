"""The parts of an answer, in the order in which a page shows them: what every protocol encodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessage
    from runnables.messages.usage import UsageMetadata

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why a model has ended its answer."""


@dataclass(slots=True)  # not frozen, as a stream has one for each token: it takes a third so
class TextDelta:
    """The next part of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next part of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """The next part of a tool call: its id and name come with the first, then more of its JSON.

    Attributes:
        index: the number of the call in its message, from 0.
        id: the id of the call; the same in all its parts.
        name: the name of the tool; the same in all its parts.
        args: the next part of the arguments, as JSON text.
        is_first: whether the call begins with this part.
        runs_here: whether the chain itself runs the tool, as an agent does.
    """

    index: int
    id: str
    name: str
    args: str
    is_first: bool
    runs_here: bool = False


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """The end of one message of a model, which has it as a whole.

    Attributes:
        message: the message: with its ids, signatures and all that the service sent.
    """

    message: AIMessage


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool.

    Attributes:
        id: the id of the call.
        name: the name of the tool.
        content: what the model reads: a string, or a list of blocks.
        is_error: whether the tool has failed.
        is_denied: whether it was not run, as a person has denied it.
    """

    id: str
    name: str
    content: Any
    is_error: bool = False
    is_denied: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """A call that waits for the approval of a person; the answer ends with those.

    Attributes:
        id: the id of the request, which the answer repeats.
        call_id: the id of the call.
        tool: the name of the tool.
        reason: why it needs approval; empty where the tool does not say.
    """

    id: str
    call_id: str
    tool: str
    reason: str = ""


@dataclass(slots=True)  # as above
class Value:
    """An output that is no text and no message.

    Attributes:
        value: the value so far, or as a whole.
        is_whole: whether it is the last one.
    """

    value: Any
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Merging:
    """How the values that follow merge, for clients that merge them as they merge here.

    Attributes:
        form: what is new of it; see `chunk_merges`.
    """

    form: Any


@dataclass(frozen=True, slots=True)
class Restart:
    """The news that the values so far are void, of the whole output or of some parts of it.

    Attributes:
        paths: for each part the keys that lead to it; none of them for the whole.
    """

    paths: list[list[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """The start or the end of a run inside the chain.

    Attributes:
        id: the id of the run.
        parent: the id of the run around it.
        name: its name.
        type: its kind: "chain", "chat_model", "tool", ...
        status: "running", "done", "failed" or "cancelled".
        seconds: how long it took; None while it runs.
        start: when it began, in seconds since the epoch.
        usage: the tokens that it reports at its end; None where it is no model, or reports none.
    """

    id: str
    parent: str | None
    name: str
    type: str
    status: Literal["running", "done", "failed", "cancelled"]
    seconds: float | None = None
    start: float = 0.0
    usage: UsageMetadata | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a whole answer: exactly one of this and `Failure` is the last part.

    Attributes:
        reason: why the last message ended.
        usage: the tokens of all models of the run; None where none reported any.
        model: the model's own name of the last message; None where it gave none.
    """

    reason: FinishReason = "stop"
    usage: UsageMetadata | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The end of an answer that has failed.

    Attributes:
        message: what the client may read of it: nothing of the inside, unless that is allowed.
        status: the HTTP status, where none was sent yet.
        code: a short name of the kind of error.
        headers: HTTP headers that go with the status, such as `Retry-After`.
        run_id: the id of the run, which is in the message, too; "" where nothing has run.
    """

    message: str
    status: int = 500
    code: str = "internal_error"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    run_id: str = ""


Part: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | MessageEnd
    | ToolResult
    | ApprovalRequest
    | Value
    | Merging
    | Restart
    | Step
    | Finish
    | Failure
)
"""Any part. They come in order; the last is a `Finish` or a `Failure`."""
