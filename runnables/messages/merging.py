"""How the fields of message chunks add up.

Every rule here gives the same for any grouping of the pieces, and takes time linear to their
size: pieces of a text are collected and joined once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from runnables.errors import MergeError

if TYPE_CHECKING:
    from runnables.messages.blocks import Content

Join: TypeAlias = Callable[[str, Sequence[Any]], Any]
"""Takes the name of a field and its values, of which none is None; gives their sum."""

_REPLACED_KEYS: Final = frozenset(
    "type index id name role status url file_id mime_type media_type format detail title "
    "call_id tool_call_id tool_use_id model model_name model_provider output_version "
    "finish_reason stop_reason".split()
)
"""Keys whose text names a thing: a second one replaces the first. Other texts are joined."""


def merge_content(contents: Iterable[Content]) -> Content:
    """The content that pieces of it make.

    Texts are joined; blocks with the same type and `index` are one block; texts beside blocks
    become items of the list. Empty pieces change nothing.
    """
    some = [content for content in contents if content]
    if not some:
        return ""
    if all(isinstance(content, str) for content in some):
        return "".join(cast("list[str]", some))
    items = (
        item for content in some for item in ([content] if isinstance(content, str) else content)
    )
    return _join_strings(merge_items(items))


def _join_strings(items: Iterable[Any]) -> list[str | dict[str, Any]]:
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
    """Join the dicts that have the same `type` and `index`; keep everything else as it is."""
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
    """Merge dicts whose texts are pieces: they are joined, except where they name something.

    Raises:
        MergeError: one key has values of different kinds.
    """
    return _by_key(dicts, _join_delta)


def join_metadata_by_key(dicts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge dicts of facts: texts and numbers replace each other, lists are extended.

    Raises:
        MergeError: one key has values of different kinds.
    """
    return _by_key(dicts, _join_metadata)


def _by_key(dicts: Iterable[Mapping[str, Any]], join: Join) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for some in dicts:
        for key, value in some.items():
            values.setdefault(key, []).append(value)
    return {key: _join_known(key, some, join) for key, some in values.items()}


def _join_known(key: str, values: list[Any], join: Join) -> Any:
    known = [value for value in values if value is not None]
    return join(key, known) if len(known) > 1 else known[0] if known else None


def _join_delta(key: str, values: Sequence[Any]) -> Any:
    if key not in _REPLACED_KEYS and any(isinstance(value, str) for value in values):
        _require(str, key, values)
        return "".join(values)
    return _join(key, values, _join_delta)


def _join_metadata(key: str, values: Sequence[Any]) -> Any:
    return _join(key, values, _join_metadata)


def _join(key: str, values: Sequence[Any], join: Join) -> Any:
    if any(isinstance(value, Mapping) for value in values):
        _require(Mapping, key, values)
        return _by_key(values, join)
    if any(isinstance(value, list) for value in values):
        _require(list, key, values)
        return merge_items(item for some in values for item in some)
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
    """The first value that is not None, or None."""
    return next((value for value in values if value is not None), None)


def common_value(owner: str, name: str, values: Iterable[Any]) -> Any:
    """The value that all chunks have in common.

    Raises:
        MergeError: they differ.
    """
    known = list(dict.fromkeys(values))
    if len(known) != 1:
        raise MergeError(
            f"Cannot merge {owner}s of different {name}: {known[0]!r} and {known[1]!r}. "
            "They are pieces of different messages."
        )
    return known[0]
