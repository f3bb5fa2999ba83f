"""Tool calls, their chunks, and the parsing of their arguments.

`tool_call_merging` merges the chunks of a stream to calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NotRequired, TypeAlias, cast

from pydantic import BeforeValidator, ConfigDict, with_config
from typing_extensions import TypedDict

from runnables.messages.partial_json import parse_partial_json


class _CallKeys(TypedDict):
    """The keys of a tool call, apart from its `type`."""

    name: str
    args: dict[str, Any]
    id: str | None
    index: NotRequired[int | str]
    extras: NotRequired[dict[str, Any]]


class _ChunkKeys(TypedDict):
    """The keys of a chunk of a tool call, apart from its `type`."""

    name: str | None
    args: str | None
    id: str | None
    index: int | str | None
    extras: NotRequired[dict[str, Any]]


class _InvalidKeys(TypedDict):
    """The keys of an invalid tool call, apart from its `type`."""

    name: str | None
    args: str | None
    id: str | None
    error: str | None
    index: NotRequired[int | str]
    extras: NotRequired[dict[str, Any]]


@with_config(ConfigDict(extra="forbid"))
class ToolCall(_CallKeys):
    """A model's request to call a tool.

    `id` relates the result (`ToolMessage.tool_call_id`) to the request. `extras` holds what the
    provider needs back with the conversation, such as a signature.

    Example:
        >>> call: ToolCall = {"name": "add", "args": {"a": 1, "b": 2}, "id": "1"}
        >>> AIMessage("", tool_calls=[call]).tool_calls
        [{'name': 'add', 'args': {'a': 1, 'b': 2}, 'id': '1', 'type': 'tool_call'}]
    """

    type: NotRequired[Literal["tool_call"]]


@with_config(ConfigDict(extra="forbid"))
class ToolCallChunk(_ChunkKeys):
    """A chunk of a tool call; `args` is a part of a JSON string.

    Example:
        >>> AIMessageChunk(tool_call_chunks=[tool_call_chunk(name="add", args="{")]).tool_calls
        [{'name': 'add', 'args': {}, 'id': None, 'type': 'tool_call'}]
    """

    type: NotRequired[Literal["tool_call_chunk"]]


@with_config(ConfigDict(extra="forbid"))
class InvalidToolCall(_InvalidKeys):
    """A tool call that cannot be run: `args` is the string that the model wrote.

    Example:
        >>> chunk = AIMessageChunk(tool_call_chunks=[tool_call_chunk(name="add", args="a=1")])
        >>> chunk.invalid_tool_calls[0]["args"]
        'a=1'
    """

    type: NotRequired[Literal["invalid_tool_call"]]


class ToolCallBlock(_CallKeys):
    """A `ToolCall` as a block of a content."""

    type: Literal["tool_call"]


class ToolCallChunkBlock(_ChunkKeys):
    """A `ToolCallChunk` as a block of a content."""

    type: Literal["tool_call_chunk"]


class InvalidToolCallBlock(_InvalidKeys):
    """An `InvalidToolCall` as a block of a content."""

    type: Literal["invalid_tool_call"]


def tool_call(*, name: str, args: dict[str, Any], id: str | None = None) -> ToolCall:
    """Return a tool call.

    Example:
        >>> tool_call(name="add", args={"a": 1}, id="1")
        {'name': 'add', 'args': {'a': 1}, 'id': '1', 'type': 'tool_call'}
    """
    return ToolCall(name=name, args=args, id=id, type="tool_call")


def tool_call_chunk(
    *,
    name: str | None = None,
    args: str | None = None,
    id: str | None = None,
    index: int | str | None = None,
) -> ToolCallChunk:
    """Return a chunk of a tool call.

    Example:
        >>> tool_call_chunk(args='{"a', index=0)
        {'name': None, 'args': '{"a', 'id': None, 'index': 0, 'type': 'tool_call_chunk'}
    """
    return ToolCallChunk(name=name, args=args, id=id, index=index, type="tool_call_chunk")


def invalid_tool_call(
    *,
    name: str | None = None,
    args: str | None = None,
    id: str | None = None,
    error: str | None = None,
) -> InvalidToolCall:
    """Return a tool call that cannot be run; `error` is the reason.

    Example:
        >>> invalid_tool_call(name="add", args="{", error="cut off")["error"]
        'cut off'
    """
    return InvalidToolCall(name=name, args=args, id=id, error=error, type="invalid_tool_call")


def _with_defaults(**defaults: Any) -> BeforeValidator:
    """Fill in the keys that callers leave out, so that equal calls compare equal."""

    def fill(value: Any) -> Any:
        return defaults | dict(cast("Any", value)) if isinstance(value, Mapping) else value

    return BeforeValidator(fill)


ToolCallField: TypeAlias = Annotated[ToolCall, _with_defaults(id=None, type="tool_call")]
ToolCallChunkField: TypeAlias = Annotated[
    ToolCallChunk,
    _with_defaults(name=None, args=None, id=None, index=None, type="tool_call_chunk"),
]
InvalidToolCallField: TypeAlias = Annotated[
    InvalidToolCall,
    _with_defaults(name=None, args=None, id=None, error=None, type="invalid_tool_call"),
]


def parse_tool_calls(
    chunks: Iterable[ToolCallChunk], *, last: bool
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Parse merged chunks as tool calls.

    Args:
        chunks: one chunk for each call.
        last: True where the stream has ended. Until then, arguments are read as far as they have
            arrived, and chunks without a name are left out; at the end, both are invalid calls.
    """
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for chunk in chunks:
        if not (chunk["name"] or last):
            continue
        try:
            call = tool_call(
                name=_name(chunk), args=parse_args(chunk["args"], last=last), id=chunk["id"]
            )
            calls.append(_with_extras(call, chunk))
        except ValueError as error:
            broken = invalid_tool_call(
                name=chunk["name"], args=chunk["args"], id=chunk["id"], error=str(error)
            )
            invalid.append(_with_extras(broken, chunk))
    return calls, invalid


def _name(chunk: ToolCallChunk) -> str:
    if not chunk["name"]:
        raise ValueError("The call names no tool.")
    return chunk["name"]


def _with_extras(call: Mapping[str, Any], source: Mapping[str, Any]) -> Any:
    return {**call, "extras": source["extras"]} if source.get("extras") else call


def parse_args(text: str | None, *, last: bool = True) -> dict[str, Any]:
    """Parse the arguments of a call; without text, there are no arguments.

    Args:
        text: a JSON object.
        last: False reads the beginning of one, as far as it goes.

    Raises:
        ValueError: the text is not JSON (or no beginning of it), or not an object.
    """
    if not text or text.isspace():
        return {}
    try:
        args = json.loads(text, strict=False) if last else parse_partial_json(text)
    except RecursionError:
        raise ValueError("The arguments are nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"The arguments are not valid JSON: {error}") from None
    if args is None:  # what some servers send for no arguments
        return {}
    if not isinstance(args, dict):
        raise ValueError(f"The arguments are not a JSON object but: {text[:50]}")
    return cast("dict[str, Any]", args)


def chunks_of_calls(
    calls: Iterable[ToolCall], invalid: Iterable[InvalidToolCall]
) -> list[ToolCallChunk]:
    """Return one chunk for each call, as if the calls had been streamed."""
    valid = [(call, json.dumps(call["args"], ensure_ascii=False)) for call in calls]
    broken = [(call, call["args"]) for call in invalid]
    return [
        _with_extras(
            tool_call_chunk(name=call["name"], args=args, id=call["id"], index=call.get("index")),
            call,
        )
        for call, args in [*valid, *broken]
    ]
