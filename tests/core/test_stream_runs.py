"""The events of the steps of a streamed chain, and their order."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from runnables import (
    ChatPromptTemplate,
    ConsoleHandler,
    Event,
    JsonOutputParser,
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnablePassthrough,
    StrOutputParser,
    dispatch_custom_event,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call, run_clean
from tests.laws.recorder import Recorder

prompt = ChatPromptTemplate([("human", "About {topic}.")])


def about() -> Runnable[Any, Any]:
    model = ScriptedChatModel(["The sea."], cycle=True)
    return prompt | model | StrOutputParser()


def letters(text: str) -> Iterator[str]:
    yield from text


def stumble(text: str) -> Iterator[str]:
    yield from text
    raise KeyError("own")


def endless(_: object) -> Iterator[str]:
    while True:
        yield "a"


def fail(_: object) -> str:
    raise KeyError("own")


def nothing(_: object) -> Iterator[str]:
    yield from ()


def announce(chunks: Iterator[str]) -> Iterator[str]:
    yield "first"
    yield from chunks


def events_of(call: Call, runnable: Any, value: Any = "ab", take: int | None = None) -> list[Event]:
    """Return all events of a stream but its chunks."""
    recorder = Recorder()
    try:
        call.stream(runnable, value, recorder.config, take=take)
    except (KeyError, ValueError, TypeError):
        pass
    return [event for event in recorder.events if event.kind != "chunk"]


def order(events: list[Event]) -> list[str]:
    return [f"{event.kind} {event.name}" for event in events]


def test_steps_start_in_their_order_and_models_with_their_input(call: Call) -> None:
    """The parser starts while the model still streams."""
    events = call.events(about(), "the sea")
    starts = [
        (event["event"], event["data"]) for event in events if event["event"].endswith("start")
    ]
    messages = prompt.invoke("the sea").to_messages()
    assert starts == [
        ("on_chain_start", {"input": "the sea"}),
        ("on_prompt_start", {"input": "the sea"}),
        ("on_chat_model_start", {"input": {"messages": [messages]}}),
        ("on_parser_start", {}),
    ]
    names = [event["event"] for event in events]
    assert names.index("on_parser_start") < names.index("on_chat_model_end")


def test_ends_have_the_whole_input(call: Call) -> None:
    """The input that a step received in chunks is merged as its stream declares."""
    ends = {
        event.run_type: event.input
        for event in events_of(call, about(), "the sea")
        if event.kind == "end"
    }
    assert ends["chat_model"] == prompt.invoke("the sea")
    assert ends["parser"].text == "The sea."
    growing = RunnableLambda(letters) | JsonOutputParser() | RunnablePassthrough()
    last = events_of(call, growing, "[1, 2]")[-2]
    assert (last.name, last.input) == ("RunnablePassthrough", [1, 2])


def test_the_console_shows_a_stream_in_the_order_of_its_steps(call: Call) -> None:
    """Each line is below the run that it belongs to."""
    file = io.StringIO()
    call.stream(about(), "the sea", {"callbacks": [ConsoleHandler(file, width=0)]})
    lines = [line.split()[:3] for line in file.getvalue().splitlines()]
    shown = [" ".join(line).replace("│ ", "  ") for line in lines]
    assert [line for line in shown if "▶" in line] == [
        "▶ RunnableSequence",
        "  ▶ ChatPromptTemplate",
        "  ▶ ScriptedChatModel",
        "  ▶ StrOutputParser",
    ]


def test_a_step_whose_input_fails_first_has_no_events(call: Call) -> None:
    """It has not run, whether it waits for its whole input or for a chunk."""
    for second in (RunnableLambda(str.upper), StrOutputParser(), RunnablePassthrough()):
        events = events_of(call, RunnableLambda(fail) | second)
        assert order(events) == [
            "start RunnableSequence",
            "start fail",
            "error fail",
            "error RunnableSequence",
        ]


def test_a_step_that_needs_the_whole_never_runs_on_a_part(call: Call) -> None:
    """The first step fails after some chunks, on which the parser behind it has started."""
    chain = RunnableLambda(stumble) | StrOutputParser() | RunnableLambda(str.upper)
    assert order(events_of(call, chain)) == [
        "start RunnableSequence",
        "start stumble",
        "start StrOutputParser",
        "error stumble",
        "error StrOutputParser",
        "error RunnableSequence",
    ]


def test_a_step_without_input_chunks_still_starts_and_ends(call: Call) -> None:
    """A step that works on chunks ends without output; one that needs its whole input fails."""
    silent = RunnableLambda(nothing) | RunnablePassthrough() | RunnableLambda(str.upper)
    assert order(events_of(call, silent)) == [
        "start RunnableSequence",
        "start nothing",
        "end nothing",
        "start RunnablePassthrough",
        "end RunnablePassthrough",
        "start upper",
        "error upper",
        "error RunnableSequence",
    ]


def test_a_generator_that_yields_first_starts_first(call: Call) -> None:
    """It starts before its input is requested, and the runs around it start before it."""
    branches = {"a": RunnableGenerator(announce)}
    chain = RunnableLambda(letters) | (branches | RunnablePassthrough()).with_config(run_name="in")
    events = events_of(call, chain)
    assert order(events)[:5] == [
        "start RunnableSequence",
        "start in",
        "start RunnableParallel<a>",
        "start announce",
        "start RunnablePassthrough",
    ]
    assert [
        event.input for event in events if event.kind == "end" and event.name == "announce"
    ] == ["ab"]


def test_a_call_before_a_generator_reads_its_input_is_below_it(call: Call) -> None:
    """A custom event or a nested call starts the run of the generator."""

    def early(chunks: Iterator[str]) -> Iterator[str]:
        dispatch_custom_event("early", 1)
        yield RunnableLambda(str.upper).invoke("a")
        yield from chunks

    events = events_of(call, RunnableLambda(letters) | RunnableGenerator(early))
    assert order(events)[:4] == [
        "start RunnableSequence",
        "start early",
        "custom early",
        "start upper",
    ]
    assert events[3].parent_ids == (events[0].run_id, events[1].run_id)


def test_a_handler_does_not_pull_an_input_that_is_not_read(call: Call) -> None:
    """The step before a generator that never reads does not run, observed or not."""

    def ignoring(_: Iterator[str]) -> Iterator[str]:
        yield "a"

    assert order(events_of(call, RunnableLambda(fail) | RunnableGenerator(ignoring))) == [
        "start RunnableSequence",
        "start ignoring",
        "end ignoring",
        "end RunnableSequence",
    ]


def test_an_error_before_any_input_is_reported(call: Call) -> None:
    """A generator that fails at once has run, and the step before it has not."""

    def hasty(_: Iterator[str]) -> Iterator[str]:
        raise KeyError("own")
        yield ""

    assert order(events_of(call, RunnableLambda(letters) | RunnableGenerator(hasty))) == [
        "start RunnableSequence",
        "start hasty",
        "error hasty",
        "error RunnableSequence",
    ]


def test_options_are_refused_before_the_input_is_read(call: Call) -> None:
    """A typo stops a chain before its first step runs."""
    model = ScriptedChatModel(["a"]).bind(temprature=1)
    events = events_of(call, RunnableLambda(letters) | model)
    assert "start letters" not in order(events)
    assert order(events)[-2:] == ["error ScriptedChatModel", "error RunnableSequence"]


def test_leaving_a_stream_cancels_the_runs_that_had_started(call: Call) -> None:
    """Each of them has one end; the function that waited for its whole input has no events."""
    branches = {"a": str.upper, "b": StrOutputParser()}
    events = events_of(call, RunnableLambda(endless) | StrOutputParser() | branches, take=1)
    assert "start upper" not in order(events)
    started = sorted(event.run_id for event in events if event.kind == "start")
    assert sorted(event.run_id for event in events if event.kind != "start") == started
    assert {event.kind for event in events} <= {"start", "cancelled"}


class Chunky(Runnable[str, str]):
    """A user's class that works on chunks."""

    def transform(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return (chunk.upper() for chunk in input)


class Whole(Runnable[str, str]):
    """A user's class that takes a whole input."""

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        yield input.upper()


def test_users_classes_start_with_the_input_that_they_need(call: Call) -> None:
    """`transform` starts at the first chunk, `stream` with the whole input."""
    chain = RunnableLambda(letters) | Chunky() | Whole()
    starts = [
        (event.name, event.input) for event in events_of(call, chain) if event.kind == "start"
    ]
    assert starts[1:] == [("letters", "ab"), ("Chunky", None), ("Whole", "AB")]
    assert [event.input for event in events_of(call, Whole()) if event.kind == "start"] == ["ab"]


class Slow:
    """An async handler."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def on_event(self, event: Event) -> None:
        await asyncio.sleep(0)
        self.events.append(event)


def test_async_handlers_receive_the_same_order() -> None:
    """A sync generator in a worker thread may yield before its input is read."""

    async def source(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield letter

    chain = RunnableLambda(source) | {"a": RunnableGenerator(announce)} | RunnableLambda(str)

    async def main() -> list[str]:
        handler = Slow()
        async with chain.astream("ab", {"callbacks": [handler]}) as chunks:
            async for _ in chunks:
                pass
        return order([event for event in handler.events if event.kind != "chunk"])

    names = run_clean(main())
    assert names[:3] == ["start RunnableSequence", "start RunnableParallel<a>", "start announce"]
    assert names[-2:] == ["end str", "end RunnableSequence"]


def test_async_handlers_are_refused_by_sync_streams_before_anything_runs() -> None:
    """They are refused before the first input is read."""
    ran: list[str] = []
    chain = RunnableLambda(ran.append) | StrOutputParser()
    with pytest.raises(TypeError, match="Use the async call"):
        list(chain.stream("a", {"callbacks": [Slow()]}))
    assert ran == []
