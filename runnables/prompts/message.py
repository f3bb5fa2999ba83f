"""Templates for one message, and the placeholder for a list of messages."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

from runnables.core.values import Value
from runnables.errors import PromptError
from runnables.messages.ai import AIMessage
from runnables.messages.construct import construct_with_defaults
from runnables.messages.convert import convert_to_messages
from runnables.messages.roles import ChatMessage, HumanMessage, SystemMessage
from runnables.prompts.blocks import BlockTemplate, block_shorthand, block_template, render_blocks
from runnables.prompts.formats.base import Variables, union
from runnables.prompts.string import PromptTemplate, StringPromptTemplate
from runnables.prompts.template import RenderContext, Template, constructor_repr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.messages.base import BaseMessage
    from runnables.prompts.chat import ChatPromptTemplate, MessageLike
    from runnables.prompts.formats.base import PromptTemplateFormat
    from runnables.prompts.template import SelectsExamples


class BaseMessagePromptTemplate(Value, Template):
    """A template that renders messages, as a part of a chat prompt.

    Example:
        >>> isinstance(MessagesPlaceholder("history"), BaseMessagePromptTemplate)
        True
        >>> SystemMessagePromptTemplate.from_template("Be {mood}.") + "{question}"
        ChatPromptTemplate([('system', 'Be {mood}.'), ('human', '{question}')])
    """

    chat: ClassVar[type[ChatPromptTemplate]]
    """The class of a sum; set by `chat.py`, which imports this module."""

    @abstractmethod
    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """Render the messages; the context holds a value for every variable."""

    def format_messages(self, /, **values: Any) -> list[BaseMessage]:
        """Return the messages for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        self._refuse_unknown(values)
        self.require(values)
        return self.render_messages(self.render_context(values))

    def __add__(self, other: MessageLike | Sequence[MessageLike]) -> ChatPromptTemplate:
        """Return a chat prompt of this template and the other parts."""
        return self.chat([self]) + other

    def __radd__(self, other: MessageLike) -> ChatPromptTemplate:
        """Return a chat prompt of the other part and this template."""
        return self.chat([other, self])


_ONE_MESSAGE: Final = "Put a single message into a list."
_LEAVE_OUT: Final = (
    "Pass an empty list where there are none, or let it be left out: "
    "MessagesPlaceholder(..., optional=True)."
)


class MessagesPlaceholder(BaseMessagePromptTemplate):
    """A placeholder for a list of messages, such as the history of a conversation.

    Args:
        variable_name: the variable that holds the list.
        optional: True renders no messages where the variable has no value, or None.
        n_messages: the number of messages to keep, from the end; by default, all.

    Raises:
        PromptError: `n_messages` is less than 1.

    Example:
        >>> chat = ChatPromptTemplate([MessagesPlaceholder("history"), ("human", "{question}")])
        >>> chat.format_messages(history=[("ai", "Hello")], question="Who are you?")
        [AIMessage('Hello'), HumanMessage('Who are you?')]
    """

    def __init__(
        self, variable_name: str, *, optional: bool = False, n_messages: int | None = None
    ) -> None:
        if n_messages is not None and n_messages < 1:
            raise PromptError(f"n_messages={n_messages}: expected 1 or more, or None for all.")
        self.variable_name = variable_name
        self.optional = optional
        self.n_messages = n_messages

    @classmethod
    def from_template(cls, content: Any) -> Self:
        """Return the placeholder of `"{name}"`, or of a list of that and whether it is optional.

        Without a list, it is optional.

        Raises:
            PromptError: anything else.
        """
        items: Sequence[Any] = [content, True] if isinstance(content, str) else list(content)
        if len(items) == 2 and isinstance(items[0], str) and isinstance(items[1], bool):
            text = items[0]
            if text[:1] + text[-1:] == "{}" and text[1:-1].isidentifier():
                return cls(text[1:-1], optional=items[1])
        raise PromptError(
            f"Invalid placeholder template: {content!r}. Pass a name in braces, as in "
            "('placeholder', '{history}'), or a list of that and whether it is optional."
        )

    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """Return the last messages of the list; braces in them are text."""
        value = context.values.get(self.variable_name, [])
        if value is None and self.optional:
            return []
        if not isinstance(value, (list, tuple)):
            raise PromptError(
                f"The variable {self.variable_name!r} should be a list of messages, and is a "
                f"{type(value).__name__}. {_LEAVE_OUT if value is None else _ONE_MESSAGE}"
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
        """Return a heading, and the variable."""
        return _with_heading("Messages Placeholder", "{" + self.variable_name + "}")

    def __repr__(self) -> str:
        return constructor_repr(
            self, self.variable_name, optional=self.optional, n_messages=self.n_messages
        )


class RoleMessagePromptTemplate(BaseMessagePromptTemplate):
    """A template for a message of one role; its content is a string, or a list of blocks.

    Args:
        prompt: the template of the string, or a list of templates, one for each block.
        additional_kwargs: set in the message, unchanged.
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
        """Return a template of a string, or of a list of strings and blocks.

        Args:
            template: the string, or the list.
            template_format: the format of the strings.
            partial_variables: values, or functions without arguments that are called at each
                use; with a string only.
            input_variables: the expected variables; a warning says where the template has others.
            options: more arguments of the constructor.

        Raises:
            PromptError: a template that is not well formed.
        """
        prompt = _content(template, template_format, partial_variables)
        message = cls(prompt, **options)
        message._check_declared(input_variables)
        return message

    @classmethod
    def from_template_file(
        cls,
        template_file: str | Path,
        input_variables: Iterable[str] | None = None,
        *,
        encoding: str = "utf-8",
        **options: Any,
    ) -> Self:
        """Return a template that is read from a file.

        Args:
            template_file: the path of the file.
            input_variables: the expected variables.
            encoding: the encoding of the file.
            options: more arguments of `from_template`.
        """
        template = Path(template_file).read_text(encoding=encoding)
        return cls.from_template(template, input_variables=input_variables, **options)

    @abstractmethod
    def _message(self, content: Any) -> BaseMessage:
        """Return a message of this role."""

    def format(self, /, **values: Any) -> BaseMessage:
        """Return the message for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        return self.format_messages(**values)[0]

    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """Render the one message, as a list; the context holds a value for every variable."""
        if isinstance(self.prompt, StringPromptTemplate):
            return [self._message(self.prompt.render_text(context))]
        return [
            self._message([block for part in self.prompt for block in render_blocks(part, context)])
        ]

    @property
    def parts(self) -> Sequence[BlockTemplate]:
        """Return the templates of the content."""
        return self.prompt if isinstance(self.prompt, list) else [self.prompt]

    def shorthand(self, template_format: str) -> tuple[str, Any] | None:
        """Return the pair that users write for it; None where that would leave out options."""
        blocks = [block_shorthand(part, template_format) for part in self.parts]
        if self.additional_kwargs or any(block is None for block in blocks):
            return None
        return self.role, blocks if isinstance(self.prompt, list) else blocks[0]

    def pretty_repr(self) -> str:
        """Return a heading, and the templates."""
        content = "\n\n".join(part.pretty_repr() for part in self.parts)
        return _with_heading(f"{self.role.title()} Message", content)

    def __repr__(self) -> str:
        return constructor_repr(self, self.prompt, additional_kwargs=self.additional_kwargs)

    def _own_variables(self) -> Variables:
        return union(part.variables for part in self.parts)

    def templates_with_selectors(self) -> Iterable[SelectsExamples]:
        """Return the templates of the content that let a selector choose their examples."""
        return [template for part in self.parts for template in part.templates_with_selectors()]

    @property
    def accepts_unknown_names(self) -> bool:
        """Tell whether unknown names are accepted, since a selector of examples may use them."""
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
        raise PromptError(f"Invalid template: {template!r}. Pass a string, or a list of blocks.")
    if partial_variables:
        raise PromptError(
            "Partial variables are not supported for list of templates. Fill them in with "
            "`partial` of the chat prompt."
        )
    return [block_template(block, template_format) for block in template]


_UNCHECKED_CLASSES: Final = frozenset({HumanMessage, AIMessage, SystemMessage})
"""The classes whose constructors need no validation of a string; a user's class may need it."""


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
    """A template for a message of the user.

    Example:
        >>> HumanMessagePromptTemplate.from_template("Hello {name}").format(name="Ann")
        HumanMessage('Hello Ann')
    """

    role = "human"
    message_class = HumanMessage


class AIMessagePromptTemplate(_ClassMessagePromptTemplate):
    """A template for a message of the model.

    Example:
        >>> AIMessagePromptTemplate.from_template("I am {name}.").format(name="Bob")
        AIMessage('I am Bob.')
    """

    role = "ai"
    message_class = AIMessage


class SystemMessagePromptTemplate(_ClassMessagePromptTemplate):
    """A template for instructions to the model.

    Example:
        >>> SystemMessagePromptTemplate.from_template("Be {mood}.").format(mood="brief")
        SystemMessage('Be brief.')
    """

    role = "system"
    message_class = SystemMessage


class ChatMessagePromptTemplate(RoleMessagePromptTemplate):
    """A template for a message of any role.

    Args:
        prompt: the template of the string, or a list of templates, one for each block.
        role: the role.
        additional_kwargs: set in the message, unchanged.

    Example:
        >>> ChatMessagePromptTemplate.from_template("{x}!", role="critic").format(x="No")
        ChatMessage('No!', role='critic')
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
        """Return None: a pair of a role and a string makes messages of known roles only."""
        return None

    def __repr__(self) -> str:
        return constructor_repr(
            self, self.prompt, role=self.role, additional_kwargs=self.additional_kwargs
        )
