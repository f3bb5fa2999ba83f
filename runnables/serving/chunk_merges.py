"""How the chunks of a stream merge, for a client that merges them.

A stream knows how its chunks merge, and learns of the parts of a dict or a list only as they come.
So the server announces it part by part, always before the chunk that needs it:

    "add", "last", "answer", ...        the merge of the stream
    {"keys": {"summary": "add"}}        of a key of its dicts, when the key comes
    {"items": {"0": "last"}}            of an item of its list, when the item comes
    {"keys": {}, "order": ["b", "a"]}   at the end, the order of the keys

A merge that is a function has no name. Such a part is held back, merged here, and sent as a
whole at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from runnables.agents.conversation import join_conversation
from runnables.engine.addable import dict_chunk
from runnables.engine.merging import (
    DELTAS,
    RESET,
    SNAPSHOTS,
    Accumulator,
    ByIndex,
    ByKey,
    CustomMerge,
    Merge,
)
from runnables.messages.text_answer import TEXT_CHUNKS
from runnables.models.calls import ANSWER_CHUNKS
from runnables.serving.parts import Merging, Part, Restart, Value
from runnables.serving.values import revive

MERGES_HEADER: Final = "x-runnables-merges"
"""The header of a client that reads what this module announces: "yes", or "restarts" where it
accepts a stream that starts over, too."""

_NAMED: Final[Mapping[str, Merge]] = {
    "add": DELTAS,
    "last": SNAPSHOTS,
    "answer": ANSWER_CHUNKS,
    "text": TEXT_CHUNKS,
    "conversation": CustomMerge(join_conversation),
}


def _name_of(merge: Merge) -> str | None:
    return next((name for name, known in _NAMED.items() if known == merge), None)


class ChunkSender:
    """The state of one stream that is sent: what was announced, and what is held back."""

    def __init__(self) -> None:
        self._root: _Sent | None = None

    def send(self, chunk: Any, merge: Merge) -> Iterator[Part]:
        """Yield what to send for a chunk.

        Args:
            chunk: the chunk, or `RESET`.
            merge: how the chunks of the stream merge, as the stream says now.
        """
        if chunk is RESET:
            self._root = None
            yield Restart([[]])
            return
        news: Any = None
        if self._root is None:
            self._root = _Sent(merge)
            news = self._root.form
        resets: list[list[str]] = []
        chunks, more = self._root.take(chunk, merge, [], resets)
        if resets:
            yield Restart(resets)
        if news or more:
            yield Merging(more or news)
        for plain in chunks:
            yield Value(plain, is_whole=False)

    def finish(self, merge: Merge) -> Iterator[Part]:
        """Yield what was held back, and the order of the keys of dicts."""
        if self._root is not None:
            for value in self._root.rest():
                yield Value(value, is_whole=False)
            if (order := self._root.order(merge)) is not None:
                yield Merging(order)


class _Sent:
    """What was sent of a stream, or of one part of it.

    Attributes:
        form: what is announced of its merge.
    """

    def __init__(self, merge: Merge) -> None:
        self._parts: dict[str, _Sent] = {}
        self._held: Accumulator | None = None
        if isinstance(merge, ByKey):
            self.form: Any = {"keys": {}}
        elif isinstance(merge, ByIndex):
            self.form = {"items": {}}
        elif (name := _name_of(merge)) is not None:
            self.form = name
        else:
            self.form = "last"
            self._held = merge.accumulator()

    def take(
        self, chunk: Any, merge: Merge, path: list[str], resets: list[list[str]]
    ) -> tuple[list[Any], Any]:
        """Return the chunks to send for a chunk, and what is new of the merges in them.

        Args:
            chunk: the chunk.
            merge: its merge.
            path: the keys that lead to it.
            resets: where to add the paths of parts that start over.
        """
        if self._held is not None:
            self._held.add(chunk)
            return [], None
        if isinstance(merge, ByKey) and "keys" in self.form and isinstance(chunk, Mapping):
            pairs: Any = cast("Any", chunk).items()
            return self._take_parts("keys", pairs, merge.merge_of_key, path, resets) or ([{}], None)
        if isinstance(merge, ByIndex) and "items" in self.form:
            pairs = [chunk] if isinstance(chunk, tuple) else enumerate(chunk)
            return self._take_parts("items", pairs, merge.merge_of_index, path, resets) or (
                [[]],
                None,
            )
        return [chunk], None

    def _take_parts(
        self,
        kind: str,
        pairs: Iterable[tuple[Any, Any]],
        merge_of: Callable[[Any], Merge],
        path: list[str],
        resets: list[list[str]],
    ) -> tuple[list[Any], Any] | None:
        """Return what `take` returns, for a chunk in parts; None for a chunk without any."""
        chunks: list[dict[str, Any]] = []
        news: dict[str, Any] = {}
        is_empty = True
        for given, part in pairs:
            is_empty = False
            key, merge = str(given), merge_of(given)
            if part is RESET:
                self._parts.pop(key, None)
                resets.append([*path, key])
                continue
            if key not in self._parts:
                self._parts[key] = _Sent(merge)
                news[key] = self._parts[key].form
            plain, more = self._parts[key].take(part, merge, [*path, key], resets)
            if more:
                news[key] = more
            for count, value in enumerate(plain):
                # a dict may have parts of several keys, and each item goes by itself
                place = len(chunks) if kind == "items" else count
                chunks += [{}] if place == len(chunks) else []
                chunks[place][key] = value
        return None if is_empty else (chunks, {kind: news} if news else None)

    def rest(self) -> Iterator[Any]:
        """Yield what was held back, each within the keys that lead to it."""
        if self._held is not None and not self._held.empty:
            yield self._held.value()
        for key, part in self._parts.items():
            for value in part.rest():
                yield {key: value}

    def order(self, merge: Merge) -> Any:
        """Return in which order the merge has the keys of dicts; None where that says nothing."""
        if not isinstance(merge, ByKey) or "keys" not in self.form:
            return None
        keys = list(merge.build(dict.fromkeys(self._parts)))
        pairs = ((key, part.order(merge.merge_of_key(key))) for key, part in self._parts.items())
        inner = {key: order for key, order in pairs if order is not None}
        return {"keys": inner, "order": keys} if len(keys) > 1 or inner else None


class ChunkReceiver:
    """The state of one stream that is received.

    Attributes:
        merge: how its chunks merge, as far as the server has announced.
    """

    def __init__(self) -> None:
        self.merge: Merge = DELTAS

    def learn(self, form: Any) -> None:
        """Take what the server announces.

        Raises:
            ValueError: it names a merge that is not known here.
        """
        self.merge = _merge_from(form, self.merge)

    def chunk(self, value: Any) -> Any:
        """Return a chunk that was received, as it was when it was sent."""
        return _received(value, self.merge)

    def resets(self, paths: list[list[str]]) -> Iterator[Any]:
        """Yield the chunks that say which parts start over."""
        for path in paths:
            yield _reset(path, self.merge)


class _Keys(ByKey):
    """A merge by key, each key's as it was announced."""

    def __init__(self) -> None:
        self.known: dict[str, Merge] = {}
        self.order: list[str] = []
        super().__init__(self.known)

    def build(self, parts: dict[Any, Any]) -> dict[Any, Any]:
        return {**{key: parts[key] for key in self.order if key in parts}, **parts}


class _Items(ByIndex):
    """A merge by index, each item's as it was announced."""

    def __init__(self) -> None:
        super().__init__(DELTAS)
        self.known: dict[int, Merge] = {}

    def merge_of_index(self, index: int) -> Merge:
        return self.known.get(index, self.item)


def _merge_from(form: Any, known: Merge | None) -> Merge:
    if isinstance(form, str) and form in _NAMED:
        return _NAMED[form]
    kind, forms = _parts_in(form)
    if kind == "keys":
        keys = known if isinstance(known, _Keys) else _Keys()
        for key, inner in forms.items():
            keys.known[key] = _merge_from(inner, keys.known.get(key))
        keys.order = cast("Any", form).get("order", keys.order)
        return keys
    if kind == "items":
        items = known if isinstance(known, _Items) else _Items()
        for key, inner in forms.items():
            items.known[int(key)] = _merge_from(inner, items.known.get(int(key)))
        return items
    raise ValueError(f"chunks that merge in a way that is not known here: {form!r}")


def _parts_in(form: Any) -> tuple[str, dict[str, Any]]:
    """Return the kind of a form with parts, and their forms; an empty kind for any other."""
    for kind in ("keys", "items") if isinstance(form, dict) else ():
        if isinstance(forms := cast("Any", form).get(kind), dict):
            return kind, cast("dict[str, Any]", forms)
    return "", {}


def _received(value: Any, merge: Merge) -> Any:
    if isinstance(merge, ByKey) and isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        found = {key: _received(part, merge.merge_of_key(key)) for key, part in parts.items()}
        return dict_chunk(found, merge)
    if isinstance(merge, _Items) and isinstance(value, dict):
        ((key, part),) = cast("dict[str, Any]", value).items()
        return int(key), _received(part, merge.merge_of_index(int(key)))
    return revive(value)


def _reset(path: list[str], merge: Merge) -> Any:
    if not path:
        return RESET
    key, *more = path
    if isinstance(merge, _Items):
        return int(key), _reset(more, merge.merge_of_index(int(key)))
    inner = merge.merge_of_key(key) if isinstance(merge, ByKey) else DELTAS
    return {key: _reset(more, inner)}
