"""Anthropic's Messages API at a real server that we did not write: llama.cpp's.

Played by recorded forms, it stands in test_services.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from providers.anthropic import ChatAnthropic
from runnables import ChatModel
from runnables.testing import ChatModelTests, Colour, Stage
from tests.llama.server import LlamaServer

pytestmark = pytest.mark.local_model


class TestChatAnthropic(ChatModelTests):
    """Live only. The server holds no answer to a schema; tools for that are shown in
    tests/providers/test_anthropic_server.py, as all of them take long here."""

    supports_parallel_tools = True
    structured_methods = ()

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer) -> None:
        self.llama = llama_server

    def make(self, **settings: Any) -> ChatModel:
        given = {"base_url": self.llama.url, "api_key": self.llama.key, "max_tokens": 100}
        return ChatAnthropic(**{"model": "smollm2", **given, **settings})

    def test_tools_may_be_forbidden(self, call: Colour, stage: Stage) -> None:
        """That it is asked for is shown in test_services.py."""
        pytest.skip("the server passes over the choice of none in this API, and calls")
