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


SAID = frozenset(
    "test_a_conversation_is_read test_names_are_accepted test_content_may_be_blocks_of_text "
    "test_one_role_may_speak_several_times test_an_answer_may_go_on_with_the_conversation "
    "test_answers_of_tools_are_read[live-sync-blocks] "
    "test_answers_of_tools_are_read[live-async-blocks]".split()
)
"""Conversations in which the model has spoken: the server refuses what OpenAI takes, an item
`{"role": "assistant", "content": "a text"}`, with status 400."""


class TestResponses(ChatModelTests):
    """Responses, whose schemas the server does not read."""

    supports_parallel_tools = True
    live_structured_methods = ("function_calling",)

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer, request: pytest.FixtureRequest) -> None:
        self.llama = llama_server
        if SAID & {request.node.originalname, request.node.name}:
            pytest.skip("llama.cpp does not read what an assistant said, in Responses")

    def make(self, **settings: Any) -> ChatModel:
        live = {"base_url": self.llama.v1, "api_key": self.llama.key, "max_tokens": 100}
        given = {"model": "smollm2", "use_responses_api": True, **live}
        return ChatOpenAI(**{**given, **settings})
