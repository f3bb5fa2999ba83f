"""What a tool's function gets of the config of its call: `config`, `callbacks`, `run_manager`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.core.run_managers import RunManager, handlers_of
from runnables.core.user_code import user_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.core.config import RunnableConfig, Scope


class CallbackManagerForToolRun(RunManager):
    """The value of a parameter named `run_manager`, for tools that were written for LangChain.

    Example:
        >>> @tool
        ... def shout(text: str, run_manager: CallbackManagerForToolRun | None = None) -> str:
        ...     '''Say it loudly.'''
        ...     nested = {"callbacks": run_manager.get_child() if run_manager else None}
        ...     return RunnableLambda(str.upper).invoke(text, nested)
        >>> list(shout.args), shout.invoke("ahoy")
        (['text'], 'AHOY')
    """


class AsyncCallbackManagerForToolRun(CallbackManagerForToolRun):
    """The value of a parameter named `run_manager` of an async tool.

    Example:
        >>> manager = AsyncCallbackManagerForToolRun({"tags": ["night"]})
        >>> manager.get_sync().tags
        ['night']
    """

    def get_sync(self) -> CallbackManagerForToolRun:
        """Return the value that a sync function gets, for an `_arun` that calls `_run`."""
        return CallbackManagerForToolRun(self.config)


def values_from_config(
    names: Mapping[str, str], scope: Scope | None, *, is_async: bool
) -> dict[str, Any]:
    """Return the values of the parameters that get the config, or what is in it.

    Args:
        names: for each parameter "config", "callbacks" or "run_manager".
        scope: the scope of the call.
        is_async: whether they are the parameters of an async function.
    """
    if not names:
        return {}
    config = user_config(scope)
    manager = AsyncCallbackManagerForToolRun if is_async else CallbackManagerForToolRun
    return {name: _value(content, config, manager) for name, content in names.items()}


def _value(content: str, config: RunnableConfig, manager: type[CallbackManagerForToolRun]) -> Any:
    if content == "callbacks":
        return handlers_of(config)
    return cast("Any", config if content == "config" else manager(config))
