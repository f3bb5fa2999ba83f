"""How the chunks of a stream merge into a value.

Every runnable declares its merge (`Runnable.merge`), so that the merged chunks of `stream` are what
`invoke` returns. Nothing ever guesses with a `+`.

- `DELTAS`: each chunk is the next part. Strings and lists are joined, and dicts are merged by key.
  Message chunks, and any type with a classmethod `merge_chunks`, merge as their type says.
- `SNAPSHOTS`: each chunk is the whole value so far. The last one is the value.
- `ByKey`, `ByIndex`: the parts of a dict or of a list, each with its own merge.
- `CustomMerge`: a function of the list of chunks.

Accumulators keep the chunks and join them once, so that n chunks cost n steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeGuard, cast

from runnables.engine.deltas import join_deltas
from runnables.errors import MergeError


class Reset:
    """The type of `RESET`, a marker in a stream: drop all chunks so far, as the stream starts over.

    A stream that retries or falls back after its first chunk was emitted sends it, where
    `on_restart="restart"` asks for that. Accumulators and every built-in step respect it.
    """

    def __repr__(self) -> str:
        return "RESET"

    def __reduce__(self) -> str:
        return "RESET"


RESET: Final = Reset()
"""The marker: drop all chunks so far, as the stream starts over."""


class Accumulator(Protocol):
    """A collector of the chunks of one stream, which merges them into a value."""

    @property
    def empty(self) -> bool:
        """Tell whether there is no chunk."""
        ...

    def add(self, chunk: Any, /) -> None:
        """Take the next chunk; `RESET` drops those before it."""
        ...

    def value(self) -> Any:
        """Return the value of all chunks so far.

        Raises:
            MergeError: they do not merge in this way.
        """
        ...


class Merge(Protocol):
    """A way in which the chunks of a stream merge into a value.

    `DELTAS`, `SNAPSHOTS`, `ByKey`, `ByIndex` and `CustomMerge` are the merges that there are. A
    class of your own is one if it has this method.

    Example:
        >>> accumulator = DELTAS.accumulator()
        >>> accumulator.add("a fox ")
        >>> accumulator.add("and a lantern")
        >>> accumulator.value()
        'a fox and a lantern'
    """

    def accumulator(self) -> Accumulator:
        """Return a new, empty accumulator."""
        ...


class _JoiningAccumulator:
    """An accumulator that keeps every chunk, and joins them when the value is needed."""

    def __init__(self, join: Callable[[list[Any]], Any]) -> None:
        self._join = join
        self._chunks: list[Any] = []

    @property
    def empty(self) -> bool:
        return not self._chunks

    def add(self, chunk: Any) -> None:
        if chunk is RESET:
            self._chunks.clear()
        else:
            self._chunks.append(chunk)

    def value(self) -> Any:
        return self._join(self._chunks)


class _LastAccumulator:
    """An accumulator that keeps the last chunk only."""

    def __init__(self) -> None:
        self.empty = True
        self._chunk: Any = None

    def add(self, chunk: Any) -> None:
        self.empty = chunk is RESET
        self._chunk = None if self.empty else chunk

    def value(self) -> Any:
        return self._chunk


class CustomMerge:
    """A merge by one function over all chunks, in their order; `merge=my_function` becomes one.

    Args:
        join: takes the list of all chunks (at least one), and returns the value.
        in_parts: whether each chunk is the next part, which later steps may use as it comes.

    Example:
        >>> merge_chunks([1, 2, 3], CustomMerge(sum))
        6
        >>> def count(chunks):
        ...     for text in chunks:
        ...         yield len(text)
        >>> RunnableGenerator(count, merge=sum).merge
        CustomMerge(sum)
    """

    def __init__(self, join: Callable[[list[Any]], Any], *, in_parts: bool = False) -> None:
        self.join = join
        self.in_parts = in_parts

    def accumulator(self) -> Accumulator:
        """Return an accumulator that keeps the chunks, and calls `join` for the value."""
        return _JoiningAccumulator(self.join)

    def __repr__(self) -> str:
        return f"CustomMerge({getattr(self.join, '__qualname__', self.join)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CustomMerge) and other.join == self.join

    def __hash__(self) -> int:
        return hash(self.join)


class _Deltas:
    """A merge where each chunk is the next part of the value."""

    def accumulator(self) -> Accumulator:
        return _JoiningAccumulator(join_deltas)

    def __repr__(self) -> str:
        return "DELTAS"

    def __reduce__(self) -> str:
        return "DELTAS"


class _Snapshots:
    """A merge where each chunk is the whole value so far."""

    def accumulator(self) -> Accumulator:
        return _LastAccumulator()

    def __repr__(self) -> str:
        return "SNAPSHOTS"

    def __reduce__(self) -> str:
        return "SNAPSHOTS"


def comes_in_parts(merge: Merge) -> bool:
    """Tell whether each chunk is the next part of the value, not another version of it."""
    return merge is DELTAS or (isinstance(merge, CustomMerge) and merge.in_parts)


DELTAS: Final[Merge] = _Deltas()
"""Each chunk is the next part of the value. The default."""

SNAPSHOTS: Final[Merge] = _Snapshots()
"""Each chunk is the whole value so far, so the last one is the value."""


class ByKey:
    """A merge of dicts, each with parts of some keys; every key has its own merge.

    Args:
        merges: for a key, the merge of its values.
        other: the merge of the values of every other key.

    Example:
        >>> merge = ByKey({"words": SNAPSHOTS})
        >>> merge_chunks([{"text": "a "}, {"words": 1}, {"text": "fox", "words": 2}], merge)
        {'text': 'a fox', 'words': 2}
    """

    def __init__(self, merges: Mapping[str, Merge], other: Merge = DELTAS) -> None:
        self.merges = merges
        self.other = other

    def accumulator(self) -> Accumulator:
        """Return an accumulator that has one for each key that it meets."""
        return _PartsAccumulator(self.merge_of_key, self.build)

    def build(self, parts: dict[Any, Any]) -> dict[Any, Any]:
        """Return the whole from the values of its keys, which are in the order of their arrival."""
        return parts

    def merge_of_key(self, key: str) -> Merge:
        """Return the merge of the values of this key."""
        return self.merges.get(key, self.other)

    def has_key(self, key: str) -> bool:
        """Tell whether there is a merge for just this key."""
        return key in self.merges

    def __repr__(self) -> str:
        return f"ByKey({dict(self.merges)!r}, other={self.other!r})"


class ByIndex:
    """A merge of pairs into a list: each pair is an index and a part of the item at that index.

    Args:
        item: the merge of the parts of one item.

    Example:
        >>> merge_chunks([(0, "a "), (1, "a "), (1, "lantern"), (0, "fox")], ByIndex(DELTAS))
        ['a fox', 'a lantern']
    """

    def __init__(self, item: Merge) -> None:
        self.item = item

    def accumulator(self) -> Accumulator:
        """Return an accumulator that has one for each index; its value is a list, in order."""
        return _PartsAccumulator(self.merge_of_index, _in_order)

    def merge_of_index(self, index: int) -> Merge:
        """Return the merge of the parts of this item."""
        return self.item

    def __repr__(self) -> str:
        return f"ByIndex({self.item!r})"


def _in_order(parts: Mapping[int, Any]) -> list[Any]:
    return [parts[index] for index in sorted(parts)]


class _PartsAccumulator:
    """An accumulator that has one for each key (of dicts) or index (of pairs)."""

    def __init__(
        self, merge_of: Callable[[Any], Merge], build: Callable[[dict[Any, Any]], Any]
    ) -> None:
        self.empty = True
        self._merge_of = merge_of
        self._build = build
        self._parts: dict[Any, Accumulator] = {}

    def add(self, chunk: Any) -> None:
        if chunk is RESET:
            self.empty = True
            self._parts.clear()
            return
        self.empty = False
        for key, part in _pairs(chunk):
            if part is RESET:  # the stream that starts over may merge in another way
                self._parts.pop(key, None)
                continue
            if key not in self._parts:
                self._parts[key] = self._merge_of(key).accumulator()
            self._parts[key].add(part)

    def value(self) -> Any:
        return self._build({key: part.value() for key, part in self._parts.items()})


def _pairs(chunk: Any) -> Iterable[tuple[Any, Any]]:
    """Return the keys or indexes of a chunk, each with its part."""
    value: object = chunk  # a name of its own, for checkers to narrow
    if isinstance(value, Mapping):
        return cast("Iterable[tuple[Any, Any]]", chunk.items())
    if isinstance(value, tuple) and len(chunk) == 2:
        return [chunk]
    if isinstance(value, list):  # a whole list at once, as a map over no items yields it
        return cast("Iterable[tuple[Any, Any]]", enumerate(chunk))
    raise MergeError(
        f"Cannot add a chunk of type {type(chunk).__name__!r} to a value that is made of parts: "
        "expected a dict, or a pair of an index and a part."
    )


def as_merge(merge: Merge | str | Callable[[list[Any]], Any]) -> Merge:
    """Return the merge that a `merge=` argument declares.

    Args:
        merge: a Merge, "add" (DELTAS), "last" (SNAPSHOTS), or a function of the list of chunks.

    Raises:
        ValueError: another string.
    """
    if isinstance(merge, str):
        if merge not in _NAMED:
            raise ValueError(f"merge={merge!r}: expected 'add', 'last', a function or a Merge")
        return _NAMED[merge]
    return CustomMerge(merge) if _is_function(merge) else cast("Merge", merge)


def _is_function(merge: object) -> TypeGuard[Callable[[list[Any]], Any]]:
    return callable(merge) and not hasattr(merge, "accumulator")


_NAMED: Final[Mapping[str, Merge]] = {"add": DELTAS, "last": SNAPSHOTS}


def merge_chunks(chunks: Iterable[Any], merge: Merge = DELTAS) -> Any:
    """Merge the chunks of one stream into a value.

    Args:
        chunks: in the order in which they came; those before a `RESET` are dropped.
        merge: how they merge, as `stream.merge` or `runnable.merge` says.

    Raises:
        MergeError: they do not merge in this way.
        ValueError: there is no chunk.

    Example:
        >>> merge_chunks(["a fox ", "and a lantern"])
        'a fox and a lantern'
        >>> merge_chunks([{"name": "A"}, {"name": "Ada"}], SNAPSHOTS)
        {'name': 'Ada'}
    """
    accumulator = merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    if accumulator.empty:
        raise ValueError("No chunks to merge: the stream ended without one.")
    return accumulator.value()
