"""The answer of a model: the message and its chunk."""

# pyright: reportIncompatibleVariableOverride=false
# (`type` is another word in every class: that is how JSON tells them apart.)

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

from pydantic import Field
from typing_extensions import Unpack, override

from runnables.engine.deltas import ChunkRun
from runnables.messages.base import BaseMessage, BaseMessageChunk, MessageFields
from runnables.messages.normalize import canonical_block, refusal_of
from runnables.messages.tool_call_merging import merge_tool_call_chunks
from runnables.messages.tool_calls import (
    InvalidToolCall,
    InvalidToolCallField,
    ToolCall,
    ToolCallChunk,
    ToolCallChunkField,
    ToolCallField,
    chunks_of_calls,
    parse_tool_calls,
)
from runnables.messages.usage import UsageMetadata, sum_usage

if TYPE_CHECKING:
    from runnables.messages.blocks import Content, ContentBlock


class AIFields(MessageFields, total=False):
    """The keywords of an `AIMessage`."""

    tool_calls: Sequence[ToolCall]
    invalid_tool_calls: Sequence[InvalidToolCall]
    usage_metadata: UsageMetadata | None


# `list`, typed by casts: `list[ToolCall]` as a factory would be four times as slow.
_no_calls = cast("Callable[[], list[ToolCall]]", list)
_no_invalid_calls = cast("Callable[[], list[InvalidToolCall]]", list)
_no_call_chunks = cast("Callable[[], list[ToolCallChunk]]", list)


class AIMessage(BaseMessage):
    """The answer of a model.

    Example:
        >>> answer = AIMessage("", tool_calls=[tool_call(name="add", args={"a": 1}, id="1")])
        >>> answer.tool_calls[0]["name"], answer.tool_calls[0]["args"]
        ('add', {'a': 1})
        >>> AIMessage("Hello", id="1")
        AIMessage('Hello', id='1')
    """

    type: Literal["ai"] = "ai"
    tool_calls: list[ToolCallField] = Field(default_factory=_no_calls)
    """The tool calls that the model requests."""
    invalid_tool_calls: list[InvalidToolCallField] = Field(default_factory=_no_invalid_calls)
    """Tool calls that cannot be run, with the text that the model wrote and the reason."""
    usage_metadata: UsageMetadata | None = None
    """The tokens that the answer took; None where the provider does not report them."""

    _default_content: ClassVar[Content | None] = ""

    if TYPE_CHECKING:

        def __init__(self, content: Content | None = None, **fields: Unpack[AIFields]) -> None: ...

    @override
    def _pop_content_blocks(self, content: Content | None, fields: Any) -> Content | None:
        _set_tool_calls(fields, fields["content_blocks"] or [])
        return super()._pop_content_blocks(content, fields)

    @property
    def content_blocks(self) -> list[ContentBlock]:
        """Return the content as canonical blocks, the reasoning first and the tool calls last."""
        blocks = self._blocks_without_calls()
        return _append_calls(blocks, [*self.tool_calls, *self.invalid_tool_calls])

    def _blocks_without_calls(self) -> list[ContentBlock]:
        blocks = super().content_blocks
        more = self.additional_kwargs
        if more and not any(block["type"] == "reasoning" for block in blocks):
            values = (more.get(name) for name in _REASONING_FIELDS)
            for text in (value for value in values if isinstance(value, str) and value):
                blocks.insert(0, {"type": "reasoning", "reasoning": text})
                break
        if (refusal := self.refusal) and not any(block["type"] == "refusal" for block in blocks):
            blocks.append({"type": "refusal", "refusal": refusal})
        return [*blocks, *_media_beside_content(more)] if more else blocks

    @property
    def refusal(self) -> str | None:
        """Return the text with which the model refused to answer; None where it did not refuse.

        It is taken from a block of type "refusal", or from `additional_kwargs["refusal"]`, where
        OpenAI's chat completions have it.
        """
        refusal = refusal_of(self.content) or self.additional_kwargs.get("refusal")
        return refusal if isinstance(refusal, str) and refusal else None

    def pretty_repr(self) -> str:
        """Return the message as a string to read in a terminal."""
        calls = [line for call in self.tool_calls for line in _call_lines(call)]
        invalid = [line for call in self.invalid_tool_calls for line in _call_lines(call)]
        parts = [
            super().pretty_repr(),
            *(["Tool Calls:", *calls] if calls else []),
            *(["Invalid Tool Calls:", *invalid] if invalid else []),
        ]
        return "\n".join(parts).strip()


_REASONING_FIELDS: Final = ("reasoning_content", "reasoning")
"""The fields in which services of chat completions have reasoning beside the content."""


def _media_beside_content(fields: Mapping[str, Any]) -> Sequence[ContentBlock]:
    """Return the images and the speech that chat completions have beside the content."""
    given: Any = fields.get("images")
    images: list[Any] = cast("Any", given) if isinstance(given, list) else []
    found = map(canonical_block, images)
    blocks: list[ContentBlock] = [block for block in found if block["type"] == "image"]
    match fields.get("audio"):
        case {"data": str(data), **rest} if data:
            extras = {key: rest[key] for key in rest if key != "id"}
            speech: Any = {"type": "audio", "base64": data, "extras": extras}
            blocks.append(speech | ({"id": rest["id"]} if rest.get("id") else {}))
        case _:
            pass
    return blocks


def _set_tool_calls(fields: AIFields, blocks: Sequence[ContentBlock]) -> None:
    """Make the tool calls among the blocks the tool calls of the message."""
    calls = [block for block in blocks if block["type"] == "tool_call"]
    if calls and "tool_calls" not in fields:
        fields["tool_calls"] = cast("list[ToolCall]", calls)


def _append_calls(
    blocks: list[ContentBlock], calls: Sequence[ToolCall | InvalidToolCall]
) -> list[ContentBlock]:
    """Return the blocks with those calls that are not among them."""
    kinds = {"tool_call", "invalid_tool_call"}
    known = {block.get("id") for block in blocks if block["type"] in kinds}
    new = [call for call in calls if call["id"] is None or call["id"] not in known]
    return [*blocks, *cast("list[ContentBlock]", new)]


def _call_lines(call: ToolCall | InvalidToolCall) -> list[str]:
    args = call["args"]
    shown = [f"{key}: {value}" for key, value in args.items()] if isinstance(args, Mapping) else []
    error = call.get("error")
    return [
        f"  {call['name']} ({call['id']})",
        f" Call ID: {call['id']}",
        *([f"  Error: {error}"] if error else []),
        "  Args:",
        *(f"    {line}" for line in (shown if isinstance(args, Mapping) else [args])),
    ]


class AIChunkFields(AIFields, total=False):
    """The keywords of an `AIMessageChunk`."""

    tool_call_chunks: Sequence[ToolCallChunk]
    chunk_position: Literal["last"] | None


class AIMessageChunk(AIMessage, BaseMessageChunk):
    """A chunk of an `AIMessage`.

    Its tool calls are parsed from `tool_call_chunks`: `tool_calls` and `invalid_tool_calls` hold
    what has arrived so far, and after `chunk_position="last"` the final calls.

    Example:
        >>> first = AIMessageChunk(
        ...     tool_call_chunks=[tool_call_chunk(name="add", args='{"a": 1, "b')]
        ... )
        >>> first.tool_calls[0]["args"]
        {'a': 1}
        >>> rest = AIMessageChunk(tool_call_chunks=[tool_call_chunk(args='": 2}')])
        >>> (first + rest).tool_calls[0]["args"]
        {'a': 1, 'b': 2}
    """

    type: Literal["AIMessageChunk"] = "AIMessageChunk"  # type: ignore[assignment]  # another tag than the base's
    tool_call_chunks: list[ToolCallChunkField] = Field(default_factory=_no_call_chunks)
    """Parts of tool calls; in a merged chunk, one for each call."""
    chunk_position: Literal["last"] | None = None
    """"last" where no chunk follows."""

    if TYPE_CHECKING:

        def __init__(
            self, content: Content | None = None, **fields: Unpack[AIChunkFields]
        ) -> None: ...

    def model_post_init(self, context: Any, /) -> None:
        """Parse the tool calls from their chunks, or make the chunks from the calls."""
        if self.tool_call_chunks:
            chunks = self.tool_call_chunks
            # several parts of one call may come in one chunk
            self.set_tool_call_chunks(
                merge_tool_call_chunks([chunks]) if len(chunks) > 1 else chunks
            )
        elif self.tool_calls or self.invalid_tool_calls:
            self.tool_call_chunks = chunks_of_calls(self.tool_calls, self.invalid_tool_calls)

    def set_tool_call_chunks(self, chunks: list[ToolCallChunk]) -> None:
        """Replace the parts of tool calls, of which each call has one, and parse them."""
        # Not through the constructor: it would copy the list, which keeps its source chunks.
        self.tool_call_chunks = chunks
        if chunks:
            self._parse_calls()

    def _parse_calls(self) -> None:
        self.tool_calls, self.invalid_tool_calls = parse_tool_calls(
            self.tool_call_chunks, last=self.chunk_position == "last"
        )

    @property
    def content_blocks(self) -> list[ContentBlock]:
        """Return the content as canonical blocks; tool calls are chunks until the last chunk."""
        if self.chunk_position == "last":
            return super().content_blocks
        return [*self._blocks_without_calls(), *cast("list[ContentBlock]", self.tool_call_chunks)]

    @classmethod
    def _merged_fields(cls, chunks: Sequence[Any]) -> Any:
        usages = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata is not None]
        last = any(chunk.chunk_position == "last" for chunk in chunks)
        return {
            **super()._merged_fields(chunks),
            "usage_metadata": sum_usage(usages) if usages else None,
            "chunk_position": "last" if last else None,
        }

    @override
    def _merge_tool_calls(self, chunks: Sequence[Any]) -> None:
        self.set_tool_call_chunks(
            merge_tool_call_chunks(
                [chunk.tool_call_chunks for chunk in chunks if chunk.tool_call_chunks]
            )
        )

    def _start_run(self) -> TextRun | None:
        return TextRun(self) if _is_plain(vars(self)) else None


def add_ai_message_chunks(left: AIMessageChunk, *others: AIMessageChunk) -> AIMessageChunk:
    """Add chunks of one answer; the same as `AIMessageChunk.merge_chunks`.

    Args:
        left: the first chunk.
        *others: the chunks after it.

    Raises:
        MergeError: they are chunks of different messages.

    Example:
        >>> add_ai_message_chunks(AIMessageChunk("Land "), AIMessageChunk("ahoy"))
        AIMessageChunk('Land ahoy')
    """
    return AIMessageChunk.merge_chunks([left, *others])


class TextRun(ChunkRun):
    """Chunks of one answer that have nothing but text; a stream has one for every token.

    A chunk takes a kilobyte and seven objects that the garbage collector goes through, its text
    takes 60 bytes.
    """

    __slots__ = ("_id", "_latest", "_strings")

    def __init__(self, first: AIMessageChunk) -> None:
        self._id = first.id
        self._strings: list[str] = []
        self._latest = [cast("str", first.content)]

    def add(self, chunk: Any, /) -> bool:
        """Add the next chunk; return False where it has more than text, or another id."""
        if type(chunk) is not AIMessageChunk:
            return False
        fields = vars(chunk)
        if fields["id"] != self._id or not _is_plain(fields):
            return False
        self._latest.append(fields["content"])
        if len(self._latest) == _LATEST:
            self._strings.append("".join(self._latest))
            self._latest.clear()
        return True

    def merged(self) -> AIMessageChunk:
        """Return the chunk that they merge to."""
        return AIMessageChunk("".join((*self._strings, *self._latest)), id=self._id)


_LATEST: Final = 256
_MORE: Final = tuple(
    name for name in AIMessageChunk.model_fields if name not in ("content", "id", "type")
)


def _is_plain(fields: Mapping[str, Any]) -> bool:
    """Tell whether a chunk with these fields has nothing but text."""
    if type(fields["content"]) is not str:
        return False
    for name in _MORE:
        if fields[name]:
            return False
    return True
