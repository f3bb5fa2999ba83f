"""Steps that wait for nothing: prompts, parsers, picking.

They are plain functions of plain data, and run in place in sync and async calls alike. A step that
can work on chunks as they come does so in a `Decoder`, which knows nothing of streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from runnables.compose.runnable import Runnable
from runnables.core.typevars import Input, Output
from runnables.engine.merging import RESET, Accumulator, comes_in_parts
from runnables.engine.stream import StreamInfo, merge_of, raw_iterator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from runnables.core.config import Scope


class Decoder(Protocol[Input, Output]):
    """An incremental decoder: works on the chunks of one input, without I/O.

    For any division into chunks, all that it returns adds up to the output for the whole input.

    Example:
        >>> class Lines:
        ...     rest = ""
        ...
        ...     def feed(self, chunk):
        ...         *lines, self.rest = (self.rest + chunk).split("\\n")
        ...         return [[line] for line in lines]
        ...
        ...     def finish(self):
        ...         return [[self.rest]]
        >>> lines: Decoder[str, list[str]] = Lines()
        >>> lines.feed("one\\ntw"), lines.feed("o"), lines.finish()
        ([['one']], [], [['two']])
    """

    def feed(self, chunk: Input, /) -> Iterable[Output]:
        """Take a chunk of the input; return the chunks of output that it completes."""
        ...

    def finish(self) -> Iterable[Output]:
        """Take the end of the input; return the rest, or raise what the whole input would raise."""
        ...


class NonBlockingStep(Runnable[Input, Output], internal=True):
    """Base of steps that wait for nothing; an async call runs them in place.

    Write `_apply`, and `_make_decoder` where the step can work on chunks as they come.

    Example:
        >>> class Shout(NonBlockingStep[str, str]):
        ...     def _apply(self, input, **kwargs):
        ...         return input.upper() + "!"
        >>> (Shout() | len).invoke("ahoy")
        5
    """

    def _apply(self, input: Any, **kwargs: Any) -> Any:
        """Return the output for a whole input."""
        raise NotImplementedError(f"{type(self).__name__} has no `_apply`: write it")

    def _make_decoder(self, **kwargs: Any) -> Decoder[Any, Any] | None:
        """Return a new decoder for a stream; None: it works on the whole input only."""
        return None

    def _is_blocking(self) -> bool:
        return False

    @property
    def streams_input(self) -> bool:
        """Tell whether it works on chunks of the input as they come: where it has a decoder."""
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
            yield from super()._transform(input, scope, kwargs, info)
            return
        feeder = _Feeder(self, decoder, input, kwargs)
        for chunk in input:
            for part in feeder.feed(chunk):
                yield part
        for part in feeder.finish():
            yield part

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        decoder = self._make_decoder(**kwargs)
        if decoder is None:
            async for output in super()._atransform(input, scope, kwargs, info):
                yield output
            return
        feeder = _Feeder(self, decoder, input, kwargs)
        async for chunk in raw_iterator(input):
            for part in feeder.feed(chunk):
                yield part
        for part in feeder.finish():
            yield part


class _Feeder:
    """The input of one stream, fed to decoders: a new one after each reset.

    A decoder takes chunks that continue each other. Chunks that add up in another way (snapshots,
    for instance) are added up first, and the whole goes to `_apply`.
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
