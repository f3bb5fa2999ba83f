"""Merging of the fields of message chunks.

Every function here returns the same for any grouping of the chunks, and takes time linear to
their size: the parts of a string are collected and joined once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from runnables.errors import MergeError

if TYPE_CHECKING:
    from runnables.messages.blocks import Content

Join: TypeAlias = Callable[[str, Sequence[Any]], Any]
"""A function of a key and its values, of which none is None; it returns the merged value."""

_REPLACED_KEYS: Final = frozenset(
    "type index id name role status url file_id mime_type media_type format detail title "
    "call_id tool_call_id tool_use_id model model_name model_provider output_version "
    "finish_reason stop_reason encrypted_content".split()
)
"""Keys whose string is a name, or always whole: a second one replaces the first. Other strings are
joined."""


def join_contents(contents: Iterable[Content]) -> Content:
    """Merge the contents of chunks.

    Strings are joined, and blocks with the same type and `index` are merged into one. Where there
    are blocks, strings become items of the list. Empty contents change nothing.
    """
    contents = [content for content in contents if content]
    if all(isinstance(content, str) for content in contents):
        return "".join(cast("list[str]", contents))
    items = (
        item
        for content in contents
        for item in ([content] if isinstance(content, str) else content)
    )
    return _join_strings(merge_items(items))


def merge_content(first: Content, *others: Content) -> Content:
    """Add contents one by one, for code that adds up chunks of its own.

    Two strings are joined; a string is added to the last item of a list, where that is a string.
    Blocks with the same type and `index` are merged into one. The strings of two lists stay items
    of their own, so that the result depends on where the chunks end; the sum of message chunks
    joins them, and does not.

    Args:
        first: the first content, which is not changed.
        *others: the contents after it.

    Example:
        >>> merge_content("Land ", "ahoy", [{"type": "image", "url": "https://x/sea.png"}])
        ['Land ahoy', {'type': 'image', 'url': 'https://x/sea.png'}]
    """
    merged = first
    for content in others:
        if isinstance(merged, str):
            merged = merged + content if isinstance(content, str) else [merged, *content]
        elif not isinstance(content, str):
            merged = merge_items([*merged, *content])
        elif merged and isinstance(last := merged[-1], str):
            merged = [*merged[:-1], last + content]
        elif content:
            merged = [*merged, content]
    return merged


def _join_strings(items: Iterable[Any]) -> list[str | dict[str, Any]]:
    """Join neighbours that are strings."""
    runs: list[Any] = []
    for item in items:
        if not isinstance(item, str):
            runs.append(item)
        elif runs and isinstance(runs[-1], list):
            cast("list[str]", runs[-1]).append(item)
        else:
            runs.append([item])
    return ["".join(cast("list[str]", run)) if isinstance(run, list) else run for run in runs]


def merge_items(items: Iterable[Any]) -> list[Any]:
    """Merge the dicts that have the same `type` and `index`; keep all other items unchanged."""
    groups: list[list[Any]] = []
    by_key: dict[Any, list[Any]] = {}
    for item in items:
        key = _key(item)
        if key is None or key not in by_key:
            groups.append([item])
        else:
            by_key[key].append(item)
        if key is not None:
            by_key.setdefault(key, groups[-1])
    return [group[0] if len(group) == 1 else join_deltas_by_key(group) for group in groups]


def _key(item: Any) -> tuple[Any, Any] | None:
    if not isinstance(item, Mapping):
        return None
    block = cast("Mapping[str, Any]", item)
    index = block.get("index")
    return None if index is None else (block.get("type"), index)


def join_deltas_by_key(dicts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge dicts whose strings are parts: they are joined, apart from names.

    Raises:
        MergeError: one key has values of different kinds.
    """
    return _by_key(dicts, _join_delta)


def join_metadata_by_key(dicts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge dicts of metadata: of strings and numbers the last one is kept, lists are extended.

    Of values of different kinds, the last one is kept, too: no answer is lost for its metadata.
    """
    return _by_key(dicts, _join_metadata)


def _by_key(dicts: Iterable[Mapping[str, Any]], join: Join) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for mapping in dicts:
        for key, value in mapping.items():
            values.setdefault(key, []).append(value)
    return {key: _join_known(key, of_key, join) for key, of_key in values.items()}


def _join_known(key: str, values: list[Any], join: Join) -> Any:
    known = [value for value in values if value is not None]
    return join(key, known) if len(known) > 1 else known[0] if known else None


def _join_delta(key: str, values: Sequence[Any]) -> Any:
    if key not in _REPLACED_KEYS and any(isinstance(value, str) for value in values):
        _require(str, key, values)
        return "".join(values)
    return _join(key, values, _join_delta)


def _join_metadata(key: str, values: Sequence[Any]) -> Any:
    try:
        return _join(key, values, _join_metadata)
    except MergeError:
        return values[-1]


def _join(key: str, values: Sequence[Any], join: Join) -> Any:
    if any(isinstance(value, Mapping) for value in values):
        _require(Mapping, key, values)
        return _by_key(values, join)
    if any(isinstance(value, list) for value in values):
        _require(list, key, values)
        return merge_items(item for items in values for item in items)
    return values[-1]


def _require(kind: type, key: str, values: Sequence[Any]) -> None:
    if all(isinstance(value, kind) for value in values):
        return
    kinds = " and ".join(dict.fromkeys(repr(type(value).__name__) for value in values))
    raise MergeError(
        f"Cannot merge message chunks: the values of {key!r} are of types {kinds}. "
        "Give it the same type in every chunk."
    )


def first_not_none(values: Iterable[Any]) -> Any:
    """Return the first value that is not None, or None."""
    return next((value for value in values if value is not None), None)


def common_value(owner: str, name: str, values: Iterable[Any]) -> Any:
    """Return the value that all chunks have in common.

    Raises:
        MergeError: they differ.
    """
    known = list(dict.fromkeys(values))
    if len(known) != 1:
        raise MergeError(
            f"Cannot merge {owner}s of different {name}: {known[0]!r} and {known[1]!r}. "
            "They are chunks of different messages."
        )
    return known[0]
