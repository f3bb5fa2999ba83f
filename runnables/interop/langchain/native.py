"""A runnable of ours as one of LangChain."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.utils import ConfigurableFieldSpec

from runnables.core.config import CURRENT_SCOPE
from runnables.core.description import fields_of
from runnables.core.rows import RowScope
from runnables.engine.tasks import let_loop_close
from runnables.errors import OutputParserException
from runnables.interop.langchain.ambient import hidden
from runnables.interop.langchain.border import config_of_ours, for_batch
from runnables.interop.langchain.chunks import achunks_of_theirs, chunks_of_theirs
from runnables.interop.langchain.guard import AsyncGuard, Guard
from runnables.interop.langchain.parser_errors import as_their_error
from runnables.interop.langchain.run_ids import own_run, own_runs
from runnables.interop.langchain.values import from_value, to_value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from pydantic import BaseModel

_RUN_TYPES = {"prompt": "prompt", "parser": "parser"}


class LangChainRunnable(Runnable[Any, Any]):
    """A runnable of LangChain that runs one of ours.

    Each call opens a run of LangChain's, and the call of ours within it has the same id. Inputs
    become ours, and outputs theirs.

    Args:
        runnable: the runnable of ours.

    Attributes:
        runnable: the same.
    """

    _adapts: ClassVar[str] = "runnable"

    def __init__(self, runnable: Any) -> None:
        self.runnable = runnable
        self.name = None

    def __repr__(self) -> str:
        return f"to_langchain({self.runnable!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LangChainRunnable) and other.runnable == self.runnable

    def __hash__(self) -> int:
        return hash((LangChainRunnable, self.runnable))

    # -- what it is

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name of our runnable."""
        return cast("str", self.runnable.get_name(suffix, name=name or self.name))

    @property
    def InputType(self) -> Any:
        """Return the input type of our runnable."""
        return self.runnable.InputType

    @property
    def OutputType(self) -> Any:
        """Return the output type of our runnable."""
        return self.runnable.OutputType

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the input schema of our runnable."""
        return cast("type[BaseModel]", self.runnable.get_input_schema())

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the output schema of our runnable."""
        return cast("type[BaseModel]", self.runnable.get_output_schema())

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """Return the configurable fields of our runnable."""
        ids = sorted(fields_of(self.runnable))
        return [ConfigurableFieldSpec(id=name, annotation=Any) for name in ids]

    @property
    def _run_type(self) -> str | None:
        return _RUN_TYPES.get(self.runnable.run_type)

    # -- one input

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run our runnable on one input, within a run of LangChain's."""
        with own_run(config) as full:
            work = partial(self._work, name=full.get("run_name"))
            return self._call_with_config(work, input, full, self._run_type, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Do what `invoke` does, async."""
        with own_run(config) as full:
            work = partial(self._awork, name=full.get("run_name"))
            return await self._acall_with_config(work, input, full, self._run_type, **kwargs)

    def _work(
        self, value: Any, run_manager: Any, config: RunnableConfig, *, name: Any, **kwargs: Any
    ) -> Any:
        scope = config_of_ours(run_manager, config, name=name, has_context=True)
        return to_value(self.runnable.invoke(from_value(value), scope, **kwargs))

    async def _awork(
        self, value: Any, run_manager: Any, config: RunnableConfig, *, name: Any, **kwargs: Any
    ) -> Any:
        scope = config_of_ours(run_manager, config, name=name, has_context=True)
        return to_value(await self.runnable.ainvoke(from_value(value), scope, **kwargs))

    # -- one input, an output in chunks

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """Run our runnable on one input, and yield the output in chunks."""
        yield from self.transform(iter([input]), config, **kwargs)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Do what `stream` does, async."""
        async with aclosing(cast("Any", self.atransform(_once(input), config, **kwargs))) as chunks:
            async for chunk in chunks:
                yield chunk

    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """Run our runnable on an input in chunks, and yield the output in chunks."""
        with own_run(config) as full:
            work = partial(self._stream_work, name=full.get("run_name"))
            yield from self._transform_stream_with_config(
                input, work, full, self._run_type, **kwargs
            )

    async def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Do what `transform` does, async."""
        with own_run(config) as full:
            work = partial(self._astream_work, name=full.get("run_name"))
            chunks: Any = self._atransform_stream_with_config(
                input, work, full, self._run_type, **kwargs
            )
            is_done = False
            try:
                async for chunk in chunks:
                    yield chunk
                is_done = True
            finally:
                await chunks.aclose()
                if not is_done:  # it was left, and LangChain closes few generators itself
                    await let_loop_close()

    def _stream_work(
        self,
        input: Iterator[Any],
        run_manager: Any,
        config: RunnableConfig,
        *,
        name: Any,
        **kwargs: Any,
    ) -> Iterator[Any]:
        scope = config_of_ours(run_manager, config, name=name, has_context=True)
        guard = Guard(map(from_value, input), None)
        chunks = self.runnable.transform(guard, scope, **kwargs)
        try:
            yield from chunks_of_theirs(chunks)
        finally:
            guard.leave()
            chunks.close()

    async def _astream_work(
        self,
        input: AsyncIterator[Any],
        run_manager: Any,
        config: RunnableConfig,
        *,
        name: Any,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        scope = config_of_ours(run_manager, config, name=name, has_context=True)
        guard = AsyncGuard(_converted(input), None)
        chunks = self.runnable.atransform(guard, scope, **kwargs)
        try:
            made: Any = achunks_of_theirs(chunks)
            async with aclosing(made):
                async for chunk in made:
                    yield chunk
        finally:
            guard.leave()
            await chunks.aclose()

    # -- many inputs

    def batch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Run our runnable's own `batch`, with a run of LangChain's for each input."""
        if not inputs:
            return []
        with own_runs(config, len(inputs)) as configs:
            work = partial(self._batch_work, configs=configs, options=kwargs)
            return self._batch_with_config(
                work, inputs, configs, return_exceptions=return_exceptions, run_type=self._run_type
            )

    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Do what `batch` does, async."""
        if not inputs:
            return []
        with own_runs(config, len(inputs)) as configs:
            work = partial(self._abatch_work, configs=configs, options=kwargs)
            return await self._abatch_with_config(
                work, inputs, configs, return_exceptions=return_exceptions, run_type=self._run_type
            )

    def _batch_work(
        self, values: list[Any], run_manager: list[Any], *, configs: Any, options: dict[str, Any]
    ) -> list[Any]:
        with for_batch(run_manager[0], configs[0]) as around:
            scopes, limit, handlers = _rows(run_manager, configs, around)
            with hidden(handlers):
                outputs = self.runnable.batch(
                    [from_value(value) for value in values],
                    scopes,
                    max_concurrency=limit,
                    return_exceptions=True,
                    **options,
                )
        return [_row_output(output) for output in outputs]

    async def _abatch_work(
        self, values: list[Any], run_manager: list[Any], *, configs: Any, options: dict[str, Any]
    ) -> list[Any]:
        with for_batch(run_manager[0], configs[0]) as around:
            scopes, limit, handlers = _rows(run_manager, configs, around)
            with hidden(handlers):
                outputs = await self.runnable.abatch(
                    [from_value(value) for value in values],
                    scopes,
                    max_concurrency=limit,
                    return_exceptions=True,
                    **options,
                )
        return [_row_output(output) for output in outputs]


def _rows(
    managers: Sequence[Any], configs: Sequence[RunnableConfig], around: object
) -> tuple[list[Any], int | None, list[Any]]:
    """Return the config of each row of a batch of ours, their limit, and all their handlers."""
    reported = frozenset(str(manager.run_id) for manager in managers)
    limits = [limit for one in configs if (limit := one.get("max_concurrency")) is not None]
    scopes: list[Any] = [
        config_of_ours(
            manager,
            {key: value for key, value in config.items() if key != "max_concurrency"},
            name=config.get("run_name"),
            reported=reported,
            kind=RowScope,
            around=around,
        )
        for manager, config in zip(managers, configs, strict=True)
    ]
    first = cast("RowScope", scopes[0])
    CURRENT_SCOPE.set(first.child(str(managers[0].run_id)))  # `for_batch` resets it
    handlers: list[Any] = [handler for scope in scopes for handler in scope.handlers]
    return scopes, min(limits, default=None), handlers


def _row_output(output: Any) -> Any:
    """Return what LangChain gets for a row: a value, or an error that it may handle itself."""
    is_misread = isinstance(output, OutputParserException)
    return as_their_error(output) if is_misread else to_value(output)


async def _converted(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for chunk in chunks:
        yield from_value(chunk)


async def _once(value: Any) -> AsyncIterator[Any]:
    yield value
