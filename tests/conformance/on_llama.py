"""What is the same for every API of the real llama.cpp server; see tests/llama/server.py."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.testing import ChatModelTests
from tests.llama.server import LlamaServer

ALIKE = ("TypedDict", "dataclass", "JSON schema", "literal")
"""Forms whose schema is that of another, of "pydantic" or of "enum". A tool takes long to read, so
these are not told as one here: the embedded model is (test_local.py), so are the played services
(test_services.py), and as a schema of an answer they are live here, too."""


class LlamaTests(ChatModelTests):
    """Live only; test_services.py has the played services."""

    supports_parallel_tools = True
    brief_tokens = 8

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer, request: pytest.FixtureRequest) -> None:
        self.llama = llama_server
        name = request.node.name
        if any(f"-{it}-function_calling" in name for it in ALIKE):
            pytest.skip("llama.cpp gets the schema of this form as a tool in another test")
        if request.node.originalname == "test_a_stream_adds_up_to_the_answer":
            self.make(max_tokens=1).invoke("Say hello.")  # from now on it has read this

    def live_settings(self, url: str) -> dict[str, Any]:
        """What a model needs to be told of the server."""
        return {"model": "smollm2", "base_url": url, "api_key": self.llama.key, "max_tokens": 100}
