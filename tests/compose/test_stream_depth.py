"""A pipe of any length streams, or says what the limit is; `invoke` and `batch` always work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from runnables import (
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableSequence,
)
from runnables.errors import EmptyStream, RecursionLimitError
from tests.both_modes import Call
from tests.laws.recorder import Recorder


def add(number: int) -> int:
    return number + 1


async def aadd(number: int) -> int:
    return number + 1


class Add(Runnable[int, int]):
    def invoke(self, input: int, config: Any = None, **kwargs: Any) -> int:
        return input + 1


def each(chunks: Iterator[int]) -> Iterator[int]:
    yield from chunks


async def aeach(chunks: AsyncIterator[int]) -> AsyncIterator[int]:
    async for chunk in chunks:
        yield chunk


STEPS: dict[str, Any] = {
    "function": RunnableLambda(add),
    "in place": RunnableLambda(add, blocking=False),
    "both": RunnableLambda(add, aadd),
    "class": Add(),
    "retried": RunnableLambda(add).with_retry(),
    "bound": RunnableLambda(add).with_config(tags=["a"]),
    "named pipe": RunnableLambda(add).pipe(lambda x: x, name="two"),
}


@pytest.mark.parametrize("observed", [False, True], ids=["quiet", "observed"])
@pytest.mark.parametrize("count", [400, 1_000])
@pytest.mark.parametrize("kind", list(STEPS))
def test_steps_that_need_the_whole_value_stream_in_any_number(
    kind: str, count: int, observed: bool, call: Call
) -> None:
    """Each waits for the whole value, so no stage has to be within the next one."""
    config: Any = {"callbacks": [Recorder()]} if observed else None
    chain = RunnableSequence(*[STEPS[kind]] * count)
    assert call.stream(chain, 0, config) == [count]
    assert call.invoke(chain, 0, config) == count
    assert call.batch(chain, [0, 1], config) == [count, count + 1]


def test_a_pipe_of_3000_steps_that_was_piped_one_by_one(call: Call) -> None:
    """The steps of a pipe without a name become those of the new one."""
    chain: Any = RunnableLambda(add, aadd)
    for _ in range(2_999):
        chain = chain | RunnableLambda(add, aadd)
    assert call.stream(chain, 0) == [3_000]
    assert call.invoke(chain, 0) == 3_000


def test_named_pipes_within_a_pipe_stream(call: Call) -> None:
    """Twenty pipes of thirty steps each, of which each is one step with a name."""
    inner = RunnableSequence(*[STEPS["both"]] * 30, name="inner")
    assert call.stream(RunnableSequence(*[inner] * 20), 0) == [600]


@pytest.mark.parametrize(
    "step", [RunnableGenerator(each), RunnablePassthrough()], ids=["generator", "same"]
)
@pytest.mark.parametrize("observed", [False, True], ids=["quiet", "observed"])
def test_too_many_steps_on_chunks_are_a_clear_error(step: Any, observed: bool) -> None:
    """Each pulls its chunks from the one before it, and Python has a limit for that."""
    config: Any = {"callbacks": [Recorder()]} if observed else None
    chain = RunnableSequence(*[step] * 1_500)
    with pytest.raises(RecursionLimitError, match="1500 steps in a row .* Call `invoke`"):
        list(chain.stream(0, config))
    assert chain.invoke(0) == 0


@pytest.mark.asyncio
async def test_too_many_async_steps_on_chunks_are_a_clear_error() -> None:
    """The limit is the same for async generators."""
    chain = RunnableSequence(*[RunnableGenerator(aeach)] * 1_500)
    with pytest.raises(RecursionLimitError, match="1500 steps in a row .* Call `invoke`"):
        async for _ in chain.astream(0):
            pass
    assert await chain.ainvoke(0) == 0


def test_a_function_between_them_makes_it_work(call: Call) -> None:
    """It takes the whole value, so the chunks before it need not be within those after it."""
    chunked: list[Any] = [RunnableGenerator(each, aeach)] * 30
    chain = RunnableSequence(*[*chunked, STEPS["both"]] * 30)
    assert call.stream(chain, 0) == [30]


def test_an_endless_recursion_of_the_users_own_stays_what_it_is(call: Call) -> None:
    """A RecursionError of a function in a short pipe is not about the pipe."""

    def endless(x: int) -> int:
        return endless(x)

    with pytest.raises(RecursionError) as caught:
        call.stream(RunnableLambda(add) | endless, 1)
    assert not isinstance(caught.value, RecursionLimitError)


LONG = 20


def words(text: str) -> Iterator[str]:
    yield from text.split(" ")


def test_chunks_before_a_function_merge_as_they_declare(call: Call) -> None:
    """The chunks that are read ahead are merged by the step that needs the whole of them."""
    last_wins = RunnableLambda(words, merge="last")
    in_words = RunnableLambda(words)
    chain = RunnableSequence(*[RunnablePassthrough()] * LONG, in_words, str.upper)
    assert call.stream(chain, "a b c") == ["ABC"]
    chain = RunnableSequence(*[RunnablePassthrough()] * LONG, last_wins, str.upper)
    assert call.stream(chain, "a b c") == ["C"]


def test_the_last_steps_still_stream(call: Call) -> None:
    """What comes after the last step that needs a whole value flows chunk by chunk."""
    chain = RunnableSequence(
        *[STEPS["both"]] * LONG, str, "a b ".__add__, RunnableLambda(words), RunnablePassthrough()
    )
    assert call.stream(chain, 0) == ["a", "b", "20"]


def test_a_long_pipe_reports_the_events_of_a_short_one(call: Call) -> None:
    """Start and end of each step, in order, with its input and its output."""
    recorder = Recorder()
    call.stream(RunnableSequence(*[STEPS["both"]] * LONG), 0, {"callbacks": [recorder]})
    events = [(event.kind, event.input) for event in recorder.events if event.name == "add"]
    starts = [value for kind, value in events if kind == "start"]
    assert starts == list(range(LONG))
    assert [kind for kind, _ in events if kind != "chunk"] == ["start", "end"] * LONG


def test_an_error_in_a_long_pipe_names_its_step(call: Call) -> None:
    """It passes no other step, and the stages before it are closed."""
    closed: list[bool] = []

    def source(_: int) -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    steps: list[Any] = [STEPS["both"]] * LONG
    chain = RunnableSequence(source, *steps, lambda x: x / 0, *steps)
    with pytest.raises(ZeroDivisionError) as caught:
        call.stream(chain, 1)
    assert caught.value.__notes__ == ["in step 22 of 42 (RunnableLambda)"]
    assert closed == [True]


def test_a_step_without_a_chunk_in_a_long_pipe_is_named(call: Call) -> None:
    """A stream that ends without a chunk is the error that it is in a short pipe."""

    def nothing(_: int) -> Iterator[int]:
        yield from ()

    steps: list[Any] = [STEPS["both"]] * LONG
    with pytest.raises(EmptyStream, match="nothing"):
        call.stream(RunnableSequence(*steps, nothing, *steps), 1)


def test_a_long_pipe_within_branches_streams(call: Call) -> None:
    """The branches of a dict are pipes of their own."""
    branch = RunnableSequence(*[STEPS["both"]] * 400)
    chunks = call.stream(RunnableParallel(a=branch, b=branch) | (lambda both: both), 0)
    assert chunks == [{"a": 400, "b": 400}]
