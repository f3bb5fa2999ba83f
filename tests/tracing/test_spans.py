"""Spans of runs: parents, the current one, and that each ends."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import attach, detach, get_current
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from runnables import (
    ChatPromptTemplate,
    OpenTelemetryHandler,
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
    chain,
    dispatch_custom_event,
    trace_runs,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.tracing.receiver import Receiver, run_name


def about() -> Any:
    prompt = ChatPromptTemplate([("human", "About {topic}.")])
    return prompt | ScriptedChatModel(["The sea is calm."], cycle=True) | StrOutputParser()


def current() -> str:
    return getattr(trace.get_current_span(), "name", "none")


# -- parents


def test_a_chain_is_a_tree(call: Call, receiver: Receiver) -> None:
    """The steps are children of the chain, whose span has no parent and its trace."""
    call.invoke(about(), {"topic": "the sea"}, {"callbacks": [receiver.handler()]})
    names = [span.name for span in receiver.spans]
    assert names == [
        "invoke_workflow RunnableSequence",
        "ChatPromptTemplate",
        "chat ScriptedChatModel",
        "StrOutputParser",
    ]
    assert receiver.parent("RunnableSequence") is None
    assert {receiver.parent(name) for name in names[1:]} == {"RunnableSequence"}
    assert len({span.get_span_context().trace_id for span in receiver.spans}) == 1  # type: ignore[union-attr]


def test_a_span_covers_those_inside(call: Call, receiver: Receiver) -> None:
    """It starts with or before the first, and ends with or after the last."""
    call.stream(about(), {"topic": "the sea"}, {"callbacks": [receiver.handler()]})
    outer, *inner = receiver.spans
    for span in inner:
        assert outer.start_time <= span.start_time <= span.end_time <= outer.end_time  # type: ignore[operator]


@pytest.mark.parametrize("way", ["invoke", "stream", "batch"])
def test_the_span_of_the_caller_is_the_parent(way: str, call: Call, receiver: Receiver) -> None:
    """The current span where the call starts is the parent, also in worker threads and tasks."""
    config = {"callbacks": [receiver.handler()]}
    with receiver.tracer.start_as_current_span("request"):
        if way == "batch":
            call.batch(about(), [{"topic": "the sea"}] * 3, config)
        else:
            getattr(call, way)(about(), {"topic": "the sea"}, config)
        assert current() == "request"
    outer = [span for span in receiver.spans if run_name(span) == "RunnableSequence"]
    request = receiver.span("request").get_span_context()
    assert len(outer) == (3 if way == "batch" else 1)
    assert {span.parent.span_id for span in outer if span.parent} == {request.span_id}  # type: ignore[union-attr]


def test_a_trace_of_another_service_goes_on(call: Call, receiver: Receiver) -> None:
    """The header of a request names the parent; inside a step, a request passes the trace on."""
    passed: dict[str, str] = {}
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    step = RunnableLambda(lambda _: propagate.inject(passed), name="step")
    token = attach(propagate.extract({"traceparent": f"00-{trace_id}-{span_id}-01"}))
    try:
        call.invoke(step, 1, {"callbacks": [receiver.handler()]})
    finally:
        detach(token)
    span = receiver.span("step")
    context = span.get_span_context()
    assert span.parent is not None
    assert context is not None
    assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" == f"{trace_id}-{span_id}"
    assert passed["traceparent"].startswith(f"00-{trace_id}-{context.span_id:016x}-")


def test_a_span_of_the_program_inside_of_a_step_is_between(call: Call, receiver: Receiver) -> None:
    """A step opens a span and calls a chain: the chain is below that span, that below the step."""

    @chain
    def step(topic: str) -> Any:
        with receiver.tracer.start_as_current_span("own"):
            return about().invoke({"topic": topic})

    call.invoke(step, "the sea", {"callbacks": [receiver.handler()]})
    assert receiver.parent("RunnableSequence") == "own"
    assert receiver.parent("own") == "step"
    assert receiver.parent("ScriptedChatModel") == "RunnableSequence"


def test_the_branches_of_a_parallel_are_beside_one_another(call: Call, receiver: Receiver) -> None:
    """Each in its thread or task, each below the parallel, and what they call below them."""
    inner = RunnableLambda(lambda text: text + "!").with_config(run_name="inner")
    one = RunnableLambda(inner.invoke).with_config(run_name="one")
    other = RunnableLambda(inner.invoke).with_config(run_name="other")
    both = RunnableParallel(one=one, other=other)
    call.invoke(both, "a", {"callbacks": [receiver.handler()]})
    assert receiver.parent("one") == receiver.parent("other") == both.get_name()
    inner_spans = [span for span in receiver.spans if run_name(span) == "inner"]
    parents = {span.parent.span_id for span in inner_spans if span.parent}
    steps = [receiver.span(name).get_span_context() for name in ("one", "other")]
    assert parents == {step.span_id for step in steps if step}


def test_two_handlers_of_two_providers_each_have_the_whole_tree(receiver: Receiver) -> None:
    """Neither's spans are parents of the other's."""
    other = Receiver()
    handlers = [receiver.handler(), other.handler()]
    RunnableLambda(about().invoke).invoke({"topic": "the sea"}, {"callbacks": handlers})
    for one in (receiver, other):
        assert len(one.spans) == 5
        ids = {span.get_span_context().span_id for span in one.spans}  # type: ignore[union-attr]
        assert all(span.parent is None or span.parent.span_id in ids for span in one.spans)


def test_a_handler_of_a_model_alone_makes_the_spans_of_its_runs(
    call: Call, receiver: Receiver
) -> None:
    """It is in the model's `callbacks`; its span is below that of the caller."""
    model = ScriptedChatModel(["Hi"], cycle=True, callbacks=[receiver.handler()])
    with receiver.tracer.start_as_current_span("request"):
        call.invoke(RunnableLambda(str.strip) | model, "a")
    assert receiver.parent("ScriptedChatModel") == "request"
    assert len(receiver.spans) == 2


# -- the current span


def test_inside_of_a_step_its_span_is_current(call: Call, receiver: Receiver) -> None:
    """In functions, sync and async, in users' runnables; and the caller's is so again behind it."""
    seen: list[str] = []

    async def asleep(value: str) -> str:
        await asyncio.sleep(0)
        seen.append(current())
        return value

    class Own(Runnable[str, str]):
        def invoke(self, input: str, config: Any = None, **kwargs: Any) -> str:
            seen.append(current())
            return input

    steps: Any = RunnableLambda(lambda value: seen.append(current()) or value, name="first") | Own()
    if call.mode == "async":
        steps = steps | asleep
    for way in (call.invoke, call.stream):
        seen.clear()
        way(steps, "a", {"callbacks": [receiver.handler()]})
        assert seen == ["first", "Own", *(["asleep"] if call.mode == "async" else [])]
        assert current() == "none"


@pytest.mark.parametrize("reads", ["its input", "nothing"])
def test_inside_of_a_generator_its_span_is_current(
    reads: str, call: Call, receiver: Receiver
) -> None:
    """At each step, from the moment at which its run has started; also while it is closed."""
    seen: list[str] = []

    def generate(chunks: Iterator[str]) -> Iterator[str]:
        try:
            if reads == "its input":
                for chunk in chunks:
                    seen.append(current())
                    yield chunk
            else:
                for letter in "abcdefghijkl":
                    yield letter
                    seen.append(current())
        finally:
            seen.append(current())

    step: Any = RunnableGenerator(generate, name="generate")
    if reads == "its input":
        step = RunnableGenerator(_spell, name="letters") | step
    for take in (None, 3, 11):
        seen.clear()
        call.transform(step, ["abcdefghijkl"], {"callbacks": [receiver.handler()]}, take=take)
        assert set(seen) <= {"generate", "invoke_workflow generate"}
        assert len(seen) == (13 if take is None else take + (reads == "its input"))
    assert current() == "none"


def _spell(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield from chunk


def test_between_the_chunks_the_span_of_the_reader_is_current(receiver: Receiver) -> None:
    """The reader sees no span of the stream, and may open and close its own meanwhile."""
    config: Any = {"callbacks": [receiver.handler()]}
    with receiver.tracer.start_as_current_span("request"):
        for number, _ in enumerate(about().stream({"topic": "the sea"}, config)):
            assert current() == "request"
            with receiver.tracer.start_as_current_span(f"chunk {number}"):
                pass
    assert receiver.parent("chunk 2") == "request"


def test_what_a_step_has_attached_reaches_the_next(call: Call, receiver: Receiver) -> None:
    """A baggage that stays attached is seen behind the step, and the span of the step is not."""
    seen: list[object] = []

    def pack(value: str) -> str:
        attach(baggage.set_baggage("user", "ada"))
        return value

    def unpack(value: str) -> str:
        seen.append((baggage.get_baggage("user"), current()))
        return value

    steps = RunnableLambda(pack) | RunnableLambda(unpack)

    async def asynchronous() -> object:
        await steps.ainvoke("a", {"callbacks": [receiver.handler()]})
        return current()

    def sync() -> object:
        steps.invoke("a", {"callbacks": [receiver.handler()]})
        return current()

    before = get_current()
    try:
        assert call.run(sync, asynchronous) == "none"
    finally:
        attach(before)
    assert seen == [("ada", "unpack")]


def test_a_stream_may_go_on_in_other_tasks(receiver: Receiver) -> None:
    """Each chunk in a task of its own, closed in another: no context is detached elsewhere."""
    seen: list[str] = []

    async def letters(text: str) -> AsyncIterator[str]:
        try:
            for letter in text:
                with receiver.tracer.start_as_current_span("own"):
                    await asyncio.sleep(0)
                yield letter
        finally:
            seen.append(current())

    async def main() -> None:
        handler = receiver.handler()
        stream = RunnableLambda(letters).astream("abcdefghijklmno", {"callbacks": [handler]})
        for _ in range(12):
            await asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await asyncio.create_task(stream.aclose())

    asyncio.run(main())
    assert seen == ["invoke_workflow letters"]
    assert receiver.attributes("letters")["runnables.stopped"] == "left"
    own = [span for span in receiver.spans if span.name == "own"]
    letters_span = receiver.span("letters").get_span_context()
    assert {span.parent and span.parent.span_id for span in own} == {letters_span.span_id}


# -- the ends


@pytest.mark.parametrize("take", [1, 2])
def test_leaving_a_stream_ends_its_spans(take: int, call: Call, receiver: Receiver) -> None:
    """They are exported when the stream is closed, as left, and not as errors."""
    config = {"callbacks": [receiver.handler()]}
    assert len(call.stream(about(), {"topic": "the sea"}, config, take=take)) == take
    assert len(receiver.spans) == 4
    assert receiver.attributes("RunnableSequence")["runnables.stopped"] == "left"
    assert "runnables.stopped" not in receiver.attributes("ChatPromptTemplate")
    assert {span.status.status_code for span in receiver.spans} == {StatusCode.UNSET}


def test_a_stream_that_is_forgotten_ends_its_spans(receiver: Receiver) -> None:
    """The garbage collector closes it."""
    stream = about().stream({"topic": "the sea"}, {"callbacks": [receiver.handler()]})
    next(stream)
    del stream
    gc.collect()
    assert len(receiver.spans) == 4


def test_a_cancelled_call_ends_its_spans(receiver: Receiver) -> None:
    """As cancelled, and not as errors."""

    async def main() -> None:
        began = asyncio.Event()

        async def hang(_: object) -> None:
            began.set()
            await asyncio.Event().wait()

        call = RunnableLambda(hang).ainvoke(1, {"callbacks": [receiver.handler()]})
        task = asyncio.create_task(call)
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert receiver.attributes("hang")["runnables.stopped"] == "CancelledError"
    assert receiver.span("hang").status.status_code is StatusCode.UNSET


def test_an_event_of_the_program_is_one_of_its_span(receiver: Receiver) -> None:
    """It is an event of the span of the run that has dispatched it."""

    def load(path: str) -> str:
        dispatch_custom_event("loaded", {"rows": 3})
        return path

    RunnableLambda(load).invoke("a.csv", {"callbacks": [receiver.handler(content=True)]})
    [event] = receiver.span("load").events
    assert event.name == "loaded"
    assert dict(event.attributes or {}) == {"runnables.data": '{"rows":3}'}


# -- where it goes


def test_a_block_traces_all_runs_inside(call: Call, receiver: Receiver) -> None:
    """`trace_runs` needs no config; outside of the block there are no spans."""
    with trace_runs(receiver.provider) as handler:
        call.batch(about(), [{"topic": "the sea"}] * 3)
    call.invoke(about(), {"topic": "the sea"})
    assert len(receiver.spans) == 12
    assert isinstance(handler, OpenTelemetryHandler)


def test_without_a_provider_nothing_happens(call: Call) -> None:
    """No SDK is set up: the chain runs as before."""
    with trace_runs():
        assert call.invoke(about(), {"topic": "the sea"}) == "The sea is calm."


def test_what_is_not_sampled_is_not_exported_and_still_passed_on() -> None:
    """The steps see the span of the caller's trace, whose sampling holds."""
    seen: list[Any] = []
    provider = TracerProvider(sampler=ALWAYS_OFF)
    step = RunnableLambda(lambda _: seen.append(trace.get_current_span().get_span_context()))
    step.invoke(1, {"callbacks": [OpenTelemetryHandler(provider)]})
    assert seen[0].is_valid
    assert not seen[0].trace_flags.sampled


def test_models_are_clients_and_others_internal(receiver: Receiver) -> None:
    """A model in the process asks no other one."""

    class Served(ScriptedChatModel):
        pass

    handler = receiver.handler()
    (Served(["a"]) | ScriptedChatModel(["b"])).invoke("x", {"callbacks": [handler]})
    assert receiver.span("Served").kind is SpanKind.CLIENT
    assert receiver.span("ScriptedChatModel").kind is SpanKind.INTERNAL


def test_a_handler_can_be_copied_and_pickled() -> None:
    """For a chain that is bound to one and goes to another process."""
    handler = OpenTelemetryHandler(content=True, prices={"m": (1.0, 2.0)})
    for made in (pickle.loads(pickle.dumps(handler)), copy.copy(handler)):
        assert (made.content, made.prices) == (True, {"m": (1.0, 2.0)})
        assert RunnableLambda(len).invoke("abc", {"callbacks": [made]}) == 3


def test_without_the_extra_the_error_names_it() -> None:
    """The names can be imported; making the handler says what to install."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from runnables import *\n"
        "try: OpenTelemetryHandler()\n"
        "except MissingExtra as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "opentelemetry-api" in run.stdout
