"""What the steps of a streamed chain tell, and when."""

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


def told(call: Call, runnable: Any, value: Any = "ab", take: int | None = None) -> list[Event]:
    """All events of a stream, without its chunks."""
    recorder = Recorder()
    try:
        call.stream(runnable, value, recorder.config, take=take)
    except (KeyError, ValueError, TypeError):
        pass
    return [event for event in recorder.events if event.kind != "chunk"]


def order(events: list[Event]) -> list[str]:
    return [f"{event.kind} {event.name}" for event in events]


def test_steps_start_in_their_order_and_models_with_their_input(call: Call) -> None:
    """Prompt, model, parser; the parser starts while the model still speaks."""
    events = call.events(about(), "the sea")
    starts = [
        (event["event"], event["data"]["input"])
        for event in events
        if event["event"].endswith("start")
    ]
    asked = prompt.invoke("the sea")
    assert starts == [
        ("on_chain_start", "the sea"),
        ("on_prompt_start", "the sea"),
        ("on_chat_model_start", asked),
        ("on_parser_start", None),
    ]
    names = [event["event"] for event in events]
    assert names.index("on_parser_start") < names.index("on_chat_model_end")


def test_ends_carry_the_whole_input(call: Call) -> None:
    """Also that of a step that has got it in chunks, added up in its own way."""
    ends = {
        event["event"]: event["data"]["input"]
        for event in call.events(about(), "the sea")
        if event["event"].endswith("end")
    }
    assert ends["on_chat_model_end"] == prompt.invoke("the sea")
    assert ends["on_parser_end"].text == "The sea."
    growing = RunnableLambda(letters) | JsonOutputParser() | RunnablePassthrough()
    last = told(call, growing, "[1, 2]")[-2]
    assert (last.name, last.input) == ("RunnablePassthrough", [1, 2])


def test_the_console_shows_a_stream_the_right_way_up(call: Call) -> None:
    """Each line below the run that it belongs to, in the order of the steps."""
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


def test_a_step_whose_input_fails_first_tells_nothing(call: Call) -> None:
    """Whether it waits for the whole or for a piece: it has not run."""
    for second in (RunnableLambda(str.upper), StrOutputParser(), RunnablePassthrough()):
        events = told(call, RunnableLambda(fail) | second)
        assert order(events) == [
            "start RunnableSequence",
            "start fail",
            "error fail",
            "error RunnableSequence",
        ]


def test_a_step_that_needs_the_whole_never_runs_on_a_part(call: Call) -> None:
    """The step before has given chunks when it fails; the parser between has begun on them."""
    chain = RunnableLambda(stumble) | StrOutputParser() | RunnableLambda(str.upper)
    assert order(told(call, chain)) == [
        "start RunnableSequence",
        "start stumble",
        "start StrOutputParser",
        "error stumble",
        "error StrOutputParser",
        "error RunnableSequence",
    ]


def test_a_step_that_is_given_no_chunk_still_starts_and_ends(call: Call) -> None:
    """At the end of the input: one on chunks gives nothing, one on the whole says what it lacks."""
    silent = RunnableLambda(nothing) | RunnablePassthrough() | RunnableLambda(str.upper)
    assert order(told(call, silent)) == [
        "start RunnableSequence",
        "start nothing",
        "end nothing",
        "start RunnablePassthrough",
        "end RunnablePassthrough",
        "start upper",
        "error upper",
        "error RunnableSequence",
    ]


def test_a_generator_that_speaks_first_starts_first(call: Call) -> None:
    """It has begun before its input is asked for; what is around it starts before it."""
    branches = {"a": RunnableGenerator(announce)}
    chain = RunnableLambda(letters) | (branches | RunnablePassthrough()).with_config(run_name="in")
    events = told(call, chain)
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


def test_what_a_generator_calls_before_it_reads_stands_below_it(call: Call) -> None:
    """A custom event or a nested call begins the run of the generator."""

    def early(chunks: Iterator[str]) -> Iterator[str]:
        dispatch_custom_event("early", 1)
        yield RunnableLambda(str.upper).invoke("a")
        yield from chunks

    events = told(call, RunnableLambda(letters) | RunnableGenerator(early))
    assert order(events)[:4] == [
        "start RunnableSequence",
        "start early",
        "custom early",
        "start upper",
    ]
    assert events[3].parent_ids == (events[0].run_id, events[1].run_id)


def test_who_asks_for_nothing_pulls_nothing_because_somebody_watches(call: Call) -> None:
    """The step before a generator that never reads does not run, watched or not."""

    def deaf(_: Iterator[str]) -> Iterator[str]:
        yield "a"

    assert order(told(call, RunnableLambda(fail) | RunnableGenerator(deaf))) == [
        "start RunnableSequence",
        "start deaf",
        "end deaf",
        "end RunnableSequence",
    ]


def test_an_error_of_its_own_before_any_input_is_told(call: Call) -> None:
    """A generator that fails at once has run; the step before it has not."""

    def hasty(_: Iterator[str]) -> Iterator[str]:
        raise KeyError("own")
        yield ""

    assert order(told(call, RunnableLambda(letters) | RunnableGenerator(hasty))) == [
        "start RunnableSequence",
        "start hasty",
        "error hasty",
        "error RunnableSequence",
    ]


def test_options_are_refused_before_the_input_is_read(call: Call) -> None:
    """Watched or not: a typo stops a chain before its first step runs."""
    model = ScriptedChatModel(["a"]).bind(temprature=1)
    events = told(call, RunnableLambda(letters) | model)
    assert "start letters" not in order(events)
    assert order(events)[-2:] == ["error ScriptedChatModel", "error RunnableSequence"]


def test_a_stream_that_is_left_tells_cancelled_of_what_had_started(call: Call) -> None:
    """Every run that started tells one end; the function that waited for the whole is silent."""
    branches = {"a": str.upper, "b": StrOutputParser()}
    events = told(call, RunnableLambda(endless) | StrOutputParser() | branches, take=1)
    assert "start upper" not in order(events)
    started = sorted(event.run_id for event in events if event.kind == "start")
    assert sorted(event.run_id for event in events if event.kind != "start") == started
    assert {event.kind for event in events} <= {"start", "cancelled"}


class Chunky(Runnable[str, str]):
    """A user's class that takes chunks."""

    def transform(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return (piece.upper() for piece in input)


class Whole(Runnable[str, str]):
    """A user's class that takes a value."""

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        yield input.upper()


def test_users_classes_start_with_what_they_take(call: Call) -> None:
    """Pieces for who writes `transform`; the whole for who writes `stream`."""
    chain = RunnableLambda(letters) | Chunky() | Whole()
    starts = [(event.name, event.input) for event in told(call, chain) if event.kind == "start"]
    assert starts[1:] == [("letters", "ab"), ("Chunky", None), ("Whole", "AB")]
    assert [event.input for event in told(call, Whole()) if event.kind == "start"] == ["ab"]


class Slow:
    """An async handler."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def on_event(self, event: Event) -> None:
        await asyncio.sleep(0)
        self.events.append(event)


def test_async_handlers_hear_the_same_order() -> None:
    """Also where a sync generator in a worker thread speaks before its input is read."""

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
    """Not only when the first input has come."""
    ran: list[str] = []
    chain = RunnableLambda(ran.append) | StrOutputParser()
    with pytest.raises(TypeError, match="Use the async call"):
        list(chain.stream("a", {"callbacks": [Slow()]}))
    assert ran == []
