"""What every prompt template is: values in, a prompt out."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from runnables.compose.non_blocking import NonBlockingStep
from runnables.engine import StreamInfo, acollect
from runnables.errors import ConfigError
from runnables.messages.prompt_values import PromptValue
from runnables.prompts.input_schema import input_model
from runnables.prompts.template import PromptInputError, RenderContext, Template

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope


class BasePromptTemplate(NonBlockingStep[Any, PromptValue], Template):
    """A template whose values come as a dict, and which gives a `PromptValue`.

    `invoke` takes a dict that may hold more than the template needs, as chains pass wide dicts
    along. Where the template has exactly one variable, anything that is not a dict is the value
    of that variable. `format` and `partial` take keywords and refuse those they do not know.

    Attributes:
        partial_variables: values, or functions without arguments that are called at each use.
            A value that is given goes before a partial one.
        input_types: the types of values, where they are not what the template says (a text for
            `{name}`); they show in `input_schema` and are not enforced.
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
        """The prompt; nothing is missing from what is given, and nothing has to be waited for."""

    def format_prompt(self, /, **values: Any) -> PromptValue:
        """The prompt for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
            SyncAsyncError: a selector in here can only be awaited.
        """
        return self._render_prompt(self._keyword_context(values))

    async def aformat_prompt(self, /, **values: Any) -> PromptValue:
        """The prompt for these values; awaits selectors of examples."""
        return self._render_prompt(await self._akeyword_context(values))

    def partial(self, /, **values: Any) -> Self:
        """This template with some of its variables filled in.

        Args:
            values: values, or functions without arguments that are called at each use.

        Raises:
            PromptError: a name that the template does not have.
        """
        self._refuse_unknown(values)
        return self._with(partial_variables={**self.partial_variables, **values})

    @property
    def InputType(self) -> Any:
        """A dict of values; with one variable to fill in, also the value as it is."""
        return Any if len(self.input_variables) == 1 else dict[str, Any]

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        return frozenset(self.input_variables) - keys if _is_library_class(self) else frozenset()

    @property
    def _accepted_type(self) -> Any:
        return self.InputType if _is_library_class(self) else Any

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The variables as a pydantic model; those that may be left out are None by default."""
        return input_model(self.variables, set(self.partial_variables), self.input_types)

    def _repr_options(self) -> dict[str, Any]:
        """What all templates can be told beside their text, for the repr."""
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
        if self.templates_with_selectors():  # only they may have to be waited for
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
        """The input as values by variable."""
        if options:
            raise ConfigError(
                f"{self._label()} takes no options, and was given "
                f"{', '.join(map(repr, options))}. Values go into the input, as a dict; options "
                "of a model are bound to the model."
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
            f"{self._label()} takes a dict of values by name, {needs}, and was given a "
            f"{type(input).__name__}. Only a prompt that needs one value takes it without a name."
        )


def _is_library_class(prompt: BasePromptTemplate) -> bool:
    """Whether it takes what it says; a class of a user's may take more."""
    return type(prompt).__module__.startswith("runnables.")
