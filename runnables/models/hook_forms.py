"""The hooks of a chat model, whose parameters are checked when a class is made."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from runnables.errors import ConfigError

HOOKS: Final = ("_generate", "_agenerate", "_stream", "_astream")
"""The hooks of a chat model, of which a class writes one or more."""


def open_hook(method: Any) -> Any:
    """Decorate a hook, so that checkers allow overrides of another form, as LangChain's are."""
    return method


class CheckedHooks:
    """The part of a chat model that checks the hooks of its subclasses."""

    _takes_options: ClassVar[bool] = True
    """Whether the hooks take (messages, options), and not what LangChain's take."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse hooks in LangChain's form, which would get the options as their `stop`.

        Args:
            **kwargs: keywords of other base classes.

        Raises:
            ConfigError: names the hook, and the base class for its form.
        """
        super().__init_subclass__(**kwargs)
        if cls._takes_options:
            for name in HOOKS:
                _refuse_stop_form(cls, name)


def _refuse_stop_form(cls: type, name: str) -> None:
    code: Any = getattr(vars(cls).get(name), "__code__", None)
    if code is not None and {"stop", "run_manager"} & {*code.co_varnames[: code.co_argcount]}:
        raise ConfigError(
            f"{cls.__name__}.{name} takes `stop` or `run_manager`, which is LangChain's form. "
            f"Write: class {cls.__name__}(BaseChatModel). Or write the hook as "
            f"{name}(self, messages, options)."
        )
