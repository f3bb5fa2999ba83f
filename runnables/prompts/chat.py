"""Templates for a conversation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, cast, overload

from runnables.errors import PromptError, did_you_mean
from runnables.messages import BaseMessage
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
from runnables.prompts.template import constructor_repr

if TYPE_CHECKING:
    from runnables.prompts.formats.base import PromptTemplateFormat, Variables
    from runnables.prompts.template import RenderContext, SelectsExamples


_LIBRARY_CLASSES: Final = frozenset(ALL_KINDS.values())


class BaseChatPromptTemplate(BasePromptTemplate):
    """A template that gives messages."""

    @abstractmethod
    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """The messages; nothing is missing from what is given."""

    def _render_prompt(self, context: RenderContext) -> PromptValue:
        messages = self.render_messages(context)
        if type(messages) is list and _LIBRARY_CLASSES.issuperset(map(type, messages)):
            return construct_with_defaults(ChatPromptValue, {"messages": messages})
        return ChatPromptValue(messages=cast("Any", messages))  # of a user's own template, maybe

    def format_messages(self, /, **values: Any) -> list[BaseMessage]:
        """The messages for these values.

        Raises:
            PromptError: a value is missing, or a name is unknown.
        """
        return self.render_messages(self._keyword_context(values))

    async def aformat_messages(self, /, **values: Any) -> list[BaseMessage]:
        """The messages for these values; awaits selectors of examples."""
        return self.render_messages(await self._akeyword_context(values))

    def format(self, /, **values: Any) -> str:
        """The messages for these values as one text, for reading."""
        return self.format_prompt(**values).to_string()

    async def aformat(self, /, **values: Any) -> str:
        """The messages for these values as one text, for reading."""
        return (await self.aformat_prompt(**values)).to_string()

    def __add__(self, other: MessageLike | Sequence[MessageLike]) -> ChatPromptTemplate:
        """A conversation of this and what follows."""
        return ChatPromptTemplate([self]) + other

    def __radd__(self, other: MessageLike) -> ChatPromptTemplate:
        """A conversation of what goes before and this."""
        return ChatPromptTemplate([other, self])


MessagePart = BaseMessage | BaseMessagePromptTemplate | BaseChatPromptTemplate
"""What a chat prompt is made of."""

MessageLike = (
    MessagePart
    | str
    | tuple[str | type, str | Sequence[str | Mapping[str, Any] | bool]]
    | Mapping[str, Any]
)
"""What can be written for a part: a message or a template; a text of the user's; a pair of a role
(or a class) and a text or a list of blocks; a dict of `role` and `content`."""


class ChatPromptTemplate(BaseChatPromptTemplate):
    """A conversation with places for values and for further messages.

    Args:
        messages: its parts, in order. Messages are taken as they are: braces in them are text.
        template_format: how texts are to be read, now and when parts are added.
        input_variables: the variables, where they are to be checked against the parts.
        optional_variables: the same for those that may be left out.
        partial_variables: values that are filled in already, or functions that give them.
        input_types: types of values for `input_schema`.
        name: what to call the template in errors and events.

    Raises:
        PromptError: a part that is not well formed, a text or a pair in place of the list of
            parts, or declared variables that do not fit.
    """

    _cached_variables: tuple[list[Any], Variables, list[SelectsExamples]] | None = None

    def __init__(
        self,
        messages: Iterable[MessageLike],
        *,
        template_format: PromptTemplateFormat = "f-string",
        input_variables: Iterable[str] | None = None,
        optional_variables: Iterable[str] | None = None,
        partial_variables: Mapping[str, Any] | None = None,
        input_types: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(partial_variables=partial_variables, input_types=input_types, name=name)
        self.template_format: PromptTemplateFormat = template_format
        self.messages = self._parts(messages)
        self._refuse_unknown(self.partial_variables)
        self._check_declared(input_variables)
        if optional_variables is not None:
            self._refuse_unknown(optional_variables)

    @classmethod
    def from_messages(
        cls,
        messages: Iterable[MessageLike],
        template_format: PromptTemplateFormat = "f-string",
        **options: Any,
    ) -> Self:
        """A conversation from its parts; the same as the constructor."""
        return cls(messages, template_format=template_format, **options)

    @classmethod
    def from_template(cls, template: str, **options: Any) -> Self:
        """A conversation of one message of the user; `options` as for `PromptTemplate`."""
        return cls([HumanMessagePromptTemplate(PromptTemplate(template, **options))])

    def render_messages(self, context: RenderContext) -> list[BaseMessage]:
        """The messages; nothing is missing from what is given."""
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
                f"{type(self).__name__} takes a list of messages, and was given the text "
                f"{messages!r}. Put it into a list, or use from_template."
            )
        if is_pair(messages):
            raise PromptError(
                f"{type(self).__name__} takes a list of messages, and was given the pair "
                f"{messages!r}. Put it into a list: [{messages!r}]."
            )
        return [as_part(message, self.template_format) for message in messages]

    def __len__(self) -> int:
        return len(self.messages)

    def __bool__(self) -> bool:
        return True  # also without messages it is a step of a chain

    @overload
    def __getitem__(self, index: int) -> MessagePart: ...

    @overload
    def __getitem__(self, index: slice) -> ChatPromptTemplate: ...

    def __getitem__(self, index: int | slice) -> MessagePart | ChatPromptTemplate:
        """A part, or a conversation of some of the parts and what is filled in of them."""
        if not isinstance(index, slice):
            return self.messages[index]
        chosen = ChatPromptTemplate(self.messages[index], template_format=self.template_format)
        known = chosen._own_variables().names
        filled = {name: value for name, value in self.partial_variables.items() if name in known}
        return chosen._with(partial_variables=filled)

    def __add__(self, other: MessageLike | Sequence[MessageLike]) -> ChatPromptTemplate:
        """This conversation and what follows: a message, a template, a text, or a list of them.

        Raises:
            PromptError: a variable that both fill in, and not alike.
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
        """What goes before, and this conversation."""
        parts = [as_part(other, self.template_format), *self.messages]
        return self._with(messages=parts)

    def _with(self, **changes: Any) -> Self:
        return super()._with(**{"messages": list(self.messages), **changes})

    def _own_variables(self) -> Variables:
        return self._variables_and_selectors()[1]

    def templates_with_selectors(self) -> Iterable[SelectsExamples]:
        return self._variables_and_selectors()[2]

    def _variables_and_selectors(self) -> tuple[list[Any], Variables, list[SelectsExamples]]:
        """What is found in the parts, and the parts in which it was found."""
        found = self._cached_variables
        if found is None or found[0] != self.messages:
            parts = self._templates()
            variables = union(part.variables for part in parts)
            selecting = [it for part in parts for it in part.templates_with_selectors()]
            found = self._cached_variables = list(self.messages), variables, selecting
        return found

    @property
    def accepts_unknown_names(self) -> bool:
        """Whether unknown names are let through, as a selector of examples may use them."""
        return any(part.accepts_unknown_names for part in self._templates())

    def _templates(self) -> list[BaseMessagePromptTemplate | BaseChatPromptTemplate]:
        return [part for part in self.messages if not isinstance(part, BaseMessage)]

    def _label(self) -> str:
        return f"{type(self).__name__} {self.name!r}" if self.name else type(self).__name__

    def pretty_repr(self) -> str:
        """The parts as a person reads them, each with a heading."""
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
    """Read a part of a conversation as users write it.

    Raises:
        PromptError: something that is no part, an unknown role, or a text that is not well formed.
    """
    if isinstance(message, (BaseMessage, BaseMessagePromptTemplate, BaseChatPromptTemplate)):
        return message
    if isinstance(message, str):
        return HumanMessagePromptTemplate.from_template(message, template_format)
    role, content = _pair(message)
    if role == "placeholder":
        return _placeholder(content)
    return _template_class(role).from_template(content, template_format)


def is_pair(message: object) -> bool:
    """Whether this is a role with its content, rather than a list of parts."""
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
        f"Unsupported message type: {type(cast('object', message)).__name__}. Give a message, a "
        "template, a text, or a pair such as ('human', '{question}')."
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


def _placeholder(content: Any) -> MessagesPlaceholder:
    """`"{name}"`, or a list of that and whether it is optional, which it is by itself."""
    items: Sequence[Any] = [content, True] if isinstance(content, str) else list(content)
    if len(items) == 2 and isinstance(items[0], str) and isinstance(items[1], bool):
        text = items[0]
        if text[:1] + text[-1:] == "{}" and text[1:-1].isidentifier():
            return MessagesPlaceholder(text[1:-1], optional=items[1])
    raise PromptError(
        f"Invalid placeholder template: {content!r}. Give a name in braces, as in "
        "('placeholder', '{history}'), or a list of that and whether it is optional."
    )


class _ShorthandRepr:
    """A part that prints as it is usually written."""

    def __init__(self, part: MessagePart, template_format: str) -> None:
        self.part = part
        self.template_format = template_format

    def __repr__(self) -> str:
        if type(self.part) in _MESSAGE_CLASSES and isinstance(self.part, RoleMessagePromptTemplate):
            return repr(self.part.shorthand(self.template_format) or self.part)
        return repr(self.part)
