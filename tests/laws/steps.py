"""Users' code for the registry: functions of every kind, and their own runnable classes.

All of it is defined at the top level of a module, so that runnables made of it pickle.
"""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from runnables import SNAPSHOTS, Merge, Runnable, RunnableConfig, RunnableLambda

# --- functions --------------------------------------------------------------------------------


def increment(number: int) -> int:
    """Add one."""
    return number + 1


async def aincrement(number: int) -> int:
    return number + 1


def double(number: int) -> int:
    return number * 2


def add(number: int, *, other: int = 0) -> int:
    return number + other


def is_even(number: int) -> bool:
    return number % 2 == 0


async def ais_even(number: int) -> bool:
    return number % 2 == 0


def odd_only(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"{number} is even")
    return number


async def aodd_only(number: int) -> int:
    return odd_only(number)


def only_small(number: int) -> int:
    """Fail for one of the usual numbers, so that no list has the same failure twice."""
    if number == 3:
        raise ValueError("too large")
    return number


def shout(text: str) -> str:
    return text.upper() + "!"


async def ashout(text: str) -> str:
    return text.upper() + "!"


def tags_of(text: str, config: RunnableConfig) -> list[str]:
    """Return the input, and the tags that the function receives."""
    return [text, *sorted(config.get("tags", []))]


def total(chunks: list[Any]) -> Any:
    """Merge chunks as a user's function does."""
    return sum(chunks)


def choose(number: int) -> Any:
    """Return a runnable to run next for an even number, a value for an odd one."""
    return RunnableLambda(double) if number % 2 == 0 else -number


async def achoose(number: int) -> Any:
    return RunnableLambda(double) if number % 2 == 0 else -number


def choose_stream(text: str) -> Any:
    """Return one of two runnables, whose chunks add up in different ways."""
    return RunnableLambda(growing, merge="last") if len(text) % 2 else RunnableLambda(words)


class Adder:
    """An object that can be called and compared."""

    def __init__(self, by: int) -> None:
        self.by = by

    def __call__(self, number: int) -> int:
        return number + self.by

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Adder) and other.by == self.by

    def __hash__(self) -> int:
        return hash(self.by)

    def method(self, number: int) -> int:
        return number - self.by


class Flaky:
    """Functions that fail a number of times for each input, and then work.

    The generator `early` fails before its first chunk, `late` and `alate` after it.
    """

    def __init__(self, failures: int, *, error: type[Exception] = ValueError) -> None:
        self._error = error
        self._failures = failures
        self._calls: dict[str, int] = {}
        self._lock = threading.Lock()

    def trip(self, key: object) -> None:
        """Raise, if this input has not failed often enough."""
        with self._lock:
            count = self._calls[repr(key)] = self._calls.get(repr(key), 0) + 1
        if count <= self._failures:
            raise self._error(f"failure {count}")

    def call(self, number: int) -> int:
        self.trip(number)
        return number + 1

    async def acall(self, number: int) -> int:
        self.trip(number)
        return number + 1

    def early(self, text: str) -> Iterator[str]:
        self.trip(text)
        yield from words(text)

    def late(self, text: str) -> Iterator[str]:
        yield "<"
        self.trip(text)
        yield from words(text)

    async def alate(self, text: str) -> AsyncIterator[str]:
        yield "<"
        self.trip(text)
        for word in words(text):
            yield word


def both_ways_of(parts: dict[str, str]) -> str:
    return f"{parts['a']}{parts['b']}"


# --- generators of a whole input ------------------------------------------------------------


def words(text: str) -> Iterator[str]:
    """Yield chunks that add up to the text."""
    yield from re.findall(r"\s*\S+|\s+", text) or [""]


async def awords(text: str) -> AsyncIterator[str]:
    for word in words(text):
        yield word


def growing(text: str) -> Iterator[str]:
    """Yield snapshots, each with one more letter of the text."""
    for end in range(len(text) + 1):
        yield text[:end]


async def agrowing(text: str) -> AsyncIterator[str]:
    for snapshot in growing(text):
        yield snapshot


def countdown(number: int) -> Iterator[int]:
    """Yield numbers, which need a declared merge."""
    yield from range(abs(number) % 4, -1, -1)


def stumble(text: str) -> Iterator[str]:
    """Fail at the first exclamation mark, after yielding the letters before it."""
    for letter in text:
        if letter == "!":
            raise ValueError("an exclamation mark")
        yield letter
    yield ""


def pairs(number: int) -> Iterator[dict[str, Any]]:
    """Yield parts of a dict."""
    yield {"text": "a"}
    yield {"number": number}
    yield {"text": "b"}


def nothing(_: Any) -> Iterator[Any]:
    """Yield nothing."""
    yield from ()


# --- generators of an input in chunks -------------------------------------------------------


def uppercase(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk.upper()


async def auppercase(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


def lengths(chunks: Iterator[str]) -> Iterator[int]:
    """Yield numbers, which `total` merges."""
    for chunk in chunks:
        yield len(chunk)


def letters(chunks: Iterator[str]) -> Iterator[list[str]]:
    for chunk in chunks:
        yield list(chunk)


def so_far(chunks: Iterator[str]) -> Iterator[str]:
    """Yield snapshots of the input so far."""
    text = ""
    for chunk in chunks:
        text += chunk
        yield text


async def aso_far(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    text = ""
    async for chunk in chunks:
        text += chunk
        yield text


def both_ways(chunks: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield parts of a dict, one key at a time."""
    for chunk in chunks:
        yield {"upper": chunk.upper()}
        yield {"letters": list(chunk)}


def until_mark(chunks: Iterator[str]) -> Iterator[str]:
    """Fail at the first exclamation mark."""
    for chunk in chunks:
        before, mark, _ = chunk.partition("!")
        yield before
        if mark:
            raise ValueError("an exclamation mark")


def backwards(chunks: Iterator[str]) -> Iterator[str]:
    """Yield the input backwards, which takes all of it first."""
    yield "".join(chunks)[::-1]


# --- users' own runnable classes ----------------------------------------------------------------


class OnlyInvoke(Runnable[int, int]):
    """A user's class with the one method that is required."""

    def __init__(self, by: int = 10) -> None:
        self.by = by

    def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return odd_only(input) + self.by


class Lookup(Runnable[int, int]):
    """A bulk step, which fails for one of the usual numbers."""

    max_batch_size = 3

    def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return self._invoke_batch([input], None, kwargs)[0]

    def _invoke_batch(self, values: Sequence[int], scope: Any, kwargs: dict[str, Any]) -> list[int]:
        return [only_small(value, **kwargs) * 2 for value in values]


class BothInvokes(OnlyInvoke):
    """A user's class with a sync and an async method."""

    async def ainvoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return odd_only(input) + self.by


class OnlyAinvoke(Runnable[int, int]):
    """A user's class that can only be awaited."""

    async def ainvoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return odd_only(input) + 10


class OnlyStream(Runnable[str, str]):
    """A user's class that defines `stream` only."""

    def stream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        yield from stumble(input)


class OnlyAstream(Runnable[str, str]):
    """A user's class that defines `astream` only."""

    async def astream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        async for word in awords(input):
            yield word


class OnlyTransform(Runnable[str, str]):
    """A user's class that defines `transform` only."""

    def transform(
        self, input: Iterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        yield from until_mark(input)


class OnlyAtransform(Runnable[str, str]):
    """A user's class that defines `atransform` only."""

    async def atransform(
        self, input: AsyncIterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        async for chunk in input:
            yield chunk.upper()


class InvokeAndStream(Runnable[str, str]):
    """A user's class that streams snapshots, and declares that."""

    merge: Merge = SNAPSHOTS

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return input

    def stream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        yield from growing(input)


class Everything(Runnable[str, str]):
    """A user's class that defines every method, and works on chunks."""

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return input.upper()

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return input.upper()

    def transform(
        self, input: Iterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        yield from uppercase(input)

    async def atransform(
        self, input: AsyncIterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        async for chunk in input:
            yield chunk.upper()


class InvokesAnother(Runnable[int, int]):
    """A user's class that runs another runnable."""

    def __init__(self, bound: Runnable[int, int]) -> None:
        self.bound = bound

    def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return self.bound.invoke(input) + 1

    async def ainvoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return await self.bound.ainvoke(input) + 1
