"""What a model asks a tool to do, whole and in pieces.

How the pieces of a stream become calls: each piece goes to the call that it continues, or opens a
new one. A piece with an `index` looks at the latest call with that index, a piece without one at
the call with its id, or else at the call that was written to last. It continues that call, unless
it brings an id or a name of its own that the call cannot have.

The pieces are kept as they came wherever joining them would decide too early (an id that arrives
late looks like a new call to those who did not see its beginning). So pieces may be joined in any
grouping, and the calls come out the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypeAlias, cast

from pydantic import BeforeValidator, ConfigDict, with_config
from typing_extensions import TypedDict

from runnables.json_reader import parse_partial_json


class _CallKeys(TypedDict):
    """What a tool call is, apart from its `type`."""

    name: str
    args: dict[str, Any]
    id: str | None
    index: NotRequired[int | str]
    extras: NotRequired[dict[str, Any]]


class _ChunkKeys(TypedDict):
    """What a piece of a tool call is, apart from its `type`."""

    name: str | None
    args: str | None
    id: str | None
    index: int | str | None
    extras: NotRequired[dict[str, Any]]


class _InvalidKeys(TypedDict):
    """What an invalid tool call is, apart from its `type`."""

    name: str | None
    args: str | None
    id: str | None
    error: str | None
    index: NotRequired[int | str]
    extras: NotRequired[dict[str, Any]]


@with_config(ConfigDict(extra="forbid"))
class ToolCall(_CallKeys):
    """A model's request to call a tool.

    `id` relates the result (`ToolMessage.tool_call_id`) to the request; `extras` are what the
    provider wants to see again, such as a signature.
    """

    type: NotRequired[Literal["tool_call"]]


@with_config(ConfigDict(extra="forbid"))
class ToolCallChunk(_ChunkKeys):
    """A piece of a tool call; `args` is a piece of a JSON text."""

    type: NotRequired[Literal["tool_call_chunk"]]


@with_config(ConfigDict(extra="forbid"))
class InvalidToolCall(_InvalidKeys):
    """A request that cannot be served as it stands: `args` is the text that the model wrote."""

    type: NotRequired[Literal["invalid_tool_call"]]


class ToolCallBlock(_CallKeys):
    """A `ToolCall` as a block of a content."""

    type: Literal["tool_call"]


class ToolCallChunkBlock(_ChunkKeys):
    """A `ToolCallChunk` as a block of a content."""

    type: Literal["tool_call_chunk"]


class InvalidToolCallBlock(_InvalidKeys):
    """An `InvalidToolCall` as a block of a content."""

    type: Literal["invalid_tool_call"]


def tool_call(*, name: str, args: dict[str, Any], id: str | None = None) -> ToolCall:
    """Make a tool call."""
    return ToolCall(name=name, args=args, id=id, type="tool_call")


def tool_call_chunk(
    *,
    name: str | None = None,
    args: str | None = None,
    id: str | None = None,
    index: int | str | None = None,
) -> ToolCallChunk:
    """Make a piece of a tool call."""
    return ToolCallChunk(name=name, args=args, id=id, index=index, type="tool_call_chunk")


def invalid_tool_call(
    *,
    name: str | None = None,
    args: str | None = None,
    id: str | None = None,
    error: str | None = None,
) -> InvalidToolCall:
    """Make a tool call that cannot be served; `error` says why."""
    return InvalidToolCall(name=name, args=args, id=id, error=error, type="invalid_tool_call")


def _with_defaults(**defaults: Any) -> BeforeValidator:
    """Fill in the keys that writers leave out, so that equal calls compare equal."""

    def fill(value: Any) -> Any:
        return defaults | dict(cast("Any", value)) if isinstance(value, Mapping) else value

    return BeforeValidator(fill)


ToolCallField: TypeAlias = Annotated[ToolCall, _with_defaults(id=None, type="tool_call")]
ToolCallChunkField: TypeAlias = Annotated[
    ToolCallChunk,
    _with_defaults(name=None, args=None, id=None, index=None, type="tool_call_chunk"),
]
InvalidToolCallField: TypeAlias = Annotated[
    InvalidToolCall,
    _with_defaults(name=None, args=None, id=None, error=None, type="invalid_tool_call"),
]


class JoinedPieces(list[ToolCallChunk]):
    """The calls that pieces make, together with those pieces where the two differ."""

    pieces: Sequence[ToolCallChunk] = ()


def join_tool_call_chunks(
    lists: Iterable[Sequence[ToolCallChunk]],
) -> list[ToolCallChunk]:
    """Join the pieces of a stream to one piece for each call, in the order of their beginnings.

    Linear in the number of pieces and the length of their texts.
    """
    pieces = _runs(piece for some in lists for piece in pieces_of(some))
    calls = [call.chunk() for call in _assemble(pieces)]
    if len(calls) == len(pieces):
        return calls
    joined = JoinedPieces(calls)
    joined.pieces = pieces
    return joined


def pieces_of(chunks: Sequence[ToolCallChunk]) -> Sequence[ToolCallChunk]:
    """The pieces that a list of chunks was joined from, as far as they matter."""
    return chunks.pieces if isinstance(chunks, JoinedPieces) else chunks


def _runs(pieces: Iterable[ToolCallChunk]) -> list[ToolCallChunk]:
    """Join neighbours of which the second can only continue the first."""
    runs: list[tuple[ToolCallChunk, list[str]]] = []
    for piece in pieces:
        if runs and _only_continues(runs[-1][0], piece):
            runs[-1][1].append(piece["args"] or "")
        elif not _is_empty(piece):
            runs.append((piece, []))
    return [_with_more(piece, more) for piece, more in runs]


def _is_empty(piece: ToolCallChunk) -> bool:
    return not (piece["args"] or piece["id"] or piece["name"] or piece.get("extras"))


def _only_continues(run: ToolCallChunk, piece: ToolCallChunk) -> bool:
    """Whether the piece must go wherever the run before it went, and brings nothing but text."""
    if piece["index"] != run["index"] or piece["name"] or piece.get("extras"):
        return False
    return not piece["id"] or piece["id"] == run["id"]


def _with_more(piece: ToolCallChunk, more: list[str]) -> ToolCallChunk:
    if not more:
        return piece
    return {**piece, "args": "".join([piece["args"] or "", *more])}


@dataclass
class _Call:
    """A call that is being put together."""

    index: int | str | None = None
    name: str | None = None
    id: str | None = None
    args: list[str] = field(default_factory=list[str])
    extras: dict[str, Any] = field(default_factory=dict[str, Any])

    def take(self, piece: ToolCallChunk) -> None:
        if piece["name"] and piece["name"] != self.name:
            self.name = (self.name or "") + piece["name"]
        self.id = self.id or piece["id"] or None
        self.index = piece["index"] if self.index is None else self.index
        self.args.append(piece["args"] or "")
        self.extras.update(piece.get("extras") or {})

    def chunk(self) -> ToolCallChunk:
        chunk = tool_call_chunk(
            name=self.name,
            args="".join(self.args),
            id=self.id,
            index=self.index,
        )
        if self.extras:
            chunk["extras"] = self.extras
        return chunk

    def continues_with(self, piece: ToolCallChunk) -> bool:
        """Whether the piece is more of this call, rather than the start of another."""
        if piece["id"] and self.id:
            # Some servers make up a new id for every piece; only the first one has the name then.
            return piece["id"] == self.id or (not piece["name"] and piece["index"] is not None)
        if not piece["name"] or not self.name:
            return True
        if piece["name"] == self.name and (self.args_text or piece["index"] is not None):
            return not _is_whole(self.args_text)
        return not self.args_text and not piece["id"] and piece["index"] is not None

    @property
    def args_text(self) -> str:
        if len(self.args) > 1:
            self.args = ["".join(self.args)]
        return self.args[0] if self.args else ""


def _is_whole(args: str) -> bool:
    if not args.rstrip().endswith("}"):
        return False
    try:
        json.loads(args, strict=False)
    except ValueError:
        return False
    return True


def _assemble(pieces: Iterable[ToolCallChunk]) -> list[_Call]:
    calls: list[_Call] = []
    by_index: dict[int | str, _Call] = {}
    by_id: dict[str, _Call] = {}
    last: _Call | None = None
    for piece in pieces:
        if piece["index"] is None:
            call = by_id.get(piece["id"] or "", last)
        else:
            call = by_index.get(piece["index"])
        if call is None or not call.continues_with(piece):
            call = _Call()
            calls.append(call)
        call.take(piece)
        last = call
        if piece["index"] is not None:
            by_index[piece["index"]] = call
        if call.id:
            by_id[call.id] = call
    return calls


def parse_tool_calls(
    chunks: Iterable[ToolCallChunk], *, last: bool
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Read joined pieces as calls.

    Args:
        chunks: one chunk for each call.
        last: whether the stream has ended. Until then arguments are read as far as they go, and
            pieces without a name say nothing; afterwards both are invalid calls.
    """
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for chunk in chunks:
        if not (chunk["name"] or last):
            continue
        try:
            call = tool_call(
                name=_name(chunk), args=parse_args(chunk["args"], last=last), id=chunk["id"]
            )
            calls.append(_with_extras(call, chunk))
        except ValueError as error:
            broken = invalid_tool_call(
                name=chunk["name"], args=chunk["args"], id=chunk["id"], error=str(error)
            )
            invalid.append(_with_extras(broken, chunk))
    return calls, invalid


def _name(chunk: ToolCallChunk) -> str:
    if not chunk["name"]:
        raise ValueError("The call names no tool.")
    return chunk["name"]


def _with_extras(call: Mapping[str, Any], source: Mapping[str, Any]) -> Any:
    return {**call, "extras": source["extras"]} if source.get("extras") else call


def parse_args(text: str | None, *, last: bool = True) -> dict[str, Any]:
    """The arguments of a call from their JSON text; no text is no arguments.

    Args:
        text: the JSON text of an object.
        last: False reads the beginning of one as far as it goes.

    Raises:
        ValueError: the text is not JSON (or no beginning of it), or not an object.
    """
    if not text or text.isspace():
        return {}
    try:
        args = json.loads(text, strict=False) if last else parse_partial_json(text)
    except RecursionError:
        raise ValueError("The arguments are nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"The arguments are not valid JSON: {error}") from None
    if args is None:  # what some servers send for no arguments
        return {}
    if not isinstance(args, dict):
        raise ValueError(f"The arguments are not a JSON object but: {text[:50]}")
    return cast("dict[str, Any]", args)


def chunks_of_calls(
    calls: Iterable[ToolCall], invalid: Iterable[InvalidToolCall]
) -> list[ToolCallChunk]:
    """The pieces that whole calls would have been streamed as, one for each."""
    whole = [(call, json.dumps(call["args"], ensure_ascii=False)) for call in calls]
    broken = [(call, call["args"]) for call in invalid]
    return [
        _with_extras(
            tool_call_chunk(name=call["name"], args=args, id=call["id"], index=call.get("index")),
            call,
        )
        for call, args in [*whole, *broken]
    ]
