"""Runnables whose settings, or whose very choice, the config of a call decides."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.around import Around
from runnables.config import RunnableConfig, enter
from runnables.errors import ConfigError, near
from runnables.functions import coerce_to_runnable
from runnables.runnable import Runnable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    from pydantic import BaseModel

    from runnables.streams import AsyncStream, Stream

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)


@dataclass(frozen=True)
class ConfigurableField:
    """What a caller may set through `config["configurable"][id]`.

    Attributes:
        id: the key.
        name: for people.
        description: for people.
        annotation: the type, for `config_schema`.
    """

    id: str
    name: str | None = None
    description: str | None = None
    annotation: Any = Any


class _Configured(Around[Input, Output], reports=True):
    """Runs what the config of the call makes of it; has no runs of its own."""

    default: Runnable[Input, Output]

    def _like(self) -> Runnable[Input, Output]:
        return self.default

    @abstractmethod
    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]: ...

    @property
    @abstractmethod
    def configurable_ids(self) -> Mapping[ConfigurableField, Any]:
        """What can be configured, with the defaults."""

    def __getattr__(self, name: str) -> Any:
        """What only the runnable inside has works here, too."""
        if name.startswith("_") or "default" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.default, name)

    @property
    def takes_pieces(self) -> bool:
        """As the runnable inside."""
        return self.default.takes_pieces

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name of the runnable inside."""
        return self.default.get_name(suffix, name=name)

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of what the config makes of it."""
        return self.prepared(config).get_input_schema(config)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of what the config makes of it."""
        return self.prepared(config).get_output_schema(config)

    def prepared(self, config: RunnableConfig | None = None) -> Runnable[Input, Output]:
        """The runnable that this config makes of it."""
        scope = enter(config)
        return self._chosen({} if scope is None else scope.get("configurable", {}))

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Run what the config makes of it."""
        return self.prepared(config).invoke(input, config, **kwargs)

    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """Run what the config makes of it."""
        return await self.prepared(config).ainvoke(input, config, **kwargs)

    def transform(
        self, input: Iterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run what the config makes of it."""
        return self.prepared(config).transform(input, config, **kwargs)

    def atransform(
        self, input: AsyncIterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """Run what the config makes of it."""
        return self.prepared(config).atransform(input, config, **kwargs)


class RunnableConfigurableFields(_Configured[Input, Output], reports=True):
    """A runnable some of whose attributes a call may set.

    Args:
        default: the runnable.
        fields: attributes of it, by name.

    Raises:
        ConfigError: an attribute that it does not have.
    """

    def __init__(self, default: Any, fields: Mapping[str, ConfigurableField]) -> None:
        self.default = coerce_to_runnable(default)
        self.fields = dict(fields)
        known = self.default._settings()
        for attribute in fields:
            if attribute not in known:
                raise ConfigError(
                    f"{self.default!r} has no attribute {attribute!r}.{near(attribute, known)} "
                    f"It has: {', '.join(known)}."
                )

    def __repr__(self) -> str:
        fields = ", ".join(f"{key}={field!r}" for key, field in self.fields.items())
        return f"({self.default!r}).configurable_fields({fields})"

    @property
    def configurable_ids(self) -> Mapping[ConfigurableField, Any]:
        """The fields, with the values that the runnable has."""
        return {field: getattr(self.default, key) for key, field in self.fields.items()}

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]:
        changes = {
            attribute: values[field.id]
            for attribute, field in self.fields.items()
            if field.id in values
        }
        return with_settings(self.default, changes) if changes else self.default


class RunnableConfigurableAlternatives(_Configured[Input, Output], reports=True):
    """A runnable, or one of several others, as a call says.

    Args:
        default: what runs where nothing is said, or `default_key`.
        which: the field that names the choice.
        alternatives: the others by key: runnables, or functions that make one when it is needed.
        default_key: the key of the default.
    """

    def __init__(
        self,
        default: Any,
        which: ConfigurableField,
        *,
        alternatives: Mapping[str, Any],
        default_key: str = "default",
    ) -> None:
        self.default = coerce_to_runnable(default)
        self.which = which
        self.alternatives = dict(alternatives)
        self.default_key = default_key

    def __repr__(self) -> str:
        others = ", ".join(f"{key}={it!r}" for key, it in self.alternatives.items())
        return f"({self.default!r}).configurable_alternatives({self.which!r}, {others})"

    @property
    def configurable_ids(self) -> Mapping[ConfigurableField, Any]:
        """The field that names the choice, with the default key."""
        return {self.which: self.default_key}

    def _inner(self) -> Iterable[Runnable[Any, Any]]:
        others: list[Any] = [it for it in self.alternatives.values() if isinstance(it, Runnable)]
        return (self.default, *others)

    @property
    def InputType(self) -> Any:
        """Any: which alternative runs, a call says."""
        return Any

    @property
    def _accepted_type(self) -> Any:
        return Any

    @property
    def OutputType(self) -> Any:
        """Any: which alternative runs, a call says."""
        return Any

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]:
        key = values.get(self.which.id, self.default_key)
        if key == self.default_key:
            return self.default
        if key not in self.alternatives:
            known = (self.default_key, *self.alternatives)
            raise ConfigError(
                f"configurable[{self.which.id!r}]: no alternative {key!r}."
                f"{near(str(key), known)} There are: {', '.join(known)}."
            )
        chosen = self.alternatives[key]
        return cast("Runnable[Input, Output]", chosen if isinstance(chosen, Runnable) else chosen())


def with_settings(runnable: Runnable[Any, Any], changes: Mapping[str, Any]) -> Any:
    """A copy of a runnable with other values for some of its public attributes."""
    changed = copy.copy(runnable)  # by __getstate__: without the state of the original
    vars(changed).update(changes)
    return changed
