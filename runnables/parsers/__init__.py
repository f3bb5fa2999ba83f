"""Parsers of what models write: to strings, lists, JSON, XML, and objects of a type."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.messages.partial_json import JsonError, JsonReader, parse_partial_json
    from runnables.parsers.base import (
        BaseOutputParser,
        BaseParser,
        BaseTransformOutputParser,
        StrOutputParser,
    )
    from runnables.parsers.find_json import JsonExtractor, parse_json_markdown
    from runnables.parsers.fixing import (
        OutputFixingParser,
        RetryOutputParser,
        RetryWithErrorOutputParser,
    )
    from runnables.parsers.generations import BaseGenerationOutputParser, BaseLLMOutputParser
    from runnables.parsers.json import (
        JsonOutputParser,
        SimpleJsonOutputParser,
        parse_and_check_json_markdown,
    )
    from runnables.parsers.lists import (
        CommaSeparatedListOutputParser,
        ListOutputParser,
        MarkdownListOutputParser,
        NumberedListOutputParser,
    )
    from runnables.parsers.reasoning import answer_text
    from runnables.parsers.repair import RepairParser
    from runnables.parsers.response_schemas import ResponseSchema, StructuredOutputParser
    from runnables.parsers.scalars import DatetimeOutputParser, EnumOutputParser
    from runnables.parsers.tool_calls import (
        JsonOutputKeyToolsParser,
        JsonOutputToolsParser,
        PydanticToolsParser,
    )
    from runnables.parsers.typed import PydanticOutputParser
    from runnables.parsers.xml import XMLOutputParser
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.messages.partial_json": "JsonError JsonReader parse_partial_json",
            "runnables.parsers.base": (
                "BaseOutputParser BaseParser BaseTransformOutputParser StrOutputParser"
            ),
            "runnables.parsers.find_json": "JsonExtractor parse_json_markdown",
            "runnables.parsers.fixing": (
                "OutputFixingParser RetryOutputParser RetryWithErrorOutputParser"
            ),
            "runnables.parsers.generations": "BaseGenerationOutputParser BaseLLMOutputParser",
            "runnables.parsers.json": (
                "JsonOutputParser parse_and_check_json_markdown SimpleJsonOutputParser"
            ),
            "runnables.parsers.lists": (
                "CommaSeparatedListOutputParser ListOutputParser MarkdownListOutputParser "
                "NumberedListOutputParser"
            ),
            "runnables.parsers.reasoning": "answer_text",
            "runnables.parsers.repair": "RepairParser",
            "runnables.parsers.response_schemas": "ResponseSchema StructuredOutputParser",
            "runnables.parsers.scalars": "DatetimeOutputParser EnumOutputParser",
            "runnables.parsers.tool_calls": (
                "JsonOutputKeyToolsParser JsonOutputToolsParser PydanticToolsParser"
            ),
            "runnables.parsers.typed": "PydanticOutputParser",
            "runnables.parsers.xml": "XMLOutputParser",
        },
    )

__all__ = [
    # base classes
    "BaseParser",
    "BaseOutputParser",
    "BaseTransformOutputParser",
    "BaseGenerationOutputParser",
    "BaseLLMOutputParser",
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
    "ResponseSchema",
    "StructuredOutputParser",
    # tool calls
    "JsonOutputToolsParser",
    "JsonOutputKeyToolsParser",
    "PydanticToolsParser",
    # repair of answers that do not parse
    "RepairParser",
    "OutputFixingParser",
    "RetryOutputParser",
    "RetryWithErrorOutputParser",
    # text without the reasoning in it
    "answer_text",
    # JSON while it is being written
    "JsonReader",
    "JsonExtractor",
    "JsonError",
    "parse_partial_json",
    "parse_json_markdown",
    "parse_and_check_json_markdown",
]
