"""Templates that render a string."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from runnables.errors import PromptError
from runnables.messages.prompt_values import PromptValue, StringPromptValue
from runnables.prompts.base import BasePromptTemplate
from runnables.prompts.formats.registry import compile_template, join_templates
from runnables.prompts.template import constructor_repr, quoted_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runnables.prompts.formats.base import Compiled, PromptTemplateFormat, Variables
    from runnables.prompts.template import RenderContext


class StringPromptTemplate(BasePromptTemplate):
    """A template that renders a string; the base of `PromptTemplate`.

    Example:
        >>> isinstance(PromptTemplate("Hello {name}"), StringPromptTemplate)
        True
        >>> PromptTemplate("Hello {name}").invoke({"name": "Ann"})
        StringPromptValue(text='Hello Ann', type='string')
    """

    @abstractmethod
    def render_text(self, context: RenderContext) -> str:
        """Render the string; the context holds a value for every variable."""

    def _render_prompt(self, context: RenderContext) -> PromptValue:
        return StringPromptValue(text=self.render_text(context))

    def format(self, /, **values: Any) -> str:
        """Return the string for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        return self.render_text(self._keyword_context(values))

    async def aformat(self, /, **values: Any) -> str:
        """Return the string for these values; selectors of examples are awaited.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        return self.render_text(await self._akeyword_context(values))


class PromptTemplate(StringPromptTemplate):
    """A string with variables.

    Args:
        template: the string.
        template_format: "f-string" (`{name}`), "mustache" (`{{name}}`) or "jinja2".
        input_variables: the expected variables; a warning says where the template has others.
        validate_template: True makes that an error, but for Jinja.
        partial_variables: values, or functions without arguments that are called at each use.
        input_types: types of values for `input_schema`.
        name: the name of the template in errors and events.

    Raises:
        PromptError: a template that is not well formed, with line and column; or, with
            `validate_template`, other variables than those expected.

    Example:
        >>> PromptTemplate("Translate {text} to {language}.").format(
        ...     text="bread", language="French"
        ... )
        'Translate bread to French.'
        >>> PromptTemplate("Hello {{name}}", template_format="mustache").invoke("Ann").to_string()
        'Hello Ann'
    """

    _compiled: Compiled | None = None

    def __init__(
        self,
        template: str,
        *,
        template_format: PromptTemplateFormat = "f-string",
        input_variables: Iterable[str] | None = None,
        validate_template: bool | None = None,
        partial_variables: Mapping[str, Any] | None = None,
        input_types: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(partial_variables=partial_variables, input_types=input_types, name=name)
        self.template = template
        self.template_format: PromptTemplateFormat = template_format
        self._get_compiled()
        self._refuse_unknown(self.partial_variables)
        self._check_declared(input_variables, validate=validate_template)

    @classmethod
    def from_template(
        cls,
        template: str,
        *,
        template_format: PromptTemplateFormat = "f-string",
        partial_variables: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Return a template of a string; the same as the constructor."""
        return cls(
            template,
            template_format=template_format,
            partial_variables=partial_variables,
            **options,
        )

    @classmethod
    def from_file(cls, template_file: str | Path, encoding: str = "utf-8", **options: Any) -> Self:
        """Return a template that is read from a file.

        Args:
            template_file: the path of the file.
            encoding: the encoding of the file.
            options: more arguments of the constructor.
        """
        return cls(Path(template_file).read_text(encoding=encoding), **options)

    @classmethod
    def from_examples(
        cls,
        examples: Iterable[str],
        suffix: str,
        input_variables: Iterable[str] | None = None,
        example_separator: str = "\n\n",
        prefix: str = "",
        **options: Any,
    ) -> Self:
        """Return a template of examples between a prefix and a suffix, all of them templates.

        Args:
            examples: the examples.
            suffix: the end, with the variables.
            input_variables: the expected variables; see the constructor.
            example_separator: put between prefix, examples and suffix.
            prefix: the beginning.
            options: more arguments of the constructor.

        Example:
            >>> PromptTemplate.from_examples(["big -> small"], "{word} ->", example_separator="; ")
            PromptTemplate('; big -> small; {word} ->')
        """
        template = example_separator.join([prefix, *examples, suffix])
        return cls(template, input_variables=input_variables, **options)

    def render_text(self, context: RenderContext) -> str:
        """Render the string; the context holds a value for every variable."""
        return self._get_compiled().render(self._with_own_partials(context).values)

    def __add__(self, other: str | PromptTemplate) -> PromptTemplate:
        """Return a template of both, one after the other; a string is read in this one's format.

        Raises:
            PromptError: different formats, or different partial values of one variable.

        Example:
            >>> PromptTemplate("Hello {name}") + ", welcome to {place}."
            PromptTemplate('Hello {name}, welcome to {place}.')
        """
        if isinstance(other, str):
            other = PromptTemplate(other, template_format=self.template_format)
        if not isinstance(other, PromptTemplate):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
            return NotImplemented
        if other.template_format != self.template_format:
            raise PromptError(
                f"Cannot add templates of different formats, here {self.template_format!r} and "
                f"{other.template_format!r}. Write both in the same format."
            )
        return PromptTemplate(
            join_templates(self.template, other.template, self.template_format),
            template_format=self.template_format,
            partial_variables=joined_partials(self, other),
            input_types={**self.input_types, **other.input_types},
        )

    def _own_variables(self) -> Variables:
        return self._get_compiled().variables

    def _get_compiled(self) -> Compiled:
        if self._compiled is None:
            self._compiled = compile_template(self.template, self.template_format)
        return self._compiled

    def _label(self) -> str:
        return f"{type(self).__name__} {quoted_template(self.name or self.template)}"

    def pretty_repr(self) -> str:
        """Return the template as it was written."""
        return self.template

    def __repr__(self) -> str:
        return constructor_repr(
            self, self.template, template_format=self.template_format, **self._repr_options()
        )


def joined_partials(left: BasePromptTemplate, right: BasePromptTemplate) -> dict[str, Any]:
    """Return the partial variables of two templates.

    Raises:
        PromptError: both have the same variable, with different values.
    """
    for name, value in right.partial_variables.items():
        if name in left.partial_variables and left.partial_variables[name] != value:
            raise PromptError(
                f"Both templates fill in the variable {name!r}, with different values. Fill it in "
                "after adding them."
            )
    return {**left.partial_variables, **right.partial_variables}
