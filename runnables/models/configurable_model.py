"""A chat model that a call chooses, by `config["configurable"]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, cast

from runnables.compose.configurable import ConfiguredRunnable
from runnables.compose.configurable_fields import ConfigurableField
from runnables.core.values import show_settings
from runnables.errors import ConfigError
from runnables.messages.ai import AIMessage
from runnables.messages.convert import LanguageModelInput
from runnables.models.chat import ChatModel
from runnables.redaction import SecretDict, remember_secrets

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.messages.base import BaseMessage

Fields = Literal["any"] | list[str] | tuple[str, ...]
"""The settings that a call may choose."""

_WHICH_MODEL: Final = ("model", "model_provider")


class ConfigurableModel(ConfiguredRunnable[LanguageModelInput, AIMessage], internal=True):
    """A chat model some of whose settings, also which model it is, a call may choose.

    `init_chat_model` makes one.

    Args:
        make: makes a model of the settings, and of those that a call chooses instead.
        settings: those that hold where a call chooses none.
        fields: the settings that a call may choose.
        prefix: what their keys in `config["configurable"]` begin with, before a `_`.
    """

    def __init__(
        self,
        make: Callable[[Mapping[str, Any], Mapping[str, Any]], ChatModel],
        settings: Mapping[str, Any],
        fields: Fields,
        prefix: str,
    ) -> None:
        if fields != "any" and isinstance(cast("object", fields), str):
            raise ConfigError(
                f"configurable_fields={fields!r}: expected 'any', or a list of names."
            )
        self.settings = SecretDict(settings)
        self.fields = fields
        self.prefix = prefix
        self._make = make
        remember_secrets(self.settings)
        self.default = (
            make(self.settings, {}) if settings.get("model") else NoModel(self._key("model"))
        )

    def __repr__(self) -> str:
        prefix = {"config_prefix": self.prefix or None}
        shown = show_settings({**self.settings, "configurable_fields": self.fields, **prefix})
        return f"init_chat_model({shown})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        from runnables.models.registry import make_chosen_model

        super().__setstate__(state)
        self._make = make_chosen_model

    def _key(self, name: str) -> str:
        return f"{self.prefix}_{name}" if self.prefix else name

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        names = _WHICH_MODEL if self.fields == "any" else self.fields
        for name in names:
            yield ConfigurableField(id=self._key(name)), self.settings.get(name)
        yield from super()._configurable()

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[LanguageModelInput, AIMessage]:
        start = self._key("")
        given = {
            str(key).removeprefix(start): value
            for key, value in values.items()
            if str(key).startswith(start)
        }
        chosen = {
            name: value
            for name, value in given.items()
            if self.fields == "any" or name in self.fields
        }
        if not chosen:
            return self.default
        if "model_name" in chosen:  # its name in LangChain's classes
            chosen.setdefault("model", chosen.pop("model_name"))
        named = chosen.get("model") or self.settings.get("model")
        return self._make(self.settings, chosen) if named else self.default


class NoModel(ChatModel, internal=True):
    """What stands where no model was named: every call must choose one."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        return dict(given)  # the model that a call chooses checks them

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> NoReturn:
        raise ConfigError(
            "init_chat_model: no model was named, and the call chooses none. Pass "
            f"config={{'configurable': {{{self.key!r}: 'openai:gpt-5-mini'}}}}."
        )
