"""The server of batch jobs, and a model of each service that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runnables.models import ChatModel
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.openai import ChatOpenAI
from tests.jobs.batch_server import KEY, BatchServer

MakeModel = Callable[..., ChatModel]


def _openai(server: BatchServer, **settings: Any) -> ChatModel:
    url = f"{server.url}/v1"
    return ChatOpenAI("gpt-5-mini", base_url=url, api_key=KEY, max_retries=None, **settings)


def _responses(server: BatchServer, **settings: Any) -> ChatModel:
    return _openai(server, use_responses_api=True, **settings)


def _claude(server: BatchServer, **settings: Any) -> ChatModel:
    url = server.url
    return ChatAnthropic(
        "claude-sonnet-5-5", base_url=url, api_key=KEY, max_retries=None, **settings
    )


def _gemini(server: BatchServer, **settings: Any) -> ChatModel:
    return ChatGoogleGenerativeAI(
        "gemini-3-flash", base_url=server.url, api_key=KEY, max_retries=None, **settings
    )


MODELS: dict[str, MakeModel] = {
    "openai": _openai,
    "responses": _responses,
    "anthropic": _claude,
    "google": _gemini,
}


@pytest.fixture
def server() -> Iterator[BatchServer]:
    """Yield a server that listens until the test is over."""
    with BatchServer().listening() as server:
        yield server


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest, server: BatchServer) -> ChatModel:
    """Return a model of each service in turn."""
    return MODELS[request.param](server)


@pytest.fixture
def openai(server: BatchServer) -> ChatModel:
    """Return a model of OpenAI, for what does not depend on the service."""
    return _openai(server)
