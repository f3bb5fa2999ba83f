"""A runnable of LangChain as one of ours: a leaf that runs as LangChain runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from langchain_core.runnables import RunnableLambda

from runnables.compose.runnable import Runnable
from runnables.core.config import current_scope, resolve_scope
from runnables.core.description import checked_config
from runnables.core.error_notes import clock, leave_run
from runnables.core.missing_input import NOT_GIVEN, may_lack_input, missing_input
from runnables.core.stops import raise_without_stop
from runnables.core.values import show
from runnables.engine.cancellation import raise_if_cancelled
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, aclose, close
from runnables.engine.tasks import let_loop_close
from runnables.interop.langchain.border import astart_runs, config_of_theirs, outside, start_runs
from runnables.interop.langchain.chunks import (
    achunks_of_theirs,
    chunks_of_theirs,
    merge_of_theirs,
)
from runnables.interop.langchain.guard import AsyncGuard, Guard
from runnables.interop.langchain.values import from_value, to_value
from runnables.redaction import hide_in_text

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Generator,
        Iterable,
        Iterator,
    )

    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope
    from runnables.engine.merging import Merge


class ForeignRunnable(Runnable[Any, Any], internal=True):
    """A runnable that runs one of LangChain.

    It opens no run of its own: LangChain's run is reported to our handlers, too. It streams, in and
    out, and counts as one call under a limit. Its own limit is at most ours.

    Args:
        runnable: the runnable of LangChain.

    Attributes:
        runnable: the same.
    """

    _adapts: ClassVar[str] = "runnable"
    _has_own_run = False

    def __init__(self, runnable: Any) -> None:
        self.runnable = runnable

    def __repr__(self) -> str:
        function = getattr(self.runnable, "func", None) if _is_lambda(self.runnable) else None
        if function is not None:
            return f"from_langchain(RunnableLambda({show(function)}))"  # theirs reads its source
        return hide_in_text(f"from_langchain({self.runnable!r})")  # theirs may show keys

    # -- what it is

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name of LangChain's runnable."""
        return cast("str", self.runnable.get_name(suffix, name=name))

    @property
    def InputType(self) -> Any:
        """Return the input type of LangChain's runnable; Any where it says none."""
        return _type_of(self.runnable, "InputType")

    @property
    def OutputType(self) -> Any:
        """Return the output type of LangChain's runnable; Any where it says none."""
        return _type_of(self.runnable, "OutputType")

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the input schema of LangChain's runnable."""
        return cast("type[BaseModel]", self.runnable.get_input_schema())

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the output schema of LangChain's runnable."""
        return cast("type[BaseModel]", self.runnable.get_output_schema())

    @property
    def streams_input(self) -> bool:
        """Tell that LangChain's runnable gets the chunks of the input as they come."""
        return True

    # -- running

    @may_lack_input
    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run LangChain's runnable on one input."""
        if input is NOT_GIVEN:
            raise missing_input(self.invoke, kwargs)
        self._check_options(kwargs)
        scope = resolve_scope(checked_config(self, config))
        began = clock.now
        try:
            raise_if_cancelled()
            start_runs(scope)
            theirs = config_of_theirs(scope)
            with outside(scope):
                return from_value(self.runnable.invoke(to_value(input), theirs, **kwargs))
        except Exception as error:
            raise_masked(error)
            raise_without_stop(error, self)
            leave_run(error, self, began)
            raise

    @may_lack_input
    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Do what `invoke` does, async."""
        if input is NOT_GIVEN:
            raise missing_input(self.ainvoke, kwargs)
        self._check_options(kwargs)
        scope = resolve_scope(checked_config(self, config))
        began = clock.now
        try:
            raise_if_cancelled()
            await astart_runs(scope)
            theirs = config_of_theirs(scope)
            with outside(scope):
                return from_value(await self.runnable.ainvoke(to_value(input), theirs, **kwargs))
        except Exception as error:
            raise_masked(error)
            raise_without_stop(error, self)
            leave_run(error, self, began)
            raise

    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Any]:
        """Run LangChain's runnable on an input in chunks."""
        self._check_options(kwargs)
        info = StreamInfo(self.merge, self)
        scope = resolve_scope(checked_config(self, config))
        return Stream(self._transform(input, scope, kwargs, info), info)

    def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Any]:
        """Run LangChain's runnable on an input in chunks, for `async for`."""
        self._check_options(kwargs)
        info = StreamInfo(self.merge, self)
        scope = resolve_scope(checked_config(self, config))
        return AsyncStream(self._atransform(input, scope, kwargs, info), info)

    def _check_options(self, options: dict[str, Any]) -> None:
        """Refuse options that LangChain would drop silently; by default, LangChain refuses them."""

    def _their_chunks(self, input: Iterator[Any], config: Any, kwargs: dict[str, Any]) -> Any:
        """Return LangChain's iterator over the chunks of the output."""
        return self.runnable.transform(input, config, **kwargs)

    async def _their_achunks(
        self, input: AsyncIterator[Any], config: Any, kwargs: dict[str, Any]
    ) -> Any:
        """Return LangChain's iterator over the chunks of the output."""
        return self.runnable.atransform(input, config, **kwargs)

    def _merge_of(self, first: Any, kwargs: dict[str, Any]) -> Merge:
        """Return how the chunks of a call merge, of which this is the first."""
        return merge_of_theirs(self.runnable, first)

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        read = chunks_of_theirs(input)
        guard: Guard | None = None
        chunks: Any = None
        try:
            first = next(read, _END)  # the runs around this one begin with their input
            start_runs(scope)
            guard = Guard(_with_first(first, read), current_scope())
            theirs = config_of_theirs(scope)
            with outside(scope):
                chunks = self._their_chunks(guard, theirs, kwargs)
                chunk = from_value(next(chunks, None))  # LangChain takes no chunk for None
            info.merge = self._merge_of(chunk, kwargs)
            while chunk is not _END:
                yield chunk
                with outside(scope):
                    chunk = from_value(next(chunks, _END))
        except Exception as error:
            raise_masked(error)
            raise_without_stop(error, self)
            raise
        finally:
            try:
                if guard is not None:
                    guard.leave()
                    with outside(scope):
                        close(chunks)
            finally:
                read.close()
                close(input)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        read = achunks_of_theirs(input)
        guard: AsyncGuard | None = None
        began: AsyncGenerator[Any, None] | None = None
        chunks: Any = None
        chunk: Any = None
        try:
            first = await anext(read, _END)  # the runs around this one begin with their input
            await astart_runs(scope)
            began = _awith_first(first, read)
            guard = AsyncGuard(began, current_scope())
            theirs = config_of_theirs(scope)
            with outside(scope):
                chunks = await self._their_achunks(guard, theirs, kwargs)
                chunk = from_value(await anext(chunks, None))
            info.merge = self._merge_of(chunk, kwargs)
            while chunk is not _END:
                yield chunk
                with outside(scope):
                    chunk = from_value(await anext(chunks, _END))
        except Exception as error:
            raise_masked(error)
            raise_without_stop(error, self)
            raise
        finally:
            try:
                if guard is not None:
                    guard.leave()
                    with outside(scope):
                        await aclose(chunks)
            finally:
                await aclose(began)
                await read.aclose()
                await aclose(input)
                if chunk is not _END:  # it was left, and LangChain closes few generators itself
                    await let_loop_close()


_END: Any = object()


def _is_lambda(runnable: object) -> bool:
    return isinstance(runnable, RunnableLambda)


def _with_first(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    if first is not _END:
        yield first
        yield from rest


async def _awith_first(first: Any, rest: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    if first is not _END:
        yield first
        async for chunk in rest:
            yield chunk


_PLAIN_TYPES: Final = (str, int, float, bool, bytes)


def _type_of(runnable: Any, name: str) -> Any:
    """Return a declared type of LangChain's runnable, where it is one that both know."""
    try:
        declared: Any = getattr(runnable, name)
    except TypeError:  # LangChain cannot infer it
        return Any
    return declared if declared in _PLAIN_TYPES else Any


def raise_masked(error: Exception) -> None:
    """Raise the error that LangChain has hidden behind one of its own, if there is one.

    Where a function of its async streams refuses its arguments, it fails to close what was never
    opened, with an UnboundLocalError.
    """
    hidden = error.__context__
    if type(error) is UnboundLocalError and "iterator_" in str(error) and hidden is not None:
        raise hidden from None
