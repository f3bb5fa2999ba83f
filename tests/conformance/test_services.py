"""The chat model of every service, on a replay server; the formats are from the services' docs."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import ChatModel
from runnables.testing import ChatModelTests
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI
from tests.conformance.anthropic_wire_format import MessagesWireFormat
from tests.conformance.gemini_wire_format import GeminiWireFormat
from tests.conformance.ollama_wire_format import OllamaWireFormat
from tests.conformance.openai_wire_formats import CompletionsWireFormat, ResponsesWireFormat

pytestmark = pytest.mark.usefixtures("at_once")
KEY = "sk-a-secret-key"


class TestCompletions(ChatModelTests):
    """OpenAI's chat completions."""

    live = False
    wire_format = CompletionsWireFormat()
    key = KEY
    supports_images = True

    def make(self, **settings: Any) -> ChatModel:
        return ChatOpenAI(**{"model": "gpt-5-mini", "api_key": KEY, **settings})


class TestResponses(ChatModelTests):
    """OpenAI's Responses, which have no stop sequences, so that the client stops."""

    live = False
    wire_format = ResponsesWireFormat()
    key = KEY
    supports_images = True

    def make(self, **settings: Any) -> ChatModel:
        defaults = {"model": "gpt-5-mini", "api_key": KEY, "use_responses_api": True}
        return ChatOpenAI(**{**defaults, **settings})


class TestAzure(ChatModelTests):
    """OpenAI's chat completions on Azure."""

    live = False
    wire_format = CompletionsWireFormat()
    key = KEY
    supports_images = True

    def make(self, **settings: Any) -> ChatModel:
        return AzureChatOpenAI(**{"model": "my-gpt", "api_key": KEY, **settings})


class TestAnthropic(ChatModelTests):
    """Anthropic's Messages."""

    live = False
    wire_format = MessagesWireFormat()
    key = KEY
    supports_images = True

    def make(self, **settings: Any) -> ChatModel:
        return ChatAnthropic(**{"model": "claude-sonnet-5-5", "api_key": KEY, **settings})


class TestGemini(ChatModelTests):
    """Google's generateContent."""

    live = False
    wire_format = GeminiWireFormat()
    key = KEY
    supports_images = True
    streams_arguments = False

    def make(self, **settings: Any) -> ChatModel:
        return ChatGoogleGenerativeAI(**{"model": "gemini-3-flash", "api_key": KEY, **settings})


class TestOllama(ChatModelTests):
    """Ollama's own API, which forces no tool."""

    live = False
    wire_format = OllamaWireFormat()
    key = KEY
    supports_images = True
    keeps_image_positions = False
    supports_tool_choice = False
    streams_arguments = False
    structured_methods = ("json_schema",)

    def make(self, **settings: Any) -> ChatModel:
        return ChatOllama(**{"model": "llama3.2", "api_key": KEY, **settings})
