"""Templates for one message, or for a place where messages go."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

from runnables.core.values import Value
from runnables.errors import PromptError
from runnables.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    convert_to_messages,
)
from runnables.messages.construct import construct_with_defaults
from runnables.prompts.blocks import BlockTemplate, block_shorthand, block_template, render_blocks
from runnables.prompts.formats.base import Variables, union
from runnables.prompts.string import PromptTemplate, StringPromptTemplate
from runnables.prompts.template import RenderContext, Template, constructor_repr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.prompts.chat import ChatPromptTemplate, MessageLike
    from runnables.prompts.formats.base import PromptTemplateFormat
    from runnables.prompts.template import SelectsExamples


class BaseMessagePromptTemplate(Value, Template):
    """A template that gives messages; part of a chat prompt."""

    chat: ClassVar[type[ChatPromptTemplate]]
    """What adding makes. Set by `chat.py`, which needs this module and so cannot be imported."""

    @abstractmethod
    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """The messages; nothing is missing from what is given."""

    def format_messages(self, /, **values: Any) -> list[BaseMessage]:
        """The messages for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        self._refuse_unknown(values)
        self.require(values)
        return self.render_messages(self.render_context(values))

    def __add__(self, other: MessageLike | Sequence[MessageLike]) -> ChatPromptTemplate:
        """A chat prompt of this and what follows."""
        return self.chat([self]) + other

    def __radd__(self, other: MessageLike) -> ChatPromptTemplate:
        """A chat prompt of what goes before and this."""
        return self.chat([other, self])


class MessagesPlaceholder(BaseMessagePromptTemplate):
    """The place of a list of messages, such as what was said before.

    Args:
        variable_name: the variable that holds the list.
        optional: no value stands for no messages.
        n_messages: how many of the messages are shown, the last ones; None: all.
    """

    def __init__(
        self, variable_name: str, *, optional: bool = False, n_messages: int | None = None
    ) -> None:
        if n_messages is not None and n_messages < 1:
            raise PromptError(f"n_messages={n_messages}: give 1 or more, or None for all of them.")
        self.variable_name = variable_name
        self.optional = optional
        self.n_messages = n_messages

    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """The last messages of the list; they are taken as they are."""
        value = context.values.get(self.variable_name, [])
        if not isinstance(value, (list, tuple)):
            raise PromptError(
                f"The variable {self.variable_name!r} should be a list of messages, and is a "
                f"{type(value).__name__}. Put a single message into a list."
            )
        try:
            messages = convert_to_messages(cast("list[Any]", value))
        except (ValueError, TypeError) as error:
            raise PromptError(f"The variable {self.variable_name!r}: {error}") from error
        return messages[-self.n_messages :] if self.n_messages else messages

    def _own_variables(self) -> Variables:
        own = {self.variable_name: list[Any]}
        return Variables(optional=own) if self.optional else Variables(required=own)

    def pretty_repr(self) -> str:
        """A heading, and the variable."""
        return _with_heading("Messages Placeholder", "{" + self.variable_name + "}")

    def __repr__(self) -> str:
        return constructor_repr(
            self, self.variable_name, optional=self.optional, n_messages=self.n_messages
        )


class RoleMessagePromptTemplate(BaseMessagePromptTemplate):
    """A template for a message of one role; its content is a text, or blocks.

    Args:
        prompt: the template of the text, or a list of templates, one for each block.
        additional_kwargs: goes into the message as it is.
    """

    role: str

    def __init__(
        self,
        prompt: StringPromptTemplate | Sequence[BlockTemplate],
        *,
        additional_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.prompt: StringPromptTemplate | list[BlockTemplate] = (
            prompt if isinstance(prompt, StringPromptTemplate) else list(prompt)
        )
        self.additional_kwargs = dict(additional_kwargs or {})

    @classmethod
    def from_template(
        cls,
        template: str | Sequence[str | Mapping[str, Any]],
        template_format: PromptTemplateFormat = "f-string",
        *,
        partial_variables: Mapping[str, Any] | None = None,
        input_variables: Iterable[str] | None = None,
        **options: Any,
    ) -> Self:
        """A template from a text, or from a list of texts and blocks.

        Args:
            template: the text, or the list.
            template_format: how texts are to be read.
            partial_variables: values that are filled in already; with a text only.
            input_variables: the variables, where they are to be checked against the template.
            options: further arguments of the constructor.

        Raises:
            PromptError: a template that is not well formed, or does not have these variables.
        """
        prompt = _content(template, template_format, partial_variables)
        made = cls(prompt, **options)
        made._check_declared(input_variables)
        return made

    @classmethod
    def from_template_file(
        cls, template_file: str | Path, encoding: str = "utf-8", **options: Any
    ) -> Self:
        """A template whose text stands in a file; `options` as for `from_template`."""
        return cls.from_template(Path(template_file).read_text(encoding=encoding), **options)

    @abstractmethod
    def _message(self, content: Any) -> BaseMessage:
        """The message of this role."""

    def format(self, /, **values: Any) -> BaseMessage:
        """The message for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        return self.format_messages(**values)[0]

    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """The one message; nothing is missing from what is given."""
        if isinstance(self.prompt, StringPromptTemplate):
            return [self._message(self.prompt.render_text(context))]
        return [
            self._message([block for part in self.prompt for block in render_blocks(part, context)])
        ]

    @property
    def parts(self) -> Sequence[BlockTemplate]:
        """The templates that it is made of."""
        return self.prompt if isinstance(self.prompt, list) else [self.prompt]

    def shorthand(self, template_format: str) -> tuple[str, Any] | None:
        """The pair that users write for it; None where that would not say all."""
        blocks = [block_shorthand(part, template_format) for part in self.parts]
        if self.additional_kwargs or any(block is None for block in blocks):
            return None
        return self.role, blocks if isinstance(self.prompt, list) else blocks[0]

    def pretty_repr(self) -> str:
        """A heading, and the templates."""
        texts = "\n\n".join(part.pretty_repr() for part in self.parts)
        return _with_heading(f"{self.role.title()} Message", texts)

    def __repr__(self) -> str:
        return constructor_repr(self, self.prompt, additional_kwargs=self.additional_kwargs)

    def _own_variables(self) -> Variables:
        return union(part.variables for part in self.parts)

    def templates_with_selectors(self) -> Iterable[SelectsExamples]:
        return [it for part in self.parts for it in part.templates_with_selectors()]

    @property
    def accepts_unknown_names(self) -> bool:
        """Whether unknown names are let through, as a selector of examples may use them."""
        return any(part.accepts_unknown_names for part in self.parts)


def _with_heading(title: str, text: str) -> str:
    return f"{f' {title} '.center(80, '=')}\n\n{text}"


def _content(
    template: str | Sequence[str | Mapping[str, Any]],
    template_format: PromptTemplateFormat,
    partial_variables: Mapping[str, Any] | None,
) -> StringPromptTemplate | Sequence[BlockTemplate]:
    if isinstance(template, str):
        return PromptTemplate(
            template, template_format=template_format, partial_variables=partial_variables
        )
    if not isinstance(template, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
        raise PromptError(f"Invalid template: {template!r}. Give a text, or a list of blocks.")
    if partial_variables:
        raise PromptError(
            "Partial variables are not supported for list of templates. Fill them in with "
            "`partial` of the chat prompt."
        )
    return [block_template(block, template_format) for block in template]


_UNCHECKED_CLASSES: Final = frozenset({HumanMessage, AIMessage, SystemMessage})
"""The classes that need nothing but a text, and no look at it, as one of a user may."""


class _ClassMessagePromptTemplate(RoleMessagePromptTemplate):
    """A template for messages of one class."""

    message_class: ClassVar[type[BaseMessage]]

    def _message(self, content: Any) -> BaseMessage:
        if self.additional_kwargs:
            return self.message_class(content, additional_kwargs=dict(self.additional_kwargs))
        if type(content) is str and self.message_class in _UNCHECKED_CLASSES:
            return construct_with_defaults(self.message_class, {"content": content})
        return self.message_class(content)


class HumanMessagePromptTemplate(_ClassMessagePromptTemplate):
    """A template for a message of the user."""

    role = "human"
    message_class = HumanMessage


class AIMessagePromptTemplate(_ClassMessagePromptTemplate):
    """A template for a message of the model."""

    role = "ai"
    message_class = AIMessage


class SystemMessagePromptTemplate(_ClassMessagePromptTemplate):
    """A template for instructions to the model."""

    role = "system"
    message_class = SystemMessage


class ChatMessagePromptTemplate(RoleMessagePromptTemplate):
    """A template for a message of any role.

    Args:
        prompt: the template of the text, or a list of templates, one for each block.
        role: the role.
        additional_kwargs: goes into the message as it is.
    """

    def __init__(
        self,
        prompt: StringPromptTemplate | Sequence[BlockTemplate],
        role: str,
        *,
        additional_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(prompt, additional_kwargs=additional_kwargs)
        self.role = role

    def _message(self, content: Any) -> BaseMessage:
        if self.additional_kwargs:
            return ChatMessage(
                content, role=self.role, additional_kwargs=dict(self.additional_kwargs)
            )
        return ChatMessage(content, role=self.role)

    def shorthand(self, template_format: str) -> tuple[str, Any] | None:
        """None: a pair of a role and a text makes messages of known roles only."""
        return None

    def __repr__(self) -> str:
        return constructor_repr(
            self, self.prompt, role=self.role, additional_kwargs=self.additional_kwargs
        )
