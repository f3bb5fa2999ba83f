"""The parser of JSON in a model's answer, while it is being written, and its decoder's base."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from runnables.core.schemas import adapter_of
from runnables.engine.merging import SNAPSHOTS, Merge
from runnables.errors import ConfigError, OutputParserException
from runnables.messages.partial_json import JsonError, JsonReader
from runnables.parsers.base import BaseOutputParser, BaseParser, TextDecoder
from runnables.parsers.find_json import JsonExtractor

if TYPE_CHECKING:
    from runnables.compose.non_blocking import Decoder


T = TypeVar("T")


class JsonOutputParser(BaseOutputParser[Any], internal=True):
    """A parser to the JSON value in a model's answer.

    Prose around the value, Markdown fences and line breaks within strings are tolerated; see
    `JsonExtractor`. Streamed, each chunk is the value so far. Its complete parts are shared with
    later chunks, so treat them as read-only.

    Args:
        pydantic_object: the type to describe in the format instructions: a pydantic model, or
            another type that pydantic knows. The value is not validated: for that, see
            `PydanticOutputParser`.
        name: the parser's name in events.

    Raises:
        ConfigError: a model of pydantic.v1.
        OutputParserException: when run, there is no complete JSON.

    Example:
        >>> JsonOutputParser().invoke('Sure: {"sea": "Baltic"}')
        {'sea': 'Baltic'}
        >>> list(JsonOutputParser().transform(['{"sea": "Bal', 'tic"}']))
        [{'sea': 'Bal'}, {'sea': 'Baltic'}]
    """

    merge: Merge = SNAPSHOTS

    def __init__(self, pydantic_object: Any = None, *, name: str | None = None) -> None:
        self.pydantic_object = supported_type(pydantic_object, "JsonOutputParser")
        self.name = name

    def parse(self, text: str) -> Any:
        """Return the JSON value in a string.

        Raises:
            OutputParserException: there is none, or it is not complete.
        """
        return read_json(text)

    def get_format_instructions(self) -> str:
        """Return the request to answer with JSON, with its schema where a type was passed."""
        if self.pydantic_object is None:
            return "Answer with one JSON object and nothing else."
        return schema_instructions(self.pydantic_object)

    def _new_decoder(self) -> Decoder[Any, Any]:
        return _JsonDecoder(self)


SimpleJsonOutputParser = JsonOutputParser
"""LangChain's other name for `JsonOutputParser`."""


class SnapshotDecoder(TextDecoder[T]):
    """Base of decoders to the value of a JSON text so far.

    A subclass writes `show` and `end`. A `SnapshotBudget` bounds the cost of what it shows.
    """

    def __init__(self, parser: BaseParser[Any]) -> None:
        super().__init__(parser)
        self.extractor = JsonExtractor()
        self.shown: object = None  # the version that was shown last
        self._budget = SnapshotBudget()

    def read(self, text: str) -> Iterable[T]:
        """Take the next part of the text; return a snapshot, where it is new and affordable."""
        self.extractor.feed(text)
        self._budget.earn(len(text))
        version, reader = self.extractor.version, self.extractor.reader
        if (
            reader is None
            or version in (None, self.shown)
            or not self._budget.spend(reader._snapshot_cost())
        ):
            return ()
        self.shown = version
        return self.show(reader)

    def show(self, reader: JsonReader) -> Iterable[T]:
        """Return the value that the reader has so far; nothing, if it is not to be shown."""
        raise NotImplementedError


class _JsonDecoder(SnapshotDecoder[Any]):
    def show(self, reader: JsonReader) -> Iterable[Any]:
        return (reader.snapshot(),)

    def end(self) -> Iterable[Any]:
        value = finish_json(self.extractor, self.text)
        return () if self.shown == self.extractor.version else (value,)


def read_json(text: str) -> Any:
    """Return the JSON value in a string.

    Raises:
        OutputParserException: there is no complete one.
    """
    extractor = JsonExtractor()
    extractor.feed(text)
    try:
        return extractor.finish()
    except JsonError as error:
        message = f"The answer is not valid JSON: {error}."
        raise OutputParserException(message, llm_output=text) from error


def finish_json(extractor: JsonExtractor, text: str) -> Any:
    """Return the value that was found in a string, or raise the error of `read_json`."""
    with suppress(JsonError):
        return extractor.finish()
    return read_json(text)  # raises, and quotes the same text wherever its chunks ended


def supported_type(described: T, owner: str) -> T:
    """Return a type as it is, once it is known to be none that `owner` cannot describe.

    Raises:
        ConfigError: a model of pydantic.v1, which pydantic 2 takes for a function of one argument.
    """
    bases = described.__mro__ if isinstance(described, type) else ()
    if any(base.__module__.startswith("pydantic.v1.") for base in bases):
        raise ConfigError(
            f"{owner}: {described!r} is a model of pydantic.v1, which has no schema here. "
            "Let it subclass pydantic.BaseModel."
        )
    return described


def schema_instructions(described: Any) -> str:
    """Return the request to answer with JSON that fits a type."""
    schema = adapter_of(described).json_schema(mode="validation")
    return (
        "Answer with JSON that fits the schema below, and with nothing else: the value itself, "
        "not the schema, with every required field.\n\n"
        f"```json\n{json.dumps(schema, ensure_ascii=False)}\n```"
    )


_COPIES_PER_CHARACTER: Final = 128


class SnapshotBudget:
    """A budget for snapshots: each one is paid for by the text that was read since the last one.

    A snapshot copies every reference in the containers that are open. In a list of a hundred
    thousand items that is far more work than reading the next four characters, and doing it for
    each chunk would make the whole stream quadratic. Documents of the usual size (up to about 500
    entries open at once, at four characters a chunk) show every change; longer ones show the next
    one as soon as it costs no more than the reading did.
    """

    def __init__(self) -> None:
        self._credit = 0

    def earn(self, characters: int) -> None:
        """Add the credit for characters that were read."""
        self._credit += characters * _COPIES_PER_CHARACTER

    def spend(self, cost: int) -> bool:
        """Tell whether a snapshot of this cost may be shown; if so, the credit is used up."""
        if cost > self._credit:
            return False
        self._credit = 0
        return True
