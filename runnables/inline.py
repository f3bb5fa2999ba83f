"""Runnables that wait for nothing, and so have no colour: prompts, parsers, picking.

They are plain functions over plain data, and run in place in both colours. One that can work
piece by piece says how in a `Decoder`, which knows nothing of streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from runnables.chunks import RESET
from runnables.runnable import Runnable
from runnables.streams import Declared, acollect, collect, inner

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from runnables.config import Scope

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)


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


class Inline(Runnable[Input, Output], reports=True):
    """Base of runnables that need no waiting. Write `_call`, and `_decoder` where it streams."""

    def _call(self, input: Any, **kwargs: Any) -> Any:
        """The output for a whole input."""
        raise NotImplementedError(f"{type(self).__name__} says nothing of `_call`: write it")

    def _decoder(self, **kwargs: Any) -> Decoder[Any, Any] | None:
        """How to work piece by piece, anew for each stream; None: only on the whole input."""
        return None

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return self._call(value, **kwargs) if kwargs else self._call(value)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return self._call(value, **kwargs) if kwargs else self._call(value)

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        decoder = self._decoder(**kwargs)
        if decoder is None:
            yield self._call(collect(input), **kwargs)
            return
        for chunk in input:
            if chunk is RESET:
                decoder = self._decoder(**kwargs) or decoder
                yield RESET
            else:
                yield from decoder.feed(chunk)
        yield from decoder.finish()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        decoder = self._decoder(**kwargs)
        if decoder is None:
            yield self._call(await acollect(input), **kwargs)
            return
        async for chunk in inner(input):
            if chunk is RESET:
                decoder = self._decoder(**kwargs) or decoder
                yield RESET
            else:
                for piece in decoder.feed(chunk):
                    yield piece
        for piece in decoder.finish():
            yield piece
