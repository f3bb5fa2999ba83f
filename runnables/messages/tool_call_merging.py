"""How the pieces of a stream become tool calls.

Each piece goes to the call that it continues, or opens a new one. A piece with an `index` looks at
the latest call with that index, a piece without one at the call with its id, or else at the call
that was written to last. It continues that call, unless it brings an id or a name of its own that
the call cannot have.

The pieces are kept as they came wherever joining them would decide too early (an id that arrives
late looks like a new call to those who did not see its beginning). So pieces may be joined in any
grouping, and the calls come out the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from runnables.messages.tool_calls import ToolCallChunk, tool_call_chunk


class MergedToolCallChunks(list[ToolCallChunk]):
    """The calls that pieces make, together with those pieces where the two differ."""

    source_chunks: Sequence[ToolCallChunk] = ()


def merge_tool_call_chunks(
    lists: Iterable[Sequence[ToolCallChunk]],
) -> list[ToolCallChunk]:
    """Join the pieces of a stream to one piece for each call, in the order of their beginnings.

    Linear in the number of pieces and the length of their texts.
    """
    pieces = _runs(piece for some in lists for piece in source_chunks_of(some))
    assembly = ToolCallAssembler(_MergedCall)
    for piece in pieces:
        assembly.add(piece)
    calls = [call.chunk() for call in assembly.calls]
    if len(calls) == len(pieces):
        return calls
    joined = MergedToolCallChunks(calls)
    joined.source_chunks = pieces
    return joined


def source_chunks_of(chunks: Sequence[ToolCallChunk]) -> Sequence[ToolCallChunk]:
    """The pieces that a list of chunks was joined from, as far as they matter."""
    return chunks.source_chunks if isinstance(chunks, MergedToolCallChunks) else chunks


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


class PartialToolCall:
    """Base of calls that are being put together; a subclass keeps the text of the arguments.

    Attributes:
        index: the place of the call in the message, where the provider says it.
        name: the tool, where known.
        id: what relates the result to the call, where known.
    """

    def __init__(self) -> None:
        self.index: int | str | None = None
        self.name: str | None = None
        self.id: str | None = None

    @property
    def has_args(self) -> bool:
        """Whether some of the text of its arguments has come."""
        raise NotImplementedError

    @property
    def is_complete(self) -> bool:
        """Whether its arguments are complete."""
        raise NotImplementedError

    def add_args(self, text: str) -> None:
        """Add a piece of the text of the arguments."""
        raise NotImplementedError

    def add(self, piece: ToolCallChunk) -> None:
        """Add a piece."""
        if piece["name"] and piece["name"] != self.name:
            self.name = (self.name or "") + piece["name"]
        self.id = self.id or piece["id"] or None
        self.index = piece["index"] if self.index is None else self.index
        self.add_args(piece["args"] or "")

    def continues_with(self, piece: ToolCallChunk) -> bool:
        """Whether the piece is more of this call, rather than the start of another."""
        if piece["id"] and self.id:
            # Some servers make up a new id for every piece; only the first one has the name then.
            return piece["id"] == self.id or (not piece["name"] and piece["index"] is not None)
        if not piece["name"] or not self.name:
            return True
        if piece["name"] == self.name and (self.has_args or piece["index"] is not None):
            return not self.is_complete
        return not self.has_args and not piece["id"] and piece["index"] is not None


C = TypeVar("C", bound=PartialToolCall)


class ToolCallAssembler(Generic[C]):
    """Gives each piece of a stream to the call that it belongs to.

    Args:
        new: makes an empty call.

    Attributes:
        calls: in the order of their beginnings.
    """

    def __init__(self, new: Callable[[], C]) -> None:
        self.calls: list[C] = []
        self._new = new
        self._by_index: dict[int | str, C] = {}
        self._by_id: dict[str, C] = {}
        self._last: C | None = None

    def add(self, piece: ToolCallChunk) -> None:
        """Let the call of this piece, or a new one, take it."""
        index = piece["index"]
        if index is None:
            call = self._by_id.get(piece["id"] or "", self._last)
        else:
            call = self._by_index.get(index)
        if call is None or not call.continues_with(piece):
            call = self._new()
            self.calls.append(call)
        call.add(piece)
        self._last = call
        if index is not None:
            self._by_index[index] = call
        if call.id:
            self._by_id[call.id] = call


class _MergedCall(PartialToolCall):
    """A call with its arguments as the text that they are."""

    def __init__(self) -> None:
        super().__init__()
        self._args: list[str] = []
        self._extras: dict[str, Any] = {}

    @property
    def has_args(self) -> bool:
        return any(self._args)

    @property
    def is_complete(self) -> bool:
        self._args = ["".join(self._args)]
        if not self._args[0].rstrip().endswith("}"):
            return False
        try:
            json.loads(self._args[0], strict=False)
        except ValueError:
            return False
        return True

    def add_args(self, text: str) -> None:
        self._args.append(text)

    def add(self, piece: ToolCallChunk) -> None:
        super().add(piece)
        self._extras.update(piece.get("extras") or {})

    def chunk(self) -> ToolCallChunk:
        """All of it as one piece."""
        chunk = tool_call_chunk(
            name=self.name, args="".join(self._args), id=self.id, index=self.index
        )
        if self._extras:
            chunk["extras"] = self._extras
        return chunk
