"""What the batch methods return of a job that runs in their call."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from runnables.core.batching import Batch
from runnables.engine.fan_out import index_of
from runnables.engine.stream import owned

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from runnables.errors import BatchStopped


class JobResults(Batch):
    """A batch that says why it ended early."""

    def error(self) -> BatchStopped | None:
        """Return the error of a job that ended early; None of one that did not."""
        raise NotImplementedError

    def _outcomes(self) -> Generator[Any, None, None]:
        """Yield what comes of each row, as it comes."""
        pairs = Batch.completed(self)
        try:
            for _, outcome in pairs:
                yield outcome
        finally:
            pairs.close()

    async def _aoutcomes(self) -> AsyncGenerator[Any, None]:
        """Yield what comes of each row, as it comes."""
        pairs = Batch.acompleted(self)
        try:
            async for _, outcome in owned(pairs):
                yield outcome
        finally:
            await pairs.aclose()

    def outputs(self) -> list[Any]:
        """Run it; return the outputs in order.

        Raises:
            BatchStopped: it ended before all rows were tried.
        """
        with closing(self.completed()) as pairs:
            return self._in_order(list(pairs))

    async def aoutputs(self) -> list[Any]:
        """Do what `outputs` does, async."""
        return self._in_order([pair async for pair in owned(self.acompleted())])

    def pairs(self) -> Generator[Any, None, None]:
        """Run it; yield pairs of position and output as they are done.

        Raises:
            BatchStopped: it ended before all rows were tried; after the pairs that there are.
        """
        pairs = self.completed()
        try:
            yield from pairs
        finally:
            pairs.close()
        self._raise_if_stopped()

    async def apairs(self) -> AsyncGenerator[Any, None]:
        """Do what `pairs` does, async."""
        pairs = self.acompleted()
        try:
            async for pair in owned(pairs):
                yield pair
        finally:
            await pairs.aclose()
        self._raise_if_stopped()

    def _in_order(self, pairs: list[tuple[int, Any]]) -> list[Any]:
        self._raise_if_stopped()
        return [output for _, output in sorted(pairs, key=index_of)]

    def _raise_if_stopped(self) -> None:
        if (error := self.error()) is not None:
            raise error
