"""The description of a runnable: its name, its types, its schemas.

A class whose annotations do not say everything overrides `InputType`, `OutputType`,
`get_input_schema` or `get_output_schema`; the other methods follow. Schemas are pydantic models,
made anew at each request. A runnable whose schema is never requested does not load pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from runnables.core.config import CONFIG_KEYS, Scope
from runnables.core.signatures import types_of
from runnables.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig


AnyConfig = TypeVar("AnyConfig", bound="RunnableConfig | None")
Keys = frozenset[str] | None
"""The keys of a dict; None where they are not known."""


SEQUENCE_INPUT: Final = "RunnableSequenceInput"
SEQUENCE_OUTPUT: Final = "RunnableSequenceOutput"
"""The names of schemas that several steps of a sequence have together."""


class Described:
    """The name, the types and the schemas of a runnable."""

    name: str | None = None

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name that handlers and error notes show.

        Args:
            suffix: what to append, for the name of a schema. It follows the style of the name:
                `RunnableLambdaInput`, `my_function_input`.
            name: a name to take instead of its own.

        Example:
            >>> RunnableLambda(len).get_name("input")
            'len_input'
        """
        base = name or self.name or type(self).__name__
        if not suffix:
            return base
        return f"{base}{suffix.title()}" if base[:1].isupper() else f"{base}_{suffix.lower()}"

    @property
    def InputType(self) -> Any:
        """Return the type of the input, from the class or its call; Any where it is not known."""
        return types_of(self)[0]

    @property
    def OutputType(self) -> Any:
        """Return the type of the output, from the class or its call; Any where it is not known."""
        return types_of(self)[1]

    @property
    def _accepted_type(self) -> Any:
        """Return the type that it really accepts, for pipes; schemas show `InputType`."""
        return self.InputType

    @property
    def input_schema(self) -> type[BaseModel]:
        """Return a pydantic model of the input; a RootModel where the input has no fields."""
        return self.get_input_schema()

    @property
    def output_schema(self) -> type[BaseModel]:
        """Return a pydantic model of the output; a RootModel where the output has no fields."""
        return self.get_output_schema()

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return a pydantic model of the input under this config.

        Args:
            config: a config that may choose configurable fields and alternatives.
        """
        from runnables.core.schemas import schema_of

        return schema_of(self.InputType, self.get_name("input"))

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return a pydantic model of the output under this config.

        Args:
            config: a config that may choose configurable fields and alternatives.
        """
        from runnables.core.schemas import schema_of

        return schema_of(self.OutputType, self.get_name("output"))

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Return the JSON schema of the input.

        Args:
            config: as for `get_input_schema`.

        Example:
            >>> PromptTemplate.from_template("Hello {name}").get_input_jsonschema()["required"]
            ['name']
        """
        return self.get_input_schema(config).model_json_schema()

    def get_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Return the JSON schema of the output.

        Args:
            config: as for `get_output_schema`.
        """
        return self.get_output_schema(config).model_json_schema()

    def config_schema(self, *, include: Sequence[str] | None = None) -> type[BaseModel]:
        """Return a pydantic model of the config: `configurable` with all fields inside.

        Args:
            include: more keys of the config to show, such as "tags".
        """
        from runnables.core.schemas import config_schema

        return config_schema(self.get_name("config"), self._configurable(), include or ())

    def get_config_jsonschema(self, *, include: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the JSON schema of the config.

        Args:
            include: more keys of the config to show, such as "tags".
        """
        return self.config_schema(include=include).model_json_schema()

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        """Yield the configurable fields of this runnable and of those inside, with defaults."""
        for child in cast("Any", self)._children():
            yield from child._configurable()

    # -- as a step of a sequence

    def _output_keys(self, keys: Keys) -> Keys:
        """Return the keys that its output always has, for an input with these keys."""
        return None

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        """Return the keys that it needs and that a dict with these keys lacks."""
        return frozenset()

    def _input_schema_given_next(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        """Return the input schema of this step and the following ones, which have their own."""
        return self.get_input_schema(config)

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        """Return the output schema of this step after the preceding ones, which have their own."""
        return self.get_output_schema(config)


def walk(runnable: Any) -> Iterator[Any]:
    """Yield a runnable and everything inside it, in order."""
    yield runnable
    for child in runnable._children():
        yield from walk(child)


def prompts_in(runnable: Any) -> list[Any]:
    """Return the prompts in a runnable, in order."""
    return [step for step in walk(runnable) if step.run_type == "prompt"]


def checked_config(runnable: Any, config: AnyConfig) -> AnyConfig:
    """Return the config of a call, after a check of its keys that are configurable fields.

    A field that is written beside "configurable" instead of in it counts as if it were in it. Keys
    of the user's own within "configurable", for functions that read them in their config, are no
    typos: those that are similar to no field, and those beside the field itself.

    Raises:
        ConfigError: a key that can only be a typo of a field; names both.
    """
    if isinstance(config, Scope) or not isinstance(cast("object", config), Mapping):
        return config  # of a call around this one, whose own config was checked; or no config
    known = cast("Mapping[str, Any]", config)
    if not CONFIG_KEYS.issuperset(known):
        known = _with_moved_fields(runnable, known)
    values: object = known.get("configurable")
    if not isinstance(values, Mapping):
        return cast("AnyConfig", known)  # an error, or nothing
    given = {str(key) for key in cast("Mapping[object, object]", values)}
    fields = fields_of(runnable) if given else set[str]()
    for key in sorted(given - fields):
        if (meant := _meant_field(key, fields - given)) is not None:
            raise ConfigError(
                f"{runnable!r} has no configurable field {key!r}. Did you mean {meant!r}? "
                f"Its fields: {', '.join(sorted(fields))}."
            )
    return cast("AnyConfig", known)


def _with_moved_fields(runnable: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config whose keys that are fields of a runnable are in "configurable".

    Other keys that are unknown stay where they are: they are an error later.
    """
    fields = fields_of(runnable) - CONFIG_KEYS
    for key in config.keys() - CONFIG_KEYS - fields:
        if (meant := _meant_field(str(key), fields - config.keys())) is not None:
            raise ConfigError(
                f"Unknown config key {key!r}. Did you mean {meant!r}, a configurable field? "
                f"Write: {{'configurable': {{{meant!r}: ...}}}}."
            )
    moved = {key: value for key, value in config.items() if key in fields and value is not None}
    kept = {key: value for key, value in config.items() if key not in fields}
    values: Any = kept.get("configurable") or {}
    if not moved or not isinstance(values, Mapping):
        return kept
    if twice := sorted(moved.keys() & cast("Mapping[str, Any]", values)):
        raise ConfigError(
            f"{twice[0]!r} is in the config and in its 'configurable'. Write it there only."
        )
    return {**kept, "configurable": {**values, **moved}}


def fields_of(runnable: Any) -> set[str]:
    """Return the ids of the configurable fields of a runnable and of its parts."""
    return {field.id for field, _ in runnable._configurable()}


def _meant_field(key: str, fields: Collection[str]) -> str | None:
    """Return the field of which a key is a typo; a short one may have two letters swapped."""
    swapped = (field for field in fields if sorted(field.lower()) == sorted(key.lower()))
    return next(swapped, None) or nearest(key, fields, similarity=0.75)
