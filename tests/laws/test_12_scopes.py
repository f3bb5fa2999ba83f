"""Law 12: what users' code opens holds until it closes it, also across `yield`; law 2: one thread.

Each kind of thing that is held is opened in each kind of generator, in each place, and the stream
is run in each way: to its end, left early, failing, cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import Budget, RunnableGenerator, RunnableLambda, RunnableParallel, track_usage
from tests.both_modes import Call, run_clean
from tests.laws.holders import (
    CHUNKS,
    CONFIGS,
    HELD,
    NO_DEFAULT,
    OF_ANY_THREAD,
    PLACES,
    SPAN,
    SYNC_KINDS,
    Held,
    aparts,
    awhole,
    model,
    parts,
    passes,
    steps,
    whole,
)


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
