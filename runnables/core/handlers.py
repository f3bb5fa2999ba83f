"""Handlers, and the events that they receive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, cast
from uuid import UUID

from runnables.errors import RunnablesError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

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
        runnable: the runnable that runs; None on custom.
        options: the options of the call, which are passed by keyword or bound.
        configurable: the `configurable` of the run's config.

    These three are not in a copy, nor in another process: they may hold what cannot go there.
    It can also be read as a run of LangChain: `inputs`, `outputs`, `id`, `parent_run_id`,
    `start_time` and `end_time` are made of these attributes.

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
    runnable: Any = field(default=None, repr=False, compare=False)
    options: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)
    configurable: Mapping[str, Any] = field(
        default_factory=dict[str, Any], repr=False, compare=False
    )

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

    def __reduce__(self) -> tuple[Any, ...]:
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.compare}
        return _remade, (values,)

    @property
    def parent_id(self) -> str | None:
        """Return the id of the run directly around this one; None for the outermost run."""
        return self.parent_ids[-1] if self.parent_ids else None

    @property
    def inputs(self) -> Any:
        """Return the input as a dict: itself, if it is one, or `{"input": input}`."""
        return _as_dict("input", self.input)

    @property
    def outputs(self) -> Any:
        """Return the output as a dict: itself, if it is one, or `{"output": output}`.

        There is none before the end, so it is empty.
        """
        return _as_dict("output", self.output) if self.kind == "end" else {}

    @property
    def id(self) -> UUID | str:
        """Return the id of the run as a UUID; as it is, where the config set something else."""
        return as_uuid(self.run_id)

    @property
    def parent_run_id(self) -> UUID | str | None:
        """Return the `parent_id` as a UUID; None for the outermost run."""
        return None if self.parent_id is None else as_uuid(self.parent_id)

    @property
    def start_time(self) -> datetime:
        """Return when the run started, in UTC; of a chunk, when that came."""
        return _date_of(self.time - (self.seconds or 0.0))

    @property
    def end_time(self) -> datetime | None:
        """Return when the run ended, in UTC; None before."""
        return None if self.seconds is None else _date_of(self.time)

    @property
    def usage(self) -> Any:
        """Return the usage (a dict of tokens) that a model reported with its output, or None.

        An answer from a cache has used no tokens, so it is None, too.
        """
        return usage_of(self.output)


def _remade(values: dict[str, Any]) -> Event:
    return Event(**values)


class MisreadEventError(RunnablesError, AttributeError, TypeError):
    """An error of a handler or a listener that reads another kind of event than it gets.

    It is always raised, also where other errors of a handler are logged.
    """


_INSTEAD: Final = {
    "event": "kind",
    "serialized": "name",
    "extra": "metadata",
}
"""Attributes of LangChain's runs and events that an event does not have, and what to read."""


def as_uuid(run_id: str) -> UUID | str:
    """Return an id as a UUID; as it is, where the config set something else."""
    try:
        return UUID(run_id)
    except ValueError:
        return run_id


def _date_of(seconds: float) -> datetime:
    from datetime import UTC, datetime  # most programs ask for no dates

    return datetime.fromtimestamp(seconds, UTC)


def _as_dict(key: str, value: Any) -> Any:
    return cast("Any", value) if isinstance(value, Mapping) else {key: value}


def usage_of(answer: object) -> Any:
    """Return the usage (a dict of tokens) that a model's answer or chunk reports, or None."""
    if getattr(answer, "response_metadata", {}).get("from_cache"):
        return None
    return getattr(answer, "usage_metadata", None)


class Handler(Protocol):
    """An object that receives the events of runs; it goes into `config={"callbacks": [...]}`.

    Any object with this method is one; it need not be a subclass. Runs in several threads may
    call it at the same time. Some attributes, if they are there, change how it is called:

    - `raise_error`, where true: an error of the handler fails the run. By default the first one is
      logged, and the run continues.
    - `wants_chunks`, where true: a model that is invoked is streamed, so that the handler receives
      the chunks of its answer.
    - `run_types`: the kinds of runs whose events it receives, such as {"chat_model"}; by default
      all. Others make no events for it.
    - `answer_id`, a method that takes the id of a run, and returns a string: the answer of a chat
      model, and each of its chunks, has this id where the service has sent none.

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

    if not TYPE_CHECKING:  # to checkers, it would be an attribute that every handler needs

        def __getattr__(self, name: str) -> Any:
            """Refuse what LangChain asks its own handlers for, and say the way out."""
            hint = ""
            if name.startswith("ignore_") or name in ("raise_error", "run_inline"):
                hint = (
                    " In the config of a runnable of LangChain, write to_langchain(handler), or "
                    "let the class subclass runnables.BaseCallbackHandler."
                )
            text = f"The handler {type(self).__name__} has no attribute {name!r}.{hint}"
            raise AttributeError(text, name=name, obj=self)


Callbacks: TypeAlias = Sequence[Handler] | None
"""The type of `callbacks`: a list of handlers, or None."""
