"""What happens inside a run, as a stream of dicts; names and shape as LangChain's v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

from runnables.core.config import RunnableConfig, ensure_scope
from runnables.engine import AsyncStream, Stream, arun_in_background, run_in_background
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable

    from runnables.core.contract import BaseRunnable
    from runnables.core.handlers import Event


class StreamEvent(TypedDict):
    """One event of `stream_events`.

    Attributes:
        event: `on_chain_start`, `on_chat_model_stream`, `on_parser_end`, `on_tool_error`, ...;
            `on_custom_event` for those of the user.
        name: the name of the runnable, or of the custom event.
        run_id: the id of the run.
        parent_ids: the ids of the runs around it, the outermost first.
        tags: the labels of the run.
        metadata: the metadata of the run.
        data: `input`, `chunk`, `output` or `error`, as the event has them; of a custom event,
            what the user gave.
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
    "end": ("input", "output"),
    "error": ("input", "error"),
    "cancelled": ("input",),
}
_FILTERS: Final = tuple(
    f"{verb}_{what}" for verb in ("include", "exclude") for what in ("names", "types", "tags")
)


def as_dict(event: Event) -> StreamEvent:
    """An event in the form of LangChain's v2 stream."""
    custom = event.kind == "custom"
    data = event.data if custom else {key: getattr(event, key) for key in _DATA[event.kind]}
    suffix = _SUFFIX.get(event.kind, event.kind)
    return {
        "event": "on_custom_event" if custom else f"on_{event.run_type}_{suffix}",
        "name": event.name,
        "run_id": event.run_id,
        "parent_ids": list(event.parent_ids),
        "tags": list(event.tags),
        "metadata": dict(event.metadata),
        "data": data,
    }


class _Filter:
    """Which events a caller wants; takes its options out of the others."""

    def __init__(self, options: dict[str, Any]) -> None:
        if options.pop("version", "v2") != "v2":
            raise ConfigError("stream_events: there is only version='v2'")
        given = {name: options.pop(name, None) for name in _FILTERS}
        for name, it in given.items():
            if isinstance(it, str):
                raise ConfigError(f"stream_events: {name}={it!r}: expected a list of texts")
        self._sets = {name: None if it is None else set(it) for name, it in given.items()}

    def wants(self, event: Event) -> bool:
        facts = {"names": {event.name}, "types": {event.run_type}, "tags": set(event.tags)}
        included = [self._sets[f"include_{what}"] for what in facts]
        hits = (bool(it & facts[what]) for what, it in zip(facts, included, strict=True) if it)
        if any(it is not None for it in included) and not any(hits):
            return False
        return not any(facts[what] & (self._sets[f"exclude_{what}"] or set()) for what in facts)


class _Forward:
    """The handler that puts events into the stream."""

    wants_chunks = True

    def __init__(self, put: Callable[[Any], None], wanted: _Filter) -> None:
        self._put = put
        self._wanted = wanted

    def on_event(self, event: Event) -> None:
        """Pass an event on, where the caller wants it."""
        if self._wanted.wants(event):
            self._put(as_dict(event))


def _watched(
    config: RunnableConfig | None, put: Callable[[Any], None], wanted: _Filter
) -> RunnableConfig:
    return ensure_scope(config).merged({"callbacks": [_Forward(put, wanted)]}).config


def stream_events(
    runnable: BaseRunnable[Any, Any],
    value: Any,
    config: RunnableConfig | None,
    options: dict[str, Any],
) -> Stream[StreamEvent]:
    """Run a runnable's stream and give its events."""
    wanted = _Filter(options)

    def work(put: Callable[[Any], None]) -> None:
        with runnable.stream(value, _watched(config, put, wanted), **options) as chunks:
            _exhaust(chunks)

    def events() -> Generator[StreamEvent, None, None]:
        yield from run_in_background(work)

    return Stream(events())


def astream_events(
    runnable: BaseRunnable[Any, Any],
    value: Any,
    config: RunnableConfig | None,
    options: dict[str, Any],
) -> AsyncStream[StreamEvent]:
    """Run a runnable's stream and give its events."""
    wanted = _Filter(options)

    async def work(put: Callable[[Any], None], drained: Callable[[], Awaitable[None]]) -> None:
        async with runnable.astream(value, _watched(config, put, wanted), **options) as chunks:
            async for _ in chunks:
                await drained()

    async def events() -> AsyncGenerator[StreamEvent, None]:
        found = arun_in_background(work)
        try:
            async for event in found:
                yield event
        finally:
            await found.aclose()

    return AsyncStream(events())


def _exhaust(chunks: Iterable[Any]) -> None:
    for _ in chunks:
        pass
