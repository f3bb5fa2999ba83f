"""The handlers that a model is made with: `callbacks=[...]` of its constructor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from runnables.compose.runnable import Runnable
from runnables.core.config import (
    RunnableConfig,
    Scope,
    check_config,
    check_handlers,
    ensure_scope,
)
from runnables.core.missing_input import may_lack_input
from runnables.messages.convert import LanguageModelInput

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from runnables.core.handlers import Handler
    from runnables.engine.stream import AsyncStream, Stream

Answer = TypeVar("Answer", covariant=True)


class OwnHandlers(Runnable[LanguageModelInput, Answer], Generic[Answer], internal=True):
    """The part of a model that has handlers of its own, for each of its runs.

    Attributes:
        callbacks: the handlers; None, or an empty list: none. It may be set later, too, and may be
            a configurable field.
    """

    # on the class, too: a subclass with an __init__ of its own need not call ours
    callbacks: Sequence[Handler] | None = None

    def _set_callbacks(self, callbacks: Sequence[Handler] | None) -> None:
        """Set the handlers.

        Raises:
            ConfigError: a value that is no handler, or no list.
        """
        if callbacks is not None:
            check_config({"callbacks": callbacks})
            check_handlers(callbacks)
        self.callbacks = callbacks

    def _observed(self, config: RunnableConfig | None) -> RunnableConfig:
        """Return the config of a call with the model's own handlers, for this run only.

        Raises:
            ConfigError: what the attribute was set to after the model was made is no list of
                handlers.
        """
        check_config({"callbacks": self.callbacks})
        own = check_handlers(self.callbacks or ())
        scope = Scope(ensure_scope(config))
        known = (*scope.handlers, *scope.own_handlers)
        added = (new for new in own if not any(new is old for old in known))
        scope.own_handlers = (*scope.own_handlers, *added)
        return scope.config

    @may_lack_input
    def invoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Answer:
        """Answer a conversation; its own handlers receive the events."""
        if self.callbacks:
            config = self._observed(config)
        return super().invoke(input, config, **kwargs)

    @may_lack_input
    async def ainvoke(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Answer:
        """Do what `invoke` does, async."""
        if self.callbacks:
            config = self._observed(config)
        return await super().ainvoke(input, config, **kwargs)

    def transform(
        self,
        input: Iterator[LanguageModelInput],
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Stream[Answer]:
        """Answer a conversation in chunks; its own handlers receive the events."""
        if self.callbacks:
            config = self._observed(config)
        return super().transform(input, config, **kwargs)

    def atransform(
        self,
        input: AsyncIterator[LanguageModelInput],
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncStream[Answer]:
        """Do what `transform` does, async."""
        if self.callbacks:
            config = self._observed(config)
        return super().atransform(input, config, **kwargs)
