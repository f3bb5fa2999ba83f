"""Runnables that wait for nothing, and so have no colour: prompts, parsers, picking.

They are plain functions over plain data, and run in place in both colours. One that can work
piece by piece says how in a `Decoder`, which knows nothing of streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from runnables.compose.runnable import Runnable
from runnables.core.typevars import Input, Output
from runnables.engine import StreamInfo, acollect, collect, merge_of, raw_iterator
from runnables.engine.merging import RESET, Accumulator, comes_in_parts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from runnables.core.config import Scope


class Decoder(Protocol[Input, Output]):
    """Work on the pieces of one input, without I/O and without colour.

    Merging all that it gives, for any chunking, is what the whole input gives.
    """

    def feed(self, chunk: Input, /) -> Iterable[Output]:
        """Take a piece of the input; give the pieces of output that it completes."""
        ...

    def finish(self) -> Iterable[Output]:
        """The input is over: give the rest, or raise what the whole input would raise."""
        ...


class NonBlockingStep(Runnable[Input, Output], internal=True):
    """Base of runnables that need no waiting. Write `_call`, and `_decoder` where it streams."""

    def _apply(self, input: Any, **kwargs: Any) -> Any:
        """The output for a whole input."""
        raise NotImplementedError(f"{type(self).__name__} says nothing of `_call`: write it")

    def _make_decoder(self, **kwargs: Any) -> Decoder[Any, Any] | None:
        """How to work piece by piece, anew for each stream; None: only on the whole input."""
        return None

    @property
    def streams_input(self) -> bool:
        """Where it has a decoder."""
        return self._make_decoder() is not None

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return self._apply(value, **kwargs) if kwargs else self._apply(value)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return self._apply(value, **kwargs) if kwargs else self._apply(value)

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        decoder = self._make_decoder(**kwargs)
        if decoder is None:
            yield self._apply(collect(input), **kwargs)
            return
        feeder = _Feeder(self, decoder, input, kwargs)
        for chunk in input:
            for piece in feeder.feed(chunk):
                yield piece
        for piece in feeder.finish():
            yield piece

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        decoder = self._make_decoder(**kwargs)
        if decoder is None:
            yield self._apply(await acollect(input), **kwargs)
            return
        feeder = _Feeder(self, decoder, input, kwargs)
        async for chunk in raw_iterator(input):
            for piece in feeder.feed(chunk):
                yield piece
        for piece in feeder.finish():
            yield piece


class _Feeder:
    """Feeds one stream to decoders: a new one after each reset, none where chunks replace.

    A decoder takes further parts. Chunks that add up in another way (snapshots, say) are added
    up first, and the whole goes to `_call`.
    """

    def __init__(
        self,
        runnable: NonBlockingStep[Any, Any],
        decoder: Decoder[Any, Any],
        input: object,
        kwargs: Any,
    ) -> None:
        self._runnable = runnable
        self._decoder = decoder
        self._input = input
        self._kwargs = kwargs
        self._parts: Accumulator | None = None
        self._begun = False

    def feed(self, chunk: Any) -> Iterable[Any]:
        if chunk is RESET:
            self._decoder = self._runnable._make_decoder(**self._kwargs) or self._decoder
            self._begun, self._parts = False, None
            return (RESET,)
        if not self._begun:
            self._begun = True
            merge = merge_of(self._input)
            self._parts = None if comes_in_parts(merge) else merge.accumulator()
        if self._parts is None:
            return self._decoder.feed(chunk)
        self._parts.add(chunk)
        return ()

    def finish(self) -> Iterable[Any]:
        if self._parts is None:
            return self._decoder.finish()
        return (self._runnable._apply(self._parts.value(), **self._kwargs),)
