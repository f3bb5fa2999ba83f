"""The base of the suites on the llama.cpp server; see tests/llama/server.py."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.testing import ChatModelTests
from tests.llama.server import LlamaServer

SAME_SCHEMA = ("TypedDict", "dataclass", "JSON schema", "literal")
"""Types whose schema is that of another test, of "pydantic" or of "enum". The server is slow to
read a tool, so these are not sent as tools here. They are to the local model (test_local.py) and to
the replay server (test_services.py), and as the schema of an answer they are live here too."""


class LlamaTests(ChatModelTests):
    """Suite on a live server only; test_services.py has the replay server."""

    supports_parallel_tools = True
    brief_tokens = 8

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer, request: pytest.FixtureRequest) -> None:
        self.llama = llama_server
        name = request.node.name
        if any(f"-{kind}-function_calling" in name for kind in SAME_SCHEMA):
            pytest.skip("llama.cpp gets the same schema as a tool in another test")
        if request.node.originalname == "test_a_stream_adds_up_to_the_answer":
            self.make(max_tokens=1).invoke("Say hello.")  # fills the prompt cache

    def live_settings(self, url: str) -> dict[str, Any]:
        """Return the settings for a model on this server."""
        return {"model": "smollm2", "base_url": url, "api_key": self.llama.key, "max_tokens": 100}
