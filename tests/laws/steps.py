"""Users' code for the registry: functions of every kind, and runnable classes of their own.

All of it stands at the top level of a module, so that what is made of it pickles.
"""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from runnables import SNAPSHOTS, Merge, Runnable, RunnableConfig, RunnableLambda

# --- functions --------------------------------------------------------------------------------


def increment(number: int) -> int:
    """One more."""
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
    """Fails for one number of the usual ones, so that no list has two failures of a kind."""
    if number == 3:
        raise ValueError("too large")
    return number


def shout(text: str) -> str:
    return text.upper() + "!"


async def ashout(text: str) -> str:
    return text.upper() + "!"


def tags_of(text: str, config: RunnableConfig) -> list[str]:
    """What the function is told beside its input."""
    return [text, *sorted(config.get("tags", []))]


def total(pieces: list[Any]) -> Any:
    """A merge of a user's."""
    return sum(pieces)


def choose(number: int) -> Any:
    """Returns what runs next: a runnable for even numbers, a value for odd ones."""
    return RunnableLambda(double) if number % 2 == 0 else -number


async def achoose(number: int) -> Any:
    return RunnableLambda(double) if number % 2 == 0 else -number


def choose_stream(text: str) -> Any:
    """Returns a runnable whose chunks add up in another way than usual."""
    return RunnableLambda(growing, merge="last") if len(text) % 2 else RunnableLambda(words)


class Adder:
    """An object that can be called, and compared."""

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
    """Fails so many times for each input, then does what the function does.

    A generator fails after its first piece where `late` is true, before it otherwise.
    """

    def __init__(self, failures: int, *, error: type[Exception] = ValueError) -> None:
        self._error = error
        self._failures = failures
        self._calls: dict[str, int] = {}
        self._lock = threading.Lock()

    def trip(self, key: object) -> None:
        """Raise, if it is this input's turn to fail."""
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


# --- generators over a whole input ------------------------------------------------------------


def words(text: str) -> Iterator[str]:
    """Pieces that add up to the text."""
    yield from re.findall(r"\s*\S+|\s+", text) or [""]


async def awords(text: str) -> AsyncIterator[str]:
    for word in words(text):
        yield word


def growing(text: str) -> Iterator[str]:
    """Snapshots: each is more of the text."""
    for end in range(len(text) + 1):
        yield text[:end]


async def agrowing(text: str) -> AsyncIterator[str]:
    for snapshot in growing(text):
        yield snapshot


def countdown(number: int) -> Iterator[int]:
    """Numbers, which add up only where somebody says how."""
    yield from range(abs(number) % 4, -1, -1)


def stumble(text: str) -> Iterator[str]:
    """Fails at the first exclamation mark, after what stands before it."""
    for letter in text:
        if letter == "!":
            raise ValueError("an exclamation mark")
        yield letter
    yield ""


def pairs(number: int) -> Iterator[dict[str, Any]]:
    """Parts of a dict."""
    yield {"text": "a"}
    yield {"number": number}
    yield {"text": "b"}


def nothing(_: Any) -> Iterator[Any]:
    """A generator that yields nothing."""
    yield from ()


# --- generators over an input in pieces -------------------------------------------------------


def uppercase(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield chunk.upper()


async def auppercase(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield chunk.upper()


def lengths(chunks: Iterator[str]) -> Iterator[int]:
    """Numbers; declared to add up by `total`."""
    for chunk in chunks:
        yield len(chunk)


def letters(chunks: Iterator[str]) -> Iterator[list[str]]:
    for chunk in chunks:
        yield list(chunk)


def so_far(chunks: Iterator[str]) -> Iterator[str]:
    """Snapshots of what came."""
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
    """Parts of a dict, a key at a time."""
    for chunk in chunks:
        yield {"upper": chunk.upper()}
        yield {"letters": list(chunk)}


def until_mark(chunks: Iterator[str]) -> Iterator[str]:
    """Fails at the first exclamation mark."""
    for chunk in chunks:
        before, mark, _ = chunk.partition("!")
        yield before
        if mark:
            raise ValueError("an exclamation mark")


def backwards(chunks: Iterator[str]) -> Iterator[str]:
    """Needs all of the input before it can say anything."""
    yield "".join(chunks)[::-1]


# --- runnables of a user's own ----------------------------------------------------------------


class OnlyInvoke(Runnable[int, int]):
    """A user's class with the one method that has to be written."""

    def __init__(self, by: int = 10) -> None:
        self.by = by

    def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return odd_only(input) + self.by


class BothInvokes(OnlyInvoke):
    """A user's class with both halves."""

    async def ainvoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return odd_only(input) + self.by


class OnlyAinvoke(Runnable[int, int]):
    """A user's class that has to be awaited."""

    async def ainvoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return odd_only(input) + 10


class OnlyStream(Runnable[str, str]):
    """A user's class that says only how it streams."""

    def stream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        yield from stumble(input)


class OnlyAstream(Runnable[str, str]):
    """A user's class that says only how it streams, in the async colour."""

    async def astream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        async for word in awords(input):
            yield word


class OnlyTransform(Runnable[str, str]):
    """A user's class that says only how it works piece by piece."""

    def transform(
        self, input: Iterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        yield from until_mark(input)


class OnlyAtransform(Runnable[str, str]):
    """A user's class that says only how it works piece by piece, in the async colour."""

    async def atransform(
        self, input: AsyncIterator[str], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        async for chunk in input:
            yield chunk.upper()


class InvokeAndStream(Runnable[str, str]):
    """A user's class with snapshots, which it declares."""

    merge: Merge = SNAPSHOTS

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return input

    def stream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        yield from growing(input)


class Everything(Runnable[str, str]):
    """A user's class with all halves of its own, piece by piece."""

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
    """A user's class that runs a runnable inside."""

    def __init__(self, bound: Runnable[int, int]) -> None:
        self.bound = bound

    def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return self.bound.invoke(input) + 1

    async def ainvoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
        return await self.bound.ainvoke(input) + 1
