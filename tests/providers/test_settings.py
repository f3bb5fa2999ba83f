"""Settings of providers: what type checkers know of them is what constructors take."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from runnables import ConfigError
from runnables.core.signatures import setting_names
from runnables.models.settings import ChatSettings
from runnables_providers._remote.chat import HTTPModel
from runnables_providers._remote.other_names import NO_EFFECT
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.anthropic.settings import AnthropicSettings
from runnables_providers.google import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
from runnables_providers.google.settings import GoogleEmbeddingsSettings, GoogleSettings
from runnables_providers.ollama import ChatOllama, OllamaEmbeddings, OllamaLLM
from runnables_providers.ollama.settings import (
    OllamaEmbeddingsSettings,
    OllamaSettings,
    OllamaTextSettings,
)
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI, OpenAI, OpenAIEmbeddings
from runnables_providers.openai.settings import (
    AzureSettings,
    OpenAIEmbeddingsSettings,
    OpenAISettings,
    OpenAITextSettings,
)
from runnables_providers.scripted import ScriptedChatModel

TYPES: dict[Any, Any] = {
    ChatOpenAI: OpenAISettings,
    AzureChatOpenAI: AzureSettings,
    ChatAnthropic: AnthropicSettings,
    ChatGoogleGenerativeAI: GoogleSettings,
    ChatOllama: OllamaSettings,
    OpenAI: OpenAITextSettings,
    OllamaLLM: OllamaTextSettings,
    ScriptedChatModel: ChatSettings,
    OpenAIEmbeddings: OpenAIEmbeddingsSettings,
    GoogleGenerativeAIEmbeddings: GoogleEmbeddingsSettings,
    OllamaEmbeddings: OllamaEmbeddingsSettings,
}


@pytest.mark.parametrize("provider", TYPES, ids=lambda provider: provider.__name__)
def test_checkers_know_the_settings_that_a_constructor_takes(provider: Any) -> None:
    """No setting is missing from the type of `**settings`, and none of them is refused."""
    parameters = inspect.signature(provider).parameters
    known = {name for name in parameters if name != "settings"}
    taken = set(setting_names(provider))
    if issubclass(provider, HTTPModel):  # which takes options as settings
        taken |= provider.known_options
    if provider is ChatAnthropic:  # which refuses it by name
        taken -= {"seed"}
    others = {*getattr(provider, "_other_names", {}), *NO_EFFECT, "model_kwargs"} - taken
    assert (known | TYPES[provider].__optional_keys__) - others == taken
    assert set(getattr(provider, "_other_names", {})) - taken <= {
        *TYPES[provider].__optional_keys__,
        "model_name",
    }


@pytest.mark.parametrize("provider", TYPES, ids=lambda provider: provider.__name__)
def test_an_unknown_setting_is_refused_with_the_near_name(provider: Any) -> None:
    """Where no checker looks, the constructor does."""
    with pytest.raises(ConfigError, match="Did you mean 'max_retries'"):
        provider("llama3.2", max_retires=1)
