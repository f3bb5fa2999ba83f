"""Embeddings of services on a replay server, and OpenAI's on the llama.cpp server too."""

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
    GeminiEmbeddingsWireFormat,
    OllamaEmbeddingsWireFormat,
    OpenAIEmbeddingsWireFormat,
)
from tests.llama.server import LlamaServer

KEY = "sk-a-secret-key"


@pytest.mark.local_model
class TestOpenAI(EmbeddingsTests):
    """OpenAI's embeddings, live and replayed."""

    wire_format = OpenAIEmbeddingsWireFormat()
    supports_empty_strings = False  # the server refuses them

    @pytest.fixture(autouse=True)
    def _llama(self, llama_server: LlamaServer) -> None:
        self.llama = llama_server

    def make(self, **settings: Any) -> Embeddings:
        live = {"base_url": self.llama.v1, "api_key": self.llama.key}
        return OpenAIEmbeddings(**{"model": "m", **live, **settings})


class TestGemini(EmbeddingsTests):
    """Gemini's embeddings, replayed."""

    live = False
    wire_format = GeminiEmbeddingsWireFormat()

    def make(self, **settings: Any) -> Embeddings:
        defaults = {"model": "gemini-embedding-001", "api_key": KEY}
        return GoogleGenerativeAIEmbeddings(**{**defaults, **settings})


class TestOllama(EmbeddingsTests):
    """Ollama's embeddings, replayed."""

    live = False
    wire_format = OllamaEmbeddingsWireFormat()

    def make(self, **settings: Any) -> Embeddings:
        return OllamaEmbeddings(**{"model": "nomic-embed-text", **settings})


# -- broken models


class ReversesVectors(OllamaEmbeddings):
    def _vectors(self, body: Any) -> list[list[float]]:
        return super()._vectors(body)[::-1]


class SendsOneByOne(OllamaEmbeddings):
    max_batch_size = 1


class SendsEmptyLists(OllamaEmbeddings):
    def embed_documents(self, strings: Any) -> list[list[float]]:
        vectors = super().embed_documents(strings or ["x"])
        return vectors if strings else []


class SendsOneBatch(OllamaEmbeddings):
    def embed_documents(self, strings: Any) -> list[list[float]]:
        return super().embed_documents(strings[: self.max_batch_size])


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (ReversesVectors, "test_each_string_has_its_vector"),
        (SendsOneByOne, "test_many_strings_are_sent_in_few_requests"),
        (SendsEmptyLists, "test_an_empty_list_sends_nothing"),
        (SendsOneBatch, "test_many_strings_are_sent_in_few_requests"),
    ],
)
def test_a_broken_model_fails(broken: Any, test: str) -> None:
    """A model with one bug fails the test that is about it, which the correct model passes."""
    for model_class, fails in ((OllamaEmbeddings, False), (broken, True)):
        tests = TestOllama()
        tests.make = lambda model_class=model_class, **settings: model_class("m", **settings)  # type: ignore[method-assign]
        with ReplayServer().listening() as server:
            server.enqueue(tests._embed)
            run: Any = getattr(tests, test)
            takes_server = "server" in inspect.signature(run).parameters
            subject = server if takes_server else tests.make(base_url=server.url)
            if not fails:
                run(SyncCall(), subject)
                continue
            with pytest.raises((Exception, pytest.fail.Exception)):
                run(SyncCall(), subject)
