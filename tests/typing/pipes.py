"""The types of pipes, and pipes that are refused. mypy and pyright read this file; it is not run.

An expected error has the ignores of both checkers. Both report an ignore that is not needed, so a
pipe that is wrongly accepted fails the check, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

from runnables import (
    Runnable,
    RunnableLambda,
    RunnablePassthrough,
    RunnableSequence,
    StrOutputParser,
    chain,
)


def length(text: str) -> int:
    return len(text)


def half(number: int) -> float:
    return number / 2


async def shown(number: float) -> str:
    return str(number)


def letters(strings: Iterator[str]) -> Iterator[str]:
    for text in strings:
        yield from text


async def codes(strings: AsyncIterator[str]) -> AsyncIterator[int]:
    async for text in strings:
        yield ord(text)


def table(number: int) -> dict[str, int]:
    return {"number": number}


first = RunnableLambda(length)
assert_type(first, RunnableLambda[str, int])

# the argument of a lambda is Any, and what is known of its result stays
assert_type(RunnableLambda(lambda text: text[:3]).invoke("the sea"), Any)
assert_type(RunnableLambda(lambda text: len(text)).invoke("the sea"), int)

# six steps: a runnable, a function, an async function, a generator, an async generator, a function
six = first | half | shown | letters | codes | table
assert_type(six, RunnableSequence[str, dict[str, int]])
assert_type(six.invoke("x"), dict[str, int])
assert_type(six.batch(["x"]), list[dict[str, int]])
assert_type(six.batch(["x"], return_exceptions=True), list[dict[str, int] | Exception])

with six.stream("x") as chunks:
    for chunk in chunks:
        assert_type(chunk, dict[str, int])
for index, value in six.batch_as_completed(["x"]):
    assert_type((index, value), tuple[int, dict[str, int]])

# a dict of steps runs in parallel
fan = first | {"half": half, "number": RunnablePassthrough[int]()}
assert_type(fan.invoke("x"), dict[str, Any])

# a function on the left becomes a runnable, too
left = length | RunnableLambda(half)
assert_type(left, RunnableSequence[str, float])


async def in_async() -> None:
    assert_type(await six.ainvoke("x"), dict[str, int])
    assert_type(await six.abatch(["x"]), list[dict[str, int]])
    async with six.astream("x") as chunks:
        async for chunk in chunks:
            assert_type(chunk, dict[str, int])


# a runnable of wider inputs and narrower outputs may stand in for another
wide: Runnable[object, bool] = RunnableLambda(bool)
narrow: Runnable[str, int] = wide


# decorated functions; with keywords, `chain` returns the decorator
@chain
def counted(text: str) -> int:
    return len(text)


@chain(merge=sum)
def summed(text: str) -> Iterator[int]:
    yield from map(ord, text)


assert_type(counted, RunnableLambda[str, int])
assert_type(summed, RunnableLambda[str, int])

# mismatched pipes
_ = first | StrOutputParser() | half  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
_ = RunnableLambda(half) | first  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
_ = first | shown | half  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
_ = six | letters  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
_ = first | 3  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]

# inputs that the first step refuses, and outputs that the last one does not return
first.invoke(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
first.batch([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
number: str = first.invoke("x")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
strict: Runnable[object, int] = first  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
