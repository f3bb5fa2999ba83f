"""A chain with other models in the places of its chat models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from runnables.compose.configurable import ConfiguredRunnable, RunnableConfigurableAlternatives
from runnables.compose.runnable import Runnable
from runnables.core.description import walk
from runnables.core.values import with_settings
from runnables.errors import ConfigError
from runnables.models.chat import ChatModel

Replace = Callable[[ChatModel], Runnable[Any, Any]]
"""Makes what takes the place of a chat model."""

_CHOSEN_LATER: Final = (
    "chooses its model, or settings of it, by the config of each call, so it cannot be replaced. "
    "Name one model with fixed settings."
)


def replace_models(runnable: Any, replace: Replace, *, gathers: bool) -> Any:
    """Return a chain in which each chat model is replaced; all else is as it was.

    Models that a function calls are not seen, nor those of a tool.

    Args:
        runnable: the chain, or a model.
        replace: makes what takes the place of a model.
        gathers: whether the rows of a batch must gather in front of it.

    Raises:
        ConfigError: there is no chat model, or one that cannot be replaced.
    """
    if not isinstance(runnable, Runnable):
        raise ConfigError(f"{runnable!r} is no runnable: expected a chain with a chat model.")
    if not any(isinstance(part, ChatModel) for part in walk(runnable)):
        raise ConfigError(
            f"{runnable!r} has no chat model that could be replaced. Models that a function calls "
            "are not seen: make them steps of the chain."
        )
    return _Replacement(replace, gathers).of(cast("Any", runnable))


class _Replacement:
    """The replacement of the models of one chain."""

    def __init__(self, replace: Replace, gathers: bool) -> None:
        self._replace = replace
        self._gathers = gathers

    def of(self, runnable: Runnable[Any, Any]) -> Runnable[Any, Any]:
        """Return a runnable whose models are replaced; itself where it has none."""
        if isinstance(runnable, ChatModel):
            return self._replace(runnable)
        if not any(isinstance(part, ChatModel) for part in walk(runnable)):
            return runnable
        self._check(runnable)
        children: dict[int, Any] = {id(child): child for child in runnable._children()}
        changes: dict[str, Any] = {}
        for name, value in runnable._settings().items():
            changed = self._inside(value, children)
            if changed is not value:
                changes[name] = changed
        return with_settings(runnable, changes)

    def _inside(self, value: Any, children: dict[int, Any]) -> Any:
        """Return a setting in which the runnables that are parts of the chain are replaced."""
        if (part := children.get(id(value))) is not None:
            return self.of(part)
        if type(value) in (list, tuple):
            items = [self._inside(item, children) for item in value]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else type(value)(items)
        if type(value) is dict:
            fields: dict[Any, Any] = {**value}
            made = {key: self._inside(inner, children) for key, inner in fields.items()}
            return made if any(made[key] is not fields[key] for key in made) else cast("Any", value)
        return value

    def _check(self, runnable: Runnable[Any, Any]) -> None:
        """Refuse a runnable whose model cannot be replaced, or would be called row by row."""
        if isinstance(runnable, RunnableConfigurableAlternatives):
            if all(isinstance(other, Runnable) for other in runnable.alternatives.values()):
                return
            raise ConfigError(
                f"{runnable!r} has an alternative that is made when it is chosen, whose model "
                "cannot be replaced. Give a runnable in its place."
            )
        if isinstance(runnable, ConfiguredRunnable):
            raise ConfigError(f"{runnable!r} {_CHOSEN_LATER}")
        if self._gathers and not runnable._has_row():
            raise ConfigError(
                f"{type(runnable).__name__} calls its model row by row, so the rows of a batch "
                "cannot go into one job of the provider. Put the model into the chain without it."
            )
