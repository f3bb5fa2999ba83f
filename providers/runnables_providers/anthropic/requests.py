"""Options of a call in the words of the Messages API."""

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
"""The last version of the API that knows the options of `_SAMPLING`; the newer one refuses them.
See https://platform.claude.com/docs/en/api/migration-2026-10-21."""

MAX_TOKENS: Final = 16_384
"""How many tokens an answer may have where nobody says it, which the API wants to be told.

Every Claude that is served today can say as much. At the pace that Anthropic's SDK reckons with
(128,000 an hour), it is said within the ten minutes that a whole answer is waited for.
"""

_SAMPLING: Final = ("temperature", "top_p", "top_k")
_AS_THEY_ARE: Final = (
    *("model", *_SAMPLING, "thinking", "metadata", "service_tier", "speed", "inference_geo"),
    *("cache_control", "container"),
)
_BESIDE: Final = (
    *("cache_control", "defer_loading", "allowed_callers", "eager_input_streaming"),
    *("input_examples", "strict"),
)
"""What a tool in OpenAI's form may say in Anthropic's words."""


def body_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a request that the options make.

    Raises:
        ConfigError: no model is named, or a form of answers that the API does not have.
    """
    if "model" not in options:
        raise ConfigError("ChatAnthropic was not told which model to ask. Give model='claude-...'.")
    body = {key: options[key] for key in _AS_THEY_ARE if key in options}
    limit = options.get("max_tokens")  # 0 fills the cache and says nothing
    body["max_tokens"] = _enough(options.get("thinking")) if limit is None else limit
    if stop := [text for text in options.get("stop", ()) if text.strip()]:
        body["stop_sequences"] = stop
    if tools := options.get("tools"):
        body["tools"] = [_tool(tool) for tool in tools]
        body |= _choice(options)
    return body | _output(options)


def blank_stops(options: Mapping[str, Any]) -> list[str]:
    """The stop sequences that the API refuses, such as a new line."""
    return [text for text in options.get("stop", ()) if not text.strip()]


def headers_of(options: Mapping[str, Any]) -> dict[str, str]:
    """The headers that the options ask for."""
    samples = any(name in options for name in _SAMPLING)
    headers = {"anthropic-version": SAMPLING_VERSION if samples else VERSION}
    if betas := options.get("betas"):
        headers["anthropic-beta"] = betas if isinstance(betas, str) else ",".join(betas)
    return headers


def _enough(thinking: Mapping[str, Any] | None) -> int:
    """Room for the answer behind what may be thought, which counts as said."""
    return MAX_TOKENS + int((thinking or {}).get("budget_tokens") or 0)


# -- tools


def as_own_tool(tool: Any) -> Any:
    """A tool; one in Anthropic's form is marked as such, so that it is passed on as it is."""
    if isinstance(tool, Mapping) and "input_schema" in tool:
        return {"type": "custom", **cast("Mapping[str, Any]", tool)}
    return cast("Any", tool)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") == "custom":
        return {key: value for key, value in tool.items() if key != "type"}
    if tool.get("type") != "function":
        return dict(tool)  # runs on Anthropic's servers, or is known to the model by its type
    function: Mapping[str, Any] = tool.get("function") or tool
    about = function.get("description")
    told = {**tool, **function}
    return {
        "name": function["name"],
        **({"description": about} if about else {}),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        **{key: told[key] for key in _BESIDE if told.get(key) is not None},
    }


def _choice(options: Mapping[str, Any]) -> dict[str, Any]:
    """Which tool the model is to call, and whether several at once."""
    alone = options.get("parallel_tool_calls") is False
    given: Any = options.get("tool_choice", "auto" if alone else None)
    if given is None:
        return {}
    choice = _chosen(given)
    if alone and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tool_choice": choice}


def _chosen(given: Any) -> dict[str, Any]:
    match given:
        case "auto" | "none":
            return {"type": given}
        case "required":
            return {"type": "any"}
        case {"type": "function", "function": {"name": name}}:
            return {"type": "tool", "name": name}
        case {"type": str()}:
            return dict(given)
        case _:
            raise ConfigError(
                f"tool_choice={given!r}: expected 'auto', 'none', 'any', the name of a tool, or a "
                "dict of Anthropic's or OpenAI's form."
            )


def takes_citations(body: Mapping[str, Any]) -> bool:
    """Whether an answer to this request may cite: then its texts are blocks, each with its own."""
    tools: Sequence[Mapping[str, Any]] = body.get("tools") or ()
    if any(str(tool.get("type", "")).startswith(("web_search", "web_fetch")) for tool in tools):
        return True
    return any(_cites(turn.get("content")) for turn in body["messages"])


def _cites(content: Any) -> bool:
    blocks = cast("Sequence[Mapping[str, Any]]", content if isinstance(content, list) else ())
    return any(_enables(block.get("citations")) or _cites(block.get("content")) for block in blocks)


def _enables(citations: Any) -> bool:
    """Whether a document or a search result may be cited; a text has its citations there."""
    return isinstance(citations, Mapping) and bool(cast("Any", citations).get("enabled"))


# -- the form of the answer


def _output(options: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if "effort" in options:
        config["effort"] = options["effort"]
    if form := format_of(options.get("response_format")):
        config["format"] = form
    return {"output_config": config} if config else {}


def format_of(wanted: Any) -> dict[str, Any] | None:
    """What `response_format` asks for, in Anthropic's words.

    Raises:
        ConfigError: JSON of no form, or a form that the API cannot hold an answer to.
    """
    match wanted:
        case None | {"type": "text"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return {"type": "json_schema", "schema": claude_schema(schema)}
        case {"type": "json_schema", "schema": dict()}:
            return dict(wanted)
        case _:
            raise ConfigError(
                f"response_format={wanted!r}: Claude answers in the form of a JSON schema, not in "
                "JSON of any form. Take method='json_schema' or 'function_calling'."
            )
