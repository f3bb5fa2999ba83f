"""The fields of configurable runnables: what a call may set through `config["configurable"]`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runnables.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class ConfigurableField:
    """A value that a call may set, through `config["configurable"][id]`.

    Goes into `configurable_fields`, where the value becomes an attribute, and into
    `configurable_alternatives`, where it names the choice.

    Attributes:
        id: the key in `config["configurable"]`.
        name: a title for people, in `config_schema`.
        description: a description for people, in `config_schema`.
        annotation: the type, for `config_schema`.
        is_shared: whether alternatives with `prefix_keys` leave the key as it is.

    Example:
        >>> pick = RunnablePick("name").configurable_fields(keys=ConfigurableField(id="key"))
        >>> pick.invoke({"name": "Ada", "born": 1815}, {"configurable": {"key": "born"}})
        1815
    """

    id: str
    name: str | None = None
    description: str | None = None
    annotation: Any = None
    is_shared: bool = False

    def chosen(self, value: Any) -> Any:
        """Return the attribute for a value in the config: the value itself."""
        return value


@dataclass(frozen=True)
class _Options:
    """The part of a field that has options, by name."""

    id: str
    options: Mapping[str, Any] = dataclasses.field(hash=False)

    def _option(self, key: Any) -> Any:
        """Return the value of a name."""
        if key not in self.options:
            raise ConfigError(
                f"configurable[{self.id!r}]: no option {key!r}."
                f"{did_you_mean(str(key), self.options)} "
                f"There are: {', '.join(self.options)}."
            )
        return self.options[key]

    @property
    def _keys(self) -> Any:
        """Return the type of a name: one of these strings."""
        return Literal[tuple(self.options)]


@dataclass(frozen=True)
class ConfigurableFieldSingleOption(_Options):
    """A field whose value is one of several, which a call chooses by name.

    Attributes:
        id: the key in `config["configurable"]`.
        options: the values by name.
        default: the name of the value where a call chooses none.
        name: a title for people, in `config_schema`.
        description: a description for people, in `config_schema`.
        is_shared: whether alternatives with `prefix_keys` leave the key as it is.

    Raises:
        ConfigError: the default is no option; when run, the name that a call chooses is none.

    Example:
        >>> key = ConfigurableFieldSingleOption(
        ...     id="show", options={"year": "born", "person": "name"}, default="person"
        ... )
        >>> pick = RunnablePick("name").configurable_fields(keys=key)
        >>> pick.invoke({"name": "Ada", "born": 1815}, {"configurable": {"show": "year"}})
        1815
    """

    default: str
    name: str | None = None
    description: str | None = None
    is_shared: bool = False

    def __post_init__(self) -> None:
        self._option(self.default)

    @property
    def annotation(self) -> Any:
        """Return the type of a value in the config: one of the names."""
        return self._keys

    def chosen(self, value: Any) -> Any:
        """Return the attribute for a value in the config: the option of this name."""
        return self._option(value)


@dataclass(frozen=True)
class ConfigurableFieldMultiOption(_Options):
    """A field whose value is a list of options, which a call chooses by their names.

    Attributes:
        id: the key in `config["configurable"]`.
        options: the values by name.
        default: the names of the values where a call chooses none.
        name: a title for people, in `config_schema`.
        description: a description for people, in `config_schema`.
        is_shared: whether alternatives with `prefix_keys` leave the key as it is.

    Raises:
        ConfigError: a default is no option; when run, a name that a call chooses is none.

    Example:
        >>> keys = ConfigurableFieldMultiOption(
        ...     id="show", options={"year": "born", "person": "name"}, default=["person"]
        ... )
        >>> pick = RunnablePick(["name"]).configurable_fields(keys=keys)
        >>> both = {"configurable": {"show": ["year", "person"]}}
        >>> pick.invoke({"name": "Ada", "born": 1815}, both)
        {'born': 1815, 'name': 'Ada'}
    """

    default: Sequence[str] = ()
    name: str | None = None
    description: str | None = None
    is_shared: bool = False

    def __post_init__(self) -> None:
        self.chosen(self.default)

    @property
    def annotation(self) -> Any:
        """Return the type of a value in the config: a list of the names."""
        names: Any = self._keys
        return list[names]

    def chosen(self, value: Any) -> Any:
        """Return the attribute for a value in the config: the options of these names."""
        if isinstance(value, str):
            raise ConfigError(f"configurable[{self.id!r}]: expected a list of names, got {value!r}")
        return [self._option(key) for key in value]


AnyConfigurableField = (
    ConfigurableField | ConfigurableFieldSingleOption | ConfigurableFieldMultiOption
)
"""Any of the three kinds of fields."""


@dataclass(frozen=True)
class ConfigurableFieldSpec:
    """A value in `config["configurable"]` that a function receives as its argument.

    Goes into `history_factory_config` of `RunnableWithMessageHistory`. Every call sets the value,
    whatever the default is: a session that was forgotten must not become everybody's.

    Attributes:
        id: the key in `config["configurable"]`, and the name of the parameter.
        annotation: the type, for `config_schema`.
        name: a title for people, in `config_schema`.
        description: a description for people, in `config_schema`.
        default: a default, for `config_schema`.
        is_shared: whether alternatives with `prefix_keys` leave the key as it is.
        dependencies: accepted for code written for LangChain, and ignored.

    Example:
        >>> ConfigurableFieldSpec(id="user_id", annotation=str).id
        'user_id'
    """

    id: str
    annotation: Any = None
    name: str | None = None
    description: str | None = None
    default: Any = None
    is_shared: bool = False
    dependencies: Sequence[str] | None = None
