"""Reads an answer of a declared form: from its text, or from the arguments of a call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel, create_model
from typing_extensions import override

from runnables.compose.non_blocking import NonBlockingStep
from runnables.core.schemas import adapter_of, for_pydantic
from runnables.engine.merging import SNAPSHOTS, Merge, merge_chunks
from runnables.errors import EmptyStream, ModelRefusalError, OutputParserException
from runnables.messages import AIMessage, AIMessageChunk, message_chunk_to_message, message_to_chunk
from runnables.messages.tool_call_merging import ToolCallAssembler
from runnables.models.structured.json_schema import drop_null_optionals, schema_errors
from runnables.models.structured.schemas import json_schema
from runnables.parsers import JsonOutputParser, PydanticOutputParser
from runnables.parsers.base import BaseParser, refusal_in, text_of
from runnables.parsers.json import SnapshotDecoder, finish_json, read_json
from runnables.parsers.tool_calls import PartialCall
from runnables.parsers.typed import validated

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from runnables.compose.non_blocking import Decoder
    from runnables.messages.partial_json import JsonReader

_LIMITS: Final = frozenset({"length", "max_tokens", "MAX_TOKENS"})
"""What services say where an answer has as many tokens as it may."""

_CUT: Final = "The model was stopped at its limit of tokens: raise max_tokens."
_SHOWN: Final = 200
"""How many characters of what a model said in place of a call are shown in the error."""

VALUE = "value"
"""The one field of the object in which an answer stands that is none itself."""


class AnswerParser(BaseParser[Any], internal=True):
    """An object of a declared form, from a model's answer.

    Streamed, each piece is the object so far, and the last one is the validated object. A null
    for a field that may be left out, and cannot be null, counts as left out.

    Args:
        schema: a type that pydantic knows, or a JSON schema as a dict.
        tool: the tool whose arguments are the object; None: it is the text of the answer.
        wrapped: whether the answer is an object with the field "value", which is given then.

    Raises:
        OutputParserException: the answer does not fit, or the tool was not called.
    """

    merge: Merge = SNAPSHOTS
    _reader: BaseParser[Any] | None = None

    def __init__(self, schema: Any, *, tool: str | None = None, wrapped: bool = False) -> None:
        self.schema = schema
        self.tool = tool
        self.wrapped = wrapped

    @property
    def InputType(self) -> Any:
        """A model's message."""
        return AIMessage

    @property
    def OutputType(self) -> Any:
        """The type; a dict for a JSON schema."""
        return dict[str, Any] if isinstance(self.schema, Mapping) else self.schema

    def get_format_instructions(self) -> str:
        """To answer with JSON, and by which schema."""
        return self._json_parser().get_format_instructions()

    def _parsed(self, input: Any) -> Any:
        decoder = self._piecewise()
        *_, value = [*decoder.feed(input), *decoder.finish()]
        return value

    def _piecewise(self) -> Decoder[Any, Any]:
        decoder = self._json_parser()._piecewise()
        assert decoder is not None
        if self.wrapped:
            decoder = _Unwrapping(decoder)
        return _Stopped(
            decoder if self.tool is None else _ArgumentsDecoder(self.tool, decoder, self)
        )

    def _json_parser(self) -> BaseParser[Any]:
        """Reads the text of the object."""
        if self._reader is None:
            schema = self.schema
            if isinstance(schema, Mapping):
                form = cast("Mapping[str, Any]", schema)
                self._reader = _ObjectOfSchema(wrapped_schema(form, self.wrapped))
            else:
                self._reader = _ObjectOfType(wrapped_type(schema, self.wrapped))
        return self._reader


def wrapped_type(schema: Any, wrapped: bool) -> Any:
    """A type, or a model with the one field "value" of that type."""
    fields: dict[str, Any] = {VALUE: (for_pydantic(schema), ...)}
    return create_model("Answer", **fields) if wrapped else schema


def wrapped_schema(schema: Mapping[str, Any], wrapped: bool) -> Mapping[str, Any]:
    """A JSON schema, or that of an object with the one field "value" of that schema."""
    if not wrapped:
        return schema
    own = {key: value for key, value in schema.items() if key != "$defs"}
    shared = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {"type": "object", "properties": {VALUE: own}, "required": [VALUE], **shared}


# -- where the model was stopped


class _Stopped:
    """Says with an error of a decoder that the model was stopped at its limit, where it was."""

    def __init__(self, decoder: Decoder[Any, Any]) -> None:
        self._decoder = decoder
        self._is_cut = False

    def feed(self, chunk: Any) -> Iterable[Any]:
        if isinstance(chunk, AIMessage) and (facts := chunk.response_metadata):
            reasons = {facts.get("finish_reason"), facts.get("stop_reason")}
            self._is_cut = self._is_cut or not reasons.isdisjoint(_LIMITS)
        return self._decoder.feed(chunk)

    def finish(self) -> Iterable[Any]:
        try:
            return [*self._decoder.finish()]
        except OutputParserException as error:
            if self._is_cut and not isinstance(error, ModelRefusalError):
                told = str(error)
                separator = "\n" if "\n" in told else " "
                error.args = (f"{told}{separator}{_CUT}",)
            raise


# -- the object from its text


class _ObjectOfType(PydanticOutputParser[Any], internal=True):
    """As its base, but for nulls that stand for fields which were left out."""

    def __init__(self, form: Any) -> None:
        super().__init__(form)

    @override
    def _validated(self, value: Any, text: str) -> Any:
        adapter: TypeAdapter[Any] = self._adapter or adapter_of(self.pydantic_object)
        self._adapter = adapter
        name = getattr(self.pydantic_object, "__name__", str(self.pydantic_object))
        try:
            return validated(adapter, value, text, name)
        except OutputParserException:
            given = drop_null_optionals(value, json_schema(self.pydantic_object))
            if given == value:
                raise
        return validated(adapter, given, text, name)


class _ObjectOfSchema(JsonOutputParser, internal=True):
    """A JSON value that fits a JSON schema."""

    def __init__(self, form: Mapping[str, Any]) -> None:
        super().__init__(form)

    def parse(self, text: str) -> Any:
        """The value, which was looked at."""
        return self.checked(read_json(text), text)

    def get_format_instructions(self) -> str:
        """To answer with JSON, and by which schema."""
        return f"Answer with JSON that fits this schema:\n{json.dumps(self.pydantic_object)}"

    def checked(self, value: Any, text: str) -> Any:
        """The value without the nulls that stand for nothing.

        Raises:
            OutputParserException: it does not fit.
        """
        given = drop_null_optionals(value, self.pydantic_object)
        if faults := schema_errors(given, self.pydantic_object):
            told = "\n".join(f"- {fault}" for fault in faults)
            title = self.pydantic_object.get("title", "the schema")
            raise OutputParserException(f"The answer does not fit {title}:\n{told}", text)
        return given

    def _piecewise(self) -> Decoder[Any, Any]:
        return _CheckedDecoder(self)


class _CheckedDecoder(SnapshotDecoder[Any]):
    parser: _ObjectOfSchema

    def show(self, reader: JsonReader) -> Iterable[Any]:
        return () if reader._done else (reader.snapshot(),)

    def end(self) -> Iterable[Any]:
        text = self.text
        return (self.parser.checked(finish_json(self.found, text), text),)


class _Unwrapping:
    """Gives the field "value" of each object, where it has one by now."""

    def __init__(self, decoder: Decoder[Any, Any]) -> None:
        self._decoder = decoder

    def feed(self, chunk: Any) -> Iterable[Any]:
        return self._values(self._decoder.feed(chunk))

    def finish(self) -> Iterable[Any]:
        return self._values(self._decoder.finish())

    def _values(self, objects: Iterable[Any]) -> list[Any]:
        return [value for it in objects for value in self._value(it)]

    def _value(self, found: Any) -> Sequence[Any]:
        if isinstance(found, BaseModel):
            return (getattr(found, VALUE),) if VALUE in found.model_fields_set else ()
        return (found[VALUE],) if VALUE in found else ()


# -- the text from a call


class _Call(PartialCall):
    """A call that is being written, and the text of its arguments that nobody has read yet."""

    def __init__(self) -> None:
        super().__init__()
        self._unread: list[str] = []

    def add_args(self, text: str) -> None:
        super().add_args(text)
        self._unread.append(text)

    def read(self) -> str:
        """What has come since the last time."""
        text = "".join(self._unread)
        self._unread.clear()
        return text


class _ArgumentsDecoder:
    """Passes the text of the arguments of the first call of a tool on to a decoder."""

    def __init__(self, tool: str, decoder: Decoder[Any, Any], parser: AnswerParser) -> None:
        self._tool = tool
        self._decoder = decoder
        self._parser = parser
        self._assembly = ToolCallAssembler(_Call)
        self._texts: list[str] = []
        self._refusals: list[str] = []

    def feed(self, chunk: Any) -> Iterable[Any]:
        self._texts.append(text_of(chunk, self._parser))
        self._refusals.append(refusal_in(chunk) or "")
        if isinstance(chunk, AIMessage):
            for piece in cast("AIMessageChunk", message_to_chunk(chunk)).tool_call_chunks:
                self._assembly.add(piece)
        call = self._call()
        text = call.read() if call else ""
        return self._decoder.feed(text) if text else ()

    def finish(self) -> Iterable[Any]:
        call = self._call()
        if call is None:
            raise self._not_called()
        shown = () if call.has_args else self._decoder.feed("{}")
        return [*shown, *self._decoder.finish()]

    def _call(self) -> _Call | None:
        return next((it for it in self._assembly.calls if it.name == self._tool), None)

    def _not_called(self) -> OutputParserException:
        said = "".join(self._texts)
        if refusal := "".join(self._refusals):
            return ModelRefusalError(refusal, said)
        others = [call.name for call in self._assembly.calls if call.name]
        instead = f" It called {', '.join(map(repr, others))} instead." if others else ""
        text = f"{said[:_SHOWN]}..." if len(said) > _SHOWN else said
        instead += f" It said: {text!r}" if said else ""
        return OutputParserException(
            f"The model did not call {self._tool!r}, whose arguments are its answer.{instead}", said
        )


# -- with the message beside it


class RawAndParsed(NonBlockingStep[AIMessage, dict[str, Any]], internal=True):
    """The message, what a parser makes of it, and the parser's error where it makes nothing.

    Streamed, each piece has the message and the object so far; the last has the whole of both.

    Args:
        parser: reads the message.
    """

    merge: Merge = SNAPSHOTS

    def __init__(self, parser: AnswerParser) -> None:
        self.parser = parser

    def _apply(self, input: Any, **kwargs: Any) -> Any:
        message = message_chunk_to_message(input)
        try:
            return _pair(message, self.parser.invoke(message), None)
        except OutputParserException as error:
            return _pair(message, None, error)

    def _make_decoder(self, **kwargs: Any) -> Decoder[Any, Any]:
        return _RawDecoder(self.parser)


def _pair(raw: Any, parsed: Any, error: Exception | None) -> dict[str, Any]:
    return {"raw": raw, "parsed": parsed, "parsing_error": error}


class _RawDecoder:
    """Keeps the message so far beside what is read of it."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser
        self._decoder = parser._piecewise()
        self._chunks: list[Any] = []

    def feed(self, chunk: Any) -> Iterable[Any]:
        self._chunks.append(chunk)
        return [_pair(self._so_far(), value, None) for value in self._decoder.feed(chunk)]

    def finish(self) -> Iterable[Any]:
        if not self._chunks:
            raise EmptyStream(self._parser)
        message = message_chunk_to_message(self._so_far())
        try:
            return [_pair(message, value, None) for value in self._decoder.finish()]
        except OutputParserException as error:
            return [_pair(message, None, error)]

    def _so_far(self) -> Any:
        if len(self._chunks) > 1:  # joined once, so that the next time costs what is new
            self._chunks = [merge_chunks(self._chunks)]
        return self._chunks[0]
