"""What all messages have, and what all chunks of messages have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import TypedDict, Unpack

from runnables.errors import MergeError, did_you_mean
from runnables.messages.blocks import Content, ContentBlock
from runnables.messages.merging import (
    first_not_none,
    join_deltas_by_key,
    join_metadata_by_key,
    merge_content,
)
from runnables.messages.normalize import canonical_blocks, text_of


class MessageFields(TypedDict, total=False):
    """The keywords that every message takes."""

    content_blocks: Sequence[ContentBlock] | None
    id: str | None
    name: str | None
    additional_kwargs: dict[str, Any]
    response_metadata: dict[str, Any]


class BaseMessage(BaseModel):
    """One thing that was said in a conversation.

    Args:
        content: the text, or a list of texts and blocks (see `runnables.messages.blocks`;
            blocks in the form of a provider are welcome too).
        fields: the attributes below, by keyword; `content_blocks=` stands for a `content` of
            canonical blocks.

    Raises:
        pydantic.ValidationError: a value of the wrong type, or an unknown keyword.
    """

    model_config = ConfigDict(
        extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", defer_build=True
    )

    content: Content
    """The text, or a list of texts and blocks."""
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    """What a provider sends or wants beyond the common fields."""
    response_metadata: dict[str, Any] = Field(default_factory=dict)
    """What a provider says about an answer: model, finish reason, log probabilities."""
    type: str
    """Who speaks, as a word: it tells the classes apart in JSON."""
    name: str | None = None
    """A name for the speaker."""
    id: str | None = Field(default=None, coerce_numbers_to_str=True)
    """What the provider calls this message."""

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
            raise _readable_error(type(self), error) from None

    @property
    def text(self) -> str:
        """The text of the content: all of its texts and text blocks, joined."""
        return text_of(self.content)

    @property
    def content_blocks(self) -> list[ContentBlock]:
        """The content as canonical blocks; blocks of providers are translated."""
        return canonical_blocks(self.content)

    def pretty_repr(self) -> str:
        """The message as a person would like to read it in a terminal."""
        title = f" {self.type.title()} Message ".center(80, "=")
        lines = [title, *([f"Name: {self.name}"] if self.name else []), ""]
        return "\n".join([*lines, self.text if self._is_only_text() else str(self.content)])

    def pretty_print(self) -> None:
        """Print `pretty_repr()`."""
        print(self.pretty_repr())

    def _pop_content_blocks(self, content: Content | None, fields: MessageFields) -> Content | None:
        """Take `content_blocks` out of the keywords, as the content that it stands for."""
        blocks: Any = fields.pop("content_blocks")
        if blocks is not None and content is not None:
            raise ValueError(
                f"{type(self).__name__} got both content and content_blocks. Give one of them."
            )
        return content if blocks is None else cast("Content", list(blocks))

    def _is_only_text(self) -> bool:
        return all(block["type"] == "text" for block in canonical_blocks(self.content))

    def __eq__(self, other: object) -> bool:
        # Which fields were given and which came by default makes no difference.
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
    """A piece of a message that is being streamed.

    Chunks add up with `+`, or better, many at a time with `merge_chunks`.
    """

    @classmethod
    def merge_chunks(cls, chunks: Sequence[Self]) -> Self:
        """Join the pieces of one message, in order, in time linear to their size.

        Texts are joined, blocks and tool calls are joined by their index, usage is summed, and
        of names and other facts the last one counts. The same comes out for any grouping.

        Raises:
            MergeError: the pieces are of different classes, or do not fit together.
        """
        for chunk in chunks:
            if type(chunk) is not type(chunks[0]):
                raise _class_mismatch(chunks[0], chunk)
        merged = type(chunks[0])(**cls._merged_fields(chunks))
        merged._finish_merge(chunks)
        return merged

    @classmethod
    def _merged_fields(cls, chunks: Sequence[Any]) -> Any:
        """The fields of the sum."""
        return {
            "content": merge_content([chunk.content for chunk in chunks]),
            "additional_kwargs": join_deltas_by_key(
                [chunk.additional_kwargs for chunk in chunks if chunk.additional_kwargs]
            ),
            "response_metadata": join_metadata_by_key(
                [chunk.response_metadata for chunk in chunks if chunk.response_metadata]
            ),
            "name": first_not_none([chunk.name for chunk in chunks]),
            "id": first_not_none([chunk.id for chunk in chunks]),
        }

    def _finish_merge(self, chunks: Sequence[Any]) -> None:
        """Take over what the constructor cannot take."""

    def __add__(self, other: Self | Sequence[Self]) -> Self:
        more = other if isinstance(other, Sequence) else [other]
        if not all(isinstance(cast("object", chunk), BaseMessageChunk) for chunk in more):
            return NotImplemented
        return self.merge_chunks([self, *more])


def _class_mismatch(one: object, other: object) -> MergeError:
    return MergeError(
        f"Cannot merge a {type(one).__name__} and a {type(other).__name__}: "
        "they are pieces of different messages."
    )


def _readable_error(owner: type[BaseModel], error: ValidationError) -> ValidationError:
    """The same error with one sentence for each wrong argument."""
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
    first, where = details[0], details[0]["loc"]
    if name == "content":
        # The last one is about the list, if it is one: its place tells the item.
        first, where = details[-1], (name, *details[-1]["loc"][2:3])
        reason = (
            "The content must be a str, or a list of str and dict blocks with str keys, "
            f"not of type {type(first['input']).__name__!r}."
        )
    elif first["type"] == "extra_forbidden":
        reason = f"There is no such field.{did_you_mean(str(name), owner.model_fields)}"
    else:
        reason = first["msg"]
    return InitErrorDetails(
        type=PydanticCustomError("message_field", "{reason}", {"reason": reason}),
        loc=where,
        input=first["input"],
    )
