"""What a run tells its observers.

One type of event, one method that takes it. A run that nobody observes makes none of this: no
ids, no events. Everything that watches (event streams, listeners, usage, the console, tracing)
is a `Handler` and reads the same events.
"""

from __future__ import annotations

import inspect
import logging
import time
import uuid
import weakref
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from runnables.core.config import RunnableConfig, Scope, ensure_scope
from runnables.core.handlers import Event, Handler, Kind
from runnables.engine import MISSING, Cancelled, StreamInfo, from_thread, in_worker_thread, merge_of
from runnables.engine.merging import RESET
from runnables.errors import MergeError, SyncAsyncError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from types import TracebackType

    from runnables.engine.merging import Accumulator

_log = logging.getLogger("runnables")

_LAST = frozenset({"end", "error", "cancelled"})


class Observed(Protocol):
    """What a run needs to know of its runnable."""

    run_type: ClassVar[str]

    @property
    def streams_input(self) -> bool:
        """Whether its stream works on pieces of the input, as they come."""
        ...

    def get_name(self) -> str:
        """The name that observers see."""
        ...


class ChunkSum:
    """What the pieces of a stream add up to, for observers; None where they do not."""

    def __init__(self) -> None:
        self._parts: Accumulator | None = None
        self._fits = True

    def add(self, chunk: Any, chunks: object) -> None:
        """Take a piece of this stream, which says how it adds up."""
        if chunk is RESET:  # what starts over may add up in another way
            self._parts, self._fits = None, True
            return
        try:
            self._parts = self._parts or merge_of(chunks).accumulator()
            self._parts.add(chunk)
        except MergeError:  # nobody but us has asked for the sum, so it is nobody's error
            self._fits = False

    def value(self, otherwise: Any = None) -> Any:
        """The sum so far; the other value where there was no piece."""
        if self._parts is None or self._parts.empty:
            return otherwise
        try:
            return self._parts.value() if self._fits else None
        except MergeError:
            return None


class Run:
    """One observed run of a runnable: reports start, chunks, and how it ended.

    A context manager in both colours. Give the output to `end` before leaving it.

    Args:
        runnable: whose run it is.
        scope: what surrounds it; its handlers are told.
        value: the input, or MISSING.

    Attributes:
        scope: for the calls inside this run.
    """

    def __init__(self, runnable: Observed, scope: Scope, value: Any = MISSING) -> None:
        self._name = scope.next_name or runnable.get_name()
        self._run_type = runnable.run_type
        self._id = scope.next_id or str(uuid.uuid4())
        self._handlers = (*scope.handlers, *scope.own_handlers)
        self._around = scope
        self._input = None if value is MISSING else value
        self._tags = (*scope.get("tags", ()), *scope.next_tags)
        self._began = 0.0
        self._output: Any = None
        self._given = ChunkSum()
        self.scope = scope.child(self._id)

    @property
    def wants_chunks(self) -> bool:
        """Whether one of the handlers asks for the pieces of what is not streamed."""
        return any(getattr(handler, "wants_chunks", False) for handler in self._handlers)

    def end(self, output: Any) -> Any:
        """Say what the run gave; returns it."""
        self._output = output
        return output

    # -- both colours

    def __enter__(self) -> Self:
        self._require_sync_handlers()
        self._begin_or_end()
        return self

    async def __aenter__(self) -> Self:
        await self._abegin_or_end()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._emit(self._last(error))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._aemit(self._last(error))

    def chunk(self, chunk: Any, info: StreamInfo) -> None:
        """Report a piece of the output, and remember it for the end."""
        self._given.add(chunk, info)
        self._emit(self._event("chunk", chunk=chunk))

    async def achunk(self, chunk: Any, info: StreamInfo) -> None:
        """Report a piece of the output, and remember it for the end."""
        self._given.add(chunk, info)
        await self._aemit(self._event("chunk", chunk=chunk))

    def _begin_or_end(self) -> None:
        """Begin; where a handler will not have it, end at once, for those who were told."""
        try:
            self._begin()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    async def _abegin_or_end(self) -> None:
        """Begin; where a handler will not have it, end at once, for those who were told."""
        try:
            await self._abegin()
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise

    def _begin(self) -> None:
        self._began = time.time()
        self._emit(self._event("start"))

    async def _abegin(self) -> None:
        self._began = time.time()
        await self._aemit(self._event("start"))

    def _emit(self, event: Event) -> None:
        emit(self._handlers, event)

    async def _aemit(self, event: Event) -> None:
        await aemit(self._handlers, event)

    # -- what to say

    def _event(self, kind: Kind, **more: Any) -> Event:
        return Event(
            kind=kind,
            run_type=self._run_type,
            name=self._name,
            run_id=self._id,
            parent_ids=self._around.parents,
            path=self._around.path,
            tags=self._tags,
            metadata=self._around.get("metadata", {}),
            time=time.time(),
            input=self._input,
            **more,
        )

    def _last(self, error: BaseException | None) -> Event:
        seconds = time.time() - self._began
        if error is None:
            return self._event("end", seconds=seconds, output=self._given.value(self._output))
        kind: Kind = "error" if isinstance(error, Exception) else "cancelled"
        return self._event(kind, seconds=seconds, error=error)

    def _require_sync_handlers(self) -> None:
        for handler in self._handlers:
            if inspect.iscoroutinefunction(handler.on_event) and not in_worker_thread():
                raise _cannot_await(handler)


def emit(handlers: Iterable[Handler], event: Event) -> None:
    """Give an event to handlers, from a sync run."""
    failure: BaseException | None = None
    for handler in handlers:
        try:
            answer = handler.on_event(event)
            if inspect.isawaitable(answer):
                if not in_worker_thread():
                    raise _cannot_await(handler, answer)
                from_thread(_awaited(answer), even_if_cancelled=event.kind in _LAST)
        except Cancelled as error:  # the call was given up: the others are told all the same
            failure = error
        except Exception as error:
            failure = failure or _report_handler_error(handler, error)
    if failure is not None:
        raise failure


async def aemit(handlers: Iterable[Handler], event: Event) -> None:
    """Give an event to handlers, from an async run."""
    failure: BaseException | None = None
    for handler in handlers:
        try:
            answer = handler.on_event(event)
            if inspect.isawaitable(answer):
                await answer
        except Cancelled as error:  # the call was given up: the others are told all the same
            failure = error
        except Exception as error:
            failure = failure or _report_handler_error(handler, error)
    if failure is not None:
        raise failure


def _cannot_await(handler: Handler, answer: object = None) -> SyncAsyncError:
    if inspect.iscoroutine(answer):
        answer.close()
    return SyncAsyncError(
        f"The handler {handler!r} has an async on_event, and this is a sync call. "
        "Use the async call (ainvoke, astream, ...), or make on_event sync."
    )


async def _awaited(answer: Awaitable[None]) -> None:
    await answer


_complained: dict[int, object] = {}  # by id: a handler need not be hashable


def _report_handler_error(handler: Handler, error: Exception) -> Exception | None:
    """The error where its handler asks for it to be raised; else the first of each is logged."""
    if getattr(handler, "raise_error", False):
        return error
    if _is_first_complaint(handler):
        _log.warning(
            "The handler %r failed; its further errors are not logged.", handler, exc_info=error
        )
    return None


def _is_first_complaint(handler: Handler) -> bool:
    known = id(handler)
    if known in _complained:
        return False
    try:  # once it is gone, another may have its id
        _complained[known] = weakref.ref(handler, lambda _: _complained.pop(known, None))
    except TypeError:  # takes no weak references, so it stays
        _complained[known] = handler
    return True


def dispatch_custom_event(name: str, data: Any, *, config: RunnableConfig | None = None) -> None:
    """Tell the observers of the run around this code of something of the user's own.

    Without observers it does nothing.

    Args:
        name: what happened.
        data: anything that the observers should get along.
        config: the run's config, where the code runs in a thread without its context.
    """
    scope = ensure_scope(config)
    if scope.handlers:
        emit(scope.handlers, _custom(scope, name, data))


async def adispatch_custom_event(
    name: str, data: Any, *, config: RunnableConfig | None = None
) -> None:
    """As `dispatch_custom_event`, for handlers that are async."""
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
