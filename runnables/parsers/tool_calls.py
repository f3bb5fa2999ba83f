"""Parsers of the tool calls in a model's answer, while they are being written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel

from runnables.compose.non_blocking import Decoder
from runnables.core.schemas import adapter_of
from runnables.engine.merging import SNAPSHOTS, Merge, merge_chunks
from runnables.errors import ConfigError, ModelRefusalError, OutputParserException, did_you_mean
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.partial_json import JsonError, JsonReader
from runnables.messages.tool_call_merging import PartialToolCall, ToolCallAssembler
from runnables.messages.tool_calls import (
    InvalidToolCall,
    ToolCall,
    ToolCallChunk,
    parse_tool_calls,
)
from runnables.messages.tool_names import service_name
from runnables.parsers.base import BaseParser, refusal_in, text_of, unreadable
from runnables.parsers.json import SnapshotBudget
from runnables.parsers.openai_calls import openai_calls
from runnables.parsers.partial_models import HIDDEN, PartialValue, Shape
from runnables.parsers.typed import validate_json_value


class ToolCallsParser(BaseParser[Any], internal=True):
    """Base of the parsers of tool calls. Write what the result for a call is.

    A call that cannot be read is an error, never left out; so is a refusal without any call.
    """

    merge: Merge = SNAPSHOTS
    first_tool_only: bool

    @property
    def InputType(self) -> Any:
        """Return the type of a model's message."""
        return AIMessage

    def _parse_input(self, input: Any) -> Any:
        calls, invalid = _calls_of(input, self)
        broken = [call for call in invalid if call["name"] is None or self._takes(call["name"])]
        taken = [call for call in calls if self._takes(call["name"])]
        if broken and not (taken and self.first_tool_only):
            raise _unreadable(broken[0])
        if not calls and (refusal := refusal_in(input)):
            raise ModelRefusalError(refusal, text_of(input, self))
        return self._result([self._from_call(call) for call in self._limited(taken)])

    def _new_decoder(self) -> Decoder[Any, Any]:
        return _CallsDecoder(self)

    def _takes(self, name: str) -> bool:
        """Tell whether calls of this tool are among the results."""
        return True

    def _from_call(self, call: ToolCall) -> Any:
        """Return the result for a complete call."""
        raise NotImplementedError

    def _from_partial(self, call: ParsedToolCall) -> Any:
        """Return the result for a call so far, or HIDDEN."""
        raise NotImplementedError

    def _limited(self, calls: Sequence[Any]) -> Sequence[Any]:
        return calls[:1] if self.first_tool_only else calls

    def _result(self, items: list[Any]) -> Any:
        if self.first_tool_only:
            return items[0] if items else None
        return items


class JsonOutputToolsParser(ToolCallsParser, internal=True):
    """A parser to the tool calls of a message: a list of `{"type": name, "args": {...}}`.

    Streamed, each chunk is the list of all calls so far, with their arguments as far as they go.

    Args:
        return_id: add the `id` of each call.
        first_tool_only: return the first call instead of a list; None where there is none.
        name: the parser's name in events.

    Raises:
        OutputParserException: when run, a call that cannot be read.

    Example:
        >>> message = AIMessage("", tool_calls=[tool_call(name="add", args={"a": 1}, id="1")])
        >>> JsonOutputToolsParser().invoke(message)
        [{'type': 'add', 'args': {'a': 1}}]
        >>> JsonOutputToolsParser(first_tool_only=True, return_id=True).invoke(message)
        {'type': 'add', 'args': {'a': 1}, 'id': '1'}
    """

    def __init__(
        self,
        *,
        return_id: bool = False,
        first_tool_only: bool = False,
        name: str | None = None,
    ) -> None:
        self.return_id = return_id
        self.first_tool_only = first_tool_only
        self.name = name

    def _from_call(self, call: ToolCall) -> Any:
        return self._item(call["name"], call["args"], call["id"])

    def _from_partial(self, call: ParsedToolCall) -> Any:
        return self._item(call.name or "", call.args(), call.id)

    def _item(self, name: str, args: dict[str, Any], id: str | None) -> Any:
        item: dict[str, Any] = {"type": name, "args": args}
        return {**item, "id": id} if self.return_id else item


class JsonOutputKeyToolsParser(JsonOutputToolsParser, internal=True):
    """A parser to the arguments of the calls of one tool.

    Args:
        key_name: the name of the tool.
        return_id: return `{"type": name, "args": {...}, "id": id}` instead of the arguments.
        first_tool_only: return those of the first call instead of a list; None where there is none.
        name: the parser's name in events.

    Raises:
        OutputParserException: when run, a call of this tool that cannot be read.

    Example:
        >>> message = AIMessage("", tool_calls=[tool_call(name="add", args={"a": 1}, id="1")])
        >>> JsonOutputKeyToolsParser("add").invoke(message)
        [{'a': 1}]
        >>> JsonOutputKeyToolsParser("sum").invoke(message)
        []
    """

    def __init__(
        self,
        key_name: str,
        *,
        return_id: bool = False,
        first_tool_only: bool = False,
        name: str | None = None,
    ) -> None:
        self.key_name = key_name
        super().__init__(return_id=return_id, first_tool_only=first_tool_only, name=name)

    def _takes(self, name: str) -> bool:
        return name in (self.key_name, service_name(self.key_name))

    def _item(self, name: str, args: dict[str, Any], id: str | None) -> Any:
        return super()._item(name, args, id) if self.return_id else args


class PydanticToolsParser(ToolCallsParser, internal=True):
    """A parser to the tool calls of a message as objects of pydantic models.

    Streamed, each chunk is the list of all objects so far, partial ones as `PydanticOutputParser`
    makes them; the objects of the last chunk are validated.

    Args:
        tools: the models; a call names one of them, by its `title` or its class name.
        first_tool_only: return the first object instead of a list; None where there is none.
        name: the parser's name in events.

    Raises:
        ConfigError: a tool that is not a pydantic model class.
        OutputParserException: when run, a call that cannot be read, of another tool, or whose
            arguments do not fit.

    Example:
        >>> from pydantic import BaseModel
        >>> class Add(BaseModel):
        ...     a: int
        ...     b: int = 0
        >>> message = AIMessage("", tool_calls=[tool_call(name="Add", args={"a": 1}, id="1")])
        >>> PydanticToolsParser([Add]).invoke(message)
        [Add(a=1, b=0)]
    """

    _shapes: Mapping[str, Shape] | None = None

    def __init__(
        self,
        tools: Sequence[type[BaseModel]],
        *,
        first_tool_only: bool = False,
        name: str | None = None,
    ) -> None:
        self.tools = list(tools)
        self.first_tool_only = first_tool_only
        self.name = name
        for tool in cast("Sequence[object]", self.tools):
            if not (isinstance(tool, type) and issubclass(tool, BaseModel)):
                raise ConfigError(f"PydanticToolsParser: {tool!r} is not a pydantic model class")

    def _from_call(self, call: ToolCall) -> Any:
        tools = self._by_name()
        name, args = service_name(call["name"]), call["args"]
        text = json.dumps(args, ensure_ascii=False)
        if name not in tools:
            raise unreadable(
                f"There is no tool {name!r}.{did_you_mean(name, tools)} "
                f"Known tools: {', '.join(tools) or 'none'}.",
                text,
            )
        return validate_json_value(adapter_of(tools[name]), args, text, name)

    def _from_partial(self, call: ParsedToolCall) -> Any:
        if self._shapes is None:
            self._shapes = {name: Shape(tool) for name, tool in self._by_name().items()}
        shape = self._shapes.get(service_name(call.name or ""))
        return HIDDEN if shape is None else call.object(shape)

    def _by_name(self) -> dict[str, type[BaseModel]]:
        return {
            service_name(tool.model_config.get("title") or tool.__name__): tool
            for tool in self.tools
        }


def _calls_of(
    message: object, parser: BaseParser[Any]
) -> tuple[Sequence[ToolCall], Sequence[InvalidToolCall]]:
    """Return the valid and the invalid calls in a message.

    Those of a chunk are parsed from the text of their arguments: its own `tool_calls` would have
    unfinished arguments as far as they go, and here nothing more can come.
    """
    if not isinstance(message, AIMessage):
        raise TypeError(
            f"{type(parser).__name__} reads the tool calls of a model's message, "
            f"got a value of type {type(message).__name__!r}. Put it right after the model."
        )
    if isinstance(message, AIMessageChunk) and message.tool_call_chunks:
        return parse_tool_calls(message.tool_call_chunks, last=True)
    if message.additional_kwargs and (calls := openai_calls(message)):
        return parse_tool_calls(calls, last=True)
    return message.tool_calls, message.invalid_tool_calls


def _unreadable(call: InvalidToolCall) -> OutputParserException:
    of = f" of {call['name']!r}" if call["name"] else ""
    problem = f"The tool call{of} cannot be read: {call.get('error') or 'it is not valid'}"
    return unreadable(problem, call["args"] or "")


class ParsedToolCall(PartialToolCall):
    """A tool call that is being written, with its arguments parsed as far as they go.

    Attributes:
        reader: the reader of its arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reader = JsonReader()
        self._has_args = False
        self._broken = False
        self._value: PartialValue | None = None
        self._object: Any = HIDDEN

    @property
    def has_args(self) -> bool:
        """Tell whether some of the text of its arguments has come."""
        return self._has_args

    @property
    def is_complete(self) -> bool:
        """Tell whether its arguments are complete."""
        return self.reader._done

    def add_args(self, text: str) -> None:
        """Take the next part of the text of the arguments."""
        self._has_args = self._has_args or bool(text)
        if not self._broken and not self.reader._done:
            try:
                self.reader.feed(text)
            except JsonError:
                self._broken = True  # the end of the stream raises the error

    def args(self) -> dict[str, Any]:
        """Return the arguments so far."""
        value: object = self.reader.snapshot() if self.reader._changes else {}
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

    def object(self, shape: Shape) -> Any:
        """Return the arguments so far as an object; HIDDEN where nothing can be shown."""
        if self._value is None:
            self._value = PartialValue(shape)
        if not self.reader._done:
            new = self._value.show(self.reader)
            self._object = self._object if new is HIDDEN else new
        elif not self._broken:
            self._broken = True  # validate only once
            self._object = shape.validate(self.args())
        return self._object


class _CallsDecoder(Decoder[Any, Any]):
    """A decoder to the calls as they grow, and in the end to the result for the whole message."""

    def __init__(self, parser: ToolCallsParser) -> None:
        self._parser = parser
        self._chunks: list[Any] = []
        self._assembler = ToolCallAssembler(ParsedToolCall)
        self._budget = SnapshotBudget()
        self._shown: Any = HIDDEN

    def feed(self, chunk: Any) -> Iterable[Any]:
        self._chunks.append(chunk)
        parts: Sequence[ToolCallChunk] = ()
        if isinstance(chunk, AIMessageChunk):
            parts = chunk.tool_call_chunks
            if chunk.additional_kwargs and not parts and (parts := openai_calls(chunk)):
                self._chunks.append(AIMessageChunk("", tool_call_chunks=parts))
        for part in parts:
            self._assembler.add(part)
            self._budget.earn(len(part["args"] or "") + 1)
        return self._show() if parts or self._shown is HIDDEN else ()

    def finish(self) -> Iterable[Any]:
        value = self._parser._parse_input(merge_chunks(self._chunks))
        return () if value == self._shown else (value,)

    def _show(self) -> Iterable[Any]:
        parser = self._parser
        calls = self._assembler.calls
        taken = [call for call in calls if call.name and parser._takes(call.name)]
        if not self._budget.spend(sum(call.reader._snapshot_cost() + 1 for call in taken)):
            return ()
        items = [parser._from_partial(call) for call in parser._limited(taken)]
        shown = parser._result([item for item in items if item is not HIDDEN])
        if shown is None or shown == self._shown:
            return ()
        self._shown = shown
        return (shown,)
