"""The parser of JSON in a model's answer, while it is being written, and its decoder's base."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import ValidationError

from runnables.core.schemas import adapter_of
from runnables.engine.merging import SNAPSHOTS, Merge
from runnables.errors import ConfigError
from runnables.messages.partial_json import JsonError, JsonReader
from runnables.parsers.base import BaseOutputParser, BaseParser, TextDecoder, unreadable
from runnables.parsers.find_json import JsonExtractor, parse_json_markdown
from runnables.parsers.scalars import match_word

if TYPE_CHECKING:
    from runnables.compose.non_blocking import Decoder


T = TypeVar("T")


def parse_and_check_json_markdown(text: str, expected_keys: Iterable[str]) -> dict[str, Any]:
    """Return the JSON object in a string, as of `parse_json_markdown`, with the keys that it needs.

    Args:
        text: the string, with prose or a Markdown fence around the JSON.
        expected_keys: the keys.

    Raises:
        OutputParserException: there is no JSON, it is no object, or it lacks a key.

    Example:
        >>> parse_and_check_json_markdown('```json\\n{"sea": "Baltic"}\\n```', ["sea"])
        {'sea': 'Baltic'}
    """
    try:
        value = parse_json_markdown(text)
    except JsonError as error:
        raise unreadable(f"Got invalid JSON: {error}.", text) from error
    if not isinstance(value, dict):
        raise unreadable(f"Expected JSON object (dict), got a {type(value).__name__}.", text)
    found = cast("dict[str, Any]", value)
    if missing := [key for key in expected_keys if key not in found]:
        raise unreadable(f"The JSON object lacks {', '.join(map(repr, missing))}.", text)
    return found


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
    _wanted: WantedType | None = None

    def __init__(self, pydantic_object: Any = None, *, name: str | None = None) -> None:
        self.pydantic_object = supported_type(pydantic_object, "JsonOutputParser")
        self.name = name

    def parse(self, text: str) -> Any:
        """Return the JSON value in a string.

        Raises:
            OutputParserException: there is none, or it is not complete.
        """
        return read_json(text, self.wanted)

    @property
    def wanted(self) -> WantedType | None:
        """Return what tells the value that was asked for from others; None where any was."""
        if self._wanted is None and self.pydantic_object is not None:
            self._wanted = WantedType(self.pydantic_object, self._fits)
        return self._wanted

    def _fits(self, value: Any) -> bool:
        try:
            adapter_of(self.pydantic_object).validate_json(json.dumps(value))
        except ValidationError:
            return False
        return True

    def get_format_instructions(self) -> str:
        """Return the request to answer with JSON, with its schema where a type was passed."""
        if self.pydantic_object is None:
            return "Answer with one JSON object and nothing else."
        return schema_instructions(self.pydantic_object)

    def _new_decoder(self) -> Decoder[Any, Any]:
        return _JsonDecoder(self, self.wanted)


SimpleJsonOutputParser = JsonOutputParser
"""LangChain's other name for `JsonOutputParser`."""


class SnapshotDecoder(TextDecoder[T]):
    """Base of decoders to the value of a JSON text so far.

    A subclass writes `show` and `end`. A `SnapshotBudget` bounds the cost of what it shows.
    """

    def __init__(self, parser: BaseParser[Any], wanted: WantedType | None) -> None:
        super().__init__(parser)
        self.wanted = wanted
        self.extractor = JsonExtractor(wanted)
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

    def value(self) -> Any:
        """Return the value, at the end of the text.

        Raises:
            OutputParserException: there is none; as of `read_json`, wherever chunks ended.
        """
        with suppress(JsonError):
            return self.extractor.finish()
        return read_json(self.text, self.wanted)


class _JsonDecoder(SnapshotDecoder[Any]):
    def show(self, reader: JsonReader) -> Iterable[Any]:
        return (reader.snapshot(),)

    def end(self) -> Iterable[Any]:
        value, version = self.value(), self.extractor.version
        return () if version is not None and version == self.shown else (value,)


class WantedType:
    """What was asked for, as a type or a JSON schema.

    Args:
        described: the type or the schema.
        fits: tells whether a JSON value is of it.
    """

    def __init__(self, described: Any, fits: Callable[[Any], bool]) -> None:
        self.described = described
        self.fits = fits
        self._kind: str | None = None

    @property
    def is_list(self) -> bool:
        """Tell whether it is a list."""
        self._kind = self._kind or str(top_schema(self.described).get("type"))
        return self._kind == "array"

    @property
    def name(self) -> str:
        """Return its name, for errors."""
        return name_of(self.described)


def top_schema(described: Any) -> Mapping[str, Any]:
    """Return the JSON schema of a type, without a reference at its top."""
    schema = _schema_of(described)
    return _referred(schema, schema)


def _schema_of(described: Any) -> Mapping[str, Any]:
    if isinstance(described, Mapping):
        return cast("Mapping[str, Any]", described)
    return adapter_of(described).json_schema()


def _referred(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema refers to among the definitions of the whole one; else itself."""
    reference = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Any = whole.get("$defs", {}).get(reference, schema)
    return cast("Mapping[str, Any]", found)


def name_of(described: Any) -> str:
    """Return the name of a type or of a JSON schema, for errors."""
    if isinstance(described, Mapping):
        return str(cast("Mapping[str, Any]", described).get("title", "the schema"))
    return described.__name__ if isinstance(described, type) else str(described)


def bare_member(text: str, described: Any) -> str | None:
    """Return the member of an enum or a `Literal` that an answer names without the quotes of JSON.

    None where the type is neither, or the answer names none of them, or several.
    """
    whole = _schema_of(described)
    top = _referred(whole, whole)
    options: Sequence[Any] = top.get("anyOf") or top.get("oneOf") or [top]
    members = [
        member
        for option in (_referred(option, whole) for option in options)
        for member in (option["enum"] if "enum" in option else [option.get("const")])
        if isinstance(member, str)
    ]
    return match_word(text, members)


def read_json(text: str, wanted: WantedType | None = None) -> Any:
    """Return the JSON value in a string.

    Raises:
        OutputParserException: there is no complete one, or nothing decides between several.
    """
    extractor = JsonExtractor(wanted)
    extractor.feed(text)
    try:
        return extractor.finish()
    except JsonError as error:
        name = f" for {wanted.name}" if wanted else ""
        raise unreadable(f"The answer is not valid JSON{name}: {error}.", text) from error


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
