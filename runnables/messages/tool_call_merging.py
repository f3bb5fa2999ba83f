"""Merging of the chunks of a stream to tool calls.

Each chunk is added to the call that it continues, or opens a new one. A chunk with an `index`
belongs to the latest call with that index (0 and "0" are one index); one without an index belongs
to the call with its id, or else to the call that a chunk was added to last. It continues that
call, unless it has an id or a name that the call cannot have. An id that was made here, because
the service sent none, counts as none: the service's own may still arrive.

A merged list keeps its source chunks wherever merging them would decide too early: an id that
arrives late looks like a new call if the beginning of the call is not known. So chunks may be
merged in any grouping, and the calls are the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

from runnables.messages.tool_calls import ToolCallChunk, tool_call_chunk

MADE_PREFIX: Final = "made_"
"""The beginning of the ids that are made here, for calls that came without."""


def is_made(id: str | None) -> bool:
    """Tell whether an id was made here, and is none of the service's."""
    return id is not None and id.startswith(MADE_PREFIX)


class MergedToolCallChunks(list[ToolCallChunk]):
    """One chunk for each call, with the source chunks where merging has changed them."""

    source_chunks: Sequence[ToolCallChunk] = ()


def merge_tool_call_chunks(
    lists: Iterable[Sequence[ToolCallChunk]],
) -> list[ToolCallChunk]:
    """Merge the chunks of a stream to one chunk for each call, in the order of their beginnings.

    The time is linear in the number of chunks and the length of their strings.
    """
    sources = _merge_runs(chunk for chunks in lists for chunk in source_chunks_of(chunks))
    assembler = ToolCallAssembler(MergedCall)
    for chunk in sources:
        assembler.add(chunk)
    calls = [call.chunk() for call in assembler.calls]
    if len(calls) == len(sources):
        return calls
    merged = MergedToolCallChunks(calls)
    merged.source_chunks = sources
    return merged


def source_chunks_of(chunks: Sequence[ToolCallChunk]) -> Sequence[ToolCallChunk]:
    """Return the chunks that a list was merged from, where they matter; else the list itself."""
    return chunks.source_chunks if isinstance(chunks, MergedToolCallChunks) else chunks


def _merge_runs(chunks: Iterable[ToolCallChunk]) -> list[ToolCallChunk]:
    """Merge neighbours of which the second can only continue the first."""
    runs: list[tuple[ToolCallChunk, list[str]]] = []
    for chunk in chunks:
        if runs and _only_continues(runs[-1][0], chunk):
            runs[-1][1].append(chunk["args"] or "")
        elif not _is_empty(chunk):
            runs.append((chunk, []))
    return [_with_more_args(chunk, more) for chunk, more in runs]


def _is_empty(chunk: ToolCallChunk) -> bool:
    return not (chunk["args"] or chunk["id"] or chunk["name"] or chunk.get("extras"))


def _only_continues(run: ToolCallChunk, chunk: ToolCallChunk) -> bool:
    """Tell whether a chunk belongs to the same call as the run before it, and adds only text."""
    if _place(chunk) != _place(run) or chunk["name"] or chunk.get("extras"):
        return False
    return not chunk["id"] or chunk["id"] == run["id"]


def _place(chunk: ToolCallChunk) -> str | None:
    """Return the index as a word: some servers send numbers, and others the same as strings."""
    index = chunk["index"]
    return None if index is None else str(index)


def _with_more_args(chunk: ToolCallChunk, more: list[str]) -> ToolCallChunk:
    if not more:
        return chunk
    return {**chunk, "args": "".join([chunk["args"] or "", *more])}


class PartialToolCall:
    """A tool call whose chunks are still arriving; a subclass keeps the text of its arguments.

    Attributes:
        index: the number of the call in the message; None where the provider sends none.
        name: the name of the tool, as far as it has arrived.
        id: the id of the call, once it has arrived.
    """

    def __init__(self) -> None:
        self.index: int | str | None = None
        self.name: str | None = None
        self.id: str | None = None

    @property
    def has_args(self) -> bool:
        """Tell whether some text of the arguments has arrived."""
        raise NotImplementedError

    @property
    def is_complete(self) -> bool:
        """Tell whether the arguments are complete."""
        raise NotImplementedError

    def add_args(self, text: str) -> None:
        """Add a part of the text of the arguments."""
        raise NotImplementedError

    def add(self, chunk: ToolCallChunk) -> None:
        """Add a chunk."""
        if chunk["name"] and chunk["name"] != self.name:
            self.name = (self.name or "") + chunk["name"]
        if not self.id or (is_made(self.id) and chunk["id"]):
            self.id = chunk["id"] or None
        self.index = chunk["index"] if self.index is None else self.index
        self.add_args(chunk["args"] or "")

    def continues_with(self, chunk: ToolCallChunk) -> bool:
        """Tell whether a chunk continues this call, rather than starting another."""
        if chunk["id"] and self.id and not is_made(self.id):
            # Some servers make up a new id for every chunk; only the first one has the name then.
            return chunk["id"] == self.id or (not chunk["name"] and chunk["index"] is not None)
        if not chunk["name"] or not self.name:
            return True
        if chunk["name"] == self.name and (self.has_args or chunk["index"] is not None):
            return not self.is_complete
        return not self.has_args and not chunk["id"] and chunk["index"] is not None


C = TypeVar("C", bound=PartialToolCall)


class ToolCallAssembler(Generic[C]):
    """An assembler of tool calls from the chunks of a stream.

    Args:
        new: returns an empty call.

    Attributes:
        calls: the calls, in the order of their beginnings.
    """

    def __init__(self, new: Callable[[], C]) -> None:
        self.calls: list[C] = []
        self._new = new
        self._by_index: dict[str, C] = {}
        self._by_id: dict[str, C] = {}
        self._last: C | None = None

    def add(self, chunk: ToolCallChunk) -> None:
        """Add a chunk to the call that it continues, or to a new one."""
        index = _place(chunk)
        if index is None:
            call = self._by_id.get(chunk["id"] or "", self._last)
        else:
            call = self._by_index.get(index)
        if call is None or not call.continues_with(chunk):
            call = self._new()
            self.calls.append(call)
        call.add(chunk)
        self._last = call
        if index is not None:
            self._by_index[index] = call
        if call.id:
            self._by_id[call.id] = call


class MergedCall(PartialToolCall):
    """A call that keeps its arguments as text."""

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

    def add(self, chunk: ToolCallChunk) -> None:
        super().add(chunk)
        self._extras.update(chunk.get("extras") or {})

    def chunk(self) -> ToolCallChunk:
        """Return the whole call as one chunk."""
        chunk = tool_call_chunk(
            name=self.name, args="".join(self._args), id=self.id, index=self.index
        )
        if self._extras:
            chunk["extras"] = self._extras
        return chunk
