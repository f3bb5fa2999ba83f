"""The parser of a JSON object whose fields are described one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from pydantic import BaseModel

from runnables.engine.merging import SNAPSHOTS, Merge
from runnables.parsers.base import BaseOutputParser, unreadable
from runnables.parsers.json import SnapshotDecoder, WantedType, read_json

if TYPE_CHECKING:
    from runnables.compose.non_blocking import Decoder
    from runnables.messages.partial_json import JsonReader


class ResponseSchema(BaseModel):
    """A field of the object that a `StructuredOutputParser` asks for.

    Example:
        >>> ResponseSchema(name="sea", description="the sea's name").type
        'string'
    """

    name: str
    """The name of the field."""
    description: str
    """What it should hold."""
    type: str = "string"
    """The type of its value, in words for the model; the value is not validated."""


class StructuredOutputParser(BaseOutputParser[dict[str, Any]], internal=True):
    """A parser of a JSON object with certain fields, which are described to the model.

    The fields must be there; their values are not validated. To validate them, use
    `PydanticOutputParser`, or `with_structured_output` of a model.

    Streamed, each chunk is the object so far.

    Args:
        response_schemas: the fields.
        name: the parser's name in events.

    Raises:
        OutputParserException: when run, there is no complete JSON object, or a field is missing.

    Example:
        >>> parser = StructuredOutputParser.from_response_schemas(
        ...     [ResponseSchema(name="sea", description="the sea's name")]
        ... )
        >>> parser.invoke('Sure: {"sea": "Baltic"}')
        {'sea': 'Baltic'}
        >>> print(parser.get_format_instructions(only_json=True))
        {
            "sea": string  // the sea's name
        }
    """

    merge: Merge = SNAPSHOTS
    _wanted: WantedType | None = None

    def __init__(
        self, response_schemas: Sequence[ResponseSchema], *, name: str | None = None
    ) -> None:
        self.response_schemas = list(response_schemas)
        self.name = name

    @classmethod
    def from_response_schemas(cls, response_schemas: Sequence[ResponseSchema]) -> Self:
        """Return a parser of these fields; the same as the constructor."""
        return cls(response_schemas)

    def parse(self, text: str) -> dict[str, Any]:
        """Return the object in a string.

        Raises:
            OutputParserException: there is none, it is not complete, or a field is missing.
        """
        return self._checked(read_json(text, self.wanted), text)

    @property
    def wanted(self) -> WantedType:
        """Return what tells the object from other JSON in an answer."""
        fields = [schema.name for schema in self.response_schemas]
        self._wanted = self._wanted or WantedType(
            {"type": "object", "title": "the fields", "required": fields},
            lambda value: not self._missing(value),
        )
        return self._wanted

    def get_format_instructions(self, only_json: bool = False) -> str:
        """Return the request to answer with JSON, with the fields.

        Args:
            only_json: whether to return the fields alone.
        """
        fields = ",\n".join(
            f"    {json.dumps(schema.name, ensure_ascii=False)}: {schema.type}"
            f"  // {schema.description}"
            for schema in self.response_schemas
        )
        shown = "{\n" + fields + "\n}"
        if only_json:
            return shown
        return (
            "Answer with a JSON object of the fields below, and with nothing else. Behind each "
            f"name is the type of its value, and what it means.\n\n```json\n{shown}\n```"
        )

    def _missing(self, value: object) -> list[str]:
        """Return the fields that an object lacks; all of them, where it is no object."""
        found: Any = cast("Any", value) if isinstance(value, Mapping) else ()
        return [schema.name for schema in self.response_schemas if schema.name not in found]

    def _checked(self, value: Any, text: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise unreadable("The answer is not a JSON object.", text)
        if missing := self._missing(cast("object", value)):
            raise unreadable(f"The answer lacks the fields {', '.join(missing)}.", text)
        return cast("dict[str, Any]", value)

    def _new_decoder(self) -> Decoder[Any, dict[str, Any]]:
        return _FieldsDecoder(self, self.wanted)


class _FieldsDecoder(SnapshotDecoder[dict[str, Any]]):
    parser: StructuredOutputParser

    def show(self, reader: JsonReader) -> Iterable[dict[str, Any]]:
        value = reader.snapshot()
        return (cast("dict[str, Any]", value),) if isinstance(value, dict) else ()

    def end(self) -> Iterable[dict[str, Any]]:
        value, version = self.parser._checked(self.value(), self.text), self.extractor.version
        return () if version is not None and version == self.shown else (value,)
