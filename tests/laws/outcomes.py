"""Outcomes of calls, as values that tests compare, and ways to cut an input into chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from runnables import EmptyStream, Runnable, merge_chunks
from tests.both_modes import Call


@dataclass(frozen=True)
class Returned:
    """A call that returned."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Returned)
            and type(other.value) is type(self.value)
            and other.value == self.value
        )


@dataclass(frozen=True)
class Failed:
    """A call that raised, and the notes that say where."""

    kind: type[BaseException]
    text: str
    notes: tuple[str, ...]

    @property
    def without_notes(self) -> Failed:
        """Return the same failure, without its notes."""
        return Failed(self.kind, self.text, ())

    def further(self, where: str) -> Failed:
        """Return the same failure, seen from one level further out."""
        *others, last = (*self.notes, "") if not self.notes else self.notes
        return Failed(
            self.kind, self.text, (*others, f"{last}, {where}" if last else f"in {where}")
        )


Outcome = Returned | Failed


def outcome(call: Callable[[], Any]) -> Outcome:
    """Run a call, and return its outcome."""
    try:
        return Returned(call())
    except Exception as error:
        return failed(error)


def failed(error: BaseException) -> Failed:
    return Failed(type(error), str(error), tuple(getattr(error, "__notes__", ())))


def without_notes(result: Outcome) -> Outcome:
    return result.without_notes if isinstance(result, Failed) else result


def merged(chunks: Sequence[Any], stream: Any) -> Any:
    """Merge the chunks of this stream; where there is none, raise the error of `invoke`."""
    if not chunks:
        raise EmptyStream(stream.producer)
    return merge_chunks(chunks, stream.merge)


@dataclass(frozen=True)
class Streamed:
    """The chunks of a stream, and the value that they add up to by its own merge."""

    chunks: list[Any]
    value: Any


def stream_of(
    call: Call, runnable: Runnable[Any, Any], value: Any, config: Any = None, **kwargs: Any
) -> Streamed:
    """Stream on one input, in the mode of the call."""

    def sync() -> Streamed:
        with runnable.stream(value, config, **kwargs) as stream:
            chunks = list(stream)
            return Streamed(chunks, merged(chunks, stream))

    async def asynchronous() -> Streamed:
        async with runnable.astream(value, config, **kwargs) as stream:
            chunks = [chunk async for chunk in stream]
            return Streamed(chunks, merged(chunks, stream))

    return call.run(sync, asynchronous)


def transform_of(
    call: Call, runnable: Runnable[Any, Any], parts: Sequence[Any], config: Any = None
) -> Streamed:
    """Stream on an input that comes in chunks, in the mode of the call."""

    def sync() -> Streamed:
        with runnable.transform(iter(parts), config) as stream:
            chunks = list(stream)
            return Streamed(chunks, merged(chunks, stream))

    async def source() -> Any:
        for part in parts:
            yield part

    async def asynchronous() -> Streamed:
        async with runnable.atransform(source(), config) as stream:
            chunks = [chunk async for chunk in stream]
            return Streamed(chunks, merged(chunks, stream))

    return call.run(sync, asynchronous)


# --- inputs in chunks -------------------------------------------------------------------------


def cuts(value: Any) -> st.SearchStrategy[list[Any]]:
    """Return the ways to cut a value into chunks that add up to it."""
    if isinstance(value, (str, list)):
        return _positions(len(value)).map(lambda ends: _slices(value, ends))
    if isinstance(value, dict) and value:
        return _dict_cuts(value)
    return st.just([value])


def _positions(length: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, length), max_size=4).map(sorted)


def _slices(value: Any, ends: list[int]) -> list[Any]:
    return [value[start:end] for start, end in zip([0, *ends], [*ends, len(value)], strict=True)]


@st.composite
def _dict_cuts(draw: Callable[..., Any], value: dict[str, Any]) -> list[dict[str, Any]]:
    """Cut each value of a dict into chunks of its own; keys come in turn, or together."""
    keys = list(value)
    chunks = {key: draw(cuts(value[key])) for key in keys}
    if draw(st.booleans()):
        return [{key: chunk} for key in keys for chunk in chunks[key]]
    longest = max(map(len, chunks.values()))
    return [
        {key: chunks[key][index] for key in keys if index < len(chunks[key])}
        for index in range(longest)
    ]
