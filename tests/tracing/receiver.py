"""Where the spans of a test go: the real SDK with its exporter in memory, and their tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runnables import OpenTelemetryHandler
from tests.leaks import RETURN_SECONDS, wait_for

Tree: TypeAlias = dict[str, Any]
"""The names of spans, each with the tree of its children."""


class Receiver:
    """Receives spans.

    Attributes:
        provider: the provider of tracers.
        tracer: a tracer as the program around has one.
    """

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("the program")
        self._handlers: list[OpenTelemetryHandler] = []

    def handler(self, **settings: Any) -> OpenTelemetryHandler:
        """Return a handler whose spans come here."""
        handler = OpenTelemetryHandler(self.provider, **settings)
        self._handlers.append(handler)
        return handler

    @property
    def spans(self) -> list[ReadableSpan]:
        """Return the spans that have ended, by their start."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def clear(self) -> None:
        """Forget the spans."""
        self._exporter.clear()

    def span(self, name: str) -> ReadableSpan:
        """Return the only span of a name, which may be that of its run."""
        [found] = [span for span in self.spans if name in (span.name, run_name(span))]
        return found

    def attributes(self, name: str) -> dict[str, Any]:
        """Return the attributes of the only span of a name."""
        return dict(self.span(name).attributes or {})

    def parent(self, name: str) -> str | None:
        """Return the name of the parent of the only span of a name; None for a root."""
        span = self.span(name)
        if span.parent is None:
            return None
        [found] = [other for other in self.spans if _id(other) == span.parent.span_id]
        return run_name(found)

    def strings(self) -> Iterator[str]:
        """Yield all strings in the spans that have ended."""
        for span in self.spans:
            yield span.name
            yield str(span.status.description)
            for values in (span.attributes, *(event.attributes for event in span.events)):
                yield from map(str, (values or {}).values())
            yield from (event.name for event in span.events)

    def assert_each_ended_once(self) -> None:
        """Fail where a span was exported twice, or a handler keeps one open.

        A stream that is left does not wait for threads; the spans of their calls end soon after.
        """
        wait_for(lambda: not self._with_open_spans(), RETURN_SECONDS)
        assert self._with_open_spans() == []
        assert [count for count in Counter(map(_id, self.spans)).values() if count != 1] == []

    def _with_open_spans(self) -> list[OpenTelemetryHandler]:
        return [handler for handler in self._handlers if handler._spans._open]


def run_name(span: ReadableSpan) -> str:
    """Return the name of a span's run; that of the span, where it is the program's own."""
    return str((span.attributes or {}).get("runnables.name", span.name))


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id
