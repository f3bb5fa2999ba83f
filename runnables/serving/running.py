"""The run of a served chain, as parts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from runnables.agents.approvals import with_approvals
from runnables.core.config import ensure_scope
from runnables.engine.interleave import AsyncBackground
from runnables.engine.merging import SNAPSHOTS
from runnables.engine.stream import owned
from runnables.models.usage import Usage
from runnables.serving.approvals import NO_ASKING, Asking
from runnables.serving.failures import failure_of
from runnables.serving.parts import Finish, Part, Value
from runnables.serving.reading import OutputReader, merged
from runnables.serving.recording import step_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig
    from runnables.core.handlers import Event
    from runnables.engine.merging import Merge
    from runnables.engine.stream import AsyncStream
    from runnables.serving.chunk_merges import ChunkSender


def batch_ids(run_id: str, count: int) -> list[str]:
    """Return the ids of the runs of a batch."""
    return [f"{run_id}-{index}" for index in range(count)]


class ChainRun:
    """One run of a chain for a client.

    Args:
        chain: the chain.
        value: its input.
        config: the config of the call.
        given: how many messages the input has, which an agent's output begins with.
        asking: how it asks for approval, and what was answered.
        shows_steps: whether the runs inside the chain are parts, too.
        shows_errors: whether a client may read the text of errors.

    Attributes:
        id: the id of the run.
    """

    def __init__(
        self,
        chain: Runnable[Any, Any],
        value: Any,
        config: RunnableConfig | None = None,
        *,
        given: int = 0,
        asking: Asking = NO_ASKING,
        shows_steps: bool = False,
        shows_errors: bool = False,
    ) -> None:
        self.id = str(uuid4())
        self._chain = chain
        self._value = value
        self._given_config = config or {}
        self._given = given
        self._asking = asking
        self._shows_steps = shows_steps
        self._shows_errors = shows_errors
        self._usage = Usage()
        named: RunnableConfig = {"run_id": self.id, "callbacks": [self._usage]}
        self._config = ensure_scope(config).merged(named).config

    async def parts(self) -> AsyncGenerator[Part, None]:
        """Yield the parts; the last is a `Finish` or a `Failure`.

        Closing it stops the run: each `finally` in the chain has run when closing returns.
        """
        parts = self._with_steps() if self._shows_steps else self._output(self._config)
        try:
            with with_approvals(self._asking.approvals):
                async for part in owned(parts):
                    yield part
        except Exception as error:
            yield failure_of(error, self.id, shows_errors=self._shows_errors)
        finally:
            await parts.aclose()

    async def _output(self, config: Any) -> AsyncGenerator[Part, None]:
        """Yield the parts of the output."""
        reader = OutputReader(self._given, self._asking)
        async with self._chain.astream(self._value, config) as stream:
            async for chunk in stream:
                for part in reader.read(chunk, stream):
                    yield part
        usage = self._usage.total if self._usage.calls else None
        for part in reader.end(usage):
            yield part

    async def _with_steps(self) -> AsyncGenerator[Part, None]:
        """Yield the parts of the output, and the runs inside as they start and end."""

        async def work(put: Callable[[Any], None], drained: Callable[[], Awaitable[None]]) -> None:
            handlers: Any = [_Steps(put)]
            inner = ensure_scope(self._config).merged({"callbacks": handlers}).config
            output = self._output(inner)
            try:
                async for part in output:
                    put(part)
                    await drained()
            finally:
                await output.aclose()

        run = AsyncBackground(work)
        try:
            async for part in run:
                yield part
        finally:
            await run.aclose()

    async def whole(self) -> AsyncGenerator[Part, None]:
        """Yield the output as one value."""
        try:
            with with_approvals(self._asking.approvals):
                output = await self._chain.ainvoke(self._value, self._config)
            yield Value(output, is_whole=True)
            yield Finish()
        except Exception as error:
            yield failure_of(error, self.id, shows_errors=self._shows_errors)

    async def outputs(
        self, *, errors_in_place: bool = False, limit: int | None = None
    ) -> AsyncGenerator[Part, None]:
        """Yield the outputs of a list of inputs as one value.

        Args:
            errors_in_place: whether a `Failure` is in the place of an output that there is none of.
            limit: how many calls may run at once; None: as many as by default.
        """
        ids = batch_ids(self.id, len(self._value))
        configs: Any = [{**self._given_config, "run_id": run_id} for run_id in ids]
        try:
            with with_approvals(self._asking.approvals):
                outputs = await self._chain.abatch(
                    self._value, configs, max_concurrency=limit, return_exceptions=errors_in_place
                )
            for index, output in enumerate(outputs):
                if errors_in_place and isinstance(output, Exception):
                    show = self._shows_errors
                    outputs[index] = failure_of(output, ids[index], shows_errors=show)
            yield Value(outputs, is_whole=True)
            yield Finish()
        except Exception as error:
            yield failure_of(error, self.id, shows_errors=self._shows_errors)

    async def chunks(
        self, sender: ChunkSender | None = None, *, restarts: bool = False
    ) -> AsyncGenerator[Part, None]:
        """Yield each chunk of the output.

        Args:
            sender: announces how they merge; None: each is sent as it is.
            restarts: whether the client lets the stream start over.
        """
        try:
            with with_approvals(self._asking.approvals):
                async with self._chain.astream(self._value, self._config) as stream:
                    if stream.may_restart and not restarts:  # what was read cannot be taken back
                        for value in await _whole(stream):
                            for part in _sent(sender, value, SNAPSHOTS):
                                yield part
                    else:
                        async for chunk in stream:
                            for part in _sent(sender, chunk, stream.merge):
                                yield part
                        for part in sender.finish(stream.merge) if sender is not None else ():
                            yield part
            yield Finish()
        except Exception as error:
            yield failure_of(error, self.id, shows_errors=self._shows_errors)

    async def events(self, *, shows_steps: bool) -> AsyncGenerator[Part, None]:
        """Yield the events of the run as dicts; of the runs inside only with `shows_steps`."""
        try:
            with with_approvals(self._asking.approvals):
                async with self._chain.astream_events(self._value, self._config) as events:
                    async for event in events:
                        if shows_steps or not event["parent_ids"]:
                            yield Value(self._shown(event), is_whole=False)
            yield Finish()
        except Exception as error:
            yield failure_of(error, self.id, shows_errors=self._shows_errors)

    def _shown(self, event: Any) -> Any:
        """Return an event without the text of an error that a client must not read."""
        if "error" in event["data"] and not self._shows_errors:
            return {**event, "data": {**event["data"], "error": "It has failed."}}
        return event


async def _whole(stream: AsyncStream[Any]) -> list[Any]:
    """Return the value of a stream that may start over, as a list; an empty one for no chunk."""
    chunks = [chunk async for chunk in stream]
    return merged(chunks, stream)


def _sent(sender: ChunkSender | None, chunk: Any, merge: Merge) -> Iterable[Part]:
    if sender is None:
        return (Value(chunk, is_whole=False),)
    return sender.send(chunk, merge)


class _Steps:
    """A handler that passes on the runs inside a chain."""

    wants_chunks = True

    def __init__(self, put: Callable[[Part], None]) -> None:
        self._put = put

    def on_event(self, event: Event) -> None:
        """Pass on a run that starts or ends."""
        if (step := step_of(event)) is not None:
            self._put(step)
