"""How the pieces of a stream add up to a value.

Every runnable declares it (`Runnable.merge`), so that merging what `stream` gives is what
`invoke` gives, and nobody has to guess with a `+`:

- `DELTAS`: each chunk is a further part: texts and lists are joined, dicts are merged by key,
  message chunks (and any type with a classmethod `merge_chunks`) as their type says.
- `SNAPSHOTS`: each chunk is the whole value so far; the last one is the value.
- `ByKey`, `ByIndex`: the parts of a mapping or of a list, each with its own way of adding up.

Accumulators keep the pieces and join them once, so that n pieces cost n steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, Self, TypeGuard, cast, runtime_checkable

from runnables.errors import MergeError


@runtime_checkable
class MergeableChunk(Protocol):
    """A type of chunk that says itself how its pieces add up."""

    @classmethod
    def merge_chunks(cls, chunks: Sequence[Self], /) -> Self:
        """Join one or more pieces, in order, in time linear to their size."""
        ...


class Reset:
    """The type of `RESET`, a marker in a stream: forget what came so far, it starts over.

    A stream that retries or falls back after its first chunk has left sends it, where the
    `restart` policy asks for that. Accumulators and every built-in step honour it.
    """

    def __repr__(self) -> str:
        return "RESET"

    def __reduce__(self) -> str:
        return "RESET"


RESET: Final = Reset()


class Accumulator(Protocol):
    """Takes the chunks of one stream and gives the value that they make."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to add up."""
        ...

    def add(self, chunk: Any, /) -> None:
        """Take the next chunk; `RESET` forgets those before it."""
        ...

    def value(self) -> Any:
        """The value of all chunks so far; MergeError where they do not add up."""
        ...


class Merge(Protocol):
    """A way in which chunks add up."""

    def accumulator(self) -> Accumulator:
        """A new, empty accumulator."""
        ...


class _Collected:
    """Keeps every chunk and joins them when the value is asked for."""

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


class _Latest:
    """Keeps the last chunk only."""

    def __init__(self) -> None:
        self.empty = True
        self._chunk: Any = None

    def add(self, chunk: Any) -> None:
        self.empty = chunk is RESET
        self._chunk = None if self.empty else chunk

    def value(self) -> Any:
        return self._chunk


class CustomMerge:
    """A merge by one function over all chunks, in order; what `merge=my_function` becomes.

    Args:
        join: takes the list of all chunks (at least one) and gives the value.
        in_parts: whether each chunk is a further part, which later steps may use as it comes.
    """

    def __init__(self, join: Callable[[list[Any]], Any], *, in_parts: bool = False) -> None:
        self.join = join
        self.in_parts = in_parts

    def accumulator(self) -> Accumulator:
        """An accumulator that keeps the chunks and calls `join` when asked for the value."""
        return _Collected(self.join)

    def __repr__(self) -> str:
        return f"CustomMerge({getattr(self.join, '__qualname__', self.join)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CustomMerge) and other.join == self.join

    def __hash__(self) -> int:
        return hash(self.join)


class _Deltas:
    """Each chunk is a further part of the value."""

    def accumulator(self) -> Accumulator:
        return _Collected(join_deltas)

    def __repr__(self) -> str:
        return "DELTAS"

    def __reduce__(self) -> str:
        return "DELTAS"


class _Snapshots:
    """Each chunk is the whole value so far."""

    def accumulator(self) -> Accumulator:
        return _Latest()

    def __repr__(self) -> str:
        return "SNAPSHOTS"

    def __reduce__(self) -> str:
        return "SNAPSHOTS"


def comes_in_parts(merge: Merge) -> bool:
    """Whether each chunk is a further part of the value, not another version of it."""
    return merge is DELTAS or (isinstance(merge, CustomMerge) and merge.in_parts)


DELTAS: Final[Merge] = _Deltas()
SNAPSHOTS: Final[Merge] = _Snapshots()


class ByKey:
    """Chunks are dicts that hold parts of some keys; each key adds up in its own way.

    Args:
        merges: how the values of a key add up.
        other: how the values of every other key do.
    """

    def __init__(self, merges: Mapping[str, Merge], other: Merge = DELTAS) -> None:
        self.merges = merges
        self.other = other

    def accumulator(self) -> Accumulator:
        """An accumulator with one of its own for each key that it meets."""
        return _Parts(self.merge_of_key, self.build)

    def build(self, parts: dict[Any, Any]) -> dict[Any, Any]:
        """The value from the values of its keys, which stand in the order of their arrival."""
        return parts

    def merge_of_key(self, key: str) -> Merge:
        """How the values of this key add up."""
        return self.merges.get(key, self.other)

    def has_key(self, key: str) -> bool:
        """Whether there is a declaration for just this key."""
        return key in self.merges

    def __repr__(self) -> str:
        return f"ByKey({dict(self.merges)!r}, other={self.other!r})"


class ByIndex:
    """Chunks are pairs of an index and a part of the item that stands there in a list.

    Args:
        item: how the parts of one item add up.
    """

    def __init__(self, item: Merge) -> None:
        self.item = item

    def accumulator(self) -> Accumulator:
        """An accumulator with one of its own for each index; its value is a list in order."""
        return _Parts(self.merge_of_index, _in_order)

    def merge_of_index(self, index: int) -> Merge:
        """How the parts of this item add up."""
        return self.item

    def __repr__(self) -> str:
        return f"ByIndex({self.item!r})"


def _in_order(parts: Mapping[int, Any]) -> list[Any]:
    return [parts[index] for index in sorted(parts)]


class _Parts:
    """One accumulator for each key (of dicts) or index (of pairs)."""

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
            if part is RESET:  # what starts over may add up in another way
                self._parts.pop(key, None)
                continue
            if key not in self._parts:
                self._parts[key] = self._merge_of(key).accumulator()
            self._parts[key].add(part)

    def value(self) -> Any:
        return self._build({key: part.value() for key, part in self._parts.items()})


def _pairs(given: object) -> Iterable[tuple[Any, Any]]:
    chunk: Any = given
    if isinstance(given, Mapping):
        return cast("Iterable[tuple[Any, Any]]", chunk.items())
    if isinstance(given, tuple) and len(chunk) == 2:
        return [chunk]
    if isinstance(given, list):  # a whole list at once, as a map over no items gives it
        return cast("Iterable[tuple[Any, Any]]", enumerate(chunk))
    raise MergeError(
        f"Cannot add a chunk of type {type(chunk).__name__!r} to a value made of parts: "
        "expected a dict, or a pair of an index and a part."
    )


def as_merge(merge: Merge | str | Callable[[list[Any]], Any]) -> Merge:
    """Read a declaration: a Merge, "add", "last", or a function of the list of chunks.

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
    """The value that the chunks of one stream make.

    Raises:
        MergeError: several chunks that do not add up in this way.
        ValueError: no chunk at all.
    """
    parts = merge.accumulator()
    for chunk in chunks:
        parts.add(chunk)
    if parts.empty:
        raise ValueError("No chunks to merge: the stream ended without giving any.")
    return parts.value()


def join_deltas(chunks: Sequence[Any]) -> Any:
    """Join further parts of one value; None stands for no part.

    Raises:
        MergeError: more than one part, of a type (or of types) with no declared sum.
    """
    parts = [chunk for chunk in chunks if chunk is not None]
    if len(parts) <= 1:
        return parts[0] if parts else None
    first: Any = parts[0]
    if isinstance(first, MergeableChunk):
        return type(first).merge_chunks(parts)
    for kind, join in _JOINS:
        if isinstance(first, kind):
            _require_all(kind, parts)
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


def _require_all(kind: type, parts: Sequence[Any]) -> None:
    for part in parts:
        if not isinstance(part, kind):
            raise _no_merge(parts[0], part)


def _no_merge(first: object, other: object) -> MergeError:
    kinds = " and ".join(dict.fromkeys(repr(type(it).__name__) for it in (first, other)))
    return MergeError(
        f"Chunks of type {kinds} have no declared way to add up to a value. Declare it: "
        "merge='last' where each chunk replaces the one before it, merge=function where a "
        "function of the list of chunks makes the value (RunnableGenerator(f, merge=...), "
        "RunnableLambda(f, merge=...), @chain(merge=...), or the class attribute `merge` of a "
        "Runnable), or give the chunks' type a classmethod `merge_chunks(cls, chunks)`."
    )
