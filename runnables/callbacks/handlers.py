"""Handlers with a method for each event, as LangChain has them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.callbacks.calls import CHAT_MODEL_START, FAMILIES, METHODS, Method
from runnables.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from uuid import UUID

    from runnables.core.handlers import Event
    from runnables.messages.base import BaseMessage
    from runnables.messages.generations import ChatGenerationChunk, LLMResult


class BaseCallbackHandler:
    """A handler with a method for each event; subclass it, and write the methods that you need.

    It goes into `config={"callbacks": [...]}`, and makes of each event that `on_event` receives a
    call of its method, with the arguments of LangChain's callbacks. What differs there is in
    docs/events.md. Methods may be async; such a handler serves async runs only. An error in a
    method is logged, and the run goes on, unless `raise_error` is set.

    Attributes:
        raise_error: whether an error in a method fails the run.
        run_inline: not used: a run always waits for its handlers, one after the other.

    Raises:
        TypeError: a method whose name is that of an event but for a typo; when the class is made.

    Example:
        >>> class Printer(BaseCallbackHandler):
        ...     def on_chain_start(self, serialized, inputs, **kwargs):
        ...         print(serialized["name"], inputs)
        ...
        ...     def on_chain_end(self, outputs, **kwargs):
        ...         print(outputs)
        >>> RunnableLambda(len).invoke("abc", {"callbacks": [Printer()]})
        len abc
        3
        3
    """

    raise_error: bool = False
    run_inline: bool = False

    _methods: ClassVar[Mapping[tuple[str, str], tuple[Method, ...]]] = {}
    """The methods that a subclass writes, by the kind of run and of event."""

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Find out which methods the class writes, so that the others cost nothing.

        Args:
            internal: whether its methods do nothing, and count as not written.
            **kwargs: keywords of other base classes.
        """
        super().__init_subclass__(**kwargs)
        if internal:
            _UNWRITTEN.update(value for name, value in vars(cls).items() if name in _NAMES)
            return
        _check_names(cls)
        written = {
            key: tuple(method for method in methods if _is_written(cls, method.name))
            for key, methods in METHODS.items()
        }
        cls._methods = {key: methods for key, methods in written.items() if methods}
        if cls.on_event in (BaseCallbackHandler.on_event, call_method, acall_method):
            names = {method.name for methods in cls._methods.values() for method in methods}
            is_async = any(inspect.iscoroutinefunction(getattr(cls, name)) for name in names)
            setattr(cls, "on_event", acall_method if is_async else call_method)  # noqa: B010

    @property
    def wants_chunks(self) -> bool:
        """Tell whether models that are invoked are to be streamed: for `on_llm_new_token`."""
        return ("llm", "chunk") in self._methods and not self.ignore_llm

    def on_event(self, event: Event, /) -> Awaitable[None] | None:
        """Receive an event, and call its method; async where one of the methods is."""

    # -- which methods to leave out

    @property
    def ignore_llm(self) -> bool:
        """Tell whether to leave out `on_llm_...`."""
        return False

    @property
    def ignore_chat_model(self) -> bool:
        """Tell whether to leave out `on_chat_model_start`."""
        return False

    @property
    def ignore_chain(self) -> bool:
        """Tell whether to leave out `on_chain_...`."""
        return False

    @property
    def ignore_agent(self) -> bool:
        """Tell whether to leave out `on_tool_...` and `on_agent_...`."""
        return False

    @property
    def ignore_retriever(self) -> bool:
        """Tell whether to leave out `on_retriever_...`."""
        return False

    @property
    def ignore_retry(self) -> bool:
        """Tell whether to leave out `on_retry`."""
        return False

    @property
    def ignore_custom_event(self) -> bool:
        """Tell whether to leave out `on_custom_event`."""
        return False

    # -- models

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of a model; a list of one conversation.

        Raises:
            NotImplementedError: a subclass may raise it, for `on_llm_start` to be called instead.
        """
        raise NotImplementedError(f"{type(self).__name__} does not write on_chat_model_start")

    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of a model of text; of a chat model without `on_chat_model_start`."""

    def on_llm_new_token(
        self,
        token: str,
        *,
        chunk: ChatGenerationChunk | None = None,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the text of a chunk; where it is written, models that are invoked stream, too."""

    def on_llm_end(
        self,
        response: LLMResult,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the answer of a model: `response.generations[0][0].message`."""

    def on_llm_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the error of a model; `CancelledError` or `GeneratorExit`, if it was left."""

    # -- chains, prompts, parsers, functions

    def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: dict[str, Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of any other runnable, with its input as it is."""

    def on_chain_end(
        self,
        outputs: dict[str, Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the output of any other runnable, as it is."""

    def on_chain_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the error of any other runnable."""

    # -- tools

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of a tool, with its arguments."""

    def on_tool_end(
        self,
        output: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the output of a tool: a `ToolMessage`, where it was given a tool call."""

    def on_tool_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the error of a tool."""

    # -- retrievers

    def on_retriever_start(
        self,
        serialized: dict[str, Any],
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the start of a retriever."""

    def on_retriever_end(
        self,
        documents: Sequence[Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the documents that a retriever has found."""

    def on_retriever_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive the error of a retriever."""

    # -- events of your own

    def on_custom_event(
        self,
        name: str,
        data: Any,
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Receive an event of `dispatch_custom_event`; the id is that of the run around it."""

    # -- no event calls these

    def on_text(self, text: str, **kwargs: Any) -> Any:
        """Do nothing: no event calls this."""

    def on_retry(self, retry_state: Any, **kwargs: Any) -> Any:
        """Do nothing: no event calls this."""

    def on_agent_action(self, action: Any, **kwargs: Any) -> Any:
        """Do nothing: no event calls this."""

    def on_agent_finish(self, finish: Any, **kwargs: Any) -> Any:
        """Do nothing: no event calls this."""


_NAMES: Final = frozenset(name for name in vars(BaseCallbackHandler) if name.startswith("on_"))
"""The names of all methods."""

_UNWRITTEN: Final[set[object]] = {getattr(BaseCallbackHandler, name) for name in _NAMES}
"""The methods that do nothing: those of the base classes."""


def _is_written(cls: type[BaseCallbackHandler], name: str) -> bool:
    return getattr(cls, name) not in _UNWRITTEN


def _check_names(cls: type[BaseCallbackHandler]) -> None:
    """Refuse a method whose name is almost one of ours, as it would never be called."""
    for name in vars(cls):
        if name.startswith("on_") and name not in _NAMES:
            if meant := nearest(name, _NAMES, similarity=0.92):
                raise TypeError(f"{cls.__name__}.{name}: no event calls it. Did you mean {meant}?")


def _calls(handler: BaseCallbackHandler, event: Event) -> tuple[Method, ...]:
    """Return the methods for an event, without those that the handler ignores."""
    methods = handler._methods.get((FAMILIES.get(event.run_type, "chain"), event.kind), ())
    return tuple(method for method in methods if not getattr(handler, method.ignored, False))


def _call(handler: BaseCallbackHandler, method: Method, event: Event) -> Any:
    arguments = method.arguments(event)
    if arguments is None:
        return None
    values, keywords = arguments
    return getattr(handler, method.name)(*values, **keywords)


def call_method(self: BaseCallbackHandler, event: Event, /) -> None:
    """Receive an event, and call its method."""
    for method in _calls(self, event):
        try:
            _call(self, method, event)
            return
        except NotImplementedError:
            if method is not CHAT_MODEL_START:
                raise


async def acall_method(self: BaseCallbackHandler, event: Event, /) -> None:
    """Receive an event, call its method, and wait for it."""
    for method in _calls(self, event):
        try:
            result = _call(self, method, event)
            if inspect.isawaitable(result):
                await result
            return
        except NotImplementedError:
            if method is not CHAT_MODEL_START:
                raise
