"""The events of a run as a stream of dicts, with the names and the shape of LangChain's v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

from runnables.callbacks.calls import conversation, prompt_of, tool_arguments
from runnables.core.config import RunnableConfig, ensure_scope
from runnables.core.description import checked_config
from runnables.engine.interleave import AsyncBackground, run_in_background
from runnables.engine.misuse import EVENTS
from runnables.engine.stream import AsyncStream, Stream
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable

    from runnables.core.contract import BaseRunnable
    from runnables.core.handlers import Event


class StreamEvent(TypedDict):
    """A dict that describes one event of `stream_events`.

    Attributes:
        event: `on_chain_start`, `on_chat_model_stream`, `on_parser_end`, `on_tool_error`, ...;
            `on_custom_event` for the user's own events.
        name: the name of the runnable, or of the custom event.
        run_id: the id of the run.
        parent_ids: the ids of the runs around it, the outermost first.
        tags: the labels of the run.
        metadata: the metadata of the run.
        data: a dict with the `input`, `chunk`, `output` or `error` of the event; of a custom
            event, the data that was dispatched. The first run has its input as it was passed, and
            not again at its end. Those inside of it have `{"messages": [[...]]}` where they are
            models, `{"query": ...}` where they are retrievers.

    Example:
        >>> for event in RunnableLambda(len).stream_events("abc"):
        ...     print(event["event"], event["name"], event["data"])
        on_chain_start len {'input': 'abc'}
        on_chain_stream len {'chunk': 3}
        on_chain_end len {'output': 3}
    """

    event: str
    name: str
    run_id: str
    parent_ids: list[str]
    tags: list[str]
    metadata: dict[str, Any]
    data: Any


_SUFFIX: Final = {"chunk": "stream"}
_DATA: Final = {
    "start": ("input",),
    "chunk": ("chunk",),
    "end": ("output", "input"),
    "error": ("error", "input"),
    "cancelled": ("input",),
}
_AT_ONCE: Final = frozenset({"prompt", "tool", "retriever"})
"""The kinds of runs whose output comes at once: the event of its end has it."""

_FILTERS: Final = tuple(
    f"{verb}_{key}" for verb in ("include", "exclude") for key in ("names", "types", "tags")
)


def as_dict(event: Event, data: Any) -> StreamEvent:
    """Return an event as a dict of LangChain's v2 stream, with this data."""
    suffix = _SUFFIX.get(event.kind, event.kind)
    return {
        "event": "on_custom_event" if event.kind == "custom" else f"on_{event.run_type}_{suffix}",
        "name": event.name,
        "run_id": event.run_id,
        "parent_ids": list(event.parent_ids),
        "tags": list(event.tags),
        "metadata": dict(event.metadata),
        "data": data,
    }


def input_of(event: Event) -> Any:
    """Return the input of a run as LangChain's events have it, by the kind of the run."""
    match event.run_type:
        case "chat_model":
            return {"messages": [conversation(event)]}
        case "llm":
            return {"prompts": [prompt_of(event)]}
        case "retriever":
            return {"query": event.input}
        case "tool":
            return tool_arguments(event.input)[0]
        case _:
            return event.input


class _Filter:
    """The events that a caller wants.

    Args:
        options: the options of the call; those of the filter are taken out.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        if options.pop("version", "v2") != "v2":
            raise ConfigError("stream_events: there is only version='v2'")
        self._sets: dict[str, set[Any] | None] = {}
        for name in _FILTERS:
            values = options.pop(name, None)
            if isinstance(values, str):
                raise ConfigError(f"stream_events: {name}={values!r}: expected a list of strings")
            self._sets[name] = None if values is None else set(values)

    def wants(self, event: Event) -> bool:
        """Tell whether the event matches a filter that includes, if any, and none that excludes."""
        found = {"names": {event.name}, "types": {event.run_type}, "tags": set(event.tags)}
        included = {key: self._sets[f"include_{key}"] for key in found}
        wanted = {key: values for key, values in included.items() if values is not None}
        if wanted and not any(values & found[key] for key, values in wanted.items()):
            return False
        return not any(found[key] & (self._sets[f"exclude_{key}"] or set()) for key in found)


class _Forward:
    """The handler that puts events into the stream.

    The first run of the stream has the input as it was passed, and only at its start.
    """

    wants_chunks = True

    def __init__(self, put: Callable[[Any], None], wanted: _Filter) -> None:
        self._put = put
        self._wanted = wanted
        self._first: dict[str, str] = {}

    def on_event(self, event: Event) -> None:
        """Put an event into the stream, if the caller wants it."""
        outermost = self._first.setdefault("run", event.run_id)  # atomic: threads may emit events
        if event.kind == "chunk" and event.run_type in _AT_ONCE:
            return
        if self._wanted.wants(event):
            first = self._first.setdefault("shown", event.run_id)
            self._put(as_dict(event, self._data(event, outermost, first)))

    def _data(self, event: Event, outermost: str, first: str) -> Any:
        if event.kind == "custom":
            return event.data
        data = {key: getattr(event, key) for key in _DATA[event.kind]}
        if "input" not in data:
            return data
        if event.run_id != outermost:
            data["input"] = input_of(event)
        if event.kind == "start" and event.run_id != outermost and event.input is None:
            del data["input"]  # its input comes in chunks
        elif event.kind == "end" and event.run_id == first:
            del data["input"]
        return data


def _with_events(
    runnable: Any, config: RunnableConfig | None, put: Callable[[Any], None], wanted: _Filter
) -> RunnableConfig:
    config = checked_config(runnable, config)
    return ensure_scope(config).merged({"callbacks": [_Forward(put, wanted)]}).config


class _Events(Stream[StreamEvent]):
    """The events of a run."""

    __slots__ = ()
    _ways = EVENTS


class _AsyncEvents(AsyncStream[StreamEvent]):
    """The events of a run."""

    __slots__ = ()
    _ways = EVENTS


def stream_events(
    runnable: BaseRunnable[Any, Any],
    value: Any,
    config: RunnableConfig | None,
    options: dict[str, Any],
) -> Stream[StreamEvent]:
    """Return a stream of the events of a run of `stream`."""
    wanted = _Filter(options)

    def work(put: Callable[[Any], None]) -> None:
        inner = _with_events(runnable, config, put, wanted)
        with runnable.stream(value, inner, **options) as chunks:
            _exhaust(chunks)

    def events() -> Generator[StreamEvent, None, None]:
        yield from run_in_background(work)

    return _Events(events())


def astream_events(
    runnable: BaseRunnable[Any, Any],
    value: Any,
    config: RunnableConfig | None,
    options: dict[str, Any],
) -> AsyncStream[StreamEvent]:
    """Return a stream of the events of a run of `stream`."""
    wanted = _Filter(options)

    async def work(put: Callable[[Any], None], drained: Callable[[], Awaitable[None]]) -> None:
        inner = _with_events(runnable, config, put, wanted)
        async with runnable.astream(value, inner, **options) as chunks:
            async for _ in chunks:
                await drained()

    async def events() -> AsyncGenerator[StreamEvent, None]:
        run = AsyncBackground(work)
        try:
            async for event in run:
                yield event
        finally:
            await run.aclose()

    return _AsyncEvents(events())


def _exhaust(chunks: Iterable[Any]) -> None:
    for _ in chunks:
        pass
