"""What came of a call, as a value that tests compare; and ways to give an input in pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from runnables import EmptyStream, Runnable, merge_chunks
from tests.both_modes import Call


@dataclass(frozen=True)
class Gave:
    """A call that returned."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Gave)
            and type(other.value) is type(self.value)
            and other.value == self.value
        )


@dataclass(frozen=True)
class Failed:
    """A call that raised. The notes say where."""

    kind: type[BaseException]
    text: str
    notes: tuple[str, ...]

    @property
    def apart_from_notes(self) -> Failed:
        return Failed(self.kind, self.text, ())

    def further(self, where: str) -> Failed:
        """The same, seen from one level further out."""
        *others, last = (*self.notes, "") if not self.notes else self.notes
        return Failed(
            self.kind, self.text, (*others, f"{last}, {where}" if last else f"in {where}")
        )


Outcome = Gave | Failed


def outcome(call: Callable[[], Any]) -> Outcome:
    """What a call returns or raises."""
    try:
        return Gave(call())
    except Exception as error:
        return failed(error)


def failed(error: BaseException) -> Failed:
    return Failed(type(error), str(error), tuple(getattr(error, "__notes__", ())))


def without_notes(what: Outcome) -> Outcome:
    return what.apart_from_notes if isinstance(what, Failed) else what


def merged(chunks: Sequence[Any], stream: Any) -> Any:
    """What the chunks of this stream add up to; where there is none, the error of invoke."""
    if not chunks:
        raise EmptyStream(stream.producer)
    return merge_chunks(chunks, stream.merge)


@dataclass(frozen=True)
class Streamed:
    """The chunks of a stream, and what they add up to by its own merge."""

    chunks: list[Any]
    value: Any


def stream_of(
    call: Call, runnable: Runnable[Any, Any], value: Any, config: Any = None, **kwargs: Any
) -> Streamed:
    """Stream on one input, in the colour of the call."""

    def sync() -> Streamed:
        with runnable.stream(value, config, **kwargs) as stream:
            chunks = list(stream)
            return Streamed(chunks, merged(chunks, stream))

    async def coloured() -> Streamed:
        async with runnable.astream(value, config, **kwargs) as stream:
            chunks = [chunk async for chunk in stream]
            return Streamed(chunks, merged(chunks, stream))

    return call.run(sync, coloured)


def transform_of(
    call: Call, runnable: Runnable[Any, Any], pieces: Sequence[Any], config: Any = None
) -> Streamed:
    """Stream on an input that comes in pieces, in the colour of the call."""

    def sync() -> Streamed:
        with runnable.transform(iter(pieces), config) as stream:
            chunks = list(stream)
            return Streamed(chunks, merged(chunks, stream))

    async def source() -> Any:
        for piece in pieces:
            yield piece

    async def coloured() -> Streamed:
        async with runnable.atransform(source(), config) as stream:
            chunks = [chunk async for chunk in stream]
            return Streamed(chunks, merged(chunks, stream))

    return call.run(sync, coloured)


# --- inputs in pieces -------------------------------------------------------------------------


def cuts(value: Any) -> st.SearchStrategy[list[Any]]:
    """Ways to give a value in pieces that add up to it."""
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
    """Every key in pieces of its own; keys one after another, or side by side."""
    keys = list(value)
    pieces = {key: draw(cuts(value[key])) for key in keys}
    if draw(st.booleans()):
        return [{key: piece} for key in keys for piece in pieces[key]]
    longest = max(map(len, pieces.values()))
    return [
        {key: pieces[key][at] for key in keys if at < len(pieces[key])} for at in range(longest)
    ]
