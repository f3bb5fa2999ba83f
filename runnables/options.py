"""What a caller may set through `config["configurable"]`, field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from runnables.errors import ConfigError, near


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
    options: Mapping[str, Any] = field(hash=False)

    def _option(self, key: Any) -> Any:
        if key not in self.options:
            raise ConfigError(
                f"configurable[{self.id!r}]: no option {key!r}.{near(str(key), self.options)} "
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
