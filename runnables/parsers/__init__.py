"""Parsers of what models write: to strings, lists, JSON, XML, and objects of a type."""

from runnables.messages.partial_json import JsonError, JsonReader, parse_partial_json
from runnables.parsers.base import (
    BaseOutputParser,
    BaseParser,
    BaseTransformOutputParser,
    StrOutputParser,
)
from runnables.parsers.find_json import JsonExtractor, parse_json_markdown
from runnables.parsers.json import JsonOutputParser, SimpleJsonOutputParser
from runnables.parsers.lists import (
    CommaSeparatedListOutputParser,
    ListOutputParser,
    MarkdownListOutputParser,
    NumberedListOutputParser,
)
from runnables.parsers.repair import RepairParser
from runnables.parsers.scalars import DatetimeOutputParser, EnumOutputParser
from runnables.parsers.tool_calls import (
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    PydanticToolsParser,
)
from runnables.parsers.typed import PydanticOutputParser
from runnables.parsers.xml import XMLOutputParser

__all__ = [
    # base classes
    "BaseParser",
    "BaseOutputParser",
    "BaseTransformOutputParser",
    "ListOutputParser",
    # text and values
    "StrOutputParser",
    "EnumOutputParser",
    "DatetimeOutputParser",
    # lists
    "CommaSeparatedListOutputParser",
    "NumberedListOutputParser",
    "MarkdownListOutputParser",
    # structured values
    "JsonOutputParser",
    "SimpleJsonOutputParser",
    "PydanticOutputParser",
    "XMLOutputParser",
    # tool calls
    "JsonOutputToolsParser",
    "JsonOutputKeyToolsParser",
    "PydanticToolsParser",
    # repair of answers that do not parse
    "RepairParser",
    # JSON while it is being written
    "JsonReader",
    "JsonExtractor",
    "JsonError",
    "parse_partial_json",
    "parse_json_markdown",
]
