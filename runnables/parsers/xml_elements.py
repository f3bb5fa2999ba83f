"""The elements of XML as they are finished, and how they add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

from runnables.engine.deltas import join_deltas


class XMLChildren(list[Any]):
    """Some of the children of an element, in a chunk of a stream: a list that adds up.

    A chunk has one finished element, and those around it: two chunks may have a part of the same
    element, or of two of the same name. So each child has its place among its siblings. The sum of
    all chunks is what the whole text is parsed to, and any list that is added otherwise has new
    children.

    Args:
        children: the children.
        places: the place of each among its siblings.
    """

    def __init__(self, children: Sequence[Any] = (), places: Sequence[int] = ()) -> None:
        super().__init__(children)
        self._places = list(places)

    @classmethod
    def merge_chunks(cls, chunks: Sequence[list[Any]]) -> Self:
        """Merge parts of the children of one element, in their order."""
        merged = cls()
        groups: dict[int, list[Any]] = {}
        free = 0
        for chunk in chunks:
            for place, child in zip(_places(chunk, free), chunk, strict=True):
                groups.setdefault(place, []).append(child)
                free = max(free, place + 1)
        merged._places = list(groups)
        merged.extend(map(_merged_child, groups.values()))
        return merged

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, list):
            return NotImplemented
        return self.merge_chunks([self, cast("list[object]", other)])


def join_elements(chunks: Sequence[Any]) -> Any:
    """Return the value of the chunks of a stream, of plain dicts and lists."""
    return _plain(join_deltas(chunks))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(child) for name, child in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(child) for child in cast("list[object]", value)]
    return value


def _places(children: list[Any], first: int) -> Sequence[int]:
    """Return the places of children; those of a list that users' code has made are new ones."""
    places = cast("list[int]", getattr(children, "_places", ()))
    if len(places) == len(children):
        return places
    return range(first, first + len(children))


def _merged_child(parts: list[Any]) -> Any:
    """Return a child of its parts: an element whose own children came one by one.

    Others come once; where one comes twice, a chunk was added twice.
    """
    if len(parts) == 1 or not all(isinstance(part, dict) for part in parts):
        return parts[-1]
    (name,) = parts[0]
    values: list[Any] = [part[name] for part in parts]
    if not all(isinstance(value, list) for value in values):
        return parts[-1]
    return {name: XMLChildren.merge_chunks(values)}
