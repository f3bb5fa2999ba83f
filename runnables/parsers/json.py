"""JSON from a model's answer, while it is being written."""

from __future__ import annotations

import json
from collections.abc import Iterable
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
    """The JSON value in a model's answer; while it is being written, what is there of it.

    Prose around the value and Markdown fences are tolerated (`runnables.parsers.find_json` says
    where the value is looked for), as are line breaks within strings. Each piece of the stream
    is the whole value so far, and stays as it is: parts that are complete are shared between the
    pieces, so treat them as read-only.

    Args:
        pydantic_object: the type to describe in the format instructions, a pydantic model or
            what pydantic takes for a type. It is not checked against: see `PydanticOutputParser`.
        name: what observers call the parser.
    """

    merge: Merge = SNAPSHOTS

    def __init__(self, pydantic_object: Any = None, *, name: str | None = None) -> None:
        self.pydantic_object = checked_type(pydantic_object, "JsonOutputParser")
        self.name = name

    def parse(self, text: str) -> Any:
        """The JSON value in the text.

        Raises:
            OutputParserException: there is none, or it is not complete.
        """
        return read_json(text)

    def get_format_instructions(self) -> str:
        """To answer with JSON, and by which schema."""
        if self.pydantic_object is None:
            return "Answer with one JSON object and nothing else."
        return schema_instructions(self.pydantic_object)

    def _piecewise(self) -> Decoder[Any, Any]:
        return _JsonDecoder(self)


SimpleJsonOutputParser = JsonOutputParser
"""LangChain's other name for it."""


class SnapshotDecoder(TextDecoder[T]):
    """Base of decoders that show what a JSON value says so far, at a bearable pace."""

    def __init__(self, parser: BaseParser[Any]) -> None:
        super().__init__(parser)
        self.found = JsonExtractor()
        self.shown: object = None  # the version that was shown last
        self._pace = SnapshotBudget()
        self._unpaid = 0

    def read(self, text: str) -> Iterable[T]:
        """Read on; show what is new, if it is time to."""
        self.found.feed(text)
        self._unpaid += len(text)
        version, reader = self.found.version, self.found.reader
        if reader is None or version in (None, self.shown):
            return ()
        paid, self._unpaid = self._unpaid, 0
        if not self._pace.allows(paid, reader._snapshot_cost()):
            return ()
        self.shown = version
        return self.show(reader)

    def show(self, reader: JsonReader) -> Iterable[T]:
        """What the reader has, for the consumer."""
        raise NotImplementedError


class _JsonDecoder(SnapshotDecoder[Any]):
    def show(self, reader: JsonReader) -> Iterable[Any]:
        return (reader.snapshot(),)

    def end(self) -> Iterable[Any]:
        value = finish_json(self.found, self.text)
        return () if self.shown == self.found.version else (value,)


def read_json(text: str) -> Any:
    """The JSON value in a text.

    Raises:
        OutputParserException: there is no complete one.
    """
    found = JsonExtractor()
    found.feed(text)
    try:
        return found.finish()
    except JsonError as error:
        message = f"The answer is not valid JSON: {error}."
        raise OutputParserException(message, llm_output=text) from error


def finish_json(found: JsonExtractor, text: str) -> Any:
    """The value that was found in the pieces of a text, or the error of `read_json`."""
    try:
        return found.finish()
    except JsonError:
        return read_json(text)  # raises: what it quotes does not depend on where the cuts were


def checked_type(described: T, owner: str) -> T:
    """A type that pydantic knows, as it is.

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
    """To answer with JSON that fits a type."""
    schema = adapter_of(described).json_schema(mode="validation")
    return (
        "Answer with JSON that fits the schema below, and with nothing else: the value itself, "
        "not the schema, with every required field.\n\n"
        f"```json\n{json.dumps(schema, ensure_ascii=False)}\n```"
    )


_COPIES_PER_CHARACTER: Final = 128


class SnapshotBudget:
    """Lets a snapshot pass when the text read since the last one has paid for it.

    A snapshot copies every reference in the containers that are open. In a list of a hundred
    thousand items that is far more work than reading the next four characters, and doing it each
    time would make the whole stream quadratic. Documents of the usual size (up to about 500
    entries open at once, at four characters a chunk) show every change; longer ones show one
    again as soon as it costs no more than the reading did.
    """

    def __init__(self) -> None:
        self._credit = 0

    def allows(self, characters: int, cost: int) -> bool:
        """Whether to show a snapshot of this cost, after so many more characters."""
        self._credit += characters * _COPIES_PER_CHARACTER
        if cost > self._credit:
            return False
        self._credit = 0
        return True
