"""Embeddings of services, played; and OpenAI's against the real llama.cpp server."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from runnables import Embeddings
from runnables.testing import EmbeddingsTests, ReplayServer
from runnables.testing.sync_async import SyncCall
from runnables_providers.google import GoogleGenerativeAIEmbeddings
from runnables_providers.ollama import OllamaEmbeddings
from runnables_providers.openai import OpenAIEmbeddings
from tests.conformance.embeddings_wire_formats import (
    GeminiEmbeddingsWire,
    OllamaEmbeddingsWire,
    OpenAIWire,
)
from tests.llama.server import LlamaServer

KEY = "sk-a-secret-key"


@pytest.mark.local_model
class TestOpenAI(EmbeddingsTests):
    """Both."""

    wire = OpenAIWire()
    takes_empty_texts = False  # the server refuses them

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer) -> None:
        self.llama = llama_server

    def make(self, **settings: Any) -> Embeddings:
        live = {"base_url": self.llama.v1, "api_key": self.llama.key}
        return OpenAIEmbeddings(**{"model": "m", **live, **settings})


class TestGemini(EmbeddingsTests):
    """Played."""

    live = False
    wire = GeminiEmbeddingsWire()

    def make(self, **settings: Any) -> Embeddings:
        given = {"model": "gemini-embedding-001", "api_key": KEY}
        return GoogleGenerativeAIEmbeddings(**{**given, **settings})


class TestOllama(EmbeddingsTests):
    """Played."""

    live = False
    wire = OllamaEmbeddingsWire()

    def make(self, **settings: Any) -> Embeddings:
        return OllamaEmbeddings(**{"model": "nomic-embed-text", **settings})


# -- broken ones


class Swapped(OllamaEmbeddings):
    def _vectors(self, body: Any) -> list[list[float]]:
        return super()._vectors(body)[::-1]


class OneByOne(OllamaEmbeddings):
    max_batch_size = 1


class AsksForNothing(OllamaEmbeddings):
    def embed_documents(self, texts: Any) -> list[list[float]]:
        found = super().embed_documents(texts or ["x"])
        return found if texts else []


class LosesGroups(OllamaEmbeddings):
    def embed_documents(self, texts: Any) -> list[list[float]]:
        return super().embed_documents(texts[: self.max_batch_size])


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Swapped, "test_each_text_has_its_vector"),
        (OneByOne, "test_many_texts_go_out_in_few_requests"),
        (AsksForNothing, "test_an_empty_list_asks_for_nothing"),
        (LosesGroups, "test_many_texts_go_out_in_few_requests"),
    ],
)
def test_a_broken_model_is_caught(broken: Any, test: str) -> None:
    """A model with one fault fails the test that is about it; without it, it passes."""
    for made, fails in ((OllamaEmbeddings, False), (broken, True)):
        tests = TestOllama()
        tests.make = lambda made=made, **given: made("m", **given)  # type: ignore[method-assign]
        with ReplayServer().listening() as server:
            server.enqueue(tests._embeds)
            run: Any = getattr(tests, test)
            takes_server = "server" in inspect.signature(run).parameters
            subject = server if takes_server else tests.make(base_url=server.url)
            if not fails:
                run(SyncCall(), subject)
                continue
            with pytest.raises((Exception, pytest.fail.Exception)):
                run(SyncCall(), subject)
