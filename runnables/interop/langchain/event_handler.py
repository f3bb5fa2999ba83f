"""Handlers of ours as one handler of LangChain, which tells them of runs of LangChain.

LangChain reports each run by two calls: the start says what runs and where, the end only which run
it is. So what the start has said is stored until then.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from langchain_core.callbacks import BaseCallbackHandler

from runnables.core.events import aemit, emit, receives
from runnables.core.handlers import Event, Kind
from runnables.interop.langchain.ambient import without
from runnables.interop.langchain.model_facts import text_answer
from runnables.interop.langchain.run_ids import OWN_RUNS
from runnables.interop.langchain.values import from_value
from runnables.messages.ai import AIMessageChunk

if TYPE_CHECKING:
    from uuid import UUID

    from langchain_core.outputs import LLMResult

    from runnables.core.handlers import Handler


@dataclass(frozen=True, slots=True)
class _Started:
    """What the start of a run has said."""

    run_type: str
    name: str
    parent_ids: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    input: Any
    time: float


class EventHandler(BaseCallbackHandler):
    """A handler of LangChain that turns its calls into events for handlers of ours.

    Args:
        handlers: our handlers.
        parents: the ids of our runs around the call of LangChain, the outermost first.
        path: the steps that lead to it.
    """

    _adapts: ClassVar[str] = "handler"
    handler: Handler | None = None
    """The handler that `to_langchain` has made this of; None in one for a call."""
    found = 0
    """A number where LangChain has found it by itself, and has reported nothing yet."""
    raise_error = True  # `emit` logs the errors of handlers, and raises those that want it
    run_inline = True  # in order

    def __init__(
        self,
        handlers: Sequence[Handler],
        parents: tuple[str, ...] = (),
        path: tuple[str, ...] = (),
    ) -> None:
        self.native = tuple(handlers)
        self._parents = parents
        self._path = path
        self._runs: dict[str, _Started] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.native)!r})"

    def __eq__(self, other: object) -> bool:
        """Tell whether another handler tells all of ours already, where LangChain finds this one.

        LangChain compares what it finds with each handler that a run has been given, before it adds
        it. There is no other place where this one could learn of them. So it leaves out those of
        ours that another tells. Of two that were found, the later one does.
        """
        if self.found <= (other.found if isinstance(other, EventHandler) else 0):
            return NotImplemented
        given = other.native if isinstance(other, EventHandler) else (other,)
        self.native = without(self.native, given)
        return not self.native

    __hash__ = BaseCallbackHandler.__hash__

    def parents_of(self, run_id: object) -> tuple[str, ...]:
        """Return the ids of the runs around one of LangChain's; of a child: with that run."""
        if run_id is None:
            return self._parents
        started = self._runs.get(str(run_id))
        if started is None:
            known = str(run_id) in self._parents
            return self._parents if known else (*self._parents, str(run_id))
        return (*started.parent_ids, str(run_id))

    # -- what a call of LangChain says

    def _start(
        self,
        run_type: str,
        value: Any,
        serialized: Mapping[str, Any] | None,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str | None = None,
        **_: Any,
    ) -> Event | None:
        self.found = 0
        known = serialized or {}
        named = name or known.get("name") or (known.get("id") or [run_type])[-1]
        started = _Started(
            run_type,
            str(named),
            self.parents_of(parent_run_id),
            tuple(tags or ()),
            dict(metadata or {}),
            from_value(value),
            time.time(),
        )
        self._runs[str(run_id)] = started
        return None if str(run_id) in OWN_RUNS else self._event("start", started, run_id)

    def _chunk(self, chunk: Any, run_id: UUID) -> Event | None:
        started = self._runs.get(str(run_id))
        if started is None or str(run_id) in OWN_RUNS:
            return None
        return self._event("chunk", started, run_id, chunk=from_value(chunk))

    def _end(self, kind: Kind, run_id: UUID, **more: Any) -> Event | None:
        started = self._runs.pop(str(run_id), None)
        if started is None or str(run_id) in OWN_RUNS:
            return None
        seconds = time.time() - started.time
        return self._event(kind, started, run_id, seconds=seconds, **more)

    def _event(self, kind: Kind, started: _Started, run_id: UUID, **more: Any) -> Event:
        return Event(
            kind=kind,
            run_type=started.run_type,
            name=started.name,
            run_id=str(run_id),
            parent_ids=started.parent_ids,
            path=self._path,
            tags=started.tags,
            metadata=started.metadata,
            time=time.time(),
            input=started.input,
            **more,
        )

    def _chain_start(
        self, serialized: Any, inputs: Any, *, run_type: str | None = None, **more: Any
    ) -> Event | None:
        # LangChain's streams begin without their input, and say so in this way
        value = None if inputs == {"input": ""} else inputs
        return self._start(run_type or "chain", value, serialized, **more)

    def _chat_model_start(self, serialized: Any, messages: Any, **more: Any) -> Event | None:
        return self._start("chat_model", messages[0], serialized, **more)

    def _llm_start(self, serialized: Any, prompts: Any, **more: Any) -> Event | None:
        return self._start("llm", prompts[0], serialized, **more)

    def _tool_start(
        self, serialized: Any, input_str: str, *, inputs: Any = None, **more: Any
    ) -> Event | None:
        value = input_str if inputs is None else inputs
        return self._start("tool", value, serialized, **more)

    def _retriever_start(self, serialized: Any, query: str, **more: Any) -> Event | None:
        return self._start("retriever", query, serialized, **more)

    def _token(self, token: Any, *, run_id: UUID, chunk: Any = None, **_: Any) -> Event | None:
        started = self._runs.get(str(run_id))
        if started is None:
            return None
        if started.run_type == "llm":
            return self._chunk(token, run_id)
        message = getattr(chunk, "message", None)
        return self._chunk(AIMessageChunk(token) if message is None else message, run_id)

    def _output(self, output: Any, *, run_id: UUID, **_: Any) -> Event | None:
        return self._end("end", run_id, output=from_value(output))

    def _answer(self, response: LLMResult, *, run_id: UUID, **_: Any) -> Event | None:
        made: Any = response.generations[0][0] if any(response.generations) else None
        if made is None:
            return self._end("end", run_id)
        if (message := getattr(made, "message", None)) is not None:
            return self._end("end", run_id, output=from_value(message))
        facts: dict[str, Any] = {**(response.llm_output or {}), **(made.generation_info or {})}
        return self._end("end", run_id, output=text_answer(made.text, facts))

    def _failed(self, error: BaseException, *, run_id: UUID, **_: Any) -> Event | None:
        kind: Kind = "error" if isinstance(error, Exception) else "cancelled"
        return self._end(kind, run_id, error=error)

    def _custom(
        self,
        name: str,
        data: Any,
        *,
        run_id: UUID,
        tags: Any = None,
        metadata: Any = None,
        **_: Any,
    ) -> Event:
        return Event(
            kind="custom",
            run_type="custom",
            name=name,
            run_id=str(run_id),
            parent_ids=self.parents_of(run_id)[:-1],
            path=self._path,
            tags=tuple(tags or ()),
            metadata=dict(metadata or {}),
            time=time.time(),
            data=data,
        )

    def _handlers_for(self, event: Event) -> list[Handler]:
        return [one for one in self.native if receives(one, event.run_type)]


class ChunkEventHandler(EventHandler):
    """The same for handlers that want chunks: models that are invoked stream, as for LangChain's.

    LangChain knows such a handler by these two methods.
    """

    def tap_output_iter(self, run_id: UUID, output: Iterator[Any]) -> Iterator[Any]:
        """Tell of each chunk of a chain."""
        for chunk in output:
            if (event := self._chunk(chunk, run_id)) is not None:
                emit(self._handlers_for(event), event)
            yield chunk

    async def tap_output_aiter(
        self, run_id: UUID, output: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        """Tell of each chunk of a chain."""
        async for chunk in output:
            if (event := self._chunk(chunk, run_id)) is not None:
                await aemit(self._handlers_for(event), event)
            yield chunk


class AsyncEventHandler(EventHandler):
    """The same where one of the handlers is async: LangChain awaits its methods."""


class AsyncChunkEventHandler(AsyncEventHandler, ChunkEventHandler):
    """The same where one of the handlers is async, and one wants chunks."""


_READ: Final[Mapping[str, Callable[..., Event | None]]] = {
    "on_chain_start": EventHandler._chain_start,
    "on_chain_end": EventHandler._output,
    "on_chain_error": EventHandler._failed,
    "on_chat_model_start": EventHandler._chat_model_start,
    "on_llm_start": EventHandler._llm_start,
    "on_llm_new_token": EventHandler._token,
    "on_llm_end": EventHandler._answer,
    "on_llm_error": EventHandler._failed,
    "on_tool_start": EventHandler._tool_start,
    "on_tool_end": EventHandler._output,
    "on_tool_error": EventHandler._failed,
    "on_retriever_start": EventHandler._retriever_start,
    "on_retriever_end": EventHandler._output,
    "on_retriever_error": EventHandler._failed,
    "on_custom_event": EventHandler._custom,
}
"""The methods that LangChain calls, and what makes an event of the arguments of each."""


def _write_method(name: str, read: Callable[..., Event | None]) -> None:
    """Write a method of LangChain's handlers, for both classes: it awaits coroutine functions."""

    def method(self: EventHandler, *args: Any, **kwargs: Any) -> None:
        if (event := read(self, *args, **kwargs)) is not None:
            emit(self._handlers_for(event), event)

    async def amethod(self: EventHandler, *args: Any, **kwargs: Any) -> None:
        if (event := read(self, *args, **kwargs)) is not None:
            await aemit(self._handlers_for(event), event)

    method.__name__ = amethod.__name__ = name
    setattr(EventHandler, name, method)
    setattr(AsyncEventHandler, name, amethod)


for _name, _read in _READ.items():
    _write_method(_name, _read)


def event_handler(
    handlers: Sequence[Handler], parents: tuple[str, ...] = (), path: tuple[str, ...] = ()
) -> EventHandler:
    """Return one handler of LangChain for handlers of ours."""
    is_async = any(
        hasattr(type(one), "aon_event") or inspect.iscoroutinefunction(one.on_event)
        for one in handlers
    )
    wants_chunks = any(getattr(one, "wants_chunks", False) for one in handlers)
    plain, chunked = (
        (AsyncEventHandler, AsyncChunkEventHandler)
        if is_async
        else (EventHandler, ChunkEventHandler)
    )
    return (chunked if wants_chunks else plain)(handlers, parents, path)
