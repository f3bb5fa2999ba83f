"""What vectors depend on, in words, so that a store can refuse those of another model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from runnables.models import Embeddings
from runnables.models.fakes import DeterministicFakeEmbedding, FakeEmbeddings
from runnables_providers.google import GoogleGenerativeAIEmbeddings
from runnables_providers.ollama import OllamaEmbeddings
from runnables_providers.openai import OpenAIEmbeddings

KEY = "sk-secret"


class Lengths(Embeddings):
    def embed_documents(self, strings: Sequence[str]) -> list[list[float]]:
        return [[float(len(text))] for text in strings]


def test_a_model_that_does_not_say_has_none() -> None:
    """A store then knows nothing, and takes its vectors."""
    assert Lengths().vector_space is None


def test_a_model_of_a_user_says_it_by_an_attribute_of_its_class() -> None:
    """No property has to be written."""

    class Words(Lengths):
        vector_space = "words"

    assert Words().vector_space == "words"


@pytest.mark.parametrize(
    ("model", "space"),
    [
        (OpenAIEmbeddings("text-embedding-3-small", api_key=KEY), "openai: text-embedding-3-small"),
        (
            OpenAIEmbeddings("text-embedding-3-small", api_key=KEY, dimensions=256),
            "openai: text-embedding-3-small, 256 numbers",
        ),
        (
            OpenAIEmbeddings(
                "small", api_key=KEY, extra_body={"model": "large", "dimensions": 8, "key": KEY}
            ),
            "openai: large, 8 numbers",
        ),
        (OpenAIEmbeddings(api_key=KEY), "openai: text-embedding-ada-002"),
        (OpenAIEmbeddings(base_url="http://127.0.0.1:9/v1"), None),
        (
            GoogleGenerativeAIEmbeddings("gemini-embedding-001", api_key=KEY),
            "google: gemini-embedding-001",
        ),
        (
            GoogleGenerativeAIEmbeddings(
                "models/gemini-embedding-001", api_key=KEY, dimensions=5, task_type="CLUSTERING"
            ),
            "google: gemini-embedding-001, 5 numbers, CLUSTERING",
        ),
        (OllamaEmbeddings("nomic-embed-text"), "ollama: nomic-embed-text"),
        (FakeEmbeddings(size=3), "FakeEmbeddings, 3 numbers"),
        (DeterministicFakeEmbedding(size=3), "DeterministicFakeEmbedding, 3 numbers"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Embeddings) else str(value),
)
def test_models_say_their_name_and_the_length_of_their_vectors(
    model: Embeddings, space: str | None
) -> None:
    """And nothing that does not change the vectors, above all no key."""
    assert model.vector_space == space


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"max_batch_size": 2, "timeout": 3}, {"max_retries": 5, "name": "x"}),
        ({"base_url": "http://127.0.0.1:9/v1"}, {"base_url": "http://127.0.0.1:10/v1"}),
    ],
)
def test_settings_of_requests_do_not_change_it(left: dict[str, Any], right: dict[str, Any]) -> None:
    """Nor does the host, which changes where a service moves."""
    first, second = (
        OpenAIEmbeddings("m", **{"api_key": KEY, **settings}) for settings in (left, right)
    )
    assert first.vector_space == second.vector_space


def test_what_is_wrapped_around_a_model_passes_it_on() -> None:
    """A cache, a retry and bound settings change no vector."""
    model: Any = DeterministicFakeEmbedding(size=3)
    for wrapped in (model.with_cache(), model.with_retry(), model.with_cache().with_retry()):
        assert wrapped.vector_space == model.vector_space
