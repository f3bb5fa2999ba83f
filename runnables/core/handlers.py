"""What a handler receives: one type of event, one method that takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

Kind = Literal["start", "chunk", "end", "error", "cancelled", "custom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run.

    Attributes:
        kind: start, chunk, end, error, cancelled or custom.
        run_type: what sort of runnable it is: "chain", "chat_model", "prompt", "parser", ...
        name: the name of the runnable, or of the custom event.
        run_id: the id of the run (a UUID as a string), the same in all its events.
        parent_ids: the ids of the runs around it, the outermost first.
        path: the steps that lead to it, as a reader would name them.
        tags: the labels of the run.
        metadata: the metadata of the run.
        time: seconds since the epoch.
        seconds: how long the run took; on end, error and cancelled.
        input: the input; of a stream that takes its input in pieces, None until the end, and
            then what it has read.
        chunk: a piece of the output; on chunk.
        output: the output; on end.
        error: the exception; on error and cancelled.
        data: what the user gave along; on custom.
    """

    kind: Kind
    run_type: str
    name: str
    run_id: str
    parent_ids: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    time: float = 0.0
    seconds: float | None = None
    input: Any = None
    chunk: Any = None
    output: Any = None
    error: BaseException | None = None
    data: Any = None

    @property
    def parent_id(self) -> str | None:
        """The id of the run directly around this one."""
        return self.parent_ids[-1] if self.parent_ids else None

    @property
    def usage(self) -> Any:
        """The usage (a dict of tokens) that a model reported with its output, or None.

        An answer from a cache took nothing this time.
        """
        return usage_of(self.output)


def usage_of(answer: object) -> Any:
    """The usage (a dict of tokens) that a model's answer, or a piece of it, reports, or None."""
    if getattr(answer, "response_metadata", {}).get("from_cache"):
        return None
    return getattr(answer, "usage_metadata", None)


class Handler(Protocol):
    """Who wants to know what runs do; goes into `config={"callbacks": [...]}`.

    A handler that raises is logged, once, and the run goes on, unless the handler has an
    attribute `raise_error` that is true. One with a true attribute `wants_chunks` is told the
    pieces of a model's answer also where the model is invoked: it is streamed then. Runs in
    several threads may tell at the same time.
    """

    def on_event(self, event: Event, /) -> Awaitable[None] | None:
        """Take an event; sync, or async for async runs. Do not keep the run waiting."""
        ...
