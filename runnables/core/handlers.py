"""Handlers, and the events that they receive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from runnables.errors import RunnablesError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

Kind = Literal["start", "chunk", "end", "error", "cancelled", "custom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run.

    Attributes:
        kind: "start", "chunk", "end", "error", "cancelled" or "custom".
        run_type: the kind of runnable: "chain", "chat_model", "prompt", "parser", ...
        name: the name of the runnable, or of the custom event.
        run_id: the id of the run (a UUID as a string), the same in all its events.
        parent_ids: the ids of the runs around it, the outermost first.
        path: the steps that lead to it, as a reader would name them.
        tags: the labels of the run.
        metadata: the metadata of the run.
        time: the time of the event, in seconds since the epoch.
        seconds: how long the run took; on end, error and cancelled.
        input: the input. A stream that takes its input in chunks has None until the end, and
            then what it has read.
        chunk: a chunk of the output; on chunk.
        output: the output; on end.
        error: the exception; on error and cancelled.
        data: the user's own data; on custom.

    Example:
        >>> def log(event):
        ...     print(event.kind, event.name, event.output)
        >>> RunnableLambda(len).with_listeners(on_start=log, on_end=log).invoke("abc")
        start len None
        end len 3
        3
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

    def __getattr__(self, name: str) -> Any:
        """Refuse another attribute than those above; LangChain's are named with ours."""
        if name.startswith("_"):  # Python and notebooks look for their own methods
            raise AttributeError(name)
        instead = _INSTEAD.get(name)
        hint = f" It is event.{instead} here." if instead else did_you_mean(name, self.__slots__)
        raise MisreadEventError(
            f"An event has no attribute {name!r}.{hint} It has: {', '.join(self.__slots__)}."
        )

    def __getitem__(self, key: Any) -> Any:
        """Refuse to be read as a dict: those of `astream_events` are dicts, and these are not."""
        name = _INSTEAD.get(str(key), str(key))
        known = f" Write event.{name}." if name in self.__slots__ else ""
        raise MisreadEventError(
            f"An event of a handler or a listener is no dict, so it has no key {key!r}.{known} "
            f"It has the attributes {', '.join(self.__slots__)}."
        )

    @property
    def parent_id(self) -> str | None:
        """Return the id of the run directly around this one; None for the outermost run."""
        return self.parent_ids[-1] if self.parent_ids else None

    @property
    def usage(self) -> Any:
        """Return the usage (a dict of tokens) that a model reported with its output, or None.

        An answer from a cache has used no tokens, so it is None, too.
        """
        return usage_of(self.output)


class MisreadEventError(RunnablesError, AttributeError, TypeError):
    """An error of a handler or a listener that reads another kind of event than it gets.

    It is always raised, also where other errors of a handler are logged.
    """


_INSTEAD: Final = {
    "inputs": "input",
    "outputs": "output",
    "id": "run_id",
    "parent_run_id": "parent_id",
    "event": "kind",
    "start_time": "time",
    "end_time": "time",
    "serialized": "name",
    "extra": "metadata",
}
"""The attributes of LangChain's runs and events, and what they are here."""


def usage_of(answer: object) -> Any:
    """Return the usage (a dict of tokens) that a model's answer or chunk reports, or None."""
    if getattr(answer, "response_metadata", {}).get("from_cache"):
        return None
    return getattr(answer, "usage_metadata", None)


class Handler(Protocol):
    """An object that receives the events of runs; it goes into `config={"callbacks": [...]}`.

    Any object with this method is one; it need not be a subclass. Runs in several threads may
    call it at the same time. Two attributes, if they are there and true, change how it is called:

    - `raise_error`: an error of the handler fails the run. By default the first one is logged, and
      the run continues.
    - `wants_chunks`: a model that is invoked is streamed, so that the handler receives the chunks
      of its answer.

    Example:
        >>> class Printer(Handler):
        ...     def on_event(self, event):
        ...         print(event.kind, event.name)
        >>> RunnableLambda(len).invoke("abc", {"callbacks": [Printer()]})
        start len
        end len
        3
    """

    def on_event(self, event: Event, /) -> Awaitable[None] | None:
        """Receive an event. An async method serves async runs only; the run waits for either."""
        ...
