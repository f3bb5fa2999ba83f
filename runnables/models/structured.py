"""Answers of a declared form: what the model is told, and what reads its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast, get_args

from runnables.chunks import SNAPSHOTS, Merge
from runnables.errors import ConfigError, OutputParserException, near
from runnables.inline import Inline
from runnables.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from runnables.models.schemas import convert_to_openai_tool, json_schema, schema_name
from runnables.parsers import JsonOutputKeyToolsParser, JsonOutputParser, PydanticOutputParser
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
    tool = convert_to_openai_tool({**form, "title": schema_name(schema)})
    name = tool["function"]["name"]
    options = {"tools": [tool], "tool_choice": name}
    return options, ToolArguments(name) | _parser(schema)


_TOLD: Mapping[str, Any] = {
    "json_schema": _as_schema,
    "json_mode": _as_json,
    "function_calling": _as_tool,
}


def _parser(schema: Any) -> Runnable[Any, Any]:
    if isinstance(schema, Mapping):
        return JsonOutputParser()
    return PydanticOutputParser(schema)


class ToolArguments(Inline[AIMessage, str], reports=True):
    """The JSON text of the arguments of the first call of a tool, piece by piece.

    Args:
        tool: the name of the tool.
    """

    def __init__(self, tool: str) -> None:
        self.tool = tool
