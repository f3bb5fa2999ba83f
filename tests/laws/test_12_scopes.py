"""Law 12: what users' code opens holds until it closes it, also across `yield`; law 2: one thread.

Each kind of thing that is held is opened in each kind of generator, in each place, and the stream
is run in each way: to its end, left early, failing, cancelled.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import (
    Budget,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call, run_clean
from tests.laws.recorder import Recorder
from tests.laws.specimens import NO_BACKOFF

SPAN: ContextVar[object] = ContextVar("SPAN", default="none")
NO_DEFAULT: ContextVar[object] = ContextVar("NO_DEFAULT")
USAGE: Any = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
CHUNKS = 12  # more than the steps for which an iterator that sets nothing is watched


def model() -> ScriptedChatModel:
    return ScriptedChatModel(["x"], cycle=True, usage=USAGE)


class Held:
    """A thing that code holds; `check` fails where it does not hold any more."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self) -> AbstractContextManager[Callable[[], None]]:
        made: Any = globals()[f"_{self.name}"]
        return made()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return self.name


@contextmanager
def _span() -> Generator[Callable[[], None]]:
    mine = object()
    token = SPAN.set(mine)
    other = NO_DEFAULT.set(mine)
    try:
        yield lambda: _same(SPAN.get(), mine)
    finally:
        NO_DEFAULT.reset(other)
        SPAN.reset(token)


@contextmanager
def _sqlite() -> Generator[Callable[[], None]]:
    connection = sqlite3.connect(":memory:", check_same_thread=True)
    try:
        yield lambda: _same(connection.execute("select 1").fetchone(), (1,))
    finally:
        connection.close()


@contextmanager
def _lock() -> Generator[Callable[[], None]]:
    lock = threading.RLock()
    with lock:
        owned: Any = lock
        yield lambda: _same(owned._is_owned(), True)


@contextmanager
def _usage() -> Generator[Callable[[], None]]:
    calls = 0

    def check() -> None:
        nonlocal calls
        model().invoke("q")
        calls += 1
        _same(usage.calls, calls)

    with track_usage() as usage:
        yield check


@contextmanager
def _budget() -> Generator[Callable[[], None]]:
    spent = 0

    def check() -> None:
        nonlocal spent
        model().invoke("q")
        spent += 2
        _same(budget.spent_tokens, spent)

    with Budget(tokens=1000) as budget:
        yield check


def _same(found: Any, wanted: Any) -> None:
    assert found is wanted or found == wanted, f"{found!r} is not {wanted!r}"


HELD = [Held(name) for name in ("span", "sqlite", "lock", "usage", "budget")]
OF_ANY_THREAD = ("span", "usage", "budget")


def whole(held: Held) -> Any:
    def chunks(_: Any) -> Iterator[str]:
        with held.open() as check:
            for _ in range(CHUNKS):
                check()
                yield "a"
                check()

    return RunnableLambda(chunks)


def late(held: Held) -> Any:
    """Opens after the first chunk, and again for each of the others."""

    def chunks(_: Any) -> Iterator[str]:
        yield "a"
        for _ in range(CHUNKS - 1):
            with held.open() as check:
                check()
                yield "a"
                check()

    return RunnableLambda(chunks)


def helper(held: Held) -> Any:
    def inner() -> Iterator[str]:
        with held.open() as check:
            for _ in range(CHUNKS):
                yield "a"
                check()

    def chunks(_: Any) -> Iterator[str]:
        yield from inner()

    return RunnableLambda(chunks)


def parts(held: Held) -> Any:
    def chunks(given: Iterator[Any]) -> Iterator[str]:
        with held.open() as check:
            for _ in given:
                for _ in range(CHUNKS):
                    check()
                    yield "a"
                    check()

    return RunnableGenerator(chunks)


def own_class(held: Held) -> Any:
    class Streams(Runnable[Any, Any]):
        def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            with held.open() as check:
                for _ in range(CHUNKS):
                    check()
                    yield "a"

    return Streams()


def awhole(held: Held) -> Any:
    async def chunks(_: Any) -> AsyncIterator[str]:
        with held.open() as check:
            for _ in range(CHUNKS):
                check()
                yield "a"
                await asyncio.sleep(0)
                check()

    return RunnableLambda(chunks)


def aparts(held: Held) -> Any:
    async def chunks(given: AsyncIterator[Any]) -> AsyncIterator[str]:
        with held.open() as check:
            async for _ in given:
                for _ in range(CHUNKS):
                    check()
                    yield "a"
                    await asyncio.sleep(0)
                    check()

    return RunnableGenerator(chunks)


def function(held: Held) -> Any:
    def run(_: Any) -> str:
        with held.open() as check:
            check()
            RunnableLambda(lambda _: check()).invoke(1)
        return "a" * CHUNKS

    return RunnableLambda(run)


def afunction(held: Held) -> Any:
    async def run(_: Any) -> str:
        with held.open() as check:
            check()
            await asyncio.sleep(0)
            check()
        return "a" * CHUNKS

    return RunnableLambda(run)


SYNC_KINDS = (whole, late, helper, parts, own_class, function)
ASYNC_KINDS = (awhole, aparts, afunction)


def passes(chunks: Iterator[Any]) -> Iterator[Any]:
    yield from chunks


async def apasses(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for chunk in chunks:
        yield chunk


def value_of(chunks: Any) -> Any:
    return chunks["k"]


PLACES: dict[str, Callable[[Any], Any]] = {
    "alone": lambda step: step,
    "first": lambda step: step | RunnableGenerator(passes),
    "first, of an async one": lambda step: step | RunnableGenerator(passes, apasses),
    "last": lambda step: RunnableGenerator(passes, apasses) | step,
    "in a mapping": lambda step: RunnableParallel(k=step, b=len) | value_of,
    "before a mapping": lambda step: (
        step | RunnableParallel(k=RunnableGenerator(passes, apasses), b=len, c=passes) | value_of
    ),
    "assigned": lambda step: (lambda _: {"x": "a"}) | RunnablePassthrough.assign(k=step) | value_of,
    "mapped": lambda step: (lambda value: [value]) | step.map() | (lambda values: values[0]),
    "tried again": lambda step: step.with_retry(**NO_BACKOFF),
    "with a time limit": lambda step: step.with_timeout(60),
    "chosen": lambda step: RunnableBranch((bool, step), step),
    "returned": lambda step: RunnableLambda(lambda _: step),
    "instead": lambda step: RunnableLambda(_fails).with_fallbacks([step]),
}
CONFIGS: dict[str, Callable[[], Any]] = {
    "no config": lambda: None,
    "tags": lambda: {"tags": ["t"]},
    "a limit": lambda: {"max_concurrency": 1},
    "a handler": lambda: Recorder().config,
}


def _fails(_: Any) -> Any:
    raise ValueError("no")


def steps(call: Call, held: Held) -> list[Any]:
    kinds = [*SYNC_KINDS, *(ASYNC_KINDS if call.mode == "async" else ())]
    kept = [kind for kind in kinds if held.name in OF_ANY_THREAD or kind not in ASYNC_KINDS]
    return [kind(held) for kind in kept]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("held", HELD, ids=repr)
def test_what_is_opened_holds(held: Held, place: str, call: Call) -> None:
    """Invoked, streamed, in batches, and left early; nothing of it is left to the caller."""
    for step in steps(call, held):
        chain = PLACES[place](step)
        for make in CONFIGS.values():
            assert call.invoke(chain, "x", make()) == "a" * CHUNKS
            assert call.stream(chain, "x", make())
            call.stream(chain, "x", make(), take=1)
        assert call.transform(chain, ["x"])
        assert call.batch(chain, ["x", "y"]) == ["a" * CHUNKS] * 2
        assert len(call.batch_as_completed(chain, ["x", "y"])) == 2
        assert call.events(chain, "x")
        call.events(chain, "x", take=3)
        call.stream(chain, "x", take=10)
        assert SPAN.get() == "none"
        assert NO_DEFAULT.get(None) is None


def test_two_streams_in_turns_do_not_see_each_other(call: Call) -> None:
    """Neither their spans nor their usage; the caller sees none of either between the chunks."""
    seen: list[object] = []

    def sync(step: Any, config: Any) -> None:
        for _ in zip(step.stream("x", config), step.stream("x", config), strict=True):
            seen.append(SPAN.get())
            model().invoke("not counted")

    async def asynchronous(step: Any, config: Any) -> None:
        async with step.astream("x", config) as one, step.astream("x", config) as other:
            async for _ in one:
                await anext(other)
                seen.append(SPAN.get())
                await asyncio.gather(model().ainvoke("not counted"))

    for held in (Held("span"), Held("usage"), Held("budget")):
        for step in steps(call, held)[:-1]:
            for make in CONFIGS.values():
                config = make()
                # in a copy, as a variable without a default cannot be taken away in between
                copy_context().run(
                    call.run,
                    lambda step=step, config=config: sync(step, config),
                    lambda step=step, config=config: asynchronous(step, config),
                )
    assert set(seen) == {"none"}


def piped(call: Call, name: str, *, is_async: bool = False) -> RunnableGenerator[Any, Any]:
    def chunks(given: Iterator[Any]) -> Iterator[Any]:
        token = SPAN.set(name)
        try:
            for chunk in given:
                for letter in chunk:
                    assert SPAN.get() == name
                    yield letter
                    assert SPAN.get() == name
        finally:
            SPAN.reset(token)

    async def achunks(given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        token = SPAN.set(name)
        try:
            async for chunk in given:
                for letter in chunk:
                    assert SPAN.get() == name
                    yield letter
                    assert SPAN.get() == name
        finally:
            SPAN.reset(token)

    return RunnableGenerator(achunks if is_async and call.mode == "async" else chunks)


@given(
    names=st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), min_size=1, max_size=4),
    taken=st.one_of(st.none(), st.integers(1, 20)),
    config=st.sampled_from(sorted(CONFIGS)),
    place=st.sampled_from(["alone", "in a mapping", "with a time limit", "tried again"]),
)
def test_steps_of_a_pipe_keep_their_own_span(
    names: list[tuple[str, bool]], taken: int | None, config: str, place: str, call: Call
) -> None:
    """Of one variable, also where two of them have the same name; and nothing is left."""
    chain: Any = RunnableLambda(str)
    for name, is_async in names:
        chain = chain | piped(call, name, is_async=is_async)
    call.stream(PLACES[place](chain), "x" * 15, CONFIGS[config](), take=taken)
    assert SPAN.get() == "none"


@pytest.mark.parametrize("config", CONFIGS)
def test_the_next_step_sees_what_a_generator_has_set(config: str, call: Call) -> None:
    """Chunk by chunk, whichever of the two is async; after the end, the caller sees it, too."""

    def sets(given: Iterator[Any]) -> Iterator[int]:
        for _ in given:
            for number in range(CHUNKS):
                SPAN.set(number)
                NO_DEFAULT.set(number)
                yield number

    async def asets(given: AsyncIterator[Any]) -> AsyncIterator[int]:
        async for _ in given:
            for number in range(CHUNKS):
                SPAN.set(number)
                NO_DEFAULT.set(number)
                yield number

    def sees(given: Iterator[Any]) -> Iterator[Any]:
        for number in given:
            yield [(number, SPAN.get(), NO_DEFAULT.get())]

    async def asees(given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for number in given:
            yield [(number, SPAN.get(), NO_DEFAULT.get())]

    firsts = (sets, asets) if call.mode == "async" else (sets,)
    seconds = (sees, asees) if call.mode == "async" else (sees,)
    for first in firsts:
        for second in seconds:
            chain: Any = RunnableGenerator(first) | RunnableGenerator(second)
            chain = chain | RunnableGenerator(passes)

            def sync(chain: Any = chain) -> Any:
                token = SPAN.set("caller")
                found = list(chain.stream("x", CONFIGS[config]()))
                after = SPAN.get()
                SPAN.reset(token)
                return found, after

            async def asynchronous(chain: Any = chain) -> Any:
                SPAN.set("caller")
                async with chain.astream("x", CONFIGS[config]()) as stream:
                    return [chunk async for chunk in stream], SPAN.get()

            found, after = copy_context().run(call.run, sync, asynchronous)
            assert found == [[(number, number, number)] for number in range(CHUNKS)]
            assert after == CHUNKS - 1


def test_each_branch_sees_what_the_step_before_has_set(call: Call) -> None:
    """Also the branch that reads from the buffer, as the other one has pulled the chunks."""

    def sets(_: Any) -> Iterator[int]:
        SPAN.set("set")
        yield from range(CHUNKS)

    def sees(given: Iterator[Any]) -> Iterator[Any]:
        for _ in given:
            yield {SPAN.get()}

    for limit in (1, 2, 8):
        chain = RunnableLambda(sets) | RunnableParallel(
            a=RunnableGenerator(sees, merge="last"), b=RunnableGenerator(sees, merge="last")
        )
        found = call.stream(chain, 0, {"max_concurrency": limit})
        assert all(seen == {"set"} for chunk in found for seen in chunk.values())
        assert {key for chunk in found for key in chunk} == {"a", "b"}


def test_a_failing_stream_leaves_nothing(call: Call) -> None:
    """The generator fails, or the step behind it does."""

    chunk_count: list[Any] = []

    def fails(given: Iterator[Any]) -> Iterator[Any]:
        chunk_count.clear()
        for chunk in given:
            for number, letter in enumerate(chunk):
                if number == 3 or letter != chunk:  # a function's only chunk is all letters
                    raise ValueError("no")
                yield letter
            chunk_count.append(chunk)
            if len(chunk_count) == 3:
                raise ValueError("no")

    for place in ("alone", "in a mapping", "before a mapping", "with a time limit"):
        for step in steps(call, Held("span")):
            with pytest.raises(ValueError, match="no"):
                call.stream(PLACES[place](step) | RunnableGenerator(fails), "x")
            assert SPAN.get() == "none"


def test_a_cancelled_stream_closes_what_it_holds_where_it_opened_it() -> None:
    """In the thread and context in which the generator was running."""
    errors: list[Any] = []

    async def main(step: Any) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        reading = asyncio.Event()

        async def read() -> None:
            async with step.astream("x") as stream:
                async for _ in stream:
                    reading.set()
                    await asyncio.Event().wait()

        task = asyncio.create_task(read())
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for held in HELD:
        for place in ("alone", "first", "before a mapping", "in a mapping", "with a time limit"):
            kinds = (
                SYNC_KINDS[:-1]
                if held.name not in OF_ANY_THREAD
                else (*SYNC_KINDS[:-1], awhole, aparts)
            )
            for kind in kinds:
                run_clean(main(PLACES[place](kind(held))))
    assert errors == []


@pytest.mark.parametrize("closing", ["break", "another task"])
def test_a_left_async_stream_closes_in_the_context_of_its_reader(closing: str) -> None:
    """Whether it is left by `break`, or closed by another task than the one that has read."""
    errors: list[Any] = []

    async def main(step: Any) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        stream = step.astream("x")
        async for _ in stream:
            break
        if closing == "another task":
            await asyncio.create_task(stream.aclose())
        del stream
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert SPAN.get() == "none"
        assert NO_DEFAULT.get(None) is None

    for place in ("alone", "first", "before a mapping", "in a mapping", "with a time limit"):
        for kind in (whole, parts, awhole, aparts):
            asyncio.run(main(PLACES[place](kind(Held("span")))))
    assert errors == []


def test_a_budget_in_a_generator_stops_the_calls_inside_it(call: Call) -> None:
    """It lets through what it says, and not the amount again after each `yield`."""

    def chunks(_: Any) -> Iterator[int]:
        with Budget(tokens=5):
            for number in range(10):
                model().invoke("q")
                yield number

    async def achunks(_: Any) -> AsyncIterator[int]:
        with Budget(tokens=5):
            for number in range(10):
                await model().ainvoke("q")
                yield number

    for function in (chunks, achunks) if call.mode == "async" else (chunks,):
        for config in CONFIGS.values():
            with pytest.raises(Exception, match="5 tokens are spent"):
                call.stream(RunnableLambda(function), 0, config())
            with pytest.raises(Exception, match="5 tokens are spent"):
                call.stream(RunnableParallel(a=RunnableLambda(function)), 0, config())


def test_a_scope_covers_streams_that_are_read_inside_it(call: Call) -> None:
    """`yield from chain.stream(...)` in a block; the span is seen in the chain, too."""
    seen: list[object] = []

    def looks(given: Iterator[Any]) -> Iterator[Any]:
        for chunk in given:
            seen.append(SPAN.get())
            yield chunk

    chain = model() | RunnableGenerator(looks)

    def chunks(_: Any) -> Iterator[Any]:
        with track_usage() as usage:
            token = SPAN.set("mine")
            yield from chain.stream("q")
            yield from chain.with_config(tags=["t"]).stream("q")
            SPAN.reset(token)
        yield usage.calls

    async def achunks(_: Any) -> AsyncIterator[Any]:
        with track_usage() as usage:
            token = SPAN.set("mine")
            async for chunk in chain.astream("q"):
                yield chunk
            async for chunk in chain.with_config(tags=["t"]).astream("q"):
                yield chunk
            SPAN.reset(token)
        yield usage.calls

    for function in (chunks, achunks) if call.mode == "async" else (chunks,):
        for config in CONFIGS.values():
            step = RunnableLambda(function, merge="last")
            assert call.stream(step, 0, config())[-1] == 2
            assert call.stream(step | RunnableGenerator(passes, merge="last"), 0, config())[-1] == 2
    assert set(seen) == {"mine"}
