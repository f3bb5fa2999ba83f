"""Definitions and JSON schemas of tools and types, as they are sent to a model (OpenAI's way)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from pydantic.errors import PydanticUserError

from runnables.compose.runnable import Runnable
from runnables.core.foreign import from_foreign
from runnables.core.schemas import adapter_of
from runnables.core.signatures import is_function, target
from runnables.core.values import show
from runnables.errors import ConfigError, did_you_mean
from runnables.messages.tool_names import service_name
from runnables.tools.function_tool import StructuredTool
from runnables.tools.runnable_tool import RunnableTool, tool_inside

if TYPE_CHECKING:
    from runnables.tools.base import BaseTool

Tool: TypeAlias = Any
"""A tool as `bind_tools` takes it: a tool or another runnable, a function, a pydantic model or
another type with fields, or a dict: OpenAI's or Anthropic's definition, or a JSON schema with a
title."""

_SCHEMA_WORDS: Final = frozenset(
    "type properties required additionalProperties patternProperties items prefixItems enum const "
    "anyOf oneOf allOf not $ref".split()
)
"""Keys of a JSON schema that restrict its values; without any of them, all values fit."""


def convert_to_openai_tool(tool: Tool, *, strict: bool | None = None) -> dict[str, Any]:
    """Return a tool's definition, as OpenAI's API takes it.

    It is `{"type": "function", "function": {"name": ..., "description": ..., "parameters": ...}}`,
    with a JSON schema as the parameters. A dict with another `type` (a tool that runs on the
    provider's servers) stays as it is.

    Args:
        tool: a tool or another runnable, a function, a pydantic model or another type with fields,
            or a dict: OpenAI's, Anthropic's or Bedrock's definition, or a JSON schema with a title.
        strict: the definition's `strict`; with True, objects in it require their fields,
            and allow no others.

    Raises:
        ConfigError: it has no name, or is none of these; or its own `strict` is another.

    Example:
        >>> def add(a: int, b: int) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> function = convert_to_openai_tool(add)["function"]
        >>> function["name"], function["description"]
        ('add', 'Add two numbers.')
        >>> function["parameters"]["properties"]
        {'a': {'type': 'integer'}, 'b': {'type': 'integer'}}
    """
    definition = _converted(tool)
    if strict is None or definition.get("type") != "function":
        return definition
    return {**definition, "function": _with_strict(definition["function"], strict)}


def convert_to_openai_function(function: Tool, *, strict: bool | None = None) -> dict[str, Any]:
    """Return the function in a tool's definition: its name, its description, its parameters.

    Args:
        function: what `convert_to_openai_tool` takes.
        strict: as for `convert_to_openai_tool`.

    Raises:
        ConfigError: it has no name, or is no function: a tool that runs on the provider's servers.

    Example:
        >>> from pydantic import BaseModel
        >>> class Add(BaseModel):
        ...     '''Add two numbers.'''
        ...
        ...     a: int
        ...     b: int
        >>> convert_to_openai_function(Add)["description"]
        'Add two numbers.'
    """
    definition = convert_to_openai_tool(function, strict=strict)
    if "function" not in definition:
        raise ConfigError(
            f"{definition!r} is no function: the provider's own server runs a tool of this type."
        )
    inner: dict[str, Any] = definition["function"]
    return inner


def _with_strict(function: Mapping[str, Any], strict: bool) -> dict[str, Any]:
    """Return a function's definition with `strict`."""
    own = function.get("strict", strict)
    if own != strict:
        raise ConfigError(f"strict={strict}, but the tool {function['name']!r} has strict={own}.")
    marked = {**function, "strict": strict}
    if strict:
        marked["parameters"] = _closed("", marked.get("parameters") or {})
    return marked


def _closed(key: str, value: Any) -> Any:
    """Return a JSON schema whose objects with named fields require all of them, and no others."""
    if isinstance(value, list):
        return [_closed("", item) for item in cast("Sequence[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    parts = cast("Mapping[str, Any]", value)
    closed = {name: _closed(name, part) for name, part in parts.items()}
    is_names = key in ("properties", "$defs", "definitions")  # its keys are names
    if "properties" in parts and not is_names:
        closed |= {"additionalProperties": False, "required": list(parts["properties"])}
    return closed


def _converted(tool: Tool) -> dict[str, Any]:
    tool = from_foreign(tool)
    if isinstance(tool, Mapping):
        return _from_mapping(cast("Mapping[str, Any]", tool))
    if isinstance(tool, Runnable):
        return _from_runnable(cast("Any", tool))
    if isinstance(tool, type):
        schema = json_schema_of(tool)
        return _definition(schema_name(tool, schema), _description(tool, schema), schema)
    if callable(tool):
        return _from_runnable(_function_tool(cast("Callable[..., Any]", tool)))
    raise ConfigError(
        f"{tool!r} cannot be a tool: expected a tool, a runnable, a function, a pydantic model, "
        "or a dict with a definition."
    )


def _from_runnable(runnable: Runnable[Any, Any]) -> dict[str, Any]:
    tool = tool_inside(runnable) or RunnableTool[Any](runnable)
    return _definition(tool.get_name(), tool.description, tool.args_jsonschema)


def _function_tool(function: Callable[..., Any]) -> StructuredTool[Any]:
    if getattr(function, "__name__", "") == "<lambda>":
        raise ConfigError(
            f"{show(function)} cannot be a tool: it has no name by which a model could call it. "
            "Write it as a function, or give it a name= with StructuredTool.from_function."
        )
    return StructuredTool[Any](function)


def _from_mapping(tool: Mapping[str, Any]) -> dict[str, Any]:
    if "type" in tool and tool["type"] != "object":
        return dict(tool)
    if isinstance(spec := tool.get("toolSpec"), Mapping):  # Bedrock's
        named = cast("Mapping[str, Any]", spec)
        own: Mapping[str, Any] = named.get("inputSchema") or {}
        return _definition(named["name"], named.get("description", ""), own.get("json") or {})
    if "name" in tool:
        schema: Mapping[str, Any] = tool.get("parameters") or tool.get("input_schema") or {}
        made = _definition(tool["name"], tool.get("description", ""), schema)
        if "strict" in tool:
            made["function"]["strict"] = tool["strict"]
        return made
    if "title" in tool:
        return _definition(service_name(str(tool["title"])), tool.get("description", ""), tool)
    raise ConfigError(
        f"{dict(tool)!r} cannot be a tool: expected OpenAI's definition, 'name' with 'parameters', "
        "or a JSON schema with a 'title'."
    )


def _definition(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object", "properties": {}, **without_titles(schema)}
    parameters.pop("description", None)
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def json_schema_of(described: Any) -> dict[str, Any]:
    """Return the JSON schema of a type; a JSON schema as it is.

    Raises:
        ConfigError: pydantic does not know the type.
    """
    if isinstance(described, Mapping):
        return dict(cast("Mapping[str, Any]", described))
    try:
        return adapter_of(described).json_schema()
    except PydanticUserError as error:
        raise ConfigError(
            f"{described!r} has no JSON schema: expected a pydantic model, a TypedDict, a "
            "dataclass, an Enum, another type that pydantic knows, or a JSON schema as a dict. "
            f"({error.message.partition(chr(10))[0]})"
        ) from error


def answer_schema(described: Any) -> Any:
    """Return a type or a JSON schema as it is.

    For a function's definition, return the schema of its parameters; for a function or a tool, the
    type of a dict of its arguments. Neither is called.

    Raises:
        ConfigError: None, or a dict without any keyword of a JSON schema.
    """
    if described is None:
        raise ConfigError(
            "with_structured_output takes a type or a JSON schema, got None. For any JSON object, "
            "add method='json_mode'."
        )
    if (tool := _called_by_name(described)) is not None:
        return tool.arguments_type()
    if not isinstance(described, Mapping) or not described:
        return cast("Any", described)
    given = cast("Mapping[str, Any]", described)
    inner: Any = given.get("function") if given.get("type") == "function" else given
    if isinstance(inner, Mapping) and "name" in inner:
        function = cast("Mapping[str, Any]", inner)
        schema = function.get("parameters") or function.get("input_schema")
        if isinstance(schema, Mapping):
            about = {"description": function["description"]} if "description" in function else {}
            return {"title": function["name"], **about, **cast("Mapping[str, Any]", schema)}
    if _SCHEMA_WORDS.isdisjoint(given):
        raise ConfigError(
            f"{dict(given)!r} is no JSON schema: none of its keys says what an answer is. Write "
            "{'type': 'object', 'properties': {...}}, or pass a type."
        )
    return given


def _called_by_name(described: Any) -> BaseTool[Any] | None:
    """Return the tool that a value is, or the one that a function makes; None for all others."""
    if isinstance(described, Runnable):
        return tool_inside(described)
    if not is_function(described):
        return None
    has_name = getattr(target(described), "__name__", "<lambda>") != "<lambda>"
    return _function_tool(described) if has_name else StructuredTool[Any](described, name="answer")


def schema_name(described: Any, schema: Mapping[str, Any] | None = None) -> str:
    """Return a name for a type, in the letters that services allow.

    Args:
        described: the type, or its JSON schema.
        schema: its JSON schema, whose title goes before the name of the type.
    """
    own_schema: Any = cast("Any", described) if isinstance(described, Mapping) else {}
    titled: Mapping[str, Any] = schema or own_schema
    own_name: str = getattr(cast("object", described), "__name__", "answer")
    return service_name(str(titled.get("title") or own_name))


def _description(described: type, schema: Mapping[str, Any]) -> str:
    own = inspect.cleandoc(vars(described).get("__doc__") or "")
    is_generated = own.startswith(f"{described.__name__}(")  # dataclasses write their signature
    return str(schema.get("description") or ("" if is_generated else own))


def without_titles(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema without its titles, which only repeat the names."""
    return {key: _untitled(key, value) for key, value in schema.items() if key != "title"}


def _untitled(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        parts = cast("Mapping[str, Any]", value)
        if key in ("properties", "$defs", "definitions"):  # its keys are names, also "title"
            return {name: _untitled("", part) for name, part in parts.items()}
        return without_titles(parts)
    if isinstance(value, list):
        return [_untitled("", item) for item in cast("Sequence[Any]", value)]
    return value


def tool_name(tool: Mapping[str, Any]) -> str | None:
    """Return the name in a tool's definition; None where the provider knows it by its type."""
    function: Mapping[str, Any] = tool.get("function") or tool
    return function.get("name")


def checked_tool_choice(choice: Any, tools: Sequence[Mapping[str, Any]]) -> Any:
    """Return a choice of tools as OpenAI's API has it: "auto", "none", "required", or a dict.

    Args:
        choice: one of these; "any" or True for "required"; False for "none"; or a tool's name.
        tools: the definitions of the tools.

    Raises:
        ConfigError: a name that none of the tools has.
    """
    if choice in (True, "any"):
        return "required"
    if choice is False:
        return "none"
    if not isinstance(choice, str) or choice in ("auto", "none", "required"):
        return choice
    names = [name for name in map(tool_name, tools) if name]
    chosen = choice if choice in names else service_name(choice)
    if chosen not in names:
        raise ConfigError(
            f"tool_choice={choice!r} is none of the tools.{did_you_mean(choice, names)} Known: "
            f"{', '.join(['auto', 'none', 'required', *names])}."
        )
    return {"type": "function", "function": {"name": chosen}}


def convert_tool_options(options: dict[str, Any]) -> None:
    """Put the tools and the choice of a tool in options into what OpenAI's API takes.

    Args:
        options: the options, which are changed.

    Raises:
        ConfigError: something that is no tool, or a choice that is none of the tools.
    """
    if "tools" in options:
        options["tools"] = [convert_to_openai_tool(tool) for tool in options["tools"]]
    if "tool_choice" in options:
        options["tool_choice"] = checked_tool_choice(
            options["tool_choice"], options.get("tools", [])
        )
