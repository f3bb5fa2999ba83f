"""OpenAI's APIs on the llama.cpp server; test_services.py has them on a replay server."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import ChatModel
from runnables_providers.openai import ChatOpenAI
from tests.conformance.on_llama import LlamaTests

pytestmark = pytest.mark.local_model


class TestCompletions(LlamaTests):
    """Chat completions."""

    live_structured_methods = ("json_schema",)  # the default; the other takes long here

    def make(self, **settings: Any) -> ChatModel:
        return ChatOpenAI(**{**self.live_settings(self.llama.v1), **settings})


class TestResponses(LlamaTests):
    """Responses, whose schemas the server does not read."""

    live_structured_methods = ("function_calling",)

    def make(self, **settings: Any) -> ChatModel:
        defaults = {"use_responses_api": True, **self.live_settings(self.llama.v1)}
        return ChatOpenAI(**{**defaults, **settings})
