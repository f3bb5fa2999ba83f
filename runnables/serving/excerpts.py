"""Values as strings of a bounded size, without secrets: what is kept of the runs of a served chain.

A value is cut before it is written as JSON, so that a huge one costs no more than what is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any, Final, Literal, NamedTuple, cast

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from runnables.messages.base import BaseMessage
from runnables.messages.prompt_values import ChatPromptValue
from runnables.redaction import hide, redact
from runnables.tracing.strings import writable

_MAX_DEPTH: Final = 30
_LONGEST_SECRET: Final = 4_000
"""How far a secret may go on behind a cut."""

_SCALAR: Final = 8
"""What a number, a key or a bracket takes, about, in characters."""


class Excerpt(NamedTuple):
    """A value as a string.

    Attributes:
        text: the string, as far as it is kept.
        kind: whether it is text, or JSON.
        is_cut: whether there was more.
    """

    text: str
    kind: Literal["text", "json"]
    is_cut: bool

    def as_dict(self, max_length: int | None) -> dict[str, Any]:
        """Return it as JSON, cut to a length; None: as it is kept.

        Beside the text are its length as it is kept, and whether there was more than that.
        """
        text = self.text[:max_length]
        return {"text": text, "kind": self.kind, "kept": len(self.text), "is_cut": self.is_cut}


def excerpt(value: Any, max_length: int) -> Excerpt:
    """Return a value as a string of at most this length, about.

    Secrets that are known, or that have their name beside them, are hidden.
    """
    if isinstance(value, str):
        text = writable(hidden_start(value, max_length, _hidden))
        return Excerpt(text, "text", len(value) > max_length)
    cutter = _Cutter(max_length)
    try:
        plain = to_jsonable_python(hide(cutter.plain(value)), fallback=repr)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    except Exception:  # a value whose own repr or serializer fails is no reason to lose the step
        return Excerpt(f"<{type(value).__name__}>", "text", is_cut=True)
    longest = 2 * max_length  # of what is no text, list or dict, the repr may be of any length
    is_cut = cutter.has_cut or len(text) > longest
    return Excerpt(writable(hidden_start(text, longest, redact)), "json", is_cut)


def hidden_start(text: str, max_length: int, hide_secrets: Callable[[str], str]) -> str:
    """Return the start of a string without its secrets, also without one that the cut goes through.

    Args:
        text: the string.
        max_length: how many characters are returned at most.
        hide_secrets: returns a string without the secrets in it.
    """
    return hide_secrets(text[: max_length + _LONGEST_SECRET])[:max_length]


def _hidden(text: str) -> str:
    return redact(hide(text))


def brief(value: Any, max_length: int) -> str:
    """Return what a reader knows a value by: of messages, the text of the last one."""
    if isinstance(value, Mapping):
        value = cast("Mapping[str, Any]", value).get("messages", value)
    if isinstance(value, (list, tuple)) and value:
        last: Any = cast("Any", value)[-1]
        value = last if isinstance(last, BaseMessage) else cast("Any", value)
    if isinstance(value, BaseMessage):
        value = str(value.text) or value
    text = excerpt(value, max_length).text
    return text[:max_length] + "…" if len(text) > max_length else text


class _Cutter:
    """A walk through a value, which ends when enough was seen."""

    def __init__(self, max_length: int) -> None:
        self._left = max_length
        self.has_cut = False

    def plain(self, value: Any, depth: int = 0) -> Any:
        """Return a copy that is no larger than what is left."""
        if isinstance(value, str):
            return self._cut(value)
        self._left -= _SCALAR
        if isinstance(value, (bytes, bytearray)):
            return f"<{len(value)} bytes>"
        if depth > _MAX_DEPTH:
            self.has_cut = True
            return "…"
        if isinstance(value, ChatPromptValue):
            return self._items(value.to_messages(), depth)
        if isinstance(value, BaseMessage):
            return self._fields(_said(value), depth)
        if isinstance(value, BaseModel):
            named = ((name, getattr(value, name)) for name in type(value).model_fields)
            return self._fields(named, depth)
        if isinstance(value, Mapping):
            return self._fields(cast("Any", value).items(), depth)
        if is_dataclass(value) and not isinstance(value, type):
            return self._fields(
                ((each.name, getattr(value, each.name)) for each in fields(value)), depth
            )
        if isinstance(value, (list, tuple)):
            return self._items(cast("Sequence[Any]", value), depth)
        return value

    def _cut(self, text: str) -> str:
        if len(text) <= self._left:
            self._left -= len(text)
            return text
        kept = hidden_start(text, max(self._left, 0), _hidden)
        self._left = 0
        self.has_cut = True
        return kept + "…"

    def _fields(self, pairs: Any, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if self._left <= 0:
                self.has_cut = True
                break
            name = self._cut(str(key))
            found[name] = self.plain(value, depth + 1)
        return found

    def _items(self, values: Sequence[Any], depth: int) -> list[Any]:
        found: list[Any] = []
        for value in islice(values, len(values)):
            if self._left <= 0:
                self.has_cut = True
                found.append(f"… {len(values) - len(found)} more")
                break
            found.append(self.plain(value, depth + 1))
        return found


def _said(message: BaseMessage) -> list[tuple[str, Any]]:
    """Return the fields of a message that say anything, its type first.

    Its tokens are those of the step, and stand there.
    """
    values = {name: getattr(message, name) for name in type(message).model_fields}
    head = {"type": message.type, "content": message.content}
    shown = {*head, "usage_metadata"}
    said = {name: value for name, value in values.items() if name not in shown and value}
    return list((head | said).items())
