"""The spans of runs: which span is whose parent, which one is current, and when each ends.

The parent of a span is that of the run around it. Two cases come before that: a run that users'
code starts within a span of its own, inside a step, is a child of that span; and an outermost run
is a child of the span that is current where it starts, such as that of a web request.

Nothing here is attached and detached. A span's context is a value, which the library sets around
users' code (`core/spans.py`), so that a stream that goes on in another task or thread, or is left,
finds nothing that belongs to another context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from runnables.core.installation import missing_extra
from runnables.engine.merging import RESET
from runnables.tracing.attributes import ending, opening
from runnables.tracing.content import content_of, data_of
from runnables.tracing.failures import failure_of
from runnables.tracing.names import GenAI, Own
from runnables.tracing.strings import writable, writable_values

try:
    from opentelemetry.context import Context, attach, create_key, detach, get_current, set_value
    from opentelemetry.trace import (
        Span,
        SpanKind,
        Status,
        StatusCode,
        TracerProvider,
        get_current_span,
        get_tracer,
        set_span_in_context,
    )
except ImportError as error:
    raise missing_extra("OpenTelemetryHandler", "opentelemetry-api", "otel") from error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnables.core.handlers import Event
    from runnables.engine.variables import Variable

_CHATS: Final = frozenset({"chat_model", "llm"})


class _Open(NamedTuple):
    """A span that has not ended.

    Attributes:
        span: the span.
        context: the context of the code inside the run, where the span is the current one.
        time: when the run started.
        chunks: empty until the first chunk of a model.
    """

    span: Span
    context: Context
    time: float
    chunks: list[None]


class Spans:
    """The spans of the runs whose events it receives.

    Args:
        provider: makes the tracer; None: the global one.
        content: whether to record inputs and outputs.
        prices: what a million tokens of each model cost.
    """

    def __init__(
        self,
        provider: TracerProvider | None,
        *,
        content: bool,
        prices: Mapping[str, tuple[float, ...]],
    ) -> None:
        self._tracer = get_tracer("runnables", tracer_provider=provider)
        self._content = content
        self._prices = prices
        self._key = create_key("runnables-run")
        self._variable = _variable()
        self._open: dict[str, _Open] = {}

    def on_event(self, event: Event) -> None:
        """Start a span, add to it, or end it."""
        match event.kind:
            case "chunk":
                if event.run_type in _CHATS:
                    self._add_chunk(event)
            case "start":
                self._start(event)
            case "custom":
                self._add_custom(event)
            case _:
                self._end(event)

    # -- the current span

    def current_span(self, run_ids: Sequence[str]) -> tuple[Variable, Any] | None:
        """Return the variable of the current context, and the context inside these runs."""
        if self._variable is None:
            return None
        run_id, found = self._around(run_ids)
        if found is None or get_current().get(self._key) == run_id:
            return None  # this is the code of that run: a span that it has opened stays
        return self._variable, found.context

    def left_behind(self, now: Any, before: Any) -> Any:
        """Return a context that users' code has left, without the span of the run."""
        found = self._open.get(str(now.get(self._key)))
        if found is None or get_current_span(now) is not found.span:
            return now
        before = Context() if before is None else before
        around = set_span_in_context(get_current_span(before), now)
        return set_value(self._key, before.get(self._key), around)

    def _around(self, run_ids: Sequence[str]) -> tuple[str, _Open | None]:
        """Return the innermost of these runs that has a span which has not ended."""
        for run_id in reversed(run_ids):
            found = self._open.get(run_id)
            if found is not None:
                return run_id, found
        return "", None

    # -- events

    def _start(self, event: Event) -> None:
        here = get_current()
        run_id, around = self._around(event.parent_ids)
        parent = here
        if around is not None and here.get(self._key) != run_id:
            parent = set_span_in_context(around.span, here)
        name, is_client, attributes = opening(event, is_outermost=around is None)
        span = self._tracer.start_span(
            writable(name),
            parent,
            SpanKind.CLIENT if is_client else SpanKind.INTERNAL,
            writable_values(attributes),
            start_time=_nanoseconds(event.time),
        )
        inside = set_value(self._key, event.run_id, set_span_in_context(span, here))
        self._open[event.run_id] = _Open(span, inside, event.time, [])

    def _end(self, event: Event) -> None:
        found = self._open.pop(event.run_id, None)
        if found is None:  # it started before this was one of its handlers
            return
        try:
            if found.span.is_recording():
                self._describe(found.span, event)
        finally:
            found.span.end(_nanoseconds(event.time))

    def _describe(self, span: Span, event: Event) -> None:
        if event.error is None:
            if attributes := ending(event, self._prices):
                span.set_attributes(writable_values(attributes))
        elif isinstance(event.error, Exception):
            self._add_error(span, event.error)
        else:
            is_left = isinstance(event.error, GeneratorExit)
            span.set_attribute(Own.STOPPED, "left" if is_left else type(event.error).__name__)
        if self._content:
            span.set_attributes(writable_values(content_of(event)))

    def _add_error(self, span: Span, error: Exception) -> None:
        kind, message = failure_of(error, content=self._content)
        span.set_status(Status(StatusCode.ERROR, message))
        span.set_attribute(GenAI.ERROR_TYPE, kind)
        attributes = {GenAI.EXCEPTION_TYPE: kind, GenAI.EXCEPTION_MESSAGE: message}
        span.add_event(GenAI.EXCEPTION, attributes)

    def _add_chunk(self, event: Event) -> None:
        found = self._open.get(event.run_id)
        if found is None:
            return
        if event.chunk is RESET:
            found.span.add_event(Own.RESTART)
        elif not found.chunks:
            found.chunks.append(None)
            found.span.set_attribute(GenAI.REQUEST_STREAM, True)
            found.span.set_attribute(GenAI.FIRST_CHUNK, event.time - found.time)

    def _add_custom(self, event: Event) -> None:
        _, found = self._around((*event.parent_ids, event.run_id))
        if found is not None and found.span.is_recording():
            attributes = {Own.DATA: data_of(event)} if self._content else {}
            found.span.add_event(writable(event.name), writable_values(attributes))

    def on_failed_attempt(
        self, run_ids: Sequence[str], number: int, error: Exception, seconds: float
    ) -> None:
        """Add an event to the span of a model that repeats its request."""
        _, found = self._around(run_ids)
        if found is not None and found.span.is_recording():
            kind, message = failure_of(error, content=self._content)
            attributes: dict[str, str | int | float] = {
                Own.ATTEMPT: number,
                Own.DELAY: seconds,
                GenAI.ERROR_TYPE: kind,
                GenAI.EXCEPTION_MESSAGE: message,
            }
            found.span.add_event(Own.RETRY, attributes)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _variable() -> Variable | None:
    """Return the context variable of OpenTelemetry's current context.

    None where another kind of context is configured: then spans have their parents, and users' code
    does not find them as the current ones.
    """
    token: Any = attach(get_current())
    try:
        return getattr(token, "var", None)
    finally:
        detach(token)
