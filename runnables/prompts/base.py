"""The base class of the prompt templates that are runnables."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from runnables.compose.non_blocking import NonBlockingStep
from runnables.core.options import option_hint
from runnables.engine.collect import acollect
from runnables.errors import ConfigError
from runnables.messages.prompt_values import PromptValue
from runnables.prompts.template import PromptInputError, RenderContext, Template

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope
    from runnables.engine.stream import StreamInfo


class BasePromptTemplate(NonBlockingStep[Any, PromptValue], Template):
    """A template that takes its values as a dict and returns a `PromptValue`.

    `invoke` takes a dict that may hold more than the template needs, since chains pass wide dicts
    along. Where exactly one variable needs a value, an input that is not a dict is that value.
    `format` and `partial` take keywords, and refuse unknown ones.

    Attributes:
        partial_variables: values, or functions without arguments that are called at each use.
            A value that is passed goes before a partial one.
        input_types: the types of values that differ from those the template suggests (a string
            for `{name}`). They appear in `input_schema` and are not enforced.

    Example:
        >>> prompt: BasePromptTemplate = PromptTemplate("{greeting}, {name}!")
        >>> prompt.input_variables
        ['greeting', 'name']
        >>> prompt.partial(greeting="Hello").invoke("Ann").to_string()
        'Hello, Ann!'
    """

    run_type: ClassVar[str] = "prompt"

    def __init__(
        self,
        *,
        partial_variables: Mapping[str, Any] | None = None,
        input_types: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        self.partial_variables = dict(partial_variables or {})
        self.input_types = dict(input_types or {})
        self.name = name

    @abstractmethod
    def _render_prompt(self, context: RenderContext) -> PromptValue:
        """Render the prompt; the context holds a value for every variable."""

    def format_prompt(self, /, **values: Any) -> PromptValue:
        """Return the prompt for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
            SyncAsyncError: a selector of examples can only be awaited.

        Example:
            >>> PromptTemplate("Hello {name}").format_prompt(name="Ann")
            StringPromptValue(text='Hello Ann', type='string')
        """
        return self._render_prompt(self._keyword_context(values))

    async def aformat_prompt(self, /, **values: Any) -> PromptValue:
        """Return the prompt for these values; selectors of examples are awaited.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        return self._render_prompt(await self._akeyword_context(values))

    def partial(self, /, **values: Any) -> Self:
        """Return this template with some of its variables filled in.

        Args:
            values: values, or functions without arguments that are called at each use.

        Raises:
            PromptError: a name that the template does not have.

        Example:
            >>> PromptTemplate("{greeting}, {name}!").partial(greeting="Hello").format(name="Ann")
            'Hello, Ann!'
        """
        self._refuse_unknown(values)
        return self._with(partial_variables={**self.partial_variables, **values})

    @property
    def InputType(self) -> Any:
        """Return the type of the input: a dict, or anything where one variable needs a value."""
        return Any if len(self.input_variables) == 1 else dict[str, Any]

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        return frozenset(self.input_variables) - keys if _is_library_class(self) else frozenset()

    @property
    def _accepted_type(self) -> Any:
        return self.InputType if _is_library_class(self) else Any

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the variables as a pydantic model; optional ones are None by default."""
        from runnables.prompts.input_schema import input_model  # it makes models with pydantic

        return input_model(self.variables, set(self.partial_variables), self.input_types)

    def _repr_options(self) -> dict[str, Any]:
        """Return the options that all templates have, for the repr."""
        return {
            "partial_variables": self.partial_variables,
            "input_types": self.input_types,
            "name": self.name,
        }

    def _with(self, **changes: Any) -> Self:
        clone = copy.copy(self)
        for name, value in changes.items():
            setattr(clone, name, value)
        return clone

    def _keyword_context(self, values: Mapping[str, Any]) -> RenderContext:
        self._refuse_unknown(values)
        self.require(values)
        return self.render_context(values)

    async def _akeyword_context(self, values: Mapping[str, Any]) -> RenderContext:
        self._refuse_unknown(values)
        self.require(values)
        return await self.arender_context(values)

    def _apply(self, input: Any, **kwargs: Any) -> PromptValue:
        return self._render_prompt(self.render_context(self._input_values(input, kwargs)))

    async def _aapply(self, input: Any, **kwargs: Any) -> PromptValue:
        return self._render_prompt(await self.arender_context(self._input_values(input, kwargs)))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if self.templates_with_selectors():  # nothing else has to be awaited
            return await self._aapply(value, **kwargs)
        return self._apply(value, **kwargs)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        yield await self._aapply(await acollect(input), **kwargs)

    def _input_values(self, input: Any, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the input as values by name.

        Raises:
            ConfigError: there are options; a prompt has none.
            PromptError: a value is missing, or a value without a name is not possible.
        """
        if options:
            hints = "".join(option_hint(name, ()) for name in options)
            raise ConfigError(
                f"{self._label()} takes no options, and received "
                f"{', '.join(map(repr, options))}.{hints} Put values into the input, as a dict, "
                "and bind options of a model to the model."
            )
        values = self._values_by_name(input)
        self.require(values)
        return values

    def _values_by_name(self, input: Any) -> Mapping[str, Any]:
        if isinstance(input, Mapping):
            return cast("Mapping[str, Any]", input)
        required = self.input_variables
        if len(required) == 1:
            return {required[0]: input}
        needs = (
            f"needs {len(required)} values ({', '.join(required)})" if required else "needs none"
        )
        raise PromptInputError(
            f"{self._label()} takes a dict of values by name, {needs}, and received a "
            f"{type(input).__name__}. Only a prompt that needs one value takes it without a name."
        )


def _is_library_class(prompt: BasePromptTemplate) -> bool:
    """Tell whether a class is the library's; a class of a user's may take other inputs."""
    return type(prompt).__module__.startswith("runnables.")
