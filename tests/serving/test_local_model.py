"""A real model behind the server, for the clients in Python: `RemoteRunnable`, and MCP's SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mcp import Client

from runnables import ChatPromptTemplate, StrOutputParser, init_chat_model
from runnables_providers.remote import RemoteRunnable
from tests.both_modes import Call
from tests.serving.servers import Served, serving

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]

CAPITAL = "The capital of Japan is Tokyo."


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    model = init_chat_model("local", max_tokens=20, temperature=0)
    prompt = ChatPromptTemplate.from_template("What is the capital of {country}?")
    chains = {"model": model, "capital": prompt | model | StrOutputParser()}
    with serving(chains, mcp=True) as server:
        yield server


def test_a_remote_chain_answers(call: Call, served: Served) -> None:
    """As a whole, and in parts that make up the same; a model's usage comes along."""
    capital = RemoteRunnable(f"{served.url}/capital")
    assert call.invoke(capital, {"country": "Japan"}) == CAPITAL
    chunks = call.stream(capital, {"country": "Japan"})
    assert len(chunks) > 2
    assert "".join(chunks) == CAPITAL
    answer = call.invoke(RemoteRunnable(f"{served.url}/model"), "Say hello.")
    assert answer.usage_metadata["output_tokens"] > 0


async def test_a_client_of_mcp_calls_the_chain(served: Served) -> None:
    """The answer is the result of the tool, and its chunks are progress."""
    chunks: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        chunks.append(message or "")

    async with Client(f"{served.url}/mcp") as client:
        result = await client.call_tool(
            "capital", {"country": "Japan"}, progress_callback=on_progress
        )
    assert result.structured_content == {"result": CAPITAL}
    assert len(chunks) > 2
    assert "".join(chunks) == CAPITAL
