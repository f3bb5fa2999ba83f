"""Options of a call in Gemini's words: generationConfig, tools, safety."""

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
_BESIDE: Final[Mapping[str, str]] = {
    "cached_content": "cachedContent",
    "labels": "labels",
    "service_tier": "serviceTier",
}

OPTIONS: Final = frozenset({*_GENERATION, *_THINKING, *_BESIDE, "safety_settings"}) | {
    "tool_config"
}
"""What a call may say, in the words of LangChain and, where it has none, of Google's SDK."""

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
    """The options of a call as fields of a request.

    Raises:
        ConfigError: a tool or a form of the answer that Gemini does not know.
    """
    generation = {
        **_renamed(options, _GENERATION),
        **_form(options.get("response_format")),
    }
    if thinking := _renamed(options, _THINKING):
        generation["thinkingConfig"] = thinking
    request = _renamed(options, _BESIDE)
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


def _form(form: Any) -> dict[str, Any]:
    """How `response_format`, in OpenAI's words, is said."""
    match form:
        case None | {"type": "text"}:
            return {}
        case {"type": "json_object"}:
            return {"responseMimeType": "application/json"}
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            told: dict[str, Any] = {"responseMimeType": "application/json"}
            return {**told, "responseJsonSchema": schema}
        case _:
            raise ConfigError(
                f"response_format={form!r}: expected OpenAI's form, a dict whose 'type' is "
                "'json_schema', 'json_object' or 'text'."
            )


def _safety(settings: Any) -> list[Any]:
    """Thresholds by category, or Gemini's own list."""
    if not isinstance(settings, Mapping):
        return list(settings)
    by_category = cast("Mapping[str, str]", settings)
    return [{"category": it, "threshold": by_category[it]} for it in by_category]


def typed_tool(tool: Any) -> Any:
    """A tool in Gemini's own form, `{"google_search": {}}`, with the type that tells it apart."""
    if isinstance(tool, Mapping) and len(cast("Mapping[str, Any]", tool)) == 1:
        [(name, settings)] = cast("Mapping[str, Any]", tool).items()
        if name in {*SERVER_TOOLS, *SERVER_TOOLS.values()}:
            kept: Mapping[str, Any] = settings or {}
            return {"type": name, **kept}
    return cast("Any", tool)


def _tools(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    functions = [_declared(tool["function"]) for tool in tools if tool["type"] == "function"]
    others = [_server_tool(tool) for tool in tools if tool["type"] != "function"]
    return [*([{"functionDeclarations": functions}] if functions else []), *others]


def _declared(function: Mapping[str, Any]) -> dict[str, Any]:
    """A function; one without parameters has no schema, as an empty one is refused."""
    schema: Mapping[str, Any] = function.get("parameters") or {}
    told = {"name": function["name"], "description": function.get("description") or ""}
    return {**told, "parametersJsonSchema": schema} if schema.get("properties") else told


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
                "What else Gemini can be told goes into tool_config={'functionCallingConfig': "
                "...}."
            )
