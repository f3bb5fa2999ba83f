"""What a tool adds to the config of each of its runs: tags, metadata, handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from typing_extensions import TypedDict

from runnables.core.config import Scope, check_config, check_handlers, ensure_scope
from runnables.core.missing_input import may_lack_input
from runnables.core.typevars import Output
from runnables.tools.tool_schemas import ToolSchemas

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from runnables.core.config import RunnableConfig
    from runnables.core.handlers import Callbacks, Handler
    from runnables.engine.stream import AsyncStream, Stream

NAMES: Final = frozenset({"tags", "metadata", "callbacks", "verbose"})
"""The names of the settings."""


class RunSettings(TypedDict, total=False):
    """The settings, as keywords."""

    tags: list[str] | None
    metadata: dict[str, Any] | None
    callbacks: Callbacks
    verbose: bool


class WithRunSettings(ToolSchemas[Output], internal=True):
    """The part of a tool that has settings of its own for each of its runs.

    Attributes:
        tags: added to the tags of each run, and of the calls inside it.
        metadata: added to the metadata, likewise.
        callbacks: handlers that receive the events of its own runs.
        verbose: whether a `ConsoleHandler` prints its own runs.
    """

    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    callbacks: Callbacks = None
    verbose: bool = False

    def _set_run_settings(self, settings: Mapping[str, Any]) -> None:
        """Set those that are given.

        Raises:
            ConfigError: a value of the wrong type.
        """
        given = {name: value for name, value in settings.items() if value}
        parts: Any = {name: value for name, value in given.items() if name != "verbose"}
        check_config(parts)
        check_handlers(parts.get("callbacks", ()))
        vars(self).update(given)

    def _has_run_settings(self) -> bool:
        return not NAMES.isdisjoint(vars(self))

    def _own_config(self, config: RunnableConfig | None) -> RunnableConfig:
        """Return the config of a call with what the tool adds to it."""
        added: Any = {"tags": self.tags, "metadata": self.metadata}
        scope = ensure_scope(config).merged(added)
        scope.own_handlers = (*scope.own_handlers, *self._own_handlers(scope))
        return scope.config

    def _own_handlers(self, scope: Scope) -> Iterator[Handler]:
        """Yield the tool's handlers that would not receive the events of the run anyway."""
        known = (*scope.handlers, *scope.own_handlers)
        for handler in self.callbacks or ():
            if not any(handler is other for other in known):
                yield handler
        if self.verbose:
            from runnables.core.console import ConsoleHandler

            if not any(isinstance(other, ConsoleHandler) for other in known):
                yield ConsoleHandler()

    def _identity(self) -> dict[str, Any]:
        return {key: part for key, part in super()._identity().items() if key not in NAMES}

    if not TYPE_CHECKING:  # `BaseTool` declares what they take and return

        @may_lack_input
        def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
            """Run the tool; see `BaseTool`."""
            if self._has_run_settings():
                config = self._own_config(config)
            return super().invoke(input, config, **kwargs)

        @may_lack_input
        async def ainvoke(
            self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Any:
            """Do what `invoke` does, async."""
            if self._has_run_settings():
                config = self._own_config(config)
            return await super().ainvoke(input, config, **kwargs)

    def transform(
        self, input: Iterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run the tool on an input in chunks."""
        if self._has_run_settings():
            config = self._own_config(config)
        return super().transform(input, config, **kwargs)

    def atransform(
        self, input: AsyncIterator[Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """Run the tool on an input in chunks, for `async for`."""
        if self._has_run_settings():
            config = self._own_config(config)
        return super().atransform(input, config, **kwargs)
