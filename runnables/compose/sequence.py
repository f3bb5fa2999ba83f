"""Sequence: one runnable after another, which is what `|` makes."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack, nullcontext
from functools import partial
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.compatibility import explain_mismatch
from runnables.compose.runnable import Runnable
from runnables.compose.stream_depth import MOST_STAGES, explain_depth
from runnables.compose.typevars import Input, Output
from runnables.core.config import activate
from runnables.core.error_notes import FirstPlaces, add_location
from runnables.core.rows import Routine, RowOrder, Step
from runnables.core.stops import without_stop
from runnables.engine.collect import aread_ahead, read_ahead
from runnables.engine.stream import (
    AsyncStream,
    Stream,
    StreamInfo,
    aclose,
    close,
    owned,
    raw_iterator,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence

    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope
    from runnables.core.description import Keys

_NO_SCOPE: Final = nullcontext()


class RunnableSequence(Runnable[Input, Output], internal=True):
    """Runnables one after another; the output of each is the input of the next.

    Streams flow through all steps at once: a step gets the chunks of the one before it as they
    come. The sequence owns these streams, and closes them, the last first. Options of a call go to
    the first step.

    Args:
        *steps: runnables, or what `|` takes for one. The steps of a sequence without a name among
            them become steps of this one.
        name: the name in events and error notes.
        first: the first step, in place of `steps`; `last` is needed then, too.
        middle: the steps between them.
        last: the last step.

    Raises:
        ValueError: no step.
        TypeError: a step that is no runnable, or two whose types cannot fit: what the first
            returns is never what the second takes; or `first` without `last`, or with `steps`.

    Example:
        >>> steps = RunnableSequence(str.strip, len, name="size")
        >>> steps.invoke(" abc "), len(steps.steps)
        (3, 2)
    """

    def __init__(
        self,
        *steps: Any,
        name: str | None = None,
        first: Any = None,
        middle: Iterable[Any] | None = None,
        last: Any = None,
    ) -> None:
        if not (first is middle is last is None):
            steps = _first_to_last(steps, first, middle, last)
        if not steps:
            raise ValueError("RunnableSequence() needs at least one step")
        parts = [_spread(coerce_to_runnable(step)) for step in steps]
        keys: Keys = None
        for before, after in pairwise(parts):  # within a part, it was checked when it was made
            for step in before:
                keys = step._output_keys(keys)
            if (reason := explain_mismatch(before[-1], after[0], keys)) is not None:
                raise TypeError(reason)
        self.steps: tuple[Runnable[Any, Any], ...] = tuple(chain.from_iterable(parts))
        self.name = name

    @property
    def first(self) -> Runnable[Input, Any]:
        """Return the first step."""
        return self.steps[0]

    @property
    def middle(self) -> list[Runnable[Any, Any]]:
        """Return the steps between the first and the last."""
        return list(self.steps[1:-1])

    @property
    def last(self) -> Runnable[Any, Output]:
        """Return the last step."""
        return self.steps[-1]

    @property
    def InputType(self) -> Any:
        """Return the input type of the first step."""
        return self.first.InputType

    def _output_keys(self, keys: Keys) -> Keys:
        for step in self.steps:
            keys = step._output_keys(keys)
        return keys

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        return self.first._missing_keys(keys)

    @property
    def _accepted_type(self) -> Any:
        return self.first._accepted_type

    @property
    def OutputType(self) -> Any:
        """Return the output type of the last step."""
        return self.last.OutputType

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the input schema of the first step.

        A step that passes its input on returns that of the next step.
        """
        return _input_schema(self.steps, config)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the output schema of the last step.

        A step that passes its input on returns that of the step before it.
        """
        return _output_schema(self.steps, config)

    def __repr__(self) -> str:
        piped = " | ".join(repr(step) for step in self.steps)
        return f"({piped}).with_config(run_name={self.name!r})" if self.name else piped

    @property
    def streams_input(self) -> bool:
        """Tell whether the first step works on chunks of the input as they come."""
        return self.first.streams_input

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return self.steps

    # -- one output

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        index = 0
        quiet = scope is None or not scope.observed
        try:
            # a step that gets no config finds the scope that is active
            with _NO_SCOPE if scope is None else activate(scope):
                for step in self._steps(kwargs):
                    value = step.invoke(value, None if quiet else self._child_config(scope, index))
                    index += 1
        except Exception as error:
            add_location(error, self._location(index))
            raise
        return value

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        index = 0
        quiet = scope is None or not scope.observed
        try:
            # a step that gets no config finds the scope that is active
            with _NO_SCOPE if scope is None else activate(scope):
                for step in self._steps(kwargs):
                    value = await step.ainvoke(
                        value, None if quiet else self._child_config(scope, index)
                    )
                    index += 1
        except Exception as error:
            add_location(error, self._location(index))
            raise
        return value

    # -- a row of a batch

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        index, steps = 0, tuple(self._steps(kwargs))
        try:
            for index, step in enumerate(steps):
                last = not any(later._is_blocking() for later in steps[index + 1 :])
                config = self._child_config(scope, index)
                value = yield Step(step, value, config, at=index, last=last)
        except Exception as error:
            add_location(error, self._location(index))
            raise
        return value

    def _row_order(self) -> RowOrder | None:
        return next((order for step in self.steps if (order := step._row_order())), None)

    def _is_blocking(self) -> bool:
        return any(step._is_blocking() for step in self.steps)

    # -- the output in chunks

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        noted = FirstPlaces()
        stages: list[Any] = []
        flow: Any = input
        try:
            for index, step in enumerate(self._steps(kwargs)):
                if len(stages) >= MOST_STAGES and not step.streams_input:
                    flow = read_ahead(flow)
                    _close_all(stages)
                before = flow
                flow = step.transform(flow, self._child_config(scope, index))
                flow = self._stage(index, flow, noted, info, before)
                stages.append(flow)
            yield from info.delegate_to(flow)
        except RecursionError as error:
            explain_depth(error, self.steps)
            raise
        finally:
            _close_all(stages)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        noted = FirstPlaces()
        stages: list[Any] = []
        flow: Any = input
        try:
            for index, step in enumerate(self._steps(kwargs)):
                if len(stages) >= MOST_STAGES and not step.streams_input:
                    flow = await aread_ahead(flow)
                    await _aclose_all(stages)
                before = flow
                flow = step.atransform(flow, self._child_config(scope, index))
                flow = self._astage(index, flow, noted, info, before)
                stages.append(flow)
            async for chunk in raw_iterator(info.delegate_to(flow)):
                yield chunk
        except RecursionError as error:
            explain_depth(error, self.steps)
            raise
        finally:
            await _aclose_all(stages)

    def _stage(
        self, index: int, chunks: Any, noted: FirstPlaces, outer: StreamInfo, source: Any
    ) -> Stream[Any]:
        info = StreamInfo(self.steps[index].merge, self.steps[index])
        info.outer, info.source = outer.outer, source
        info.delegate_to(chunks)
        guarded = chunks.with_on_error(partial(noted.add, where=self._location(index)))
        return Stream(guarded or self._guarded(index, chunks, noted), info)

    def _astage(
        self, index: int, chunks: Any, noted: FirstPlaces, outer: StreamInfo, source: Any
    ) -> AsyncStream[Any]:
        info = StreamInfo(self.steps[index].merge, self.steps[index])
        info.outer, info.source = outer.outer, source
        info.delegate_to(chunks)
        guarded = chunks.with_on_error(partial(noted.add, where=self._location(index)))
        return AsyncStream(owned(guarded or self._aguarded(index, chunks, noted)), info)

    def _guarded(
        self, index: int, chunks: Iterable[Any], noted: FirstPlaces
    ) -> Generator[Any, None, None]:
        try:
            yield from chunks
        except Exception as error:
            failure = without_stop(error, self.steps[index])
            noted.add(failure, self._location(index))
            if failure is not error:
                raise failure from failure.__cause__
            raise
        finally:
            close(chunks)

    async def _aguarded(
        self, index: int, chunks: AsyncIterable[Any], noted: FirstPlaces
    ) -> AsyncGenerator[Any, None]:
        try:
            async for chunk in owned(chunks):
                yield chunk
        except Exception as error:
            failure = without_stop(error, self.steps[index])
            noted.add(failure, self._location(index))
            if failure is not error:
                raise failure from failure.__cause__
            raise
        finally:
            await aclose(chunks)

    # -- decisions

    def _steps(self, kwargs: dict[str, Any]) -> Iterable[Runnable[Any, Any]]:
        """Return the steps; options of a call are bound to the first of them."""
        return (self.steps[0].bind(**kwargs), *self.steps[1:]) if kwargs else self.steps

    def _child_config(self, scope: Scope | None, index: int) -> RunnableConfig | None:
        if scope is None:
            return None
        return scope.for_step(
            f"seq:step:{index + 1}", self._location(index) if scope.observed else ""
        ).config

    def _location(self, index: int) -> str:
        return f"step {index + 1} of {len(self.steps)} ({self.steps[index].get_name()})"


def _first_to_last(
    steps: tuple[Any, ...], first: Any, middle: Iterable[Any] | None, last: Any
) -> tuple[Any, ...]:
    """Return the steps that are given by `first`, `middle` and `last`."""
    if steps or first is None or last is None:
        raise TypeError(
            "RunnableSequence takes its steps as arguments, or as first=, middle= and last=; "
            "of these, first= and last= are needed."
        )
    return (first, *(middle or ()), last)


def _input_schema(
    steps: Sequence[Runnable[Any, Any]], config: RunnableConfig | None
) -> type[BaseModel]:
    first, *rest = steps
    if not rest:
        return first.get_input_schema(config)
    return first._input_schema_given_next(lambda: _input_schema(rest, config), config)


def _output_schema(
    steps: Sequence[Runnable[Any, Any]], config: RunnableConfig | None
) -> type[BaseModel]:
    *rest, last = steps
    if not rest:
        return last.get_output_schema(config)
    return last._output_schema_given_previous(lambda: _output_schema(rest, config), config)


def _spread(step: Runnable[Any, Any]) -> Sequence[Runnable[Any, Any]]:
    """Return the steps of a sequence without a name; of anything else, itself."""
    if isinstance(step, RunnableSequence) and type(step).__name__ == "RunnableSequence":
        return step.steps if step.name is None else (step,)
    return (step,)


def pipe(first: Any, second: Any) -> RunnableSequence[Any, Any]:
    """Return a sequence of two. Sequences without a name are spread out: `|` is associative."""
    return RunnableSequence(first, second)


def _close_all(stages: list[Any]) -> None:
    """Close stages from the last to the first, also where closing one fails."""
    with ExitStack() as stack:  # made here: in an open stream it would hold 2 kB
        while stages:
            stack.callback(close, stages.pop(0))


async def _aclose_all(stages: list[Any]) -> None:
    """Close stages from the last to the first, also where closing one fails."""
    async with AsyncExitStack() as stack:
        while stages:
            stack.push_async_callback(aclose, stages.pop(0))
