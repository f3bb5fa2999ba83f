"""ConsoleHandler: a run as it is printed in a terminal."""

from __future__ import annotations

import asyncio
import io
import re
import sys
import threading
from typing import Any

import pytest

from runnables import (
    AIMessage,
    ConsoleHandler,
    Event,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
    dispatch_custom_event,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call, run_clean

TIME = re.compile(r"[\d.e+-]+ m?s")


class Terminal(io.StringIO):
    """A file that reports that it is a terminal."""

    def isatty(self) -> bool:
        return True


class Counting(io.StringIO):
    """A file that records each write, and counts the flushes."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []
        self.flushed = 0

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        self.flushed += 1


def lines_of(file: io.StringIO) -> list[str]:
    """Return the printed lines, with `T` in the place of each time."""
    return TIME.sub("T", file.getvalue()).splitlines()


def event(kind: Any, **more: Any) -> Event:
    """Return an event as runs make it."""
    return Event(kind=kind, run_type="chain", name="step", run_id="1", **more)


def line(event: Event, **options: Any) -> str:
    """Return the line that the handler prints for one event."""
    file = io.StringIO()
    ConsoleHandler(file, **options).on_event(event)
    return file.getvalue()


def double(x: int) -> int:
    """Double a number."""
    return 2 * x


def fail(x: int) -> int:
    """Fail at any input."""
    raise ValueError("no such thing")


def observed(call: Call, runnable: Any, value: Any, **options: Any) -> list[str]:
    """Return the lines of one call."""
    file = io.StringIO()
    call.invoke(runnable, value, {"callbacks": [ConsoleHandler(file, **options)]})
    return lines_of(file)


# -- the tree


def test_a_run_is_a_tree(call: Call) -> None:
    """Each start and end has a line, one level deeper than the sequence around it."""
    chain = RunnableLambda(double) | RunnableLambda(str, name="text")
    assert observed(call, chain, 4) == [
        "▶ RunnableSequence 4",
        "│ ▶ double 4",
        "│ ✓ double T → 8",
        "│ ▶ text 8",
        "│ ✓ text T → '8'",
        "✓ RunnableSequence T → '8'",
    ]


def test_a_call_inside_a_function_is_shown_below_it(call: Call) -> None:
    """A nested call joins the tree, without a config that is passed on."""
    inner = RunnableLambda(double)

    def outer(x: int) -> int:
        return inner.invoke(x)

    assert observed(call, RunnableLambda(outer), 1) == [
        "▶ outer 1",
        "│ ▶ double 1",
        "│ ✓ double T → 2",
        "✓ outer T → 2",
    ]


def test_branches_are_shown_below_their_parallel(call: Call) -> None:
    """Branches that run in turn are printed in turn."""
    file = io.StringIO()
    config = {"callbacks": [ConsoleHandler(file)], "max_concurrency": 1}
    call.invoke(RunnableParallel(a=double, b=str), 1, config)
    assert lines_of(file) == [
        "▶ RunnableParallel<a,b> 1",
        "│ ▶ double 1",
        "│ ✓ double T → 2",
        "│ ▶ str 1",
        "│ ✓ str T → '1'",
        "✓ RunnableParallel<a,b> T → {'a': 2, 'b': '1'}",
    ]


def test_a_run_has_the_name_of_its_config(call: Call) -> None:
    """`run_name` is printed in the place of the runnable's name."""
    named = RunnableLambda(double).with_config(run_name="twice")
    assert observed(call, named, 1) == ["▶ twice 1", "✓ twice T → 2"]


# -- how runs end


def test_an_error_shows_its_type_and_message(call: Call) -> None:
    """Every level that the error passes shows them."""
    file = io.StringIO()
    with pytest.raises(ValueError, match="no such thing"):
        call.invoke(RunnableLambda(double) | fail, 1, {"callbacks": [ConsoleHandler(file)]})
    assert lines_of(file)[-3:] == [
        "│ ▶ fail 2",
        "│ ✗ fail T ValueError: no such thing",
        "✗ RunnableSequence T ValueError: no such thing",
    ]


def test_a_cancelled_run_is_not_an_error() -> None:
    """It has its own mark, and no message."""
    file = io.StringIO()

    async def main() -> None:
        begun = asyncio.Event()

        async def waits(x: int) -> None:
            begun.set()
            await asyncio.Event().wait()

        config: Any = {"callbacks": [ConsoleHandler(file)]}
        task = asyncio.create_task(RunnableLambda(waits).ainvoke(1, config))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_clean(main())
    assert lines_of(file) == ["▶ waits 1", "■ waits T"]


def test_a_stream_that_is_left_is_cancelled(call: Call) -> None:
    """Its end is printed when the consumer has left."""

    def letters(text: str) -> Any:
        yield from text

    file = io.StringIO()
    config = {"callbacks": [ConsoleHandler(file)]}
    assert call.stream(RunnableLambda(letters), "abc", config, take=1) == ["a"]
    assert lines_of(file) == ["▶ letters 'abc'", "■ letters T"]


def test_a_retry_shows_every_attempt(call: Call) -> None:
    """Each attempt is a run."""
    attempts: list[int] = []

    def flaky(x: int) -> int:
        attempts.append(x)
        if len(attempts) < 2:
            raise ConnectionError("lost")
        return x

    steady = RunnableLambda(flaky).with_retry(wait_exponential_jitter=False)
    assert observed(call, steady, 1) == [
        "▶ RunnableRetry 1",
        "│ ▶ flaky 1",
        "│ ✗ flaky T ConnectionError: lost",
        "│ ▶ flaky 1",
        "│ ✓ flaky T → 1",
        "✓ RunnableRetry T → 1",
    ]


# -- models, chunks, and the user's own events


def test_a_model_shows_its_text_and_its_tokens(call: Call) -> None:
    """A message is shown by its text, and its usage as input+output tokens."""
    usage: Any = {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15}
    model = ScriptedChatModel(["Hello there."], usage=usage)
    assert observed(call, model, "Hi!") == [
        "▶ ScriptedChatModel 'Hi!'",
        "✓ ScriptedChatModel T 12+3 tokens → 'Hello there.'",
    ]


def test_a_model_without_usage_shows_none(call: Call) -> None:
    """No tokens are shown where the model reports none."""
    (_, end) = observed(call, ScriptedChatModel(["Hello."]), "Hi!")
    assert end == "✓ ScriptedChatModel T → 'Hello.'"


def test_chunks_are_left_out_by_default(call: Call) -> None:
    """`chunks=True` adds a line for each chunk of a stream."""
    for chunks, shown in ((False, []), (True, ["· letters 'a'", "· letters 'b'"])):
        file = io.StringIO()
        handler = ConsoleHandler(file, chunks=chunks)
        call.stream(RunnableLambda(_letters, name="letters"), "ab", {"callbacks": [handler]})
        assert lines_of(file) == ["▶ letters 'ab'", *shown, "✓ letters T → 'ab'"]


def _letters(text: str) -> Any:
    yield from text


def test_a_streamed_answer_is_shown_whole_at_its_end(call: Call) -> None:
    """The end of a stream shows its merged value."""
    file = io.StringIO()
    chain = ScriptedChatModel(["one two"]) | StrOutputParser()
    call.stream(chain, "?", {"callbacks": [ConsoleHandler(file)]})
    assert lines_of(file)[-1] == "✓ RunnableSequence T → 'one two'"


def test_the_users_own_events_are_shown(call: Call) -> None:
    """They have a name and data, one level deeper than the run that dispatched them."""

    def copy(files: list[str]) -> int:
        dispatch_custom_event("copied", {"file": files[0]})
        return len(files)

    chain = RunnableLambda(copy) | RunnableLambda(double)
    assert observed(call, chain, ["a.txt"])[1:4] == [
        "│ ▶ copy ['a.txt']",
        "│ │ • copied {'file': 'a.txt'}",
        "│ ✓ copy T → 1",
    ]


# -- how much is shown


def test_long_values_are_cut_to_the_width() -> None:
    """An ellipsis is the last character of a value that is cut."""
    shown = line(event("start", input="x" * 100), width=20)
    assert shown == f"▶ step '{'x' * 18}…\n"
    assert line(event("start", input="x" * 18), width=20) == f"▶ step '{'x' * 18}'\n"


def test_width_zero_shows_no_values(call: Call) -> None:
    """Only the name and the time of a run are shown."""
    assert observed(call, RunnableLambda(double), 1, width=0) == ["▶ double", "✓ double T"]
    assert line(event("error", error=ValueError("no")), width=0) == "✗ step ValueError\n"
    assert line(event("error", error=ValueError())) == "✗ step ValueError\n"


def test_a_value_of_many_lines_is_shown_on_one() -> None:
    """Line breaks become spaces, so that the tree keeps its shape."""
    multiline = AIMessage("one\n\n   two")
    assert line(event("end", output=multiline)).count("\n") == 1
    assert line(event("error", error=ValueError("one\n  two"))) == "✗ step ValueError: one two\n"


def test_nothing_is_shown_for_none() -> None:
    """An input that is not known yet, and an output of None, are left out."""
    assert line(event("start")) == "▶ step\n"
    assert line(event("end", output=None)) == "✓ step\n"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *[(0.0001234, "0.123 ms"), (0.5, "500 ms"), (0.9994, "999 ms"), (0.9996, "1.00 s")],
        *[(1.0, "1.00 s"), (61.25, "61.25 s")],
    ],
)
def test_times_are_readable(seconds: float, shown: str) -> None:
    """Times below a second are in milliseconds, others in seconds."""
    assert line(event("end", seconds=seconds, output=1)) == f"✓ step {shown} → 1\n"


# -- where it goes


def test_a_terminal_gets_colors() -> None:
    """The mark is colored, the text is not."""
    file = Terminal()
    ConsoleHandler(file).on_event(event("error", error=ValueError("no")))
    assert file.getvalue() == "\x1b[31m✗\x1b[0m step ValueError: no\n"


def test_a_file_gets_no_colors(call: Call) -> None:
    """Escape codes are for terminals."""
    assert not any("\x1b" in line for line in observed(call, RunnableLambda(double), 1))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_without_the_marks_gets_question_marks(encoding: str) -> None:
    """Characters that its encoding lacks are replaced, and no line is lost."""
    raw = io.BytesIO()
    handler = ConsoleHandler(io.TextIOWrapper(raw, encoding=encoding, newline=""))
    handler.on_event(event("start", input="a → b"))
    assert raw.getvalue() == b"? step 'a ? b'\n"


def test_it_writes_to_stderr_by_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stderr is looked up at each line, so that a later replacement is used."""
    handler = ConsoleHandler()
    replaced = io.StringIO()
    monkeypatch.setattr(sys, "stderr", replaced)
    handler.on_event(event("start", input=1))
    assert replaced.getvalue() == "▶ step 1\n"
    assert capsys.readouterr().out == ""


def test_every_line_is_written_whole_and_at_once() -> None:
    """A line is one write and one flush, so that lines of several threads do not mix."""
    file = Counting()
    barrier = threading.Barrier(4)

    def together(x: int) -> int:
        barrier.wait(timeout=10)
        return x

    config: Any = {"callbacks": [ConsoleHandler(file)]}
    RunnableLambda(together).batch(range(4), config, max_concurrency=4)
    assert len(file.written) == file.flushed == 8
    assert all(text.endswith("\n") and text.count("\n") == 1 for text in file.written)
