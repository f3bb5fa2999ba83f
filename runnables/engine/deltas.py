"""How the parts of one value are joined, by their type.

Strings, lists, tuples and bytes are joined in their order, and dicts are merged by key, each key in
this way. A type with a classmethod `merge_chunks` joins its own. Other types have no declared
merge: a sum of two numbers may be meant, or the second number alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, Self, runtime_checkable

from runnables.errors import MergeError


@runtime_checkable
class MergeableChunk(Protocol):
    """A type of chunk that says itself how its chunks merge.

    `DELTAS` calls `merge_chunks` of the first chunk's type.

    Example:
        >>> class Count:
        ...     def __init__(self, n):
        ...         self.n = n
        ...
        ...     @classmethod
        ...     def merge_chunks(cls, chunks):
        ...         return cls(sum(chunk.n for chunk in chunks))
        >>> isinstance(Count(1), MergeableChunk)
        True
        >>> merge_chunks([Count(1), Count(2)]).n
        3
    """

    @classmethod
    def merge_chunks(cls, chunks: Sequence[Self], /) -> Self:
        """Merge one or more chunks, in their order, in time linear to their size."""
        ...


class ChunkRun(ABC):
    """Chunks that follow one another, in less memory than they take themselves.

    A type with a `merge_chunks` may have a method `_start_run` that returns one.
    """

    __slots__ = ()

    @abstractmethod
    def add(self, chunk: Any, /) -> bool:
        """Add the next chunk; return False for one that does not fit in."""

    @abstractmethod
    def merged(self) -> Any:
        """Return the chunk that they merge to."""


def run_of(chunk: Any) -> ChunkRun | None:
    """Return a run that begins with this chunk; None where its type has none."""
    start: Callable[[], ChunkRun | None] | None = getattr(chunk, "_start_run", None)
    return None if start is None else start()


def without_runs(chunks: Sequence[Any]) -> list[Any]:
    """Return chunks and runs of chunks as chunks alone."""
    return [chunk.merged() if isinstance(chunk, ChunkRun) else chunk for chunk in chunks]


def join_deltas(chunks: Sequence[Any]) -> Any:
    """Join the parts of one value; None stands for no part.

    Raises:
        MergeError: there are several parts, of a type that has no declared merge, or of different
            types.
    """
    parts = [chunk for chunk in chunks if chunk is not None]
    if len(parts) <= 1:
        return parts[0] if parts else None
    first: Any = parts[0]
    if isinstance(first, MergeableChunk):
        return type(first).merge_chunks(parts)
    for type_, join in _JOINS:
        if isinstance(first, type_):
            _require_all(type_, parts)
            return join(parts)
    raise _no_merge(first, parts[1])


def _join_dicts(parts: Sequence[dict[Any, Any]]) -> dict[Any, Any]:
    by_key: dict[Any, list[Any]] = {}
    for part in parts:
        for key, value in part.items():
            by_key.setdefault(key, []).append(value)
    return {key: join_deltas(values) for key, values in by_key.items()}


def _join_lists(parts: Sequence[list[Any]]) -> list[Any]:
    return [item for part in parts for item in part]


def _join_tuples(parts: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(item for part in parts for item in part)


_JOINS: Final[Sequence[tuple[type, Callable[[Any], Any]]]] = (
    (str, "".join),
    (dict, _join_dicts),
    (list, _join_lists),
    (tuple, _join_tuples),
    (bytes, b"".join),
)


def _require_all(type_: type, parts: Sequence[Any]) -> None:
    for part in parts:
        if not isinstance(part, type_):
            raise _no_merge(parts[0], part)


def _no_merge(first: object, other: object) -> MergeError:
    types = " and ".join(dict.fromkeys(repr(type(part).__name__) for part in (first, other)))
    return MergeError(
        f"Chunks of type {types} have no declared way to add up to a value. Declare it: "
        "merge='last' where each chunk replaces the one before it, merge=function where a "
        "function of the list of chunks returns the value (RunnableGenerator(f, merge=...), "
        "RunnableLambda(f, merge=...), @chain(merge=...), or the class attribute `merge` of a "
        "Runnable), or give the chunks' type a classmethod `merge_chunks(cls, chunks)`."
    )
