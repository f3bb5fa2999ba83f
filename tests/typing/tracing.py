"""Types of traces."""

from __future__ import annotations

from typing import assert_type

from opentelemetry.sdk.trace import TracerProvider

from runnables import Handler, OpenTelemetryHandler, RunnableConfig, trace_runs

provider = TracerProvider()
handler = OpenTelemetryHandler(provider, content=True, prices={"gpt-5": (1.25, 10.0)})
as_handler: Handler = handler
config: RunnableConfig = {"callbacks": [handler, OpenTelemetryHandler()]}

with trace_runs(provider, content=False) as opened:
    assert_type(opened, OpenTelemetryHandler)

OpenTelemetryHandler("http://localhost:4318")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
OpenTelemetryHandler(prices={"gpt-5": 1.25})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
OpenTelemetryHandler(provider, True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
