"""Anthropic's Messages API on the llama.cpp server, which has it too."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import ChatModel
from runnables_providers.anthropic import ChatAnthropic
from tests.conformance.on_llama import LlamaTests

pytestmark = pytest.mark.local_model


class TestChatAnthropic(LlamaTests):
    """Messages API."""

    supports_no_tool_choice = False  # the server takes "none" for "auto" here
    live_structured_methods = ("function_calling",)  # the server reads no schemas here

    def make(self, **settings: Any) -> ChatModel:
        return ChatAnthropic(**{**self.live_settings(self.llama.url), **settings})
