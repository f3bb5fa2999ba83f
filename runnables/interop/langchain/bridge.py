"""Handlers of LangChain as handlers of ours.

`callbacks/calls.py` knows which of LangChain's methods an event calls, as our own handlers may be
written in that form. What is left to do here is to turn the messages into theirs.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from langchain_core.callbacks.manager import ahandle_event, handle_event
from langchain_core.messages import LC_ID_PREFIX
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    Generation,
    GenerationChunk,
    LLMResult,
)
from langchain_core.tracers._streaming import _StreamingCallbackHandler

from runnables.callbacks.calls import FAMILIES, METHODS
from runnables.core.events import FINAL_KINDS
from runnables.engine.cancellation import current_token
from runnables.engine.tasks import in_context
from runnables.engine.thread_calls import in_worker_thread, to_thread
from runnables.interop.langchain.model_facts import model_facts
from runnables.interop.langchain.values import to_value
from runnables.messages import generations as ours

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from langchain_core.callbacks import BaseCallbackHandler

    from runnables.core.handlers import Event

_NAMES: Final = sorted({method.name for methods in METHODS.values() for method in methods})


class Bridge:
    """A handler of ours that calls the methods of a handler of LangChain.

    Args:
        handler: their handler.
        reported: the ids of runs that LangChain itself reports to it: those at the border.
    """

    _adapts: ClassVar[str] = "handler"
    _passes_on: ClassVar[bool] = True
    _tells_langchain: ClassVar[bool] = True
    raise_error = True  # LangChain has logged and dropped the error of a handler without it

    def __init__(self, handler: BaseCallbackHandler, reported: Collection[str] = ()) -> None:
        self.handler = handler
        self.reported = reported
        self.wants_chunks = isinstance(handler, _StreamingCallbackHandler)
        self._is_async = any(
            inspect.iscoroutinefunction(getattr(handler, name, None)) for name in _NAMES
        )

    def __repr__(self) -> str:
        return f"Bridge({self.handler!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Bridge)
            and other.handler is self.handler
            and (other.reported is self.reported or other.reported == self.reported)
        )

    def __hash__(self) -> int:
        return hash(id(self.handler))

    def answer_id(self, run_id: str) -> str:
        """Return the id that LangChain gives to the answer of a run.

        LangGraph knows by it that it has streamed an answer, where a node returns that.
        """
        return f"{LC_ID_PREFIX}-{as_id(run_id)}"

    def on_event(self, event: Event, /) -> Awaitable[None] | None:
        """Receive an event of a sync run, and call their method."""
        if self._is_async and in_worker_thread():
            return self.aon_event(event)  # the loop of the async call awaits it
        if (call := self._call(event)) is not None:
            name, ignored, values, keywords = call
            handle_event([self.handler], name, ignored, *values, **keywords)
        return None

    async def aon_event(self, event: Event, /) -> None:
        """Receive an event of an async run, and call their method.

        The end of a run is passed on also where the call is cancelled meanwhile: else LangChain's
        tracers would wait for it for ever.
        """
        if (call := self._call(event)) is None:
            return
        if event.kind not in FINAL_KINDS:
            await self._deliver(*call)
            return
        context = copy_context()
        context.run(current_token.set, None)
        await in_context(context, partial(self._deliver, *call))

    async def _deliver(
        self, name: str, ignored: str, values: list[Any], keywords: dict[str, Any]
    ) -> None:
        if self._is_async or self.handler.run_inline:
            await ahandle_event([self.handler], name, ignored, *values, **keywords)
        else:  # LangChain would use the loop's own threads, which stay for as long as the loop
            tell = partial(handle_event, [self.handler], name, ignored, *values, **keywords)
            await to_thread(tell)

    def _call(self, event: Event) -> tuple[str, str, list[Any], dict[str, Any]] | None:
        """Return the method that an event calls, what turns it off, and its arguments."""
        if event.run_id in self.reported and event.kind != "custom":
            return None
        family = FAMILIES.get(event.run_type, "chain")
        methods = METHODS.get((family, event.kind), ())
        if not methods or getattr(self.handler, methods[0].ignored, False):
            return None
        arguments = methods[0].arguments(event)
        if arguments is None:
            return None
        values, keywords = arguments
        keywords = {key: _theirs(value) for key, value in keywords.items()}
        for key in ("run_id", "parent_run_id"):
            if keywords.get(key) is not None:
                keywords[key] = as_id(keywords[key])
        if event.kind == "start" and family in ("llm", "text"):
            facts, parameters = model_facts(event)
            keywords["metadata"] = {**facts, **keywords["metadata"]}
            keywords["invocation_params"] = parameters
            keywords["options"] = dict(event.options)
        theirs = [_theirs(value) for value in values]
        if family == "llm":
            self._identify([*theirs, keywords.get("chunk")], event)
        return methods[0].name, methods[0].ignored, theirs, keywords

    def _identify(self, results: list[Any], event: Event) -> None:
        """Give the answers of a run what LangChain gives to its own: an id, and the model's name.

        Usage is summed by the name. The id is missing where another process has run the model.
        """
        for result in results:
            answers = result.generations[0] if isinstance(result, LLMResult) else [result]
            for message in (one.message for one in answers if isinstance(one, ChatGeneration)):
                if message.id is None:
                    message.id = self.answer_id(event.run_id)
                if getattr(message, "usage_metadata", None):
                    name = getattr(event.runnable, "model", None) or event.name
                    message.response_metadata.setdefault("model_name", name)


def as_id(run_id: UUID | str) -> UUID:
    """Return the id of a run as a UUID: LangChain has no others."""
    if isinstance(run_id, UUID):
        return run_id
    try:
        return UUID(run_id)
    except ValueError:
        return uuid5(NAMESPACE_OID, run_id)


def _theirs(value: Any) -> Any:
    """Return an argument of a method as LangChain has it."""
    if isinstance(value, ours.LLMResult):
        return LLMResult(
            generations=[[_generation(one) for one in some] for some in value.generations],
            llm_output=value.llm_output,
        )
    if isinstance(value, ours.ChatGeneration):
        return _generation(value)
    return to_value(value)


def _generation(made: Any) -> Any:
    """Return a message or a string that a model has made, as LangChain has it."""
    info = None if made.generation_info is None else dict(made.generation_info)
    if isinstance(made, ours.Generation):  # of a model of text
        text = GenerationChunk if isinstance(made, ours.GenerationChunk) else Generation
        return text(text=str(made.text), generation_info=info)
    answer = ChatGenerationChunk if isinstance(made, ours.ChatGenerationChunk) else ChatGeneration
    return answer(message=to_value(made.message), generation_info=info)
