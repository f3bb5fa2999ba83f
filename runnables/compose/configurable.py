"""Runnables whose settings, or whose very choice, the config of a call decides."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.config import RunnableConfig, resolve_scope
from runnables.core.values import with_settings
from runnables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping

    from pydantic import BaseModel

    from runnables.engine import AsyncStream, Stream


class _Configured(ForwardingWrapper[Input, Output], internal=True):
    """Runs what the config of the call makes of it; has no runs of its own."""

    default: Runnable[Input, Output]

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.default

    @abstractmethod
    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]: ...

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        return RunnableConfiguredCall(self, call, made)

    @property
    def streams_input(self) -> bool:
        """As the runnable inside."""
        return self.default.streams_input

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name of the runnable inside."""
        return self.default.get_name(suffix, name=name)

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of what the config makes of it."""
        return self.prepared(config).get_input_schema(config)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """That of what the config makes of it."""
        return self.prepared(config).get_output_schema(config)

    def _input_schema_given_next(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self.prepared(config)._input_schema_given_next(following, config)

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self.prepared(config)._output_schema_given_previous(preceding, config)

    def prepared(self, config: RunnableConfig | None = None) -> Runnable[Input, Output]:
        """The runnable that this config makes of it."""
        scope = resolve_scope(config)
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


class RunnableConfigurableFields(_Configured[Input, Output], internal=True):
    """A runnable some of whose attributes a call may set.

    Args:
        default: the runnable.
        fields: attributes of it, by name.

    Raises:
        ConfigError: an attribute that it does not have.
    """

    def __init__(self, default: Any, fields: Mapping[str, AnyConfigurableField]) -> None:
        self.default = coerce_to_runnable(default)
        self.fields = dict(fields)
        known = self.default._settings()
        for attribute in fields:
            if attribute not in known:
                raise ConfigError(
                    f"{self.default!r} has no attribute {attribute!r}."
                    f"{did_you_mean(attribute, known)} "
                    f"It has: {', '.join(known)}."
                )

    def __repr__(self) -> str:
        fields = ", ".join(f"{key}={field!r}" for key, field in self.fields.items())
        return f"({self.default!r}).configurable_fields({fields})"

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        for key, field in self.fields.items():
            yield field, getattr(field, "default", getattr(self.default, key))
        yield from super()._configurable()

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]:
        changes: dict[str, Any] = {}
        for attribute, field in self.fields.items():
            if field.id in values:
                changes[attribute] = field.chosen(values[field.id])
            elif not isinstance(field, ConfigurableField):
                changes[attribute] = field.chosen(field.default)
        return with_settings(self.default, changes) if changes else self.default


class RunnableConfigurableAlternatives(_Configured[Input, Output], internal=True):
    """A runnable, or one of several others, as a call says.

    Args:
        default: what runs where nothing is said, or `default_key`.
        which: the field that names the choice.
        alternatives: the others by key: runnables, or functions that make one when it is needed.
        default_key: the key of the default.
        prefix_keys: whether the ids of fields inside of an alternative begin with the choice:
            "model==fast/temperature".
    """

    def __init__(
        self,
        default: Any,
        which: ConfigurableField,
        *,
        alternatives: Mapping[str, Any],
        default_key: str = "default",
        prefix_keys: bool = False,
    ) -> None:
        if not isinstance(cast("object", prefix_keys), bool):
            raise ConfigError(f"prefix_keys={prefix_keys!r}: expected True or False")
        self.default = coerce_to_runnable(default)
        self.which = which
        self.alternatives = dict(alternatives)
        self.default_key = default_key
        self.prefix_keys = prefix_keys

    def __repr__(self) -> str:
        others = ", ".join(f"{key}={it!r}" for key, it in self.alternatives.items())
        return f"({self.default!r}).configurable_alternatives({self.which!r}, {others})"

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        runnables = {self.default_key: self.default, **self.alternatives}
        annotation = self.which.annotation or Literal[tuple(runnables)]
        yield replace(self.which, annotation=annotation), self.default_key
        for key, inside in runnables.items():
            for field, default in inside._configurable() if isinstance(inside, Runnable) else ():
                own = self.prefix_keys and not field.is_shared
                yield (replace(field, id=self._prefix(key) + field.id) if own else field), default

    def _prefix(self, key: str) -> str:
        return f"{self.which.id}=={key}/" if self.prefix_keys else ""

    def _children(self) -> Iterable[Runnable[Any, Any]]:
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
        chosen = self._alternative(key)
        prefix = self._prefix(key)
        values = {key: it for key, it in values.items() if prefix and key.startswith(prefix)}
        own = {key.removeprefix(prefix): it for key, it in values.items()}
        return chosen.with_config(configurable=own) if own else chosen

    def _alternative(self, key: str) -> Runnable[Input, Output]:
        if key == self.default_key:
            return self.default
        if key not in self.alternatives:
            known = (self.default_key, *self.alternatives)
            raise ConfigError(
                f"configurable[{self.which.id!r}]: no alternative {key!r}."
                f"{did_you_mean(str(key), known)} There are: {', '.join(known)}."
            )
        chosen = self.alternatives[key]
        return cast("Runnable[Input, Output]", chosen if isinstance(chosen, Runnable) else chosen())


class RunnableConfiguredCall(_Configured[Input, Output], internal=True):
    """What a method, such as `bind_tools`, makes of a configurable runnable.

    The method is called of whatever the config of a call makes of the configurable one.

    Args:
        source: the configurable runnable.
        call: the call of its method.
        default: what the call makes of the default.
    """

    def __init__(self, source: _Configured[Any, Any], call: MethodCall, default: Any) -> None:
        self.source = source
        self.call = call
        self.default = default

    def __repr__(self) -> str:
        return f"{self.source!r}{self.call!r}"

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        return self.source._configurable()

    def _chosen(self, values: Mapping[str, Any]) -> Runnable[Input, Output]:
        return cast("Runnable[Input, Output]", self.call.apply_to(self.source._chosen(values)))


@dataclass(frozen=True)
class ConfigurableField:
    """What a caller may set through `config["configurable"][id]`.

    Attributes:
        id: the key.
        name: for people.
        description: for people.
        annotation: the type, for `config_schema`.
        is_shared: whether alternatives with `prefix_keys` leave the key as it is.
    """

    id: str
    name: str | None = None
    description: str | None = None
    annotation: Any = None
    is_shared: bool = False

    def chosen(self, value: Any) -> Any:
        """What a value in the config stands for."""
        return value


@dataclass(frozen=True)
class _Options:
    id: str
    options: Mapping[str, Any] = dataclasses.field(hash=False)

    def _option(self, key: Any) -> Any:
        if key not in self.options:
            raise ConfigError(
                f"configurable[{self.id!r}]: no option {key!r}."
                f"{did_you_mean(str(key), self.options)} "
                f"There are: {', '.join(self.options)}."
            )
        return self.options[key]

    @property
    def _keys(self) -> Any:
        return Literal[tuple(self.options)]


@dataclass(frozen=True)
class ConfigurableFieldSingleOption(_Options):
    """A field for which a caller names one of several values.

    Attributes:
        id: the key in `config["configurable"]`.
        options: the values by name.
        default: the name of the value where a call says nothing.
        name: for people.
        description: for people.
        is_shared: whether alternatives with `prefix_keys` leave the key as it is.

    Raises:
        ConfigError: the default is no option, or, of a call, what it names.
    """

    default: str
    name: str | None = None
    description: str | None = None
    is_shared: bool = False

    def __post_init__(self) -> None:
        self._option(self.default)

    @property
    def annotation(self) -> Any:
        """One of the names."""
        return self._keys

    def chosen(self, value: Any) -> Any:
        """The value of this name."""
        return self._option(value)


@dataclass(frozen=True)
class ConfigurableFieldMultiOption(_Options):
    """A field for which a caller names some of several values; the attribute is their list.

    Attributes:
        id: the key in `config["configurable"]`.
        options: the values by name.
        default: the names of the values where a call says nothing.
        name: for people.
        description: for people.
        is_shared: whether alternatives with `prefix_keys` leave the key as it is.

    Raises:
        ConfigError: a default is no option, or, of a call, one that it names.
    """

    default: Sequence[str] = ()
    name: str | None = None
    description: str | None = None
    is_shared: bool = False

    def __post_init__(self) -> None:
        self.chosen(self.default)

    @property
    def annotation(self) -> Any:
        """A list of the names."""
        names: Any = self._keys
        return list[names]

    def chosen(self, value: Any) -> Any:
        """The values of these names."""
        if isinstance(value, str):
            raise ConfigError(f"configurable[{self.id!r}]: expected a list of names, got {value!r}")
        return [self._option(key) for key in value]


AnyConfigurableField = (
    ConfigurableField | ConfigurableFieldSingleOption | ConfigurableFieldMultiOption
)
"""Any of the three kinds of fields."""
