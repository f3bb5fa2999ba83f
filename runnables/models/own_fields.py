"""What models in LangChain's form have in common: fields, and options as keywords of hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.core.options import unknown_option
from runnables.core.run_managers import taken_by
from runnables.core.with_fields import WithFields
from runnables.models.hook_forms import HOOKS
from runnables.models.language_model import LanguageModel
from runnables.models.options import checked_stop
from runnables.models.own_handlers import Answer
from runnables.models.result_hooks import CallOptions

if TYPE_CHECKING:
    from runnables.core.fields import Fields
    from runnables.core.handlers import Callbacks

_NO_OPTIONS: Final = frozenset({"self", "messages", "prompt", "prompts", "run_manager", "kwargs"})
"""Parameters of hooks that are no options."""


class WithOptionsAsKeywords(WithFields, LanguageModel[Answer], internal=True):
    """The part of a model in LangChain's form that has fields, and checks options by its hooks."""

    _known_fields: ClassVar[Fields] = {
        "name": (str | None, None),
        "callbacks": (Any, None),
        "max_retries": (Any, None),
        "max_retry_delay": (Any, None),
        "rate_limiter": (Any, None),
        "cache": (Any, None),
    }
    name: str | None = None
    callbacks: Callbacks = None
    max_retries: int | None = None
    max_retry_delay: float | None = None
    rate_limiter: Any = None
    cache: Any = None

    def _check_known(self) -> None:
        self._set_policies(self.max_retries, self.max_retry_delay, self.rate_limiter, self.cache)
        self._set_callbacks(self.callbacks)

    @property
    def _llm_type(self) -> str:
        """Return the kind of model, as a word."""
        return type(self).__name__

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        """Return what distinguishes this model from others; nothing here reads it."""
        return {}

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a call, for the hooks.

        Raises:
            ConfigError: no hook takes this option.
        """
        options = CallOptions({name: value for name, value in given.items() if value is not None})
        if "stop" in options:
            options["stop"] = checked_stop(options["stop"])
        if options:
            hooks = [taken_by(hook) for hook in self._written()]
            for name in options:
                if not any(taken.takes(name) for taken in hooks):
                    known = {name for taken in hooks for name in taken.names} - _NO_OPTIONS
                    raise unknown_option(type(self).__name__, name, sorted(known))
        return options

    def _written(self) -> list[Callable[..., Any]]:
        """Return the methods of the class that get the options."""
        return [getattr(type(self), name) for name in HOOKS if self._writes(name)]
