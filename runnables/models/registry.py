"""Models by name, as in `init_chat_model("openai:gpt-5-mini")`.

A provider is an entry point of the group "runnables.models" (or "runnables.embeddings"), whose
name is the part before the colon; its value is called with `model=` and the other keywords. Any
installed package can add providers.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from runnables.models.chat import ChatModel
    from runnables.models.configurable_model import Fields
    from runnables.models.embeddings import Embeddings

# A source checkout has no entry points of its own; these stay in step with pyproject.toml.
_OWN_MODELS: Final[Mapping[str, str]] = {
    "local": "runnables_providers.local:LocalChatModel",
    "scripted": "runnables_providers.scripted:ScriptedChatModel",
    "openai": "runnables_providers.openai:ChatOpenAI",
    "google": "runnables_providers.google:ChatGoogleGenerativeAI",
    "google_genai": "runnables_providers.google:ChatGoogleGenerativeAI",  # what LangChain calls it
    "ollama": "runnables_providers.ollama:ChatOllama",
    "azure_openai": "runnables_providers.openai:AzureChatOpenAI",
    "anthropic": "runnables_providers.anthropic:ChatAnthropic",
}
_OWN_EMBEDDINGS: Final[Mapping[str, str]] = {
    "local": "runnables_providers.local:LocalEmbeddings",
    "openai": "runnables_providers.openai:OpenAIEmbeddings",
    "google": "runnables_providers.google:GoogleGenerativeAIEmbeddings",
    "google_genai": "runnables_providers.google:GoogleGenerativeAIEmbeddings",
    "ollama": "runnables_providers.ollama:OllamaEmbeddings",
}

_FAMILIES: Final[Mapping[str, str]] = {
    "gpt-": "openai",
    "chatgpt-": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "text-embedding": "openai",
    "claude": "anthropic",
    "gemini": "google",
}
"""The provider of a model that is named without one, by the beginning of its name."""


def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Fields | None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ChatModel:
    """Make a chat model by its name, such as "openai:gpt-5-mini", "anthropic" or "local".

    Args:
        model: "provider:model", or "provider" for the provider's default; "local" runs in this
            process, with nothing to sign up for. The provider may be left out before a name such
            as "gpt-5-mini", "claude-..." or "gemini-...". None: calls choose the model.
        model_provider: the provider, where `model` does not name it.
        configurable_fields: the settings that a call may choose, as `config["configurable"]`;
            "any" lets it choose keys and addresses, too, so take no such config from strangers.
            Where no model is named, a call chooses `model` and `model_provider`.
        config_prefix: what the keys begin with, before a `_`: "first" makes "first_model".
        **kwargs: settings of the model, such as `temperature`; see the provider's class.

    Returns:
        The model. Where calls choose, it is no instance of `ChatModel`, but a runnable with the
        methods and settings of one.

    Raises:
        ConfigError: an unknown provider, or none; a setting that the model does not have.
        MissingExtra: a provider whose package is not installed.

    Example:
        >>> model = init_chat_model("openai:gpt-5-mini", temperature=0, api_key="...")
        >>> type(model).__name__, model.model, model.temperature
        ('ChatOpenAI', 'gpt-5-mini', 0)
        >>> init_chat_model("scripted", script=["Ahoy!"]).invoke("Hello").text
        'Ahoy!'
        >>> model = init_chat_model(configurable_fields=["model", "script"], model="scripted")
        >>> model.invoke("Hello", {"configurable": {"script": ["Hi!"]}}).text
        'Hi!'
    """
    if model is None and "model_name" in kwargs:
        model = kwargs.pop("model_name")
    if configurable_fields is None and not (model is None and model_provider is None):
        provider_class, name = _find("runnables.models", _OWN_MODELS, model, model_provider)
        return cast("ChatModel", _make(provider_class, name, kwargs))
    from runnables.models.configurable_model import ConfigurableModel  # most models are fixed

    settings = {"model": model, "model_provider": model_provider, **kwargs}
    settings = {name: value for name, value in settings.items() if value is not None}
    fields = configurable_fields or ("model", "model_provider")
    _installed("runnables.models")
    model_of_call = ConfigurableModel(make_chosen_model, settings, fields, config_prefix or "")
    # No subclass, but it has all that a chat model has. A type of its own would need overloads,
    # which checkers cannot tell apart where settings come as `**settings`.
    return cast("ChatModel", model_of_call)


def make_chosen_model(settings: Mapping[str, Any], chosen: Mapping[str, Any]) -> ChatModel:
    """Make a chat model of settings, and of those that a call chooses instead.

    Args:
        settings: `model`, `model_provider`, and settings of the model.
        chosen: more of them, which replace those of the same name, or of another name of the same
            setting.
    """
    named = {**settings, **chosen}
    model, provider = named.get("model"), named.get("model_provider")
    provider_class, name = _find("runnables.models", _OWN_MODELS, model, provider)
    names: Mapping[str, str] = getattr(provider_class, "_other_names", {})
    replaced = {*_WHICH, *(names.get(key, key) for key in chosen)}
    kept = {key: value for key, value in settings.items() if names.get(key, key) not in replaced}
    added = {key: value for key, value in chosen.items() if key not in _WHICH}
    return cast("ChatModel", _make(provider_class, name, {**kept, **added}))


def init_embeddings(
    model: str | None = None, *, provider: str | None = None, **kwargs: Any
) -> Embeddings:
    """Make an embedding model by its name, such as "openai:text-embedding-3-small" or "local".

    Args:
        model: "provider:model", or "provider" for the provider's default.
        provider: the provider, where `model` does not name it.
        **kwargs: settings of the model; see the provider's class.

    Raises:
        ConfigError: an unknown provider, or none; a setting that the model does not have.
        MissingExtra: a provider whose package is not installed.

    Example:
        >>> model = init_embeddings("openai:text-embedding-3-small", api_key="...")
        >>> type(model).__name__, model.model
        ('OpenAIEmbeddings', 'text-embedding-3-small')
    """
    provider_class, name = _find("runnables.embeddings", _OWN_EMBEDDINGS, model, provider)
    return cast("Embeddings", _make(provider_class, name, kwargs))


def _find(
    group: str, own: Mapping[str, str], model: str | None, provider: str | None
) -> tuple[Any, str | None]:
    """Return the provider's class, and the model's name at the provider."""
    if not isinstance(cast("object", model), str | None):
        raise ConfigError(f"model={model!r}: expected a string such as 'openai:gpt-5-mini'.")
    name = model
    if provider is None:
        provider, _, rest = (model or "").partition(":")
        name = rest or None
        if not rest and (family := _family(provider)) is not None:
            provider, name = family, model
    installed = _installed(group)
    if provider in installed:
        return installed[provider].load(), name
    if provider in own:
        module, _, attribute = own[provider].partition(":")
        return getattr(importlib.import_module(module), attribute), name
    raise _unknown(provider, model, sorted({*installed, *own}))


_WHICH: Final = frozenset({"model", "model_provider"})
"""The settings that say which model it is."""


@functools.cache  # it reads the disk, and a call that chooses its model may be on an event loop
def _installed(group: str) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _make(provider_class: Any, model: str | None, settings: Mapping[str, Any]) -> Any:
    parameters = inspect.signature(provider_class).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name in () if takes_all else settings:
        if name not in parameters:
            raise ConfigError(
                f"{getattr(provider_class, '__name__', provider_class)} has no setting {name!r}."
                f"{did_you_mean(name, parameters)} Known: {', '.join(sorted(parameters))}."
            )
    return provider_class(model=model, **settings)


def _family(model: str) -> str | None:
    return next((name for start, name in _FAMILIES.items() if model.startswith(start)), None)


def _unknown(provider: str, model: str | None, known: list[str]) -> ConfigError:
    likely = _family(provider)
    meant = provider.lower().partition("/")[0]  # "openai/gpt-5-mini", as some write it
    hint = f" Did you mean '{likely}:{model}'?" if likely else did_you_mean(meant, known)
    problem = f"Unknown provider {provider!r}." if provider else "No model was named."
    return ConfigError(
        f"{problem}{hint} Write 'provider:model'; installed providers: {', '.join(known)}. For a "
        "service with OpenAI's API use 'openai' with base_url=."
    )
