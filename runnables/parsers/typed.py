"""The parser of objects of a type in a model's answer, while it is being written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import ValidationError

from runnables.core.schemas import adapter_of, for_pydantic
from runnables.core.typevars import Output
from runnables.engine.merging import SNAPSHOTS, Merge
from runnables.errors import OutputParserException
from runnables.parsers.base import BaseOutputParser, unreadable
from runnables.parsers.json import (
    SnapshotDecoder,
    WantedType,
    bare_member,
    name_of,
    read_json,
    schema_instructions,
    supported_type,
)
from runnables.parsers.partial_models import HIDDEN, PartialValue, Shape

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from runnables.compose.non_blocking import Decoder
    from runnables.messages.partial_json import JsonReader

T = TypeVar("T")


class PydanticOutputParser(BaseOutputParser[Output], internal=True):
    """A parser of JSON to an object of a pydantic model, or of any type that pydantic knows.

    Streamed, each chunk is the object so far, and the last one is the validated object. Partial
    objects are instances of the same class that were not validated as a whole: a field is set when
    its value is complete and valid for its type, or, for strings, lists, dicts and nested models,
    as far as it goes. A required field that is not there yet reads None; `model_fields_set` has
    those that are there. Complete parts are shared with later chunks, so treat them as read-only.

    Args:
        pydantic_object: the model, or another type.
        name: the parser's name in events.

    Raises:
        ConfigError: a model of pydantic.v1.
        OutputParserException: when run, there is no complete JSON, or it does not fit the type.

    Example:
        >>> from pydantic import BaseModel
        >>> class Sea(BaseModel):
        ...     name: str
        ...     salty: bool
        >>> parser = PydanticOutputParser(Sea)
        >>> parser.invoke('{"name": "Baltic", "salty": true}')
        Sea(name='Baltic', salty=True)
        >>> list(parser.transform(['{"name": "Bal', 'tic", "salty": true}']))
        [Sea(name='Bal', salty=None), Sea(name='Baltic', salty=True)]
    """

    merge: Merge = SNAPSHOTS
    _adapter: TypeAdapter[Any] | None = None
    _shape: Shape | None = None
    _wanted: WantedType | None = None

    def __init__(self, pydantic_object: type[Output], *, name: str | None = None) -> None:
        self.pydantic_object = supported_type(pydantic_object, "PydanticOutputParser")
        self.name = name

    @property
    def OutputType(self) -> Any:
        """Return the type."""
        return self.pydantic_object

    def parse(self, text: str) -> Output:
        """Return the object that the JSON in a string describes.

        Raises:
            OutputParserException: there is no complete JSON, or it does not fit the type. Its
                cause is pydantic's ValidationError then.
        """
        return cast("Output", self._object(lambda: read_json(text, self.wanted), text))

    def get_format_instructions(self) -> str:
        """Return the request to answer with JSON, with its schema."""
        return schema_instructions(self.pydantic_object)

    @property
    def wanted(self) -> WantedType:
        """Return what tells an object of the type from other JSON in an answer."""
        self._wanted = self._wanted or WantedType(self.pydantic_object, self._fits)
        return self._wanted

    def _fits(self, value: Any) -> bool:
        try:
            self._validate(value, "")
        except OutputParserException:
            return False
        return True

    def _object(self, read: Callable[[], Any], text: str) -> Any:
        """Return the object of the value that `read` returns, or of a bare member of an enum."""
        try:
            return self._validate(read(), text)
        except OutputParserException:
            if (member := self._bare_member(text)) is None:
                raise
        return self._validate(member, text)

    def _bare_member(self, text: str) -> Any:
        return bare_member(text, self.pydantic_object)

    def _validate(self, value: Any, text: str) -> Any:
        self._adapter = self._adapter or adapter_of(self.pydantic_object)
        return validate_json_value(self._adapter, value, text, name_of(self.pydantic_object))

    def _new_decoder(self) -> Decoder[Any, Output]:
        self._shape = self._shape or Shape(for_pydantic(self.pydantic_object))
        return _PydanticDecoder(self, self._shape)


class _PydanticDecoder(SnapshotDecoder[T]):
    parser: PydanticOutputParser[T]

    def __init__(self, parser: PydanticOutputParser[T], shape: Shape) -> None:
        super().__init__(parser, parser.wanted)
        self._shape = shape
        self._reader: JsonReader | None = None
        self._partial = PartialValue(shape)

    def show(self, reader: JsonReader) -> Iterable[T]:
        if reader is not self._reader:
            self._reader, self._partial = reader, PartialValue(self._shape)
        value = HIDDEN if reader._done else self._partial.show(reader)
        return () if value is HIDDEN else (value,)

    def end(self) -> Iterable[T]:
        return (self.parser._object(self.value, self.text),)


def validate_json_value(adapter: TypeAdapter[Any], value: Any, text: str, name: str) -> Any:
    """Return a JSON value as an object of a type, by the rules for JSON (a list may be a tuple).

    Args:
        adapter: the adapter of the type.
        value: the value.
        text: the text that it was read from, for the error.
        name: the name of the type, for the error.

    Raises:
        OutputParserException: it does not fit; the message lists the error of each part.
    """
    try:
        return adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        lines = "\n".join(_error_line(detail) for detail in error.errors(include_url=False))
        raise unreadable(f"The answer does not fit {name}:\n{lines}", text) from error


def _error_line(detail: Any) -> str:
    path = ".".join(str(part) for part in detail["loc"])
    shown = "" if detail["type"] == "missing" else f" (got {_short(detail['input'])})"
    return f"- {path + ': ' if path else ''}{detail['msg']}{shown}"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
