"""What a runnable says of itself: its name, its types, its schemas.

A class of a user's that can say more than its annotations do overrides `InputType`,
`OutputType`, `get_input_schema` or `get_output_schema`; the other methods follow. Schemas are
pydantic models, made anew when somebody asks for them: a runnable that nobody asks does not
load pydantic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.core.signatures import types_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig


Keys = frozenset[str] | None
"""The keys of a dict; None where they are not known."""


class Described:
    """Names, types and schemas."""

    name: str | None = None

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name that observers and error notes use; with a suffix, one for a schema, say.

        The suffix follows the writing of the name: `RunnableLambdaInput`, `my_function_input`.
        """
        base = name or self.name or type(self).__name__
        if not suffix:
            return base
        return f"{base}{suffix.title()}" if base[:1].isupper() else f"{base}_{suffix.lower()}"

    @property
    def InputType(self) -> Any:
        """The type of the input: as the class says, or the call of it, else Any."""
        return types_of(self)[0]

    @property
    def OutputType(self) -> Any:
        """The type of the output: as the class says, or the call of it, else Any."""
        return types_of(self)[1]

    @property
    def _accepted_type(self) -> Any:
        """What it takes in fact, where that is more than it says: for pipes, not for schemas."""
        return self.InputType

    @property
    def input_schema(self) -> type[BaseModel]:
        """A pydantic model of the input; a RootModel where it is not a mapping of names."""
        return self.get_input_schema()

    @property
    def output_schema(self) -> type[BaseModel]:
        """A pydantic model of the output; a RootModel where it is not a mapping of names."""
        return self.get_output_schema()

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """`input_schema`, as this config makes it."""
        from runnables.core.schemas import schema_of

        return schema_of(self.InputType, self.get_name("input"))

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """`output_schema`, as this config makes it."""
        from runnables.core.schemas import schema_of

        return schema_of(self.OutputType, self.get_name("output"))

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """The JSON schema of the input."""
        return self.get_input_schema(config).model_json_schema()

    def get_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """The JSON schema of the output."""
        return self.get_output_schema(config).model_json_schema()

    def config_schema(self, *, include: Sequence[str] | None = None) -> type[BaseModel]:
        """A pydantic model of the config: `configurable` with all fields inside of this one.

        Args:
            include: further keys of the config, such as "tags".
        """
        from runnables.core.schemas import config_schema

        return config_schema(self.get_name("config"), self._configurable(), include or ())

    def get_config_jsonschema(self, *, include: Sequence[str] | None = None) -> dict[str, Any]:
        """The JSON schema of the config; `include` as for `config_schema`."""
        return self.config_schema(include=include).model_json_schema()

    def _configurable(self) -> Iterable[tuple[Any, Any]]:
        """The configurable fields of this runnable and those inside of it, with their defaults."""
        for inside in cast("Any", self)._children():
            yield from inside._configurable()

    # -- as a step of a sequence

    def _output_keys(self, keys: Keys) -> Keys:
        """The keys of the dict that it gives, always, for a dict with these; None: not known."""
        return None

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        """The keys without which it fails, as far as a dict with these has none of them."""
        return frozenset()

    def _input_schema_given_next(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        """The schema of the input of this step and those that follow it, which say theirs."""
        return self.get_input_schema(config)

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        """The schema of the output of this step after others, which say theirs."""
        return self.get_output_schema(config)


def walk(runnable: Any) -> Iterator[Any]:
    """Yield a runnable and everything inside it, in the order in which they stand."""
    yield runnable
    for child in runnable._children():
        yield from walk(child)


def prompts_in(runnable: Any) -> list[Any]:
    """Return the prompts in a runnable, in order."""
    return [step for step in walk(runnable) if step.run_type == "prompt"]
