"""Answers of a declared form: what the model is told, and what reads its answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel

from runnables.chunks import SNAPSHOTS, Merge
from runnables.errors import ConfigError, OutputParserException, near
from runnables.inline import Decoder, Inline
from runnables.messages import AIMessage, message_chunk_to_message
from runnables.models.schemas import convert_to_openai_tool, json_schema, schema_name
from runnables.parsers import (
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    PydanticOutputParser,
    PydanticToolsParser,
)
from runnables.parsers.typed import type_name, validated
from runnables.typed_dicts import adapter_of

if TYPE_CHECKING:
    from runnables.runnable import Runnable

Method: TypeAlias = Literal["json_schema", "function_calling", "json_mode"]
"""How a model is told the form of its answer."""


def structured_output(
    schema: Any, method: str, include_raw: bool
) -> tuple[dict[str, Any], Runnable[Any, Any]]:
    """The options that make a model answer in a form, and the runnable that reads the answer.

    Raises:
        ConfigError: a type without a JSON schema, or an unknown method.
    """
    methods = get_args(Method)
    if method not in methods:
        raise ConfigError(
            f"method={method!r}: expected one of {', '.join(methods)}.{near(method, methods)}"
        )
    options, parser = _TOLD[method](schema)
    return options, RawAndParsed(parser) if include_raw else parser


def _as_schema(schema: Any) -> tuple[dict[str, Any], Runnable[Any, Any]]:
    form = {"name": schema_name(schema), "schema": json_schema(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": form}}, _parser(schema)


def _as_json(schema: Any) -> tuple[dict[str, Any], Runnable[Any, Any]]:
    json_schema(schema)  # raises for what is no schema
    return {"response_format": {"type": "json_object"}}, _parser(schema)


def _as_tool(schema: Any) -> tuple[dict[str, Any], Runnable[Any, Any]]:
    form = json_schema(schema)
    if "properties" not in form:
        raise ConfigError(
            f"{schema!r} has no fields, so it cannot be the form of a tool's arguments. "
            "Use method='json_schema', or a type with fields."
        )
    name = schema_name(schema)
    tool = convert_to_openai_tool({**form, "title": name})
    return {"tools": [tool], "tool_choice": name}, _call_parser(schema, name)


def _call_parser(schema: Any, name: str) -> Runnable[Any, Any]:
    """Reads the arguments of the call as an object; while they are written, where it can."""
    if isinstance(schema, type) and issubclass(schema, BaseModel) and schema.__name__ == name:
        return PydanticToolsParser([schema], first_tool_only=True) | Called(name)
    called = JsonOutputKeyToolsParser(name, first_tool_only=True) | Called(name)
    return called if isinstance(schema, Mapping) else called | Validated(schema)


_TOLD: Mapping[str, Any] = {
    "json_schema": _as_schema,
    "json_mode": _as_json,
    "function_calling": _as_tool,
}


def _parser(schema: Any) -> Runnable[Any, Any]:
    if isinstance(schema, Mapping):
        return JsonOutputParser()
    return PydanticOutputParser(schema)


class Called(Inline[Any, Any], reports=True):
    """Passes on what the model gave to a tool that it had to call.

    Raises:
        OutputParserException: it did not call it.
    """

    merge: Merge = SNAPSHOTS

    def __init__(self, tool: str) -> None:
        self.tool = tool

    def _call(self, input: Any, **kwargs: Any) -> Any:
        if input is None:
            raise OutputParserException(
                f"The model did not call {self.tool!r}, whose arguments are its answer."
            )
        return input

    def _decoder(self, **kwargs: Any) -> Decoder[Any, Any]:
        return _LatestOrError(self)


class _LatestOrError:
    """Passes on what is there; at the end there must have been something."""

    def __init__(self, called: Called) -> None:
        self._called = called
        self._latest: Any = None

    def feed(self, chunk: Any) -> Iterable[Any]:
        self._latest = chunk
        return () if chunk is None else (chunk,)

    def finish(self) -> Iterable[Any]:
        self._called._call(self._latest)
        return ()


class Validated(Inline[Any, Any], reports=True):
    """A JSON value as an object of a type.

    Raises:
        OutputParserException: it does not fit.
    """

    def __init__(self, schema: Any) -> None:
        self.schema = schema

    def _call(self, input: Any, **kwargs: Any) -> Any:
        text = json.dumps(input, ensure_ascii=False)
        return validated(adapter_of(self.schema), input, text, type_name(self.schema))


class RawAndParsed(Inline[AIMessage, dict[str, Any]], reports=True):
    """The message, what a parser makes of it, and the parser's error where it makes nothing.

    Args:
        parser: reads the message.
    """

    merge: Merge = SNAPSHOTS

    def __init__(self, parser: Runnable[Any, Any]) -> None:
        self.parser = parser

    def _call(self, input: Any, **kwargs: Any) -> Any:
        message = message_chunk_to_message(input)
        try:
            return {"raw": message, "parsed": self.parser.invoke(message), "parsing_error": None}
        except OutputParserException as error:
            return {"raw": message, "parsed": None, "parsing_error": error}
