"""What is the same for every API of the real llama.cpp server; see tests/llama/server.py."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.testing import ChatModelTests
from tests.llama.server import LlamaServer


class LlamaTests(ChatModelTests):
    """Live only; test_services.py has the played services."""

    supports_parallel_tools = True
    brief_tokens = 8

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer, request: pytest.FixtureRequest) -> None:
        self.llama = llama_server
        if request.node.originalname == "test_a_stream_adds_up_to_the_answer":
            self.make(max_tokens=1).invoke("Say hello.")  # from now on it has read this

    def live_settings(self, url: str) -> dict[str, Any]:
        """What a model needs to be told of the server."""
        return {"model": "smollm2", "base_url": url, "api_key": self.llama.key, "max_tokens": 100}
