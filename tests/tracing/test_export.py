"""Spans that leave the process: by OTLP over HTTP, and around the requests of models."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from runnables import (
    OpenTelemetryHandler,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
    UsageMetadata,
)
from runnables.testing import ReplayServer, Response, StreamedResponse, sse_event
from runnables_providers.local import LocalChatModel
from runnables_providers.openai import ChatOpenAI
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.tracing.receiver import Receiver, run_name

USAGE: UsageMetadata = {"input_tokens": 5, "output_tokens": 4, "total_tokens": 9}


class Collector:
    """A receiver of OTLP over HTTP, on loopback.

    Attributes:
        url: where it listens.
        requests: what was sent, decoded.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[ExportTraceServiceRequest] = []

    @contextmanager
    def listening(self) -> Iterator[Collector]:
        """Listen in a thread."""
        collector = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
            self.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    @property
    def spans(self) -> list[Any]:
        """Return all spans that were sent."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def test_half_a_pair_of_surrogates_loses_no_span(call: Call) -> None:
    """A name or an error with one would take all spans beside it along; a "?" is in its place."""

    def fail(_: Any) -> str:
        raise ValueError("half \ud83d")

    chain = ScriptedChatModel(["half \ud83d"]) | RunnableLambda(fail, name="half \ud83d")
    config = {"tags": ["half \ud83d"], "metadata": {"half": "\ud83d"}}
    with Collector().listening() as collector:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(collector.url)))
        handler = OpenTelemetryHandler(provider, content=True)
        with pytest.raises(ValueError, match="half"):
            call.invoke(chain, "Hi", {"callbacks": [handler], **config})
        provider.shutdown()
    sent = {span.name: span for span in collector.spans}
    assert sent.keys() == {"invoke_workflow RunnableSequence", "chat ScriptedChatModel", "half ?"}
    assert sent["half ?"].status.message == "half ?"
    found = {one.key: one.value for one in sent["half ?"].attributes}
    assert found["tag.tags"].array_value.values[0].string_value == "half ?"
    assert found["metadata"].string_value == '{"half":"?"}'
    answer = {one.key: one.value.string_value for one in sent["chat ScriptedChatModel"].attributes}
    assert "half ?" in answer["gen_ai.output.messages"]


def test_a_collector_receives_the_tree(call: Call) -> None:
    """A chain with a parallel, a retry and a stream: parents, times, tokens, errors."""
    failures: list[Exception] = []

    def flaky(text: str) -> str:
        if failures:
            raise failures.pop()
        return text

    model = ScriptedChatModel(["The sea."], cycle=True, usage=USAGE)
    retried = RunnableLambda(flaky).with_retry(wait_exponential_jitter=False)
    steps = RunnableParallel(answer=model | StrOutputParser(), text=retried)
    with Collector().listening() as collector:
        provider = TracerProvider(resource=Resource({"service.name": "ship"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(collector.url)))
        handler = OpenTelemetryHandler(provider)
        for way in (call.invoke, call.stream):
            failures.append(ValueError("once"))
            way(steps, "a", {"callbacks": [handler]})
        provider.shutdown()
    spans = {span.span_id: span for span in collector.spans}
    assert len(spans) == len(collector.spans) == 14
    shapes = sorted(_path(span, spans) for span in spans.values())
    outer = f"invoke_workflow {steps.get_name()}"
    assert shapes == sorted(
        2
        * [
            (outer,),
            (outer, "RunnableSequence"),
            (outer, "RunnableSequence", "chat ScriptedChatModel"),
            (outer, "RunnableSequence", "StrOutputParser"),
            (outer, "RunnableRetry"),
            (outer, "RunnableRetry", "flaky"),
            (outer, "RunnableRetry", "flaky"),
        ]
    )
    assert [span.status.message for span in spans.values() if span.status.code == 2] == ["once"] * 2
    tokens = [
        attribute.value.int_value
        for span in spans.values()
        for attribute in span.attributes
        if attribute.key == "gen_ai.usage.input_tokens"
    ]
    assert tokens == [5, 5]
    for span in spans.values():
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        if span.parent_span_id:
            parent = spans[span.parent_span_id]
            assert parent.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= parent.end_time_unix_nano


def _path(span: Any, spans: dict[bytes, Any]) -> tuple[str, ...]:
    above = _path(spans[span.parent_span_id], spans) if span.parent_span_id else ()
    return (*above, span.name)


ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Ahoy"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
}


@pytest.fixture
def instrumented(receiver: Receiver) -> Iterator[None]:
    """Instrument the HTTP library that the models use, as a service does."""
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=receiver.provider)
    yield
    instrumentor.uninstrument()


CHUNK = {
    **{key: ANSWER[key] for key in ("id", "created", "model")},
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": {"content": "Ahoy"}, "finish_reason": "stop"}],
}


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_the_http_request_of_a_model_is_within_its_span(
    way: str, call: Call, receiver: Receiver, instrumented: None
) -> None:
    """Also where a thread of the library's own sends it; and the service gets the trace's id."""
    events = [sse_event(json.dumps(CHUNK)), sse_event("[DONE]")]
    streamed = StreamedResponse(events, "text/event-stream")
    with ReplayServer().listening() as server:
        server.enqueue(Response(ANSWER) if way == "invoke" else streamed)
        model = ChatOpenAI("m", api_key="k", base_url=f"{server.url}/v1", use_responses_api=False)
        getattr(call, way)(model, "Ahoy?", {"callbacks": [receiver.handler()]})
        sent = server.last.headers["traceparent"]
    chat, request = receiver.spans
    assert run_name(chat) == "ChatOpenAI"
    assert chat.name == "chat m"
    assert request.parent is not None
    assert request.parent.span_id == chat.get_span_context().span_id  # type: ignore[union-attr]
    context = request.get_span_context()
    assert sent.startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")  # type: ignore[union-attr]
    assert dict(chat.attributes or {})["gen_ai.response.id"] == "chatcmpl-1"


@pytest.mark.local_model
@pytest.mark.leaks(reason="the loaded model keeps its threads")
def test_the_local_model_reports_its_tokens(call: Call, receiver: Receiver) -> None:
    """A real model: its span has its service, its tokens, and the time of its first chunk."""
    model = LocalChatModel(max_tokens=8, seed=1)
    call.stream(model, "Say hello.", {"callbacks": [receiver.handler()]})
    found = receiver.attributes("LocalChatModel")
    assert found["gen_ai.provider.name"] == "local"
    assert found["gen_ai.request.max_tokens"] == 8
    assert 0 < found["gen_ai.usage.output_tokens"] <= 8
    assert found["gen_ai.usage.input_tokens"] > 8
    assert found["gen_ai.response.time_to_first_chunk"] > 0
