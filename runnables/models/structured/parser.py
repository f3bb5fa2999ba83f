"""Parsers of structured output, from the text of an answer or from a tool call's arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, create_model
from typing_extensions import override

from runnables.compose.non_blocking import NonBlockingStep
from runnables.core.schemas import for_pydantic
from runnables.engine.merging import SNAPSHOTS, Merge, merge_chunks
from runnables.errors import EmptyStream, ModelRefusalError, OutputParserException
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.kinds import message_chunk_to_message, message_to_chunk
from runnables.messages.tool_call_merging import ToolCallAssembler
from runnables.models.structured.json_schema import drop_null_optionals, schema_errors
from runnables.models.structured.schemas import answer_schema, json_schema_of
from runnables.parsers.base import BaseParser, refusal_in, text_of, unreadable
from runnables.parsers.json import (
    JsonOutputParser,
    SnapshotDecoder,
    bare_member,
    name_of,
    read_json,
)
from runnables.parsers.tool_calls import ParsedToolCall
from runnables.parsers.typed import PydanticOutputParser

if TYPE_CHECKING:
    from runnables.compose.non_blocking import Decoder
    from runnables.messages.partial_json import JsonReader

_LIMIT_REASONS: Final = frozenset({"length", "max_tokens", "MAX_TOKENS"})
"""The reasons that services give for the end of an answer that has as many tokens as it may."""

_LIMIT_HINT: Final = "The model was stopped at its limit of tokens: raise max_tokens."
_VALUE: Final = "value"
"""The one field of the object in which an answer is wrapped that is no object itself."""


class AnswerParser(BaseParser[Any], internal=True):
    """A parser of a model's answer to an object of a type.

    Streamed, each chunk is the object so far, and the last one is the validated object. A null
    for a field that may be left out, and cannot be null, counts as left out.

    Args:
        schema: a type that pydantic knows, or a JSON schema as a dict.
        tool: the tool whose arguments are the object; None: the object is the text of the answer.
        wrapped: whether the answer is an object with the field "value", which is then the result.

    Attributes:
        given: what the schema was made of, such as a function; None where it is the schema.

    Raises:
        OutputParserException: the answer does not fit, or the tool was not called.
    """

    merge: Merge = SNAPSHOTS
    given: Any = None
    _json: BaseParser[Any] | None = None

    def __init__(self, schema: Any, *, tool: str | None = None, wrapped: bool = False) -> None:
        self.schema = schema
        self.tool = tool
        self.wrapped = wrapped

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the function, not the type of its arguments."""
        own = vars(self)
        left_out = () if self.given is None else ("schema", "_json")
        return {name: value for name, value in own.items() if name not in left_out}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        if self.given is not None:
            self.schema = answer_schema(self.given)

    @property
    def InputType(self) -> Any:
        """Return the type of a model's message."""
        return AIMessage

    @property
    def OutputType(self) -> Any:
        """Return the type; a dict for a JSON schema."""
        return dict[str, Any] if isinstance(self.schema, Mapping) else self.schema

    def get_format_instructions(self) -> str:
        """Return the request to answer with JSON, with its schema."""
        return self._json_parser().get_format_instructions()

    def _parse_input(self, input: Any) -> Any:
        decoder = self._new_decoder()
        *_, value = [*decoder.feed(input), *decoder.finish()]
        return value

    def _new_decoder(self) -> Decoder[Any, Any]:
        decoder = self._json_parser()._new_decoder()
        assert decoder is not None
        if self.wrapped:
            decoder = _UnwrappingDecoder(decoder)
        if self.tool is not None:
            decoder = _ToolArgumentsDecoder(self.tool, decoder, self)
        return _TokenLimitDecoder(decoder)

    def _json_parser(self) -> BaseParser[Any]:
        """Return the parser of the object's text."""
        if self._json is None:
            described = self.schema
            if isinstance(described, Mapping):
                self._json = _SchemaParser(cast("Mapping[str, Any]", described), self.wrapped)
            else:
                self._json = _TypeParser(described, self.wrapped)
        return self._json


def _wrap_type(described: Any, wrapped: bool) -> Any:
    """Return a type, or a model with the one field "value" of that type."""
    fields: dict[str, Any] = {_VALUE: (for_pydantic(described), ...)}
    return create_model("Answer", **fields) if wrapped else described


def wrap_schema(schema: Mapping[str, Any], wrapped: bool) -> Mapping[str, Any]:
    """Return a JSON schema, or that of an object with the one field "value" of that schema."""
    if not wrapped:
        return schema
    own = {key: value for key, value in schema.items() if key != "$defs"}
    shared = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {"type": "object", "properties": {_VALUE: own}, "required": [_VALUE], **shared}


def _wrapped_member(text: str, described: Any, wrapped: bool) -> Any:
    """Return the bare member of an enum that an answer names, wrapped as the answer should be."""
    member = bare_member(text, described)
    return {_VALUE: member} if wrapped and member is not None else member


# -- answers that end at a limit


class _TokenLimitDecoder:
    """A decoder that adds the hint at a token limit to another one's error, where it was met."""

    def __init__(self, decoder: Decoder[Any, Any]) -> None:
        self._decoder = decoder
        self._is_cut_off = False

    def feed(self, chunk: Any) -> Iterable[Any]:
        if isinstance(chunk, AIMessage) and (metadata := chunk.response_metadata):
            reasons = {metadata.get("finish_reason"), metadata.get("stop_reason")}
            self._is_cut_off = self._is_cut_off or not reasons.isdisjoint(_LIMIT_REASONS)
        return self._decoder.feed(chunk)

    def finish(self) -> Iterable[Any]:
        try:
            return [*self._decoder.finish()]
        except OutputParserException as error:
            if self._is_cut_off and not isinstance(error, ModelRefusalError):
                message = str(error)
                separator = "\n" if "\n" in message else " "
                error.args = (f"{message}{separator}{_LIMIT_HINT}",)
            raise


# -- the object from its text


class _TypeParser(PydanticOutputParser[Any], internal=True):
    """A parser of JSON to a type, in which a null may stand for a field that was left out."""

    def __init__(self, described: Any, wrapped: bool) -> None:
        super().__init__(_wrap_type(described, wrapped))
        self.described = described
        self.wrapped = wrapped

    @override
    def _bare_member(self, text: str) -> Any:
        return _wrapped_member(text, self.described, self.wrapped)

    @override
    def _validate(self, value: Any, text: str) -> Any:
        try:
            return super()._validate(value, text)
        except OutputParserException:
            without_nulls = drop_null_optionals(value, json_schema_of(self.pydantic_object))
            if without_nulls == value:
                raise
        return super()._validate(without_nulls, text)


class _SchemaParser(JsonOutputParser, internal=True):
    """A parser of JSON that has to fit a JSON schema."""

    def __init__(self, schema: Mapping[str, Any], wrapped: bool) -> None:
        super().__init__(wrap_schema(schema, wrapped))
        self.described = schema
        self.wrapped = wrapped

    def parse(self, text: str) -> Any:
        """Return the value, validated."""
        return self.object(lambda: read_json(text, self.wanted), text)

    def get_format_instructions(self) -> str:
        """Return the request to answer with JSON, with its schema."""
        return f"Answer with JSON that fits this schema:\n{json.dumps(self.pydantic_object)}"

    def object(self, read: Callable[[], Any], text: str) -> Any:
        """Return the value that `read` returns, or a bare member of an enum, validated."""
        try:
            return self.validate(read(), text)
        except OutputParserException:
            if (member := _wrapped_member(text, self.described, self.wrapped)) is None:
                raise
        return member

    @override
    def _fits(self, value: Any) -> bool:
        return not schema_errors(
            drop_null_optionals(value, self.pydantic_object), self.pydantic_object
        )

    def validate(self, value: Any, text: str) -> Any:
        """Return a value without the nulls that stand for fields which were left out.

        Raises:
            OutputParserException: it does not fit.
        """
        without_nulls = drop_null_optionals(value, self.pydantic_object)
        if errors := schema_errors(without_nulls, self.pydantic_object):
            lines = "\n".join(f"- {error}" for error in errors)
            title = name_of(self.pydantic_object)
            raise unreadable(f"The answer does not fit {title}:\n{lines}", text)
        return without_nulls

    def _new_decoder(self) -> Decoder[Any, Any]:
        return _SchemaDecoder(self, self.wanted)


class _SchemaDecoder(SnapshotDecoder[Any]):
    parser: _SchemaParser

    def show(self, reader: JsonReader) -> Iterable[Any]:
        return () if reader._done else (reader.snapshot(),)

    def end(self) -> Iterable[Any]:
        return (self.parser.object(self.value, self.text),)


class _UnwrappingDecoder:
    """A decoder that yields the field "value" of another one's objects, as soon as it is there."""

    def __init__(self, decoder: Decoder[Any, Any]) -> None:
        self._decoder = decoder

    def feed(self, chunk: Any) -> Iterable[Any]:
        return self._values(self._decoder.feed(chunk))

    def finish(self) -> Iterable[Any]:
        return self._values(self._decoder.finish())

    def _values(self, objects: Iterable[Any]) -> list[Any]:
        return [value for object in objects for value in self._value(object)]

    def _value(self, object: Any) -> Sequence[Any]:
        if isinstance(object, BaseModel):
            return (getattr(object, _VALUE),) if _VALUE in object.model_fields_set else ()
        return (object[_VALUE],) if _VALUE in object else ()


# -- the text from the arguments of a tool call


class _ToolCallArguments(ParsedToolCall):
    """A tool call that is being written, and the text of its arguments that was not read yet."""

    def __init__(self) -> None:
        super().__init__()
        self._unread: list[str] = []

    def add_args(self, text: str) -> None:
        super().add_args(text)
        self._unread.append(text)

    def read(self) -> str:
        """Return the text that has come since the last time."""
        text = "".join(self._unread)
        self._unread.clear()
        return text


class _ToolArgumentsDecoder:
    """A decoder that passes the arguments of the first call of a tool on to another, as text."""

    def __init__(self, tool: str, decoder: Decoder[Any, Any], parser: AnswerParser) -> None:
        self._tool = tool
        self._decoder = decoder
        self._parser = parser
        self._assembler = ToolCallAssembler(_ToolCallArguments)
        self._parts: list[str] = []
        self._refusals: list[str] = []

    def feed(self, chunk: Any) -> Iterable[Any]:
        self._parts.append(text_of(chunk, self._parser))
        self._refusals.append(refusal_in(chunk) or "")
        if isinstance(chunk, AIMessage):
            for part in cast("AIMessageChunk", message_to_chunk(chunk)).tool_call_chunks:
                self._assembler.add(part)
        call = self._call()
        text = call.read() if call else ""
        return self._decoder.feed(text) if text else ()

    def finish(self) -> Iterable[Any]:
        call = self._call()
        if call is None:
            raise self._not_called()
        # Some services send no arguments at all for an empty object.
        first = () if call.has_args else self._decoder.feed("{}")
        return [*first, *self._decoder.finish()]

    def _call(self) -> _ToolCallArguments | None:
        return next((call for call in self._assembler.calls if call.name == self._tool), None)

    def _not_called(self) -> OutputParserException:
        answer = "".join(self._parts)
        if refusal := "".join(self._refusals):
            return ModelRefusalError(refusal, answer)
        others = [call.name for call in self._assembler.calls if call.name]
        instead = f" It called {', '.join(map(repr, others))} instead." if others else ""
        problem = f"The model did not call {self._tool!r}, whose arguments are its answer.{instead}"
        return unreadable(problem, answer)


# -- the object together with the message


class RawAndParsed(NonBlockingStep[AIMessage, dict[str, Any]], internal=True):
    """A step from a message to a `RawAnswer`: the message, and its object or the parser's error.

    Streamed, each chunk has the message and the object so far; the last has both complete.

    Args:
        parser: the parser of the message.
    """

    merge: Merge = SNAPSHOTS

    def __init__(self, parser: AnswerParser) -> None:
        self.parser = parser

    def _apply(self, input: Any, **kwargs: Any) -> Any:
        message = message_chunk_to_message(input)
        try:
            return _raw_answer(message, self.parser.invoke(message), None)
        except OutputParserException as error:
            return _raw_answer(message, None, error)

    def _make_decoder(self, **kwargs: Any) -> Decoder[Any, Any]:
        return _RawDecoder(self.parser)


def _raw_answer(raw: Any, parsed: Any, error: Exception | None) -> dict[str, Any]:
    return {"raw": raw, "parsed": parsed, "parsing_error": error}


class _RawDecoder:
    """A decoder that keeps the message so far, next to what is parsed of it."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser
        self._decoder = parser._new_decoder()
        self._chunks: list[Any] = []

    def feed(self, chunk: Any) -> Iterable[Any]:
        self._chunks.append(chunk)
        return [_raw_answer(self._so_far(), value, None) for value in self._decoder.feed(chunk)]

    def finish(self) -> Iterable[Any]:
        if not self._chunks:
            raise EmptyStream(self._parser)
        message = message_chunk_to_message(self._so_far())
        try:
            return [_raw_answer(message, value, None) for value in self._decoder.finish()]
        except OutputParserException as error:
            return [_raw_answer(message, None, error)]

    def _so_far(self) -> Any:
        if len(self._chunks) > 1:  # merged once, so that the next time costs only what is new
            self._chunks = [merge_chunks(self._chunks)]
        return self._chunks[0]
