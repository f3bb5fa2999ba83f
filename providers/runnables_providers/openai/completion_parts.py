"""The parts of an answer of chat completions: content, calls, and fields beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.messages import BaseMessage, ToolCallChunk, tool_call_chunk
from runnables.messages.merging import join_deltas_by_key
from runnables_providers._remote.json_values import list_of, object_of
from runnables_providers._remote.origins import rest_of
from runnables_providers._remote.tool_calls import invented_id
from runnables_providers.openai.completion_messages import CUSTOM_TYPE, FUNCTION_KEY

if TYPE_CHECKING:
    from runnables.messages.blocks import Block, Content

_CALL_KEYS: Final = frozenset({"index", "id", "function", "type", CUSTOM_TYPE})
_FUNCTION_KEYS: Final = frozenset({"name", "arguments"})
_MESSAGE_KEYS: Final = frozenset({"role", "content", "tool_calls"})
_DELTAS: Final = frozenset({"reasoning_content", "reasoning", "refusal", "thinking"})
"""Fields of a message that stream in parts; other strings are taken for names."""


_EMPTY: Final = "reasoning_content"
"""A field that is sent back also where it is empty: DeepSeek and Moonshot refuse a call without."""
_BLOCKS: Final = "thinking_blocks"
"""Anthropic's reasoning behind LiteLLM: blocks that stream in parts, without numbers."""
_STREAMED: Final = frozenset({"thinking", "reasoning"})
"""The types of blocks that come in several parts (Mistral, Databricks); others come whole."""

_SNAPSHOTS: Final = frozenset({"executed_tools"})
"""Fields whose items come again with more: Groq's tools, with their outputs."""


class ContentReader:
    """Reader of contents that are lists: of strings, and of blocks such as Mistral's reasoning.

    The blocks get the numbers by which their chunks are merged.
    """

    def __init__(self) -> None:
        self._count = 0
        self._type: Any = None

    def read(self, content: Any, *, streamed: bool = False) -> Content:
        """Return a content, or a part of one, with numbered blocks, and plain text as strings."""
        if not isinstance(content, list):
            return cast("Content", content)
        items = [self._item(item, streamed) for item in list_of(content)]
        strings = [item for item in items if isinstance(item, str)]
        return "".join(strings) if len(strings) == len(items) else items

    def _item(self, item: Any, streamed: bool) -> str | Block:
        block = object_of(item)
        if not block or (block.get("type") == "text" and len(block) == 2):
            self._type = None
            return str(block["text"]) if block else cast("str", item)
        kind = block.get("type")
        if not streamed or kind != self._type:
            self._count += 1
        self._type = kind if kind in _STREAMED and not block.get("closed") else None
        numbered = {key: _numbered(value) for key, value in block.items()}
        return {**numbered, "index": self._count}


def _numbered(value: Any) -> Any:
    """Return a list with its objects numbered, anything else unchanged."""
    if not isinstance(value, list):
        return value
    return [
        {**object_of(part), "index": place} if isinstance(part, Mapping) else part
        for place, part in enumerate(list_of(value))
    ]


def call_chunk(call: Mapping[str, Any]) -> ToolCallChunk:
    """Return a function call, or a part of one, with the service's further fields as extras."""
    function: Mapping[str, Any] = call.get("function") or {}
    args = function.get("arguments")
    if args is not None and not isinstance(args, str):
        args = json.dumps(args, ensure_ascii=False)
    chunk = tool_call_chunk(
        name=function.get("name"),
        args=args,
        id=call.get("id") or None,
        index=call.get("index"),
    )
    if not (_CALL_KEYS.issuperset(call) and _FUNCTION_KEYS.issuperset(function)):
        extras = rest_of(call, _CALL_KEYS)
        if more := rest_of(function, _FUNCTION_KEYS):
            extras[FUNCTION_KEY] = more
        if extras:
            chunk["extras"] = extras
    return chunk


def call_chunks(
    calls: Sequence[Mapping[str, Any]], messages: Sequence[BaseMessage]
) -> list[ToolCallChunk]:
    """Return the calls of a whole answer; those without an id get one."""
    chunks: list[ToolCallChunk] = []
    for place, call in enumerate(calls):
        is_custom = call.get("type") == CUSTOM_TYPE
        chunk = _whole_custom_chunk(call) if is_custom else call_chunk(call)
        if not chunk["id"]:
            chunk["id"] = _made_id(messages, place)
        chunks.append(chunk)
    return chunks


def _made_id(messages: Sequence[BaseMessage], place: int) -> str:
    return invented_id(messages or "", place)


# -- custom calls: their input is a string, and ours an object with it


def _whole_custom_chunk(call: Mapping[str, Any]) -> ToolCallChunk:
    custom: Mapping[str, Any] = call.get(CUSTOM_TYPE) or {}
    args = json.dumps({"input": custom.get("input") or ""}, ensure_ascii=False)
    return _custom_chunk(call, args)


def _custom_chunk(call: Mapping[str, Any], args: str) -> ToolCallChunk:
    name = object_of(call.get(CUSTOM_TYPE)).get("name")
    chunk = tool_call_chunk(name=name, args=args, id=call.get("id"), index=call.get("index"))
    chunk["extras"] = {"type": CUSTOM_TYPE, **rest_of(call, _CALL_KEYS)}
    return chunk


class StreamedCalls:
    """The calls of a streamed answer.

    Args:
        messages: the conversation, from which missing ids are made.
    """

    def __init__(self, messages: Sequence[BaseMessage]) -> None:
        self._messages = messages
        self._begun = 0
        self._nameless: dict[Any, int] = {}
        """The indexes of calls that have no id so far, with the places of the calls."""
        self._named: set[Any] = set()
        self._custom: set[Any] = set()
        """The indexes of custom calls, whose text is still open."""

    def read(self, calls: Sequence[Mapping[str, Any]]) -> Iterator[ToolCallChunk]:
        """Yield the parts of calls in a delta."""
        for call in calls:
            index = call.get("index")
            is_custom = call.get("type") == CUSTOM_TYPE or index in self._custom
            chunk = self._custom_part(call) if is_custom else call_chunk(call)
            if chunk["id"]:
                self._named.add(index)
                self._nameless.pop(index, None)
            elif chunk["name"]:
                yield from self._begin_without_id(chunk)
            yield chunk

    def finish(self) -> Iterator[ToolCallChunk]:
        """Yield what the calls lack: the ends of custom ones, and ids."""
        for index in self._custom:
            yield tool_call_chunk(args='"}', index=index)
        for index, place in self._nameless.items():
            yield tool_call_chunk(id=self._id(place), index=index)

    def _begin_without_id(self, chunk: ToolCallChunk) -> Iterator[ToolCallChunk]:
        """Note that a call may need an id; without an index, it needs one now."""
        index = chunk["index"]
        place, self._begun = self._begun, self._begun + 1
        if index is None:
            chunk["id"] = self._id(place)
        elif index in self._nameless:  # the server uses an index again, or repeats the name
            yield tool_call_chunk(id=self._id(self._nameless[index]), index=index)
            self._nameless[index] = place
        elif index not in self._named:
            self._nameless[index] = place

    def _id(self, place: int) -> str:
        return _made_id(self._messages, place)

    def _custom_part(self, call: Mapping[str, Any]) -> ToolCallChunk:
        custom: Mapping[str, Any] = call.get(CUSTOM_TYPE) or {}
        text = json.dumps(custom.get("input") or "", ensure_ascii=False)[1:-1]
        index = call.get("index")
        if index in self._custom:
            return tool_call_chunk(args=text, index=index)
        self._custom.add(index)
        return _custom_chunk(call, '{"input": "' + text)


class StreamedFields:
    """The fields of a streamed message beside its text and calls."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._snapshots: dict[str, dict[Any, Any]] = {}
        self._blocks: list[dict[str, Any]] = []
        self._is_empty = False

    def read(self, delta: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a delta; a name that every delta repeats is returned once."""
        fields = more_fields(delta)
        for key, value in list(fields.items()):
            if value == "":
                self._is_empty = True
                del fields[key]
            elif isinstance(value, str) and key not in _DELTAS:
                if self._names.get(key) == value:
                    del fields[key]
                self._names[key] = value
            elif key in _SNAPSHOTS and isinstance(value, list):
                items = cast("list[dict[str, Any]]", fields.pop(key))
                self._snapshots.setdefault(key, {}).update(
                    {item.get("index", place): item for place, item in enumerate(items)}
                )
            elif key == _BLOCKS and isinstance(value, list):
                for block in cast("list[dict[str, Any]]", fields.pop(key)):
                    self._add_block(block)
        return fields

    def _add_block(self, block: Mapping[str, Any]) -> None:
        """Add a part of Anthropic's reasoning, which the signature ends."""
        last = self._blocks[-1] if self._blocks else {}
        if "thinking" not in last or "thinking" not in block or last.get("signature"):
            self._blocks.append(dict(block))
            return
        thinking = f"{last['thinking'] or ''}{block['thinking'] or ''}"
        self._blocks[-1] = {**last, **block, "thinking": thinking}

    def finish(self) -> dict[str, Any]:
        """Return the fields that are whole at the end only, such as snapshots, each of which
        replaces the one before."""
        found: dict[str, Any] = {
            key: list(items.values()) for key, items in self._snapshots.items()
        }
        found |= {_BLOCKS: self._blocks} if self._blocks else {}
        return {**found, _EMPTY: ""} if self._is_empty else found


def more_fields(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message, or a delta of one, has besides text and tool calls."""
    return {
        key: value
        for key, value in message.items()
        if (value or (value == "" and key == _EMPTY)) and key not in _MESSAGE_KEYS
    }


# -- choices besides the first


class OtherChoices:
    """The choices of a stream besides the first."""

    def __init__(self) -> None:
        self._choices: dict[int, dict[str, Any]] = {}
        self._deltas: dict[int, list[Mapping[str, Any]]] = {}

    def add(self, choice: Mapping[str, Any]) -> None:
        """Add an event's part of a choice."""
        place: int = choice["index"]
        self._choices.setdefault(place, {}).update(rest_of(choice, ("delta",)))
        self._deltas.setdefault(place, []).append(rest_of(choice.get("delta") or {}, ()))

    def finish(self) -> list[dict[str, Any]]:
        """Return the choices as a non-streamed answer would have them."""
        return [
            {**self._choices[place], "message": join_deltas_by_key(self._deltas[place])}
            for place in sorted(self._choices)
        ]


def other_choices(choices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the choices besides the first as metadata."""
    return {"choices": list(choices)} if choices else {}
