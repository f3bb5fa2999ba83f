"""Every chat model of a service, played by recorded forms of its documentation."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import ChatModel
from runnables.testing import ChatModelTests
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI
from tests.conformance.anthropic_wire_format import MessagesWire
from tests.conformance.gemini_wire_format import GeminiWire
from tests.conformance.ollama_wire_format import OllamaWire
from tests.conformance.openai_wire_formats import CompletionsWire, ResponsesWire

pytestmark = pytest.mark.usefixtures("at_once")
KEY = "sk-a-secret-key"


class TestCompletions(ChatModelTests):
    """OpenAI's chat completions."""

    live = False
    wire = CompletionsWire()
    key = KEY
    supports_images = True

    def make(self, **settings: Any) -> ChatModel:
        return ChatOpenAI(**{"model": "gpt-5-mini", "api_key": KEY, **settings})


class TestResponses(ChatModelTests):
    """OpenAI's Responses, which cut at a stop text here, as they know none."""

    live = False
    wire = ResponsesWire()
    key = KEY
    supports_images = True

    def make(self, **settings: Any) -> ChatModel:
        given = {"model": "gpt-5-mini", "api_key": KEY, "use_responses_api": True}
        return ChatOpenAI(**{**given, **settings})


class TestAzure(ChatModelTests):
    """The same on Azure."""

    live = False
    wire = CompletionsWire()
    key = KEY
    supports_images = True

    def make(self, **settings: Any) -> ChatModel:
        return AzureChatOpenAI(**{"model": "my-gpt", "api_key": KEY, **settings})


class TestAnthropic(ChatModelTests):
    """Anthropic's Messages."""

    live = False
    wire = MessagesWire()
    key = KEY
    supports_images = True

    def make(self, **settings: Any) -> ChatModel:
        return ChatAnthropic(**{"model": "claude-sonnet-5-5", "api_key": KEY, **settings})


class TestGemini(ChatModelTests):
    """Google's generateContent."""

    live = False
    wire = GeminiWire()
    key = KEY
    supports_images = True
    streams_arguments = False

    def make(self, **settings: Any) -> ChatModel:
        return ChatGoogleGenerativeAI(**{"model": "gemini-3-flash", "api_key": KEY, **settings})


class TestOllama(ChatModelTests):
    """Ollama's own API, which forces no tool."""

    live = False
    wire = OllamaWire()
    key = KEY
    supports_images = True
    keeps_image_places = False
    supports_tool_choice = False
    streams_arguments = False
    structured_methods = ("json_schema",)

    def make(self, **settings: Any) -> ChatModel:
        return ChatOllama(**{"model": "llama3.2", "api_key": KEY, **settings})
