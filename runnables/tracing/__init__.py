"""Traces: the runs of a chain as spans of OpenTelemetry."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.tracing.handler import OpenTelemetryHandler, trace_runs
else:
    __getattr__, __dir__ = lazy_names(
        __name__, {"runnables.tracing.handler": "OpenTelemetryHandler trace_runs"}
    )

__all__ = ["OpenTelemetryHandler", "trace_runs"]
