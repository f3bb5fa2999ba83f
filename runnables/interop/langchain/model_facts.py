"""What LangChain's tracers read about a model, and what it says about the answer of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.interop.langchain.values import from_value
from runnables.messages.text_answer import TextAnswer
from runnables.messages.usage import UsageMetadata
from runnables.tracing.attributes import provider_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.core.handlers import Event

_PARAMETERS = ("temperature", "max_tokens", "stop")
_OF_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls", "response_format")
_PROVIDERS: Final = {"google": "google_genai", "azure_openai": "azure"}
"""The services whose name is another one in LangChain than ours."""


def model_facts(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the `ls_...` keys of the metadata of a model's run, and its `invocation_params`.

    A model of LangChain says both itself, as it does for runs of its own.
    """
    model: Any = event.runnable
    if getattr(model.__class__, "_adapts", None) == "theirs":
        return _facts_of_theirs(model, dict(event.options))
    is_chat = event.run_type == "chat_model"
    facts: dict[str, Any] = {"ls_model_type": "chat" if is_chat else "llm"}
    parameters: dict[str, Any] = {"_type": type(model).__name__}
    name: Any = _setting(model, "model") or _setting(model, "model_name")
    if isinstance(name, str):
        facts["ls_model_name"] = parameters["model"] = parameters["model_name"] = name
    facts["ls_provider"] = provider_name(model)
    for key in _PARAMETERS:
        value = event.options.get(key, _setting(model, key))
        if value is not None:
            parameters[key] = facts[f"ls_{key}"] = value
    parameters |= {key: event.options[key] for key in _OF_TOOLS if key in event.options}
    return facts, parameters


def provider_name(model: object) -> str:
    """Return the name of a model's service as LangChain writes it; tracers find prices by it.

    Of a model of an unknown service, it is the name of its class, without "Chat" and "Model".
    """
    cls = type(model).__name__
    name = provider_of(model)
    if name == cls:
        return cls.removeprefix("Chat").removesuffix("ChatModel").lower()
    return _PROVIDERS.get(name, name)


def _facts_of_theirs(model: Any, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    theirs: Any = getattr(model, "_model", model.theirs)
    stop: Any = options.pop("stop", None)
    options = {**getattr(model, "_bound", {}), **options}
    if not hasattr(theirs, "_get_ls_params"):  # a config makes the model only in the call
        return {}, options
    facts = dict(theirs._get_ls_params(stop=stop, **options))
    if hasattr(theirs, "_get_invocation_params"):
        return facts, theirs._get_invocation_params(stop=stop, **options)
    text_model = {**theirs._identifying_params, "_type": theirs._llm_type, "stop": stop}
    return facts, {**text_model, **options}


def _setting(model: Any, name: str) -> Any:
    """Return a public setting of a model; None where it has none of that name."""
    settings: dict[str, Any] = getattr(model, "__dict__", {})
    return settings.get(name)


def answer_of_theirs(message: Any) -> Any:
    """Return an answer of LangChain's model as ours; one that LangChain had cached says so.

    LangChain tells it by a cost of 0, which it adds to the usage, also where there is none. Here,
    the usage of an answer from a cache is counted nowhere.
    """
    answer: Any = from_value(message)
    usage: Any = getattr(answer, "usage_metadata", None)
    if usage is None or usage.get("total_cost") != 0:
        return answer
    tokens = {key: value for key, value in usage.items() if key != "total_cost"}
    answer.usage_metadata = tokens if "total_tokens" in tokens else None
    answer.response_metadata["from_cache"] = True
    return answer


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
