"""OpenAI's chat completions: against the real llama.cpp server, and against a played service."""

from __future__ import annotations

from typing import Any

import pytest

from providers.openai import ChatOpenAI
from runnables import ChatModel
from runnables.testing import ChatModelTests
from tests.conformance.openai_wires import CompletionsWire
from tests.llama.server import LlamaServer

pytestmark = pytest.mark.local_model


class TestChatOpenAI(ChatModelTests):
    """Live: the llama.cpp server, whose template calls tools; played: OpenAI's own words."""

    wire = CompletionsWire()
    key = "sk-a-secret-key"
    supports_images = True
    supports_parallel_tools = True
    live_structured_methods = ("json_schema",)  # the model's own; the other takes long here

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer) -> None:
        self.llama = llama_server

    def make(self, **settings: Any) -> ChatModel:
        if "base_url" not in settings:
            live = {"base_url": self.llama.v1, "api_key": self.llama.key, "max_tokens": 100}
            settings = {**live, **settings}
        return ChatOpenAI(**{"model": "gpt-5-mini", "api_key": self.key, **settings})
