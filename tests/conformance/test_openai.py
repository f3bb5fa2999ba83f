"""OpenAI's APIs against the real llama.cpp server; test_services.py has the played service."""

from __future__ import annotations

from typing import Any

import pytest

from providers.openai import ChatOpenAI
from runnables import ChatModel
from runnables.testing import ChatModelTests
from tests.llama.server import LlamaServer

pytestmark = pytest.mark.local_model


class TestCompletions(ChatModelTests):
    """Chat completions."""

    supports_parallel_tools = True
    live_structured_methods = ("json_schema",)  # the model's own; the other takes long here

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer) -> None:
        self.llama = llama_server

    def make(self, **settings: Any) -> ChatModel:
        live = {"base_url": self.llama.v1, "api_key": self.llama.key, "max_tokens": 100}
        return ChatOpenAI(**{"model": "smollm2", **live, **settings})


class TestResponses(ChatModelTests):
    """Responses, whose schemas the server does not read."""

    supports_parallel_tools = True
    live_structured_methods = ("function_calling",)

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer) -> None:
        self.llama = llama_server

    def make(self, **settings: Any) -> ChatModel:
        live = {"base_url": self.llama.v1, "api_key": self.llama.key, "max_tokens": 100}
        given = {"model": "smollm2", "use_responses_api": True, **live}
        return ChatOpenAI(**{**given, **settings})
