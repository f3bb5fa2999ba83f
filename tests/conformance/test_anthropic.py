"""Anthropic's Messages against the real llama.cpp server, which speaks them, too."""

from __future__ import annotations

from typing import Any

import pytest

from providers.anthropic import ChatAnthropic
from runnables import ChatModel
from runnables.testing import ChatModelTests
from tests.llama.server import LlamaServer

pytestmark = pytest.mark.local_model


class TestChatAnthropic(ChatModelTests):
    """Live only; test_services.py has the played service."""

    supports_parallel_tools = True
    supports_forbidden_tools = False  # the server takes "none" for "auto" here
    live_structured_methods = ("function_calling",)  # the server reads no schemas here

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer) -> None:
        self.llama = llama_server

    def make(self, **settings: Any) -> ChatModel:
        live = {"base_url": self.llama.url, "api_key": self.llama.key, "max_tokens": 100}
        return ChatAnthropic(**{"model": "smollm2", **live, **settings})
