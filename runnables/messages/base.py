"""The base classes of messages and of message chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import TypedDict, Unpack

from runnables.errors import MergeError, did_you_mean
from runnables.messages.blocks import Content, ContentBlock
from runnables.messages.merging import (
    first_not_none,
    join_contents,
    join_deltas_by_key,
    join_metadata_by_key,
)
from runnables.messages.message_text import MessageText
from runnables.messages.normalize import canonical_blocks, text_of

if TYPE_CHECKING:
    from runnables.prompts.chat import ChatPromptTemplate, MessageLike


class MessageFields(TypedDict, total=False):
    """The keywords that every message takes."""

    content_blocks: Sequence[ContentBlock] | None
    id: str | None
    name: str | None
    additional_kwargs: dict[str, Any]
    response_metadata: dict[str, Any]


class BaseMessage(BaseModel):
    """A message of a conversation; the base of the messages of each role.

    Args:
        content: a string, or a list of strings and blocks. Blocks are canonical (see
            `ContentBlock`), or in the format of a provider.
        fields: the attributes below, by keyword; `content_blocks=` takes the place of `content`
            for canonical blocks.

    Raises:
        pydantic.ValidationError: a value of the wrong type, or an unknown keyword.

    Example:
        >>> message = HumanMessage(
        ...     ["What is this?", {"type": "image_url", "image_url": "https://x"}]
        ... )
        >>> message.text
        'What is this?'
        >>> message.content_blocks[1]
        {'type': 'image', 'url': 'https://x'}
        >>> isinstance(message, BaseMessage)
        True
    """

    model_config = ConfigDict(
        extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", defer_build=True
    )

    content: Content
    """A string, or a list of strings and blocks."""
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Fields of the provider's own that have no field here."""
    response_metadata: dict[str, Any] = Field(default_factory=dict)
    """The provider's metadata of an answer: model, finish reason, log probabilities."""
    type: str
    """The kind of message as a word, such as "human": it tells the classes apart in JSON."""
    name: str | None = None
    """The name of the author, where several share a role."""
    id: str | None = Field(default=None, coerce_numbers_to_str=True)
    """The provider's id of this message."""

    _default_content: ClassVar[Content | None] = None

    # One constructor for all classes, because streams make a chunk for every token; subclasses
    # state their keywords to type checkers only.
    def __init__(self, content: Content | None = None, **fields: Unpack[MessageFields]) -> None:
        if "content_blocks" in fields:
            content = self._pop_content_blocks(content, fields)
        try:
            BaseModel.__init__(
                self, content=self._default_content if content is None else content, **fields
            )
        except ValidationError as error:
            others = cast("dict[str, Any]", fields)
            if others.pop("example", True) is False:  # LangChain's default, which says nothing
                BaseMessage.__init__(self, content, **cast("MessageFields", others))
                return
            raise _readable_error(type(self), error) from None

    @property
    def text(self) -> MessageText:
        """Return the text of the content: all of its strings and text blocks, joined.

        It is a string. Code that calls it, `message.text()`, gets the same string.
        """
        return MessageText(text_of(self.content))

    @property
    def content_blocks(self) -> list[ContentBlock]:
        """Return the content as canonical blocks; blocks of providers are translated."""
        return canonical_blocks(self.content)

    def pretty_repr(self) -> str:
        """Return the message as a string to read in a terminal."""
        title = f" {self.type.title()} Message ".center(80, "=")
        lines = [title, *([f"Name: {self.name}"] if self.name else []), ""]
        return "\n".join([*lines, self.text if self._is_only_text() else str(self.content)])

    def pretty_print(self) -> None:
        """Print `pretty_repr()`."""
        print(self.pretty_repr())

    def __add__(self, other: MessageLike | Sequence[MessageLike]) -> ChatPromptTemplate:
        """Return a chat prompt of this message and the other parts; a string is a template.

        Example:
            >>> SystemMessage("Be brief.") + HumanMessage("Hi") + "{x}"
            ChatPromptTemplate([SystemMessage('Be brief.'), HumanMessage('Hi'), ('human', '{x}')])
        """
        from runnables.prompts.chat import ChatPromptTemplate

        return ChatPromptTemplate([self]) + other

    def _pop_content_blocks(self, content: Content | None, fields: MessageFields) -> Content | None:
        """Remove `content_blocks` from the keywords, and return the content that it means."""
        blocks: Any = fields.pop("content_blocks")
        if blocks is not None and content is not None:
            raise ValueError(
                f"{type(self).__name__} got both content and content_blocks. Give one of them."
            )
        return content if blocks is None else cast("Content", list(blocks))

    def _is_only_text(self) -> bool:
        return all(block["type"] == "text" for block in canonical_blocks(self.content))

    def __eq__(self, other: object) -> bool:
        # Unlike pydantic's, this does not compare which fields were passed and which are defaults.
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __str__(self) -> str:
        return repr(self)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield None, self.content
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name not in {"content", "type"} and value != field.get_default(
                call_default_factory=True
            ):
                yield name, value


class BaseMessageChunk(BaseMessage):
    """A chunk of a message that is being streamed.

    Chunks are merged with `+`, or, in time linear to their number, with `merge_chunks`.

    Example:
        >>> AIMessageChunk("Hel") + AIMessageChunk("lo")
        AIMessageChunk('Hello')
    """

    @classmethod
    def merge_chunks(cls, chunks: Sequence[Self]) -> Self:
        """Merge the chunks of one message, in order, in time linear to their size.

        Strings are joined, blocks and tool calls are merged by their index, usage is summed, the
        first `name` and `id` are kept, and of other metadata the last value. The result is the
        same for any grouping.

        Raises:
            MergeError: the chunks are of different classes, or do not fit together.

        Example:
            >>> AIMessageChunk.merge_chunks([AIMessageChunk("a"), AIMessageChunk("b", id="1")])
            AIMessageChunk('ab', id='1')
        """
        for chunk in chunks:
            if type(chunk) is not type(chunks[0]):
                raise _class_mismatch(chunks[0], chunk)
        merged = type(chunks[0])(**cls._merged_fields(chunks))
        merged._merge_tool_calls(chunks)
        return merged

    @classmethod
    def _merged_fields(cls, chunks: Sequence[Any]) -> Any:
        """Return the fields of the merged chunk."""
        return {
            "content": join_contents([chunk.content for chunk in chunks]),
            "additional_kwargs": join_deltas_by_key(
                [chunk.additional_kwargs for chunk in chunks if chunk.additional_kwargs]
            ),
            "response_metadata": join_metadata_by_key(
                [chunk.response_metadata for chunk in chunks if chunk.response_metadata]
            ),
            "name": first_not_none([chunk.name for chunk in chunks]),
            "id": first_not_none([chunk.id for chunk in chunks]),
        }

    def _merge_tool_calls(self, chunks: Sequence[Any]) -> None:
        """Set the tool calls of the merged chunk, where its class has them."""

    def __add__(self, other: Self | Sequence[Self]) -> Self:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride] - chunks make a message, messages a prompt
        others = other if isinstance(other, Sequence) else [other]
        if not all(isinstance(cast("object", chunk), BaseMessageChunk) for chunk in others):
            return NotImplemented
        return self.merge_chunks([self, *others])


def _class_mismatch(one: object, other: object) -> MergeError:
    return MergeError(
        f"Cannot merge a {type(one).__name__} and a {type(other).__name__}: "
        "they are chunks of different messages."
    )


def _readable_error(owner: type[BaseModel], error: ValidationError) -> ValidationError:
    """Return the same error with one sentence for each wrong argument."""
    by_name: dict[Any, list[Any]] = {}
    for detail in error.errors(include_url=False):
        by_name.setdefault(detail["loc"][:1], []).append(detail)
    return ValidationError.from_exception_data(
        owner.__name__,
        [_error_details(owner, name, details) for (name, *_), details in by_name.items()],
    )


def _error_details(
    owner: type[BaseModel], name: str | int, details: Sequence[Any]
) -> InitErrorDetails:
    detail, location = details[0], details[0]["loc"]
    if name == "content":
        # Of a list, pydantic's last error has the index of the wrong item in its location.
        detail, location = details[-1], (name, *details[-1]["loc"][2:3])
        reason = (
            "The content must be a str, or a list of str and dict blocks with str keys, "
            f"not of type {type(detail['input']).__name__!r}."
        )
    elif detail["type"] == "extra_forbidden":
        reason = f"There is no such field.{did_you_mean(str(name), owner.model_fields)}"
    else:
        reason = detail["msg"]
    return InitErrorDetails(
        type=PydanticCustomError("message_field", "{reason}", {"reason": reason}),
        loc=location,
        input=detail["input"],
    )
