"""Dicts that are added with `+`, key by key, and the sum of chunks.

Streams of dicts have chunks that add up as the stream declares it, so that `total + chunk` is what
`merge_chunks` makes of both.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any, cast

from runnables.engine.merging import SNAPSHOTS, ByKey, Merge, comes_in_parts, merge_chunks
from runnables.engine.stream import AsyncStream, Stream, merge_of
from runnables.errors import MergeError


class AddableDict(dict[str, Any]):
    """A dict that is added to another with `+`: keys that both have are added in their turn.

    Where two values cannot be added, the later one counts; None counts for nothing.

    Example:
        >>> AddableDict(text="a ", size=1) + AddableDict(text="fox", size=2)
        {'text': 'a fox', 'size': 3}
    """

    __slots__ = ()

    def __add__(self, other: dict[str, Any]) -> AddableDict:
        if not isinstance(other, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - users may not check types
            return NotImplemented
        return AddableDict(_sums(self, other))

    def __radd__(self, other: dict[str, Any]) -> AddableDict:
        if not isinstance(other, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - likewise
            return NotImplemented
        return AddableDict(_sums(other, self))


def _sums(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    found = dict(left)
    for key, value in right.items():
        if found.get(key) is None:
            found[key] = value
        elif value is not None:
            try:
                found[key] = found[key] + value
            except TypeError:
                found[key] = value
    return found


class DictChunk(AddableDict):
    """A chunk of a stream of dicts, or a sum of such chunks: it is added as the stream declares.

    Copies and pickles of it are plain AddableDicts.
    """

    __slots__ = ("_merge",)

    _merge: Merge

    def __add__(self, other: dict[str, Any]) -> AddableDict:
        """Return the sum of two chunks, or of a sum and the next chunk.

        Raises:
            MergeError: they are chunks of which only all at once make up the value.
        """
        if not isinstance(other, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - likewise
            return NotImplemented
        merge = self._merge
        for key in self.keys() & other.keys():
            if not _is_stepwise(merge.merge_of_key(key) if isinstance(merge, ByKey) else merge):
                raise MergeError(
                    f"The chunks of {key!r} cannot be added one by one. Use merge_chunks(chunks, "
                    "stream.merge), or invoke."
                )
        return dict_chunk(merge_chunks([self, other], merge), merge)

    def __reduce__(self) -> tuple[type[AddableDict], tuple[dict[str, Any]]]:
        return AddableDict, (dict(self),)


def dict_chunk(chunk: dict[str, Any], merge: Merge) -> DictChunk:
    """Return a chunk of a stream of dicts, which merge in this way."""
    made = DictChunk(chunk)
    made._merge = merge
    return made


def _is_stepwise(merge: Merge) -> bool:
    """Tell whether the value of some chunks, and the next chunk, merge to the value of all."""
    return merge is SNAPSHOTS or isinstance(merge, ByKey) or comes_in_parts(merge)


def add(addables: Iterable[Any]) -> Any:
    """Return the sum of all that is passed; None for nothing.

    The chunks of a stream merge as the stream declares it. Anything else is added with `+`; dicts
    as `AddableDict`.

    Example:
        >>> add(["a ", "fox"])
        'a fox'
        >>> add(RunnableParallel(size=len, upper=str.upper).stream("fox"))
        {'size': 3, 'upper': 'FOX'}
    """
    if isinstance(addables, Stream):
        return _merged(list(addables), addables)
    total: Any = None
    for addable in addables:
        total = _sum(total, addable)
    return total


async def aadd(addables: AsyncIterable[Any]) -> Any:
    """Do what `add` does, async.

    Example:
        >>> import asyncio
        >>> asyncio.run(aadd(RunnableLambda(str.upper).astream("fox")))
        'FOX'
    """
    if isinstance(addables, AsyncStream):
        return _merged([chunk async for chunk in addables], addables)
    total: Any = None
    async for addable in addables:
        total = _sum(total, addable)
    return total


def _merged(chunks: list[Any], stream: object) -> Any:
    """Return what the chunks of a stream merge to, as it says once they have been read."""
    return merge_chunks(chunks, merge_of(stream)) if chunks else None


def _sum(total: Any, addable: Any) -> Any:
    if total is None:
        return addable
    if type(total) is dict:
        total = AddableDict(cast("dict[str, Any]", total))
    return total + addable
