"""What a user's method gets as `run_manager`, in classes that are written as for LangChain."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID, uuid4

from runnables.core.config import current_scope
from runnables.core.user_code import user_config
from runnables.core.weak_cache import weak_cache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runnables.core.config import RunnableConfig
    from runnables.core.handlers import Handler


class RunManager:
    """The value of a parameter named `run_manager`.

    Here a nested call reports to the handlers of the call around by itself. So this has what such
    methods pass on, and no methods that report.

    Attributes:
        config: the config of the call.
        handlers: the handlers that receive the events of nested calls.
        tags: the tags of the call.
        metadata: the metadata of the call.
    """

    def __init__(self, config: RunnableConfig) -> None:
        self.config = config
        self.handlers = handlers_of(config)
        self.tags: list[str] = list(config.get("tags") or ())
        self.metadata: dict[str, Any] = dict(config.get("metadata") or {})

    def get_child(self, tag: str | None = None) -> list[Handler]:
        """Return the callbacks for a nested call; a tag is for LangChain alone."""
        return list(self.handlers)

    @property
    def run_id(self) -> UUID | str:
        """Return the id of the run; a new one where the run is not observed."""
        scope = current_scope()
        if scope is None or scope.run_id is None:
            return uuid4()
        try:
            return UUID(scope.run_id)
        except ValueError:  # the config of the call set it
            return scope.run_id

    if not TYPE_CHECKING:  # a checker refuses such names by itself

        def __getattr__(self, name: str) -> Any:
            """Refuse the methods that report; say what reports here."""
            hint = ""
            if name.startswith("on_"):
                hint = (
                    " Nested calls report by themselves; report anything else with "
                    "dispatch_custom_event(name, data)."
                )
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.{hint}")


class CallbackManagerForRetrieverRun(RunManager):
    """The value of `run_manager` of a retriever's `_get_relevant_documents`.

    Example:
        >>> class Nested(BaseRetriever):
        ...     inner: Runnable[str, list[Document]]
        ...
        ...     def _get_relevant_documents(
        ...         self, query: str, *, run_manager: CallbackManagerForRetrieverRun
        ...     ) -> list[Document]:
        ...         return self.inner.invoke(query, {"callbacks": run_manager.get_child()})
        >>> Nested(inner=RunnableLambda(lambda query: [Document(query)])).invoke("sea")
        [Document(metadata={}, page_content='sea')]
    """


class AsyncCallbackManagerForRetrieverRun(CallbackManagerForRetrieverRun):
    """The value of `run_manager` of a retriever's `_aget_relevant_documents`.

    Example:
        >>> AsyncCallbackManagerForRetrieverRun({"tags": ["night"]}).get_sync().tags
        ['night']
    """

    def get_sync(self) -> CallbackManagerForRetrieverRun:
        """Return the value that the sync method gets."""
        return CallbackManagerForRetrieverRun(self.config)


class CallbackManagerForLLMRun(RunManager):
    """The value of `run_manager` of a chat model's `_generate` and `_stream`.

    Example:
        >>> class Echo(BaseChatModel):
        ...     def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        ...         for word in messages[-1].text.split():
        ...             chunk = ChatGenerationChunk(message=AIMessageChunk(word))
        ...             if run_manager:
        ...                 run_manager.on_llm_new_token(word, chunk=chunk)
        ...             yield chunk
        >>> [chunk.text for chunk in Echo().stream("land ho")]
        ['land', 'ho']
    """

    def on_llm_new_token(self, token: str, **_: Any) -> None:
        """Do nothing: a chunk is reported when it is yielded."""


class AsyncCallbackManagerForLLMRun(RunManager):
    """The value of `run_manager` of a chat model's `_agenerate` and `_astream`.

    Example:
        >>> AsyncCallbackManagerForLLMRun({"tags": ["night"]}).get_sync().tags
        ['night']
    """

    async def on_llm_new_token(self, token: str, **_: Any) -> None:
        """Do nothing: a chunk is reported when it is yielded."""

    def get_sync(self) -> CallbackManagerForLLMRun:
        """Return the value that the sync methods get."""
        return CallbackManagerForLLMRun(self.config)


def handlers_of(config: RunnableConfig) -> list[Handler]:
    """Return the handlers in a config."""
    return list(cast("Sequence[Handler]", config.get("callbacks") or ()))


class Taken(NamedTuple):
    """What a user's method takes.

    Attributes:
        names: its parameters.
        anything: whether it takes any other keyword, too.
    """

    names: frozenset[str]
    anything: bool

    def takes(self, name: str) -> bool:
        """Tell whether it takes a keyword of this name."""
        return self.anything or name in self.names


@weak_cache
def taken_by(method: Callable[..., Any]) -> Taken:
    """Return what a method takes, as a function of its class."""
    parameters = inspect.signature(method).parameters.values()
    return Taken(
        frozenset(parameter.name for parameter in parameters),
        any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters),
    )


def managed(
    method: Callable[..., Any], options: dict[str, Any], manager: type[RunManager]
) -> dict[str, Any]:
    """Return the keywords of a call of a method: the options, and a `run_manager` if it takes one.

    Args:
        method: the method, as a function of its class.
        options: the options of the call.
        manager: the class of the `run_manager`.
    """
    if "run_manager" not in taken_by(method).names:
        return options
    scope = current_scope()
    config: RunnableConfig = {} if scope is None else user_config(scope)
    return cast("dict[str, Any]", {**options, "run_manager": manager(config)})
