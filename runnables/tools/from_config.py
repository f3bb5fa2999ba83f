"""What a tool's function gets of the config of its call: `config`, `callbacks`, `run_manager`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.core.user_code import user_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.core.config import RunnableConfig, Scope
    from runnables.core.handlers import Handler


class RunManager:
    """The value of a parameter named `run_manager`, for functions that were written for LangChain.

    Here a nested call reports to the handlers of the call around by itself. So this has what such
    functions pass on, and no methods that report.

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


def handlers_of(config: RunnableConfig) -> list[Handler]:
    """Return the handlers in a config."""
    return list(config.get("callbacks") or ())


def values_from_config(names: Mapping[str, str], scope: Scope | None) -> dict[str, Any]:
    """Return the values of the parameters that get the config, or what is in it.

    Args:
        names: for each parameter "config", "callbacks" or "run_manager".
        scope: the scope of the call.
    """
    if not names:
        return {}
    config = user_config(scope)
    return {name: _value(content, config) for name, content in names.items()}


def _value(content: str, config: RunnableConfig) -> Any:
    if content == "callbacks":
        return handlers_of(config)
    return cast("Any", config if content == "config" else RunManager(config))
