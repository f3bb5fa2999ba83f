"""Objects of a declared type from a model's answer, while it is being written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import ValidationError

from runnables.core.schemas import adapter_of, for_pydantic
from runnables.core.typevars import Output
from runnables.engine.merging import SNAPSHOTS, Merge
from runnables.errors import OutputParserException
from runnables.parsers.base import BaseOutputParser
from runnables.parsers.json import (
    SnapshotDecoder,
    checked_type,
    finish_json,
    read_json,
    schema_instructions,
)
from runnables.parsers.partial_models import HIDDEN, PartialValue, Shape

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from runnables.compose.non_blocking import Decoder
    from runnables.messages.partial_json import JsonReader

T = TypeVar("T")


class PydanticOutputParser(BaseOutputParser[Output], internal=True):
    """An object of a pydantic model (or of any type that pydantic knows), from JSON.

    Streamed, each piece is the object so far, and the last one is the validated object. Partial
    objects are instances of the same class that were not validated as a whole: a field shows
    when its value is complete and valid for its type, or, for texts, lists, dicts and nested
    models, as far as it goes. A required field that is not there yet reads None;
    `model_fields_set` says which ones are there. Complete parts are shared between the pieces,
    so treat them as read-only.

    Args:
        pydantic_object: the model, or another type.
        name: what observers call the parser.

    Raises:
        ConfigError: a model of pydantic.v1.
    """

    merge: Merge = SNAPSHOTS
    _adapter: TypeAdapter[Any] | None = None
    _shape: Shape | None = None

    def __init__(self, pydantic_object: type[Output], *, name: str | None = None) -> None:
        self.pydantic_object = checked_type(pydantic_object, "PydanticOutputParser")
        self.name = name

    @property
    def OutputType(self) -> Any:
        """The type."""
        return self.pydantic_object

    def parse(self, text: str) -> Output:
        """The object that the JSON in the text describes.

        Raises:
            OutputParserException: there is no complete JSON, or it does not fit the type. Its
                cause is pydantic's ValidationError then.
        """
        return cast("Output", self._validated(read_json(text), text))

    def get_format_instructions(self) -> str:
        """To answer with JSON, and by which schema."""
        return schema_instructions(self.pydantic_object)

    def _validated(self, value: Any, text: str) -> Any:
        self._adapter = self._adapter or adapter_of(self.pydantic_object)
        return validated(self._adapter, value, text, type_name(self.pydantic_object))

    def _piecewise(self) -> Decoder[Any, Output]:
        self._shape = self._shape or Shape(for_pydantic(self.pydantic_object))
        return _PydanticDecoder(self, self._shape)


class _PydanticDecoder(SnapshotDecoder[T]):
    parser: PydanticOutputParser[T]

    def __init__(self, parser: PydanticOutputParser[T], shape: Shape) -> None:
        super().__init__(parser)
        self._shape = shape
        self._reader: JsonReader | None = None
        self._partial = PartialValue(shape)

    def show(self, reader: JsonReader) -> Iterable[T]:
        if reader is not self._reader:
            self._reader, self._partial = reader, PartialValue(self._shape)
        value = HIDDEN if reader._done else self._partial.show(reader)
        return () if value is HIDDEN else (value,)

    def end(self) -> Iterable[T]:
        text = self.text
        return (self.parser._validated(finish_json(self.found, text), text),)


def validated(adapter: TypeAdapter[Any], value: Any, text: str, wanted: str) -> Any:
    """A JSON value as an object of a type, by the rules for JSON (a list may be a tuple, ...).

    Raises:
        OutputParserException: it does not fit; lists what is wrong with which part.
    """
    try:
        return adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        faults = "\n".join(_fault(detail) for detail in error.errors(include_url=False))
        raise OutputParserException(
            f"The answer does not fit {wanted}:\n{faults}", llm_output=text
        ) from error


def _fault(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    shown = "" if detail["type"] == "missing" else f" (got {_short(detail['input'])})"
    return f"- {where + ': ' if where else ''}{detail['msg']}{shown}"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def type_name(annotation: Any) -> str:
    """A type as a person writes it."""
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
