"""What LangChain's tracers read about a model, and what it says about the answer of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.messages.text_answer import TextAnswer
from runnables.messages.usage import UsageMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.core.handlers import Event

_PARAMETERS = ("temperature", "max_tokens", "stop")


def model_facts(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the `ls_...` keys of the metadata of a model's run, and its `invocation_params`."""
    model: Any = event.runnable
    is_chat = event.run_type == "chat_model"
    facts: dict[str, Any] = {"ls_model_type": "chat" if is_chat else "llm"}
    parameters: dict[str, Any] = {"_type": type(model).__name__}
    name: Any = _setting(model, "model") or _setting(model, "model_name")
    if isinstance(name, str):
        facts["ls_model_name"] = parameters["model"] = parameters["model_name"] = name
    provider: Any = _setting(model, "provider") or _setting(model, "service")
    facts["ls_provider"] = provider if isinstance(provider, str) else type(model).__name__.lower()
    for key in _PARAMETERS:
        value = event.options.get(key, _setting(model, key))
        if value is not None:
            parameters[key] = facts[f"ls_{key}"] = value
    return facts, parameters


def _setting(model: Any, name: str) -> Any:
    """Return a public setting of a model; None where it has none of that name."""
    settings: dict[str, Any] = getattr(model, "__dict__", {})
    return settings.get(name)


def text_answer(text: str, facts: Mapping[str, Any]) -> str:
    """Return the answer of a model of text, with its usage where LangChain has reported any."""
    used: Any = facts.get("token_usage") or {}
    if "total_tokens" not in used:
        return text
    usage = UsageMetadata(
        input_tokens=used.get("prompt_tokens", 0),
        output_tokens=used.get("completion_tokens", 0),
        total_tokens=used["total_tokens"],
    )
    return TextAnswer(text, usage, {key: facts[key] for key in facts if key != "token_usage"})
