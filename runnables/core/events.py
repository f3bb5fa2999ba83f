"""The events of a run, and how handlers receive them.

There is one type of event, and one method that takes it. Event streams, listeners, the usage of
tokens, the console and tracing are all handlers, and receive the same events. A run without a
handler makes no ids and no events, and one that no handler wants to see makes no events.
"""

from __future__ import annotations

import inspect
import time
import uuid
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast

from runnables.core.config import RunnableConfig, Scope, ensure_scope
from runnables.core.handlers import Event, Handler, Kind, MisreadEventError
from runnables.core.spans import span_handlers
from runnables.core.stops import without_stop
from runnables.engine.cancellation import cancelled_error
from runnables.engine.collect import MISSING
from runnables.engine.merging import RESET
from runnables.engine.stream import StreamInfo, merge_of
from runnables.engine.thread_calls import from_thread, in_worker_thread
from runnables.errors import MergeError, SyncAsyncError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping
    from types import TracebackType

    from runnables.engine.merging import Accumulator

FINAL_KINDS = frozenset({"end", "error", "cancelled"})
"""The kinds of events of which each run has one, as the last."""


class Observed(Protocol):
    """The part of a runnable that its run reads."""

    run_type: ClassVar[str]

    @property
    def streams_input(self) -> bool:
        """Tell whether its stream works on chunks of the input as they come."""
        ...

    def get_name(self) -> str:
        """Return the name that handlers see."""
        ...


class ChunkSum:
    """The sum of the chunks of a stream, for events; None where they do not add up."""

    def __init__(self) -> None:
        self._accumulator: Accumulator | None = None
        self._adds_up = True

    def add(self, chunk: Any, chunks: object) -> None:
        """Add a chunk of this stream, which says how its chunks add up."""
        if chunk is RESET:  # what starts over may add up in another way
            self._accumulator, self._adds_up = None, True
            return
        try:
            self._accumulator = self._accumulator or merge_of(chunks).accumulator()
            self._accumulator.add(chunk)
        except MergeError:  # the sum is only for the events: the run itself does not fail
            self._adds_up = False

    def value(self, default: Any = None) -> Any:
        """Return the sum so far; the default where there was no chunk."""
        if self._accumulator is None or self._accumulator.empty:
            return default
        try:
            return self._accumulator.value() if self._adds_up else None
        except MergeError:
            return None


class Run:
    """One observed run of a runnable, which reports its start, its chunks, and its end.

    It is a context manager, sync and async. Pass the output to `end` before leaving it.

    Args:
        runnable: the runnable that runs.
        scope: the scope around the run; its handlers receive the events.
        value: the input, or MISSING.
        options: the options of the call.

    Attributes:
        scope: the scope for the calls inside this run.
    """

    def __init__(
        self,
        runnable: Observed,
        scope: Scope,
        value: Any,
        options: Mapping[str, Any],
    ) -> None:
        self._runnable = runnable
        self._options = options
        self._run_type = run_type = runnable.run_type
        handlers = (*scope.handlers, *scope.own_handlers)
        self._handlers = tuple(one for one in handlers if receives(one, run_type))
        self._name = scope.next_name or runnable.get_name()
        self._id = scope.next_id or str(uuid.uuid4())
        self._outer = scope
        self._input = None if value is MISSING else value
        self._tags = (*scope.get("tags", ()), *scope.next_tags)
        self._start_time = 0.0
        self._output: Any = None
        self._chunk_sum = ChunkSum()
        self.scope = scope.child(self._id)
        self.scope.span_handlers = span_handlers(handlers)

    @property
    def has_handlers(self) -> bool:
        """Tell whether a handler receives the events of runs of this kind."""
        return bool(self._handlers)

    @property
    def wants_chunks(self) -> bool:
        """Tell whether a handler asks for the chunks of a model that is not streamed."""
        return any(getattr(handler, "wants_chunks", False) for handler in self._handlers)

    def end(self, output: Any) -> Any:
        """Record the output of the run, and return it."""
        self._output = output
        return output

    # -- sync and async

    def __enter__(self) -> Self:
        if self._handlers:
            self._require_sync_handlers()
            self._begin_or_end()
        return self

    async def __aenter__(self) -> Self:
        if self._handlers:
            await self._abegin_or_end()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._handlers:
            self._emit(self._final_event(error))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._handlers:
            await self._aemit(self._final_event(error))

    def chunk(self, chunk: Any, info: StreamInfo) -> None:
        """Report a chunk of the output, and add it to the output of the end."""
        self._chunk_sum.add(chunk, info)
        self._emit(self._event("chunk", chunk=chunk))

    async def achunk(self, chunk: Any, info: StreamInfo) -> None:
        """Report a chunk of the output, and add it to the output of the end."""
        self._chunk_sum.add(chunk, info)
        await self._aemit(self._event("chunk", chunk=chunk))

    def _begin_or_end(self) -> None:
        """Report the start; where a handler raises, end at once, for those that received it."""
        try:
            self._begin()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    async def _abegin_or_end(self) -> None:
        """Report the start; where a handler raises, end at once, for those that received it."""
        try:
            await self._abegin()
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise

    def _begin(self) -> None:
        self._start_time = time.time()
        self._emit(self._event("start"))

    async def _abegin(self) -> None:
        self._start_time = time.time()
        await self._aemit(self._event("start"))

    def _emit(self, event: Event) -> None:
        emit(self._handlers, event)

    async def _aemit(self, event: Event) -> None:
        await aemit(self._handlers, event)

    # -- the events themselves

    def _event(self, kind: Kind, **more: Any) -> Event:
        return Event(
            kind=kind,
            run_type=self._run_type,
            name=self._name,
            run_id=self._id,
            parent_ids=self._outer.parents,
            path=self._outer.path,
            tags=self._tags,
            metadata=self._outer.get("metadata", {}),
            time=time.time(),
            input=self._input,
            runnable=self._runnable,
            options=self._options,
            configurable=self._outer.get("configurable", {}),
            **more,
        )

    def _final_event(self, error: BaseException | None) -> Event:
        seconds = time.time() - self._start_time
        if error is None:
            return self._event("end", seconds=seconds, output=self._chunk_sum.value(self._output))
        kind: Kind = "error" if isinstance(error, Exception) else "cancelled"
        return self._event(kind, seconds=seconds, error=error)

    def _require_sync_handlers(self) -> None:
        for handler in self._handlers:
            if inspect.iscoroutinefunction(handler.on_event) and not in_worker_thread():
                raise _cannot_await(handler)


def receives(handler: Handler, run_type: str) -> bool:
    """Tell whether a handler receives the events of runs of this kind."""
    if not hasattr(type(handler), "run_types"):  # a `__getattr__` may have an answer to any name
        return True
    wanted: Any = getattr(handler, "run_types", None)
    return wanted is None or run_type in wanted


def emit(handlers: Iterable[Handler], event: Event) -> None:
    """Pass an event to handlers, from a sync run."""
    failure: BaseException | None = None
    for handler in handlers:
        try:
            result = handler.on_event(event)
            if result is not None and inspect.isawaitable(result):
                if not in_worker_thread():
                    raise _cannot_await(handler, result)
                from_thread(_wait_for(result), even_if_cancelled=event.kind in FINAL_KINDS)
        except Exception as error:
            if failure is None:
                failure = _report_handler_error(handler, error)
        except cancelled_error() as error:
            failure = error  # the call was cancelled: the other handlers receive it all the same
    if failure is not None:
        raise failure


async def aemit(handlers: Iterable[Handler], event: Event) -> None:
    """Pass an event to handlers, from an async run."""
    failure: BaseException | None = None
    for handler in handlers:
        try:
            # an adapter of another library's handlers has a method for each of the two
            is_double = hasattr(type(handler), "aon_event")
            result = (cast("Any", handler).aon_event if is_double else handler.on_event)(event)
            if result is not None and inspect.isawaitable(result):
                await result
        except Exception as error:
            if failure is None:
                failure = _report_handler_error(handler, error)
        except cancelled_error() as error:
            failure = error  # the call was cancelled: the other handlers receive it all the same
    if failure is not None:
        raise failure


def _cannot_await(handler: Handler, result: object = None) -> SyncAsyncError:
    if inspect.iscoroutine(result):
        result.close()
    return SyncAsyncError(
        f"The handler {handler!r} has an async on_event or another async method, and this is a "
        "sync call. Use the async call (ainvoke, astream, ...), or make its methods sync."
    )


async def _wait_for(result: Awaitable[None]) -> None:
    await result


_logged: dict[int, weakref.ref[Any]] = {}
"""The handlers whose error was logged, by id: a handler need not be hashable."""

_latest_logged: deque[Handler] = deque(maxlen=4)
"""The latest of them that take no weak references; more would be kept alive for nothing."""


def _report_handler_error(handler: Handler, error: Exception) -> Exception | None:
    """Return an error that is to be raised; log the first one of any other handler."""
    if getattr(handler, "raise_error", False) or isinstance(error, MisreadEventError):
        return without_stop(error, f"The handler {handler!r}")
    if _is_first_error(handler):
        import logging  # here, as most programs have no handler that fails

        logging.getLogger("runnables").warning(
            "The handler %r failed; its further errors are not logged.", handler, exc_info=error
        )
    return None


def _is_first_error(handler: Handler) -> bool:
    if any(handler is other for other in _latest_logged):
        return False
    key = id(handler)
    if key in _logged:
        return False
    try:  # once it is gone, another handler may have its id
        _logged[key] = weakref.ref(handler, lambda _: _logged.pop(key, None))
    except TypeError:  # it takes no weak references
        _latest_logged.append(handler)
    return True


def dispatch_custom_event(name: str, data: Any, *, config: RunnableConfig | None = None) -> None:
    """Send an event of your own to the handlers of the run around this code.

    Without a handler it does nothing.

    Args:
        name: the name of the event.
        data: any value; handlers receive it as `event.data`.
        config: the run's config, for code in a thread that does not have the run's context.

    Raises:
        Exception: the error of a handler that has `raise_error` set.

    Example:
        >>> def load(path):
        ...     dispatch_custom_event("loaded", {"rows": 3})
        ...     return path
        >>> events = RunnableLambda(load).stream_events("a.csv")
        >>> [event["data"] for event in events if event["event"] == "on_custom_event"]
        [{'rows': 3}]
    """
    scope = ensure_scope(config)
    if scope.handlers:
        emit(scope.handlers, _custom(scope, name, data))


async def adispatch_custom_event(
    name: str, data: Any, *, config: RunnableConfig | None = None
) -> None:
    """Send an event of your own, from async code, and wait for handlers that are async.

    Args:
        name: the name of the event.
        data: any value; handlers receive it as `event.data`.
        config: the run's config, for code in a task that does not have the run's context.

    Example:
        >>> import asyncio, sys
        >>> async def load(path):
        ...     await adispatch_custom_event("loaded", {"rows": 3})
        >>> config = {"callbacks": [ConsoleHandler(sys.stdout)]}
        >>> asyncio.run(RunnableLambda(load).ainvoke("a.csv", config))
        ▶ load 'a.csv'
        │ • loaded {'rows': 3}
        ✓ load ... ms
    """
    scope = ensure_scope(config)
    if scope.handlers:
        await aemit(scope.handlers, _custom(scope, name, data))


def _custom(scope: Scope, name: str, data: Any) -> Event:
    return Event(
        kind="custom",
        run_type="custom",
        name=name,
        run_id=scope.run_id or str(uuid.uuid4()),
        parent_ids=scope.parents[:-1],
        path=scope.path,
        tags=tuple(scope.get("tags", ())),
        metadata=scope.get("metadata", {}),
        time=time.time(),
        data=data,
    )
