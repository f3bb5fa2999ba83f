"""The options of a call as fields of a request of the Messages API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.errors import ConfigError
from runnables_providers.anthropic.output_schemas import claude_schema
from runnables_providers.anthropic.settings import AnthropicOptions

OPTIONS: Final = AnthropicOptions.__optional_keys__
"""The names of the options that a call may have beyond those of every chat model."""

VERSION: Final = "2026-10-21"
SAMPLING_VERSION: Final = "2023-06-01"
"""The last version of the API that has the options of `_SAMPLING`; the newer one refuses them.
See https://platform.claude.com/docs/en/api/migration-2026-10-21."""

MAX_TOKENS: Final = 16_384
"""The default of `max_tokens`, which the API requires.

Every Claude that is served today can write as much. At the speed that Anthropic's SDK assumes
(128,000 tokens an hour), it is written within the ten minutes that a non-streamed answer may take.
"""

_SAMPLING: Final = ("temperature", "top_p", "top_k")
_UNCHANGED: Final = (
    *("model", *_SAMPLING, "thinking", "metadata", "service_tier", "speed", "inference_geo"),
    "cache_control",
)
_TOOL_FIELDS: Final = (
    *("cache_control", "defer_loading", "allowed_callers", "eager_input_streaming"),
    *("input_examples", "strict"),
)
"""Anthropic's own fields that a tool in OpenAI's format may have."""


def body_of(options: Mapping[str, Any], container: str | None = None) -> dict[str, Any]:
    """Return the part of a request that depends on the options.

    Args:
        options: the options of the call.
        container: the container of the answers before, which is used again unless the options name
            another; an empty string names none.

    Raises:
        ConfigError: no model is named, or the API does not support the format of answers.
    """
    if "model" not in options:
        raise ConfigError("ChatAnthropic has no model to ask. Name one: model='claude-...'.")
    body = {key: options[key] for key in _UNCHANGED if key in options}
    body |= _container(options.get("container"), container)
    limit = options.get("max_tokens")  # 0 fills the cache and writes nothing
    body["max_tokens"] = _default_limit(options.get("thinking")) if limit is None else limit
    if stop := [sequence for sequence in options.get("stop", ()) if sequence.strip()]:
        body["stop_sequences"] = stop
    if tools := options.get("tools"):
        body["tools"] = [_tool(tool) for tool in tools]
        body |= _choice(options)
    return body | _output(options)


def _container(named: Any, known: str | None) -> dict[str, Any]:
    if isinstance(named, Mapping) and known and "id" not in named:  # skills, for the same container
        return {"container": {"id": known, **cast("Mapping[str, Any]", named)}}
    if named is None:
        return {"container": known} if known else {}
    return {"container": cast("Any", named)} if named else {}


def blank_stops(options: Mapping[str, Any]) -> list[str]:
    """Return the stop sequences that the API refuses, such as a new line."""
    return [sequence for sequence in options.get("stop", ()) if not sequence.strip()]


def headers_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that the options need."""
    samples = any(name in options for name in _SAMPLING)
    headers = {"anthropic-version": SAMPLING_VERSION if samples else VERSION}
    if betas := options.get("betas"):
        headers["anthropic-beta"] = betas if isinstance(betas, str) else ",".join(betas)
    return headers


def _default_limit(thinking: Mapping[str, Any] | None) -> int:
    """Return the default of `max_tokens`, which counts the tokens of the reasoning, too."""
    return MAX_TOKENS + int((thinking or {}).get("budget_tokens") or 0)


# -- tools


def as_own_tool(tool: Any) -> Any:
    """Return a tool; one in Anthropic's format is marked, so that it is passed on unchanged."""
    if isinstance(tool, Mapping) and "input_schema" in tool:
        return {"type": "custom", **cast("Mapping[str, Any]", tool)}
    return cast("Any", tool)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") == "custom":
        return {key: value for key, value in tool.items() if key != "type"}
    if tool.get("type") != "function":
        return dict(tool)  # runs on Anthropic's servers, or is known to the model by its type
    function: Mapping[str, Any] = tool.get("function") or tool
    description = function.get("description")
    fields = {**tool, **function}
    return {
        "name": function["name"],
        **({"description": description} if description else {}),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        **{key: fields[key] for key in _TOOL_FIELDS if fields.get(key) is not None},
    }


def _choice(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return which tool the model has to call, and whether it may call several at once."""
    one_at_a_time = options.get("parallel_tool_calls") is False
    tool_choice: Any = options.get("tool_choice", "auto" if one_at_a_time else None)
    if tool_choice is None:
        return {}
    choice = _own_choice(tool_choice)
    if one_at_a_time and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tool_choice": choice}


def _own_choice(tool_choice: Any) -> dict[str, Any]:
    match tool_choice:
        case "auto" | "none":
            return {"type": tool_choice}
        case "required":
            return {"type": "any"}
        case {"type": "function", "function": {"name": name}}:
            return {"type": "tool", "name": name}
        case {"type": str()}:
            return dict(tool_choice)
        case _:
            raise ConfigError(
                f"tool_choice={tool_choice!r}: expected 'auto', 'none', 'any', the name of a tool, "
                "or a dict in Anthropic's or OpenAI's format."
            )


def takes_citations(body: Mapping[str, Any]) -> bool:
    """Tell whether an answer may cite: then all text is in blocks, with citations."""
    tools: Sequence[Mapping[str, Any]] = body.get("tools") or ()
    if any(str(tool.get("type", "")).startswith(("web_search", "web_fetch")) for tool in tools):
        return True
    return any(_cites(turn.get("content")) for turn in body["messages"])


def _cites(content: Any) -> bool:
    items = cast("Sequence[Any]", content if isinstance(content, list) else ())
    blocks = [cast("Mapping[str, Any]", item) for item in items if isinstance(item, Mapping)]
    return any(_enables(block.get("citations")) or _cites(block.get("content")) for block in blocks)


def _enables(citations: Any) -> bool:
    """Tell whether a document or a search result may be cited; blocks of text have a list."""
    return isinstance(citations, Mapping) and bool(cast("Any", citations).get("enabled"))


# -- the format of the answer


def _output(options: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if "effort" in options:
        config["effort"] = options["effort"]
    if output_format := format_of(options.get("response_format")):
        config["format"] = output_format
    return {"output_config": config} if config else {}


def format_of(response_format: Any) -> dict[str, Any] | None:
    """Return a `response_format` as the Messages API takes it.

    Raises:
        ConfigError: it asks for JSON without a schema, or the API does not support the schema.
    """
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return {"type": "json_schema", "schema": claude_schema(schema)}
        case {"type": "json_schema", "schema": dict()}:
            return dict(response_format)
        case _:
            raise ConfigError(
                f"response_format={response_format!r}: Claude needs a JSON schema, and has no mode "
                "for any JSON. Take method='json_schema' or 'function_calling'."
            )
