"""Few-shot prompts: templates that show examples."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any

from runnables.errors import PromptError
from runnables.prompts.base import BasePromptTemplate
from runnables.prompts.chat import BaseChatPromptTemplate
from runnables.prompts.examples import AsyncExampleSelector, ExampleSelector, sync_and_async
from runnables.prompts.formats.base import Variables, union
from runnables.prompts.string import PromptTemplate, StringPromptTemplate
from runnables.prompts.template import RenderContext, constructor_repr

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runnables.messages.base import BaseMessage
    from runnables.prompts.formats.base import PromptTemplateFormat
    from runnables.prompts.message import BaseMessagePromptTemplate
    from runnables.prompts.template import Example, SelectsExamples, Template

Selector = ExampleSelector | AsyncExampleSelector


class _FewShot(BasePromptTemplate):
    """A template with a list of examples, or with a selector that chooses them for each input."""

    examples: list[Example] | None
    example_selector: Selector | None

    def _set_examples(
        self, examples: Iterable[Example] | None, selector: Selector | None, prompt: Template
    ) -> None:
        if (examples is None) == (selector is None):
            raise PromptError(
                f"{type(self).__name__} needs either examples or an example_selector, and "
                f"received {'neither' if selector is None else 'both'}."
            )
        if not isinstance(selector, (ExampleSelector, AsyncExampleSelector, NoneType)):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
            raise PromptError(
                f"A {type(selector).__name__} cannot select examples: it has neither a method "
                "`select_examples` nor `aselect_examples`."
            )
        self.examples = None if examples is None else list(examples)
        self.example_selector = selector
        for example, label in self._labelled(self.examples or ()):
            prompt.require(example, label)

    def select(self, values: Mapping[str, Any]) -> Sequence[Example]:
        """Return the examples that the selector chooses for these values.

        Raises:
            SyncAsyncError: the selector can only be awaited.
        """
        selector = sync_and_async(self.example_selector)
        return selector.select_examples(self._selector_values(values))

    async def aselect(self, values: Mapping[str, Any]) -> Sequence[Example]:
        """Return the examples for these values; a selector that is not async runs in a thread."""
        selector = sync_and_async(self.example_selector)
        return await selector.aselect_examples(self._selector_values(values))

    def templates_with_selectors(self) -> Iterable[SelectsExamples]:
        """Return this template where a selector chooses its examples, else nothing."""
        return [] if self.example_selector is None else [self]

    @property
    def accepts_unknown_names(self) -> bool:
        """Tell whether unknown names are accepted, since a selector may use them."""
        return self.example_selector is not None

    def _selector_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._with_own_partials(RenderContext(values)).values)

    def _example_contexts(self, prompt: Template, context: RenderContext) -> list[RenderContext]:
        """Return a context of the example prompt for each example."""
        if self.examples is not None:
            return [prompt.render_context(example) for example in self.examples]
        chosen = context.examples[id(self)]
        for example, label in self._labelled(chosen):
            prompt.require(example, label)
        return [prompt.render_context(example) for example in chosen]

    def _labelled(self, examples: Sequence[Example]) -> list[tuple[Example, str]]:
        count, owner = len(examples), type(self).__name__
        return [
            (example, f"Example {number} of {count} of {owner}")
            for number, example in enumerate(examples, 1)
        ]


class FewShotPromptTemplate(_FewShot, StringPromptTemplate):
    """A template of a string with examples between a prefix and a suffix.

    Args:
        example_prompt: the template that renders an example; an example may hold more than it
            needs.
        suffix: the text after the examples, or its template.
        prefix: the text before them, or its template.
        examples: the examples. Pass these or `example_selector`, and not both.
        example_selector: a selector that chooses them for each input.
        example_separator: put between prefix, examples and suffix.
        template_format: the format of prefix and suffix.
        input_variables: the expected variables; a warning says where prefix and suffix have
            others.
        validate_template: True makes that an error, but for Jinja.
        partial_variables: values, or functions without arguments that are called at each use.
        input_types: types of values for `input_schema`.
        name: the name of the template in errors and events.

    Raises:
        PromptError: a template that is not well formed, or an example without a value that it
            needs; with `validate_template`, other variables than those expected.

    Example:
        >>> prompt = FewShotPromptTemplate(
        ...     example_prompt=PromptTemplate("{word} -> {opposite}"),
        ...     examples=[{"word": "big", "opposite": "small"}],
        ...     prefix="Write the opposite.",
        ...     suffix="{word} ->",
        ...     example_separator="\\n",
        ... )
        >>> prompt.format(word="tall")
        'Write the opposite.\\nbig -> small\\ntall ->'
    """

    _templates: tuple[StringPromptTemplate, StringPromptTemplate] | None = None

    def __init__(
        self,
        *,
        example_prompt: StringPromptTemplate,
        suffix: str | StringPromptTemplate,
        prefix: str | StringPromptTemplate = "",
        examples: Iterable[Example] | None = None,
        example_selector: Selector | None = None,
        example_separator: str = "\n\n",
        template_format: PromptTemplateFormat = "f-string",
        input_variables: Iterable[str] | None = None,
        validate_template: bool | None = None,
        partial_variables: Mapping[str, Any] | None = None,
        input_types: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(partial_variables=partial_variables, input_types=input_types, name=name)
        self._set_examples(examples, example_selector, example_prompt)
        self.example_prompt = example_prompt
        self.prefix = prefix
        self.suffix = suffix
        self.example_separator = example_separator
        self.template_format: PromptTemplateFormat = template_format
        self._refuse_unknown(self.partial_variables)
        self._check_declared(input_variables, validate=validate_template)

    def render_text(self, context: RenderContext) -> str:
        """Render the string, each part alone, so that no value is read as a template."""
        inside = self._with_own_partials(context)
        prefix, suffix = self._prefix_and_suffix()
        shown = [
            self.example_prompt.render_text(example)
            for example in self._example_contexts(self.example_prompt, context)
        ]
        parts = [*([prefix.render_text(inside)] if self.prefix else []), *shown]
        parts += [suffix.render_text(inside)] if self.suffix else []
        return self.example_separator.join(part for part in parts if part)

    def _own_variables(self) -> Variables:
        return union(template.variables for template in self._prefix_and_suffix())

    def __repr__(self) -> str:
        return constructor_repr(
            self,
            example_prompt=self.example_prompt,
            prefix=self.prefix,
            suffix=self.suffix,
            examples=self.examples,
            example_selector=self.example_selector,
            example_separator=None if self.example_separator == "\n\n" else self.example_separator,
            template_format=self.template_format,
            **self._repr_options(),
        )

    def _prefix_and_suffix(self) -> tuple[StringPromptTemplate, StringPromptTemplate]:
        if self._templates is None:
            self._templates = self._template(self.prefix), self._template(self.suffix)
        return self._templates

    def _template(self, text: str | StringPromptTemplate) -> StringPromptTemplate:
        if isinstance(text, StringPromptTemplate):
            return text
        return PromptTemplate(text, template_format=self.template_format)


class FewShotPromptWithTemplates(FewShotPromptTemplate):
    """A `FewShotPromptTemplate` whose prefix and suffix are templates.

    Example:
        >>> prompt = FewShotPromptWithTemplates(
        ...     example_prompt=PromptTemplate("{word} -> {opposite}"),
        ...     examples=[{"word": "big", "opposite": "small"}],
        ...     suffix=PromptTemplate("{word} ->"),
        ...     example_separator="; ",
        ... )
        >>> prompt.format(word="tall")
        'big -> small; tall ->'
    """

    def _mismatch(self, declared: list[str]) -> str:
        return (
            f"Got input_variables={declared}, but based on prefix/suffix expected "
            f"{self.input_variables}"
        )


class FewShotChatMessagePromptTemplate(_FewShot, BaseChatPromptTemplate):
    """A template of examples as messages, usually between the instructions and the question.

    Args:
        example_prompt: the template that renders an example; an example may hold more than it
            needs.
        examples: the examples. Pass these or `example_selector`, and not both.
        example_selector: a selector that chooses them for each input.
        input_variables: the variables that the selector requires; by default, it requires none.
            It receives all values in any case. The examples use values of their own.
        partial_variables: values, or functions without arguments that are called at each use.
        input_types: types of values for `input_schema`.
        name: the name of the template in errors and events.

    Raises:
        PromptError: an example without a value that the example prompt needs.

    Example:
        >>> few = FewShotChatMessagePromptTemplate(
        ...     example_prompt=ChatPromptTemplate([("human", "{word}"), ("ai", "{opposite}")]),
        ...     examples=[{"word": "big", "opposite": "small"}],
        ... )
        >>> few.format_messages()
        [HumanMessage('big'), AIMessage('small')]
    """

    def __init__(
        self,
        *,
        example_prompt: BaseMessagePromptTemplate | BaseChatPromptTemplate,
        examples: Iterable[Example] | None = None,
        example_selector: Selector | None = None,
        input_variables: Iterable[str] | None = None,
        partial_variables: Mapping[str, Any] | None = None,
        input_types: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(partial_variables=partial_variables, input_types=input_types, name=name)
        self._set_examples(examples, example_selector, example_prompt)
        self.example_prompt = example_prompt
        self.selector_variables = list(input_variables or ())

    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """Render the messages of the examples, in order."""
        return [
            message
            for example in self._example_contexts(self.example_prompt, context)
            for message in self.example_prompt.render_messages(example)
        ]

    def _own_variables(self) -> Variables:
        return Variables(dict.fromkeys(self.selector_variables, Any))

    def __repr__(self) -> str:
        return constructor_repr(
            self,
            example_prompt=self.example_prompt,
            examples=self.examples,
            example_selector=self.example_selector,
            input_variables=self.selector_variables or None,
            **self._repr_options(),
        )
