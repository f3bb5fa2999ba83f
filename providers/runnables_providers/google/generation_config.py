"""The options of a call as fields of a request: generationConfig, tools, safety."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.errors import ConfigError, did_you_mean

_GENERATION: Final[Mapping[str, str]] = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "response_logprobs": "responseLogprobs",
    "logprobs": "logprobs",
    "response_modalities": "responseModalities",
    "media_resolution": "mediaResolution",
    "speech_config": "speechConfig",
    "image_config": "imageConfig",
    "response_mime_type": "responseMimeType",
    "response_schema": "responseSchema",
    "response_json_schema": "responseJsonSchema",
}
_THINKING: Final[Mapping[str, str]] = {
    "include_thoughts": "includeThoughts",
    "thinking_budget": "thinkingBudget",
    "thinking_level": "thinkingLevel",
}
_TOP_LEVEL: Final[Mapping[str, str]] = {
    "cached_content": "cachedContent",
    "labels": "labels",
    "service_tier": "serviceTier",
}

OPTIONS: Final = frozenset(
    {*_GENERATION, *_THINKING, *_TOP_LEVEL, "safety_settings", "tool_config"}
)
"""The options that a call may have, by LangChain's names, else by those of Google's SDK."""

_CHOICES: Final[Mapping[str, str]] = {"auto": "AUTO", "none": "NONE", "required": "ANY"}

SERVER_TOOLS: Final[Mapping[str, str]] = {
    "google_search": "googleSearch",
    "google_search_retrieval": "googleSearchRetrieval",
    "google_maps": "googleMaps",
    "code_execution": "codeExecution",
    "url_context": "urlContext",
    "file_search": "fileSearch",
    "computer_use": "computerUse",
}
"""Tools that run on Google's servers."""


def written_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call as fields of a request.

    Raises:
        ConfigError: Gemini does not support a tool or the format of the answer.
    """
    generation = {
        **_renamed(options, _GENERATION),
        **_response_format(options.get("response_format")),
    }
    if thinking := _renamed(options, _THINKING):
        generation["thinkingConfig"] = thinking
    request = _renamed(options, _TOP_LEVEL)
    if "safety_settings" in options:
        request["safetySettings"] = _safety(options["safety_settings"])
    if tools := _tools(options.get("tools") or ()):
        request["tools"] = tools
        if "tool_choice" in options:
            request["toolConfig"] = _choice(options["tool_choice"])
    if "tool_config" in options:
        request["toolConfig"] = {**request.get("toolConfig", {}), **options["tool_config"]}
    return {**request, "generationConfig": generation} if generation else request


def _renamed(options: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {theirs: options[ours] for ours, theirs in names.items() if ours in options}


def _response_format(response_format: Any) -> dict[str, Any]:
    """Return OpenAI's `response_format` as fields of a generationConfig."""
    match response_format:
        case None | {"type": "text"}:
            return {}
        case {"type": "json_object"}:
            return {"responseMimeType": "application/json"}
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return {"responseMimeType": "application/json", "responseJsonSchema": schema}
        case _:
            raise ConfigError(
                f"response_format={response_format!r}: expected OpenAI's dict, whose 'type' is "
                "'json_schema', 'json_object' or 'text'."
            )


def _safety(settings: Any) -> list[Any]:
    """Return Gemini's list of safety settings; `settings` may have thresholds by category."""
    if not isinstance(settings, Mapping):
        return list(settings)
    thresholds = cast("Mapping[str, str]", settings)
    return [{"category": name, "threshold": thresholds[name]} for name in thresholds]


def typed_tool(tool: Any) -> Any:
    """Return a tool of Gemini's own, `{"google_search": {}}`, with its name as the type."""
    if isinstance(tool, Mapping) and len(cast("Mapping[str, Any]", tool)) == 1:
        [(name, settings)] = cast("Mapping[str, Any]", tool).items()
        if name in {*SERVER_TOOLS, *SERVER_TOOLS.values()}:
            fields: Mapping[str, Any] = settings or {}
            return {"type": name, **fields}
    return cast("Any", tool)


def _tools(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    functions = [_declaration(tool["function"]) for tool in tools if tool["type"] == "function"]
    others = [_server_tool(tool) for tool in tools if tool["type"] != "function"]
    return [*([{"functionDeclarations": functions}] if functions else []), *others]


def _declaration(function: Mapping[str, Any]) -> dict[str, Any]:
    """Return the declaration of a function; an empty schema is left out, as it is refused."""
    schema: Mapping[str, Any] = function.get("parameters") or {}
    head = {"name": function["name"], "description": function.get("description") or ""}
    return {**head, "parametersJsonSchema": schema} if schema.get("properties") else head


def _server_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    kind: str = tool["type"]
    name = SERVER_TOOLS.get(kind) or (kind if kind in SERVER_TOOLS.values() else None)
    if name is None:
        raise ConfigError(
            f"Gemini has no tool of type {kind!r}.{did_you_mean(kind, SERVER_TOOLS)} "
            f"Known: {', '.join(['function', *SERVER_TOOLS])}."
        )
    return {name: {key: value for key, value in tool.items() if key != "type"}}


def _choice(choice: Any) -> dict[str, Any]:
    match choice:
        case str() if choice in _CHOICES:
            return {"functionCallingConfig": {"mode": _CHOICES[choice]}}
        case {"type": "function", "function": {"name": str(name)}}:
            return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [name]}}
        case _:
            raise ConfigError(
                f"tool_choice={choice!r}: expected 'auto', 'none', 'any' or the name of a tool. "
                "Gemini's other modes go into tool_config={'functionCallingConfig': ...}."
            )
