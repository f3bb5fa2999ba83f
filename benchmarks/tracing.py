"""Rows about traced calls: each run is a span of OpenTelemetry."""

from __future__ import annotations

from typing import Any

from benchmarks.calls import STEPS, inc
from benchmarks.harness import Row, Run, repeated


def _provider() -> Any:
    """Return a provider whose spans are recorded, and exported nowhere."""
    from opentelemetry.sdk.trace import TracerProvider

    return TracerProvider()


def _bare_spans() -> Run:
    tracer = _provider().get_tracer("floor")
    steps = [inc] * STEPS

    def work() -> int:
        x = 1
        with tracer.start_as_current_span("chain"):
            for step in steps:
                with tracer.start_as_current_span("step"):
                    x = step(x)
        return x

    return repeated(work)


def _no_peer() -> Run:
    raise ImportError("the peer's spans come from packages of others", name="langchain_core")


def _traced() -> Run:
    from functools import reduce
    from operator import or_

    from runnables import OpenTelemetryHandler, RunnableLambda

    chain: Any = reduce(or_, [RunnableLambda(inc) for _ in range(STEPS)])
    config: Any = {"callbacks": [OpenTelemetryHandler(_provider())]}
    return repeated(lambda: chain.invoke(1, config))


ROWS = (
    Row(
        name="traced",
        title="invoke, 10 steps, traced",
        unit="us/step",
        per=STEPS,
        budget=5.0,  # an event costs 20 us, a bare span 16, each attribute one
        floor=_bare_spans,
        peer=_no_peer,
        ours=_traced,
    ),
)
