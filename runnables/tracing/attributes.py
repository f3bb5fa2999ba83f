"""What a span says about its run, without any content: plain data, made of events."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from runnables.callbacks.calls import tool_arguments
from runnables.models.prices import cost_of
from runnables.models.usage import MODELS, model_of
from runnables.tracing.names import (
    AGENT,
    CONVERSATION_KEYS,
    KINDS,
    LLM_PROVIDERS,
    OPERATIONS,
    PROVIDERS,
    REQUEST_OPTIONS,
    USER_KEY,
    WORKFLOW,
    GenAI,
    OpenInference,
    Own,
)
from runnables.tracing.strings import shown

if TYPE_CHECKING:
    from runnables.core.handlers import Event
    from runnables.messages.usage import UsageMetadata

_AGENTS: Final = (
    ("runnables.agents.agent", "Agent"),
    ("runnables.agents.executor", "AgentExecutor"),
)
_OURS: Final = "runnables_providers"
_IN_PROCESS: Final = frozenset({"local", "scripted"})


class Opening(NamedTuple):
    """What is known of a span when it starts.

    Attributes:
        name: its name.
        is_client: whether the run asks another process.
        attributes: its attributes.
    """

    name: str
    is_client: bool
    attributes: dict[str, Any]


def opening(event: Event, *, is_outermost: bool) -> Opening:
    """Return what the start of a run says.

    Args:
        event: the start.
        is_outermost: whether no other run of the trace is around it.
    """
    found: dict[str, Any] = {
        Own.NAME: event.name,
        Own.RUN_ID: event.run_id,
        Own.RUN_TYPE: event.run_type,
        OpenInference.KIND: KINDS.get(event.run_type, "CHAIN"),
    }
    _add_labels(found, event)
    name, is_client = event.name, False
    operation = OPERATIONS.get(event.run_type)
    if event.run_type in MODELS:
        provider = provider_of(event.runnable)
        name, is_client = _model_name(event) or name, provider not in _IN_PROCESS
        _add_request(found, event, provider)
    elif event.run_type == "tool":
        _add_tool(found, event)
    elif _is_agent(event.runnable):
        operation = AGENT
        found[OpenInference.KIND] = "AGENT"
        found[GenAI.AGENT_NAME] = found[OpenInference.AGENT_NAME] = event.name
    elif is_outermost and event.run_type == "chain":
        operation = WORKFLOW
        found[GenAI.AGENT_NAME] = event.name
    if operation is not None:
        found[GenAI.OPERATION] = operation
        name = f"{operation} {name}"
    return Opening(name, is_client, found)


def ending(event: Event, prices: Mapping[str, tuple[float, ...]]) -> dict[str, Any]:
    """Return what the end of a run says; nothing, but of models.

    Args:
        event: the end.
        prices: what a million tokens of each model cost.
    """
    if event.run_type not in MODELS:
        return {}
    found: dict[str, Any] = {}
    metadata: Mapping[str, Any] = getattr(event.output, "response_metadata", {})
    if model := metadata.get("model_name"):
        found[GenAI.RESPONSE_MODEL] = found[OpenInference.MODEL] = str(model)
    if answer_id := getattr(event.output, "id", None):
        found[GenAI.RESPONSE_ID] = str(answer_id)
    if reason := finish_reason(event.output):
        found[GenAI.FINISH_REASONS] = [reason]
        found[OpenInference.FINISH_REASON] = reason
    if metadata.get("from_cache"):
        found[Own.FROM_CACHE] = True
    if event.usage is not None:
        _add_usage(found, event.usage)
        cost = cost_of(model_of(event), event.usage, prices)
        if cost is not None:
            found[OpenInference.COST] = cost
    return found


def finish_reason(answer: object) -> str | None:
    """Return why a model has stopped, in the words of its service."""
    metadata: Mapping[str, Any] = getattr(answer, "response_metadata", {})
    reason = metadata.get("finish_reason") or metadata.get("stop_reason")
    return None if reason is None else str(reason)


def provider_of(runnable: object) -> str:
    """Return the name of a model's service; of an unknown one, that of its class."""
    service = getattr(type(runnable), "service", None)
    if isinstance(name := getattr(service, "name", None), str):
        return name
    package, *inner = type(runnable).__module__.split(".")
    return inner[0] if package == _OURS and inner else type(runnable).__name__


def _add_labels(found: dict[str, Any], event: Event) -> None:
    if event.path:
        found[Own.PATH] = ", ".join(event.path)
    if event.tags:
        found[OpenInference.TAGS] = list(event.tags)
    if event.metadata:
        found[OpenInference.METADATA] = shown(dict(event.metadata))[0]
    if not (event.metadata or event.configurable):
        return
    labels = {**event.configurable, **event.metadata}
    for key in CONVERSATION_KEYS:
        if labels.get(key) is not None:
            found[GenAI.CONVERSATION] = found[OpenInference.SESSION] = str(labels[key])
            break
    if labels.get(USER_KEY) is not None:
        found[OpenInference.USER] = str(labels[USER_KEY])


def _model_name(event: Event) -> str | None:
    model = event.options.get("model") or getattr(event.runnable, "model", None)
    return model if isinstance(model, str) and model else None


def _add_request(found: dict[str, Any], event: Event, provider: str) -> None:
    found[GenAI.PROVIDER] = PROVIDERS.get(provider, provider)
    found[OpenInference.PROVIDER] = LLM_PROVIDERS.get(provider, provider)
    if model := _model_name(event):
        found[GenAI.REQUEST_MODEL] = model
        is_embedding = event.run_type == "embeddings"
        found[OpenInference.EMBEDDING_MODEL if is_embedding else OpenInference.MODEL] = model
    options: dict[str, Any] = {}
    for name, attribute in REQUEST_OPTIONS.items():
        value = event.options.get(name, getattr(event.runnable, name, None))
        if name == "stop" and value:
            value = [value] if isinstance(value, str) else [str(word) for word in value]
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        options[name] = found[attribute] = value
    if options:
        found[OpenInference.PARAMETERS] = json.dumps(options)


def _add_usage(found: dict[str, Any], usage: UsageMetadata) -> None:
    found[GenAI.INPUT_TOKENS] = found[OpenInference.INPUT_TOKENS] = usage["input_tokens"]
    found[GenAI.OUTPUT_TOKENS] = found[OpenInference.OUTPUT_TOKENS] = usage["output_tokens"]
    found[OpenInference.TOTAL_TOKENS] = usage["total_tokens"]
    read, written = usage.get("input_token_details", {}), usage.get("output_token_details", {})
    if (tokens := read.get("cache_read")) is not None:
        found[GenAI.CACHE_READ_TOKENS] = found[OpenInference.CACHE_READ_TOKENS] = tokens
    if (tokens := read.get("cache_creation")) is not None:
        found[GenAI.CACHE_WRITTEN_TOKENS] = found[OpenInference.CACHE_WRITTEN_TOKENS] = tokens
    if (tokens := written.get("reasoning")) is not None:
        found[GenAI.REASONING_TOKENS] = found[OpenInference.REASONING_TOKENS] = tokens


def _add_tool(found: dict[str, Any], event: Event) -> None:
    found[GenAI.TOOL_NAME] = found[OpenInference.TOOL_NAME] = event.name
    found[GenAI.TOOL_TYPE] = "function"
    description = getattr(event.runnable, "description", None)
    if isinstance(description, str) and description:
        found[GenAI.TOOL_DESCRIPTION] = found[OpenInference.TOOL_DESCRIPTION] = description
    call_id = tool_arguments(event.input)[1]
    if call_id is not None:
        found[GenAI.TOOL_CALL_ID] = found[OpenInference.TOOL_ID] = str(call_id)


def _is_agent(runnable: object) -> bool:
    """Tell whether it is an agent, without loading agents for a program that has none."""
    for module, name in _AGENTS:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(runnable, getattr(loaded, name)):
            return True
    return False
