"""The handler that sends runs to OpenTelemetry, and the block in which it sees all of them."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from runnables.core.signatures import checks_keywords
from runnables.models.prices import checked_prices
from runnables.models.usage import handling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.trace import TracerProvider

    from runnables.core.handlers import Event
    from runnables.engine.variables import Variable
    from runnables.models.prices import Price
    from runnables.tracing.spans import Spans

CAPTURE_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The environment variable by which OpenTelemetry's own instrumentations record content."""

_CAPTURES: Final = frozenset({"true", "span_only", "span_and_event"})


class OpenTelemetryHandler:
    """A handler that makes an OpenTelemetry span of each run.

    It goes into `config={"callbacks": [OpenTelemetryHandler()]}`; `trace_runs` serves all runs of a
    block. Spans have the attributes of OpenTelemetry's conventions for generative AI, and those of
    OpenInference: models, options, tokens, finish reasons, tools, errors. A run that starts in a
    span of the program is its child, and code inside a run finds the run's span as the current one.

    The extra `otel` brings the API of OpenTelemetry alone. Without an SDK that the program sets up,
    spans go nowhere.

    Args:
        tracer_provider: where the spans go; by default, to the global provider.
        content: whether to record inputs and outputs: prompts, answers, arguments of tools,
            documents. None: as the environment variable
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says, "SPAN_ONLY" or "true"; no,
            where it is not set.
        prices: what a million tokens of a model cost, by its name, as for `Budget`; the spans of
            these models then have their cost.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
        ConfigError: prices in another shape.

    Example:
        >>> from opentelemetry.sdk.trace import TracerProvider
        >>> from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        >>> from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        >>> exporter, provider = InMemorySpanExporter(), TracerProvider()
        >>> provider.add_span_processor(SimpleSpanProcessor(exporter))
        >>> chain = RunnableLambda(len) | str
        >>> chain.invoke("abc", {"callbacks": [OpenTelemetryHandler(provider)]})
        '3'
        >>> [span.name for span in exporter.get_finished_spans()]
        ['len', 'str', 'invoke_workflow RunnableSequence']
    """

    @checks_keywords
    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        *,
        content: bool | None = None,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        self.tracer_provider = tracer_provider
        self.content = _captures_content() if content is None else content
        self.prices = checked_prices(prices)
        self._spans = self._make_spans()

    def _make_spans(self) -> Spans:
        from runnables.tracing.spans import Spans  # it needs the extra

        return Spans(self.tracer_provider, content=self.content, prices=self.prices)

    def __repr__(self) -> str:
        return f"OpenTelemetryHandler(content={self.content})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings: another process has spans, and a global provider, of its own."""
        return {key: value for key, value in vars(self).items() if key != "_spans"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._spans = self._make_spans()

    def on_event(self, event: Event, /) -> None:
        """Start a span, add to it, or end it."""
        self._spans.on_event(event)

    def current_span(self, run_ids: Sequence[str]) -> tuple[Variable, Any] | None:
        """Return what makes the span of a run the current one; see `core/spans.py`."""
        return self._spans.current_span(run_ids)

    def left_behind(self, now: Any, before: Any) -> Any:
        """Return what is left of the context of users' code behind it."""
        return self._spans.left_behind(now, before)

    def on_failed_attempt(
        self, run_ids: Sequence[str], number: int, error: Exception, seconds: float
    ) -> None:
        """Receive a failed attempt of a model that asks its service again."""
        self._spans.on_failed_attempt(run_ids, number, error, seconds)


@checks_keywords
def trace_runs(
    tracer_provider: TracerProvider | None = None,
    *,
    content: bool | None = None,
    prices: Mapping[str, Price] | None = None,
) -> AbstractContextManager[OpenTelemetryHandler, None]:
    """Make OpenTelemetry spans of all runs inside the block, sync or async.

    Args:
        tracer_provider: where the spans go; by default, to the global provider.
        content: whether to record inputs and outputs; see `OpenTelemetryHandler`.
        prices: what a million tokens of a model cost, by its name.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
        ConfigError: prices in another shape.

    Example:
        >>> with trace_runs():
        ...     size = RunnableLambda(len).invoke("abc")
        >>> size
        3
    """
    return handling(partial(OpenTelemetryHandler, tracer_provider, content=content, prices=prices))


def _captures_content() -> bool:
    return os.environ.get(CAPTURE_CONTENT, "").strip().lower() in _CAPTURES
