"""Templates that render a conversation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, cast, overload

from runnables.core.foreign import from_foreign
from runnables.errors import PromptError, did_you_mean
from runnables.messages.base import BaseMessage
from runnables.messages.construct import construct_with_defaults
from runnables.messages.kinds import ALL_KINDS
from runnables.messages.prompt_values import ChatPromptValue, PromptValue
from runnables.prompts.base import BasePromptTemplate
from runnables.prompts.formats.base import is_dict, is_list, union
from runnables.prompts.message import (
    AIMessagePromptTemplate,
    BaseMessagePromptTemplate,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    RoleMessagePromptTemplate,
    SystemMessagePromptTemplate,
)
from runnables.prompts.string import PromptTemplate, joined_partials
from runnables.prompts.template import as_set, constructor_repr

if TYPE_CHECKING:
    from runnables.prompts.formats.base import PromptTemplateFormat, Variables
    from runnables.prompts.template import RenderContext, SelectsExamples


_LIBRARY_CLASSES: Final = frozenset(ALL_KINDS.values())


class BaseChatPromptTemplate(BasePromptTemplate):
    """A template that renders messages; the base of `ChatPromptTemplate`.

    Example:
        >>> isinstance(ChatPromptTemplate(["Hello {name}"]), BaseChatPromptTemplate)
        True
        >>> ChatPromptTemplate(["Hello {name}"]).format_messages(name="Ann")
        [HumanMessage('Hello Ann')]
    """

    @abstractmethod
    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """Render the messages; the context holds a value for every variable."""

    def _render_prompt(self, context: RenderContext) -> PromptValue:
        messages = self.render_messages(context)
        if type(messages) is list and _LIBRARY_CLASSES.issuperset(map(type, messages)):
            return construct_with_defaults(ChatPromptValue, {"messages": messages})
        return ChatPromptValue(messages=cast("Any", messages))  # a user's own template may be wrong

    def format_messages(self, /, **values: Any) -> list[BaseMessage]:
        """Return the messages for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        return self.render_messages(self._keyword_context(values))

    async def aformat_messages(self, /, **values: Any) -> list[BaseMessage]:
        """Return the messages for these values; selectors of examples are awaited.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        return self.render_messages(await self._akeyword_context(values))

    def format(self, /, **values: Any) -> str:
        """Return the messages for these values as one string, to read them."""
        return self.format_prompt(**values).to_string()

    async def aformat(self, /, **values: Any) -> str:
        """Return the messages for these values as one string, to read them."""
        return (await self.aformat_prompt(**values)).to_string()

    def __add__(self, other: MessageLike | Sequence[MessageLike]) -> ChatPromptTemplate:
        """Return a chat prompt of this template and the other parts."""
        return ChatPromptTemplate([self]) + other

    def __radd__(self, other: MessageLike) -> ChatPromptTemplate:
        """Return a chat prompt of the other part and this template."""
        return ChatPromptTemplate([other, self])


MessagePart = BaseMessage | BaseMessagePromptTemplate | BaseChatPromptTemplate
"""A part of a chat prompt."""

MessageLike = (
    MessagePart
    | str
    | tuple[str | type, str | Sequence[str | Mapping[str, Any] | bool]]
    | Mapping[str, Any]
)
"""Anything that can be read as a part: a message or a template; a string, which is a template of
the user's message; a pair of a role (or a class) and a string or a list of blocks; a dict with
`role` and `content`."""


class ChatPromptTemplate(BaseChatPromptTemplate):
    """A conversation with variables and placeholders for messages.

    Args:
        messages: the parts, in order. Messages are not templates: braces in them are text.
        template_format: the format of strings, also of parts that are added later.
        input_variables: the expected variables; a warning says where the parts have others.
        validate_template: True makes that an error, but for Jinja.
        optional_variables: the expected variables that may be left out.
        partial_variables: values, or functions without arguments that are called at each use.
        input_types: types of values for `input_schema`.
        name: the name of the template in errors and events.

    Raises:
        PromptError: a part that is not well formed, a string or a pair in place of the list of
            parts; with `validate_template`, other variables than those expected.

    Example:
        >>> chat = ChatPromptTemplate(
        ...     [("system", "Be brief."), ("placeholder", "{history}"), ("human", "{question}")]
        ... )
        >>> chat.format_messages(question="Who are you?")
        [SystemMessage('Be brief.'), HumanMessage('Who are you?')]
        >>> chat.input_variables, chat.optional_variables
        (['question'], ['history'])
    """

    _cached_variables: tuple[list[Any], Variables, list[SelectsExamples]] | None = None

    def __init__(
        self,
        messages: Iterable[MessageLike],
        *,
        template_format: PromptTemplateFormat = "f-string",
        input_variables: Iterable[str] | None = None,
        validate_template: bool | None = None,
        optional_variables: Iterable[str] | None = None,
        partial_variables: Mapping[str, Any] | None = None,
        input_types: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(partial_variables=partial_variables, input_types=input_types, name=name)
        self.template_format: PromptTemplateFormat = template_format
        self.messages: list[MessagePart] = self._parts(messages)
        self._refuse_unknown(self.partial_variables)
        self._check_declared(input_variables, validate=validate_template)
        if optional_variables is not None:
            self._refuse_unknown(optional_variables)

    def _mismatch(self, declared: list[str]) -> str:
        expected = as_set(self.input_variables)
        return f"Got mismatched input_variables. Expected: {expected}. Got: {declared}"

    def _literal_hint(self, name: str) -> str:
        for part in self.messages:
            if isinstance(part, MessagesPlaceholder) and part.variable_name == name:
                return (
                    " It is a placeholder: pass a list of messages, or write "
                    f"MessagesPlaceholder({name!r}, optional=True)."
                )
        return super()._literal_hint(name)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, self._parts(value) if name == "messages" else value)

    @classmethod
    def from_messages(
        cls,
        messages: Iterable[MessageLike],
        template_format: PromptTemplateFormat = "f-string",
        **options: Any,
    ) -> Self:
        """Return a chat prompt of these parts; the same as the constructor."""
        return cls(messages, template_format=template_format, **options)

    @classmethod
    def from_template(cls, template: str, **options: Any) -> Self:
        """Return a chat prompt of one user message; `options` are those of `PromptTemplate`."""
        return cls([HumanMessagePromptTemplate(PromptTemplate(template, **options))])

    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """Render the messages; the context holds a value for every variable."""
        inside = self._with_own_partials(context)
        messages: list[BaseMessage] = []
        for part in self.messages:
            if isinstance(part, BaseMessage):
                messages.append(part)
            else:
                messages.extend(part.render_messages(inside))
        return messages

    def append(self, message: MessageLike) -> None:
        """Add a part at the end, in place."""
        self.messages.append(as_part(message, self.template_format))

    def extend(self, messages: Iterable[MessageLike]) -> None:
        """Add parts at the end, in place."""
        self.messages.extend(self._parts(messages))

    def _parts(self, messages: Iterable[MessageLike]) -> list[MessagePart]:
        if isinstance(messages, str):
            raise PromptError(
                f"{type(self).__name__} takes a list of messages, and received the string "
                f"{messages!r}. Put it into a list, or use from_template."
            )
        if is_pair(messages):
            raise PromptError(
                f"{type(self).__name__} takes a list of messages, and received the pair "
                f"{messages!r}. Put it into a list: [{messages!r}]."
            )
        return [as_part(message, self.template_format) for message in messages]

    def __len__(self) -> int:
        return len(self.messages)

    def __bool__(self) -> bool:
        return True  # an empty one is a step of a chain, too

    @overload
    def __getitem__(self, index: int) -> MessagePart: ...

    @overload
    def __getitem__(self, index: slice) -> ChatPromptTemplate: ...

    def __getitem__(self, index: int | slice) -> MessagePart | ChatPromptTemplate:
        """Return a part, or a chat prompt of a slice of the parts, with their partial variables."""
        if not isinstance(index, slice):
            return self.messages[index]
        chosen = ChatPromptTemplate(self.messages[index], template_format=self.template_format)
        known = chosen._own_variables().names
        partials = {name: value for name, value in self.partial_variables.items() if name in known}
        return chosen._with(partial_variables=partials)

    def __add__(self, other: MessageLike | Sequence[MessageLike]) -> ChatPromptTemplate:
        """Return a chat prompt of these parts and another one, or a list of others.

        Raises:
            PromptError: both have a partial variable of one name, with different values.

        Example:
            >>> ChatPromptTemplate([("system", "Be brief.")]) + "{question}"
            ChatPromptTemplate([('system', 'Be brief.'), ('human', '{question}')])
        """
        partials = dict(self.partial_variables)
        if isinstance(other, ChatPromptTemplate):
            partials = joined_partials(self, other)
            other = other.messages
        several = isinstance(other, (list, tuple)) and not is_pair(cast("object", other))
        parts = cast("Sequence[MessageLike]", other if several else [other])
        return ChatPromptTemplate(
            [*self.messages, *(as_part(part, self.template_format) for part in parts)],
            template_format=self.template_format,
            partial_variables=partials,
            input_types=self.input_types,
        )

    def __radd__(self, other: MessageLike) -> ChatPromptTemplate:
        """Return a chat prompt of the other part and these parts."""
        parts = [as_part(other, self.template_format), *self.messages]
        return self._with(messages=parts)

    def _with(self, **changes: Any) -> Self:
        return super()._with(**{"messages": list(self.messages), **changes})

    def _own_variables(self) -> Variables:
        return self._variables_and_selectors()[1]

    def templates_with_selectors(self) -> Iterable[SelectsExamples]:
        return self._variables_and_selectors()[2]

    def _variables_and_selectors(self) -> tuple[list[Any], Variables, list[SelectsExamples]]:
        """Return the parts, their variables, and their templates with selectors, from a cache."""
        cached = self._cached_variables
        if cached is None or cached[0] != self.messages:
            parts = self._templates()
            variables = union(part.variables for part in parts)
            templates = [template for part in parts for template in part.templates_with_selectors()]
            cached = self._cached_variables = list(self.messages), variables, templates
        return cached

    @property
    def accepts_unknown_names(self) -> bool:
        """Tell whether unknown names are accepted, since a selector of examples may use them."""
        return any(part.accepts_unknown_names for part in self._templates())

    def _templates(self) -> list[BaseMessagePromptTemplate | BaseChatPromptTemplate]:
        return [part for part in self.messages if not isinstance(part, BaseMessage)]

    def _label(self) -> str:
        return f"{type(self).__name__} {self.name!r}" if self.name else type(self).__name__

    def pretty_repr(self) -> str:
        """Return the parts as a string to read in a terminal, each with a heading."""
        return "\n\n".join(part.pretty_repr() for part in self.messages)

    def __repr__(self) -> str:
        parts = [_ShorthandRepr(part, self.template_format) for part in self.messages]
        return constructor_repr(
            self, parts, template_format=self.template_format, **self._repr_options()
        )


BaseMessagePromptTemplate.chat = ChatPromptTemplate

_ROLES: Final[Mapping[str, type[RoleMessagePromptTemplate]]] = {
    "human": HumanMessagePromptTemplate,
    "user": HumanMessagePromptTemplate,
    "ai": AIMessagePromptTemplate,
    "assistant": AIMessagePromptTemplate,
    "system": SystemMessagePromptTemplate,
}
_MESSAGE_CLASSES: Final = (
    HumanMessagePromptTemplate,
    AIMessagePromptTemplate,
    SystemMessagePromptTemplate,
)


def as_part(message: Any, template_format: PromptTemplateFormat = "f-string") -> MessagePart:
    """Return a part of a conversation as a message or a template.

    Raises:
        PromptError: something that is no part, an unknown role, or a template that is not well
            formed.
    """
    message = from_foreign(message)
    if isinstance(message, (BaseMessage, BaseMessagePromptTemplate, BaseChatPromptTemplate)):
        return message
    if isinstance(message, str):
        return HumanMessagePromptTemplate.from_template(message, template_format)
    role, content = _pair(message)
    if role == "placeholder":
        return MessagesPlaceholder.from_template(content)
    return _template_class(role).from_template(content, template_format)


def is_pair(message: object) -> bool:
    """Tell whether this is a role with its content, rather than a list of parts."""
    if not is_list(message) or not isinstance(message, tuple) or len(message) != 2:
        return False
    return isinstance(message[0], type) or message[0] in (*_ROLES, "placeholder")


def _pair(message: Any) -> tuple[Any, Any]:
    if is_dict(message):
        if set(message) == {"role", "content"}:
            return message["role"], message["content"]
        raise PromptError(
            f"Expected a dict with the keys 'role' and 'content', got {sorted(message)}."
        )
    if is_list(message) and isinstance(message, tuple) and len(message) == 2:
        return message[0], message[1]
    raise PromptError(
        f"Unsupported message type: {type(cast('object', message)).__name__}. Pass a message, a "
        "template, a string, or a pair such as ('human', '{question}')."
    )


def _template_class(role: Any) -> type[RoleMessagePromptTemplate]:
    if isinstance(role, str) and role in _ROLES:
        return _ROLES[role]
    if isinstance(role, type) and issubclass(role, RoleMessagePromptTemplate):
        return role
    for template in _MESSAGE_CLASSES:
        if isinstance(role, type) and issubclass(role, template.message_class):
            return template
    known = (*_ROLES, "placeholder")
    shown = role.__name__ if isinstance(role, type) else role
    raise PromptError(
        f"Unexpected message type: {shown}. Use one of {', '.join(map(repr, known))}."
        f"{did_you_mean(str(shown), known)}"
    )


class _ShorthandRepr:
    """A part whose repr is the pair that users write for it."""

    def __init__(self, part: MessagePart, template_format: str) -> None:
        self.part = part
        self.template_format = template_format

    def __repr__(self) -> str:
        if type(self.part) in _MESSAGE_CLASSES and isinstance(self.part, RoleMessagePromptTemplate):
            return repr(self.part.shorthand(self.template_format) or self.part)
        return repr(self.part)
