"""Embeddings of the real local model."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runnables import ConfigError, ContextLengthError, init_embeddings
from runnables_providers.local import LocalEmbeddings

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model keeps its threads and its socket"),
]

STRINGS = [
    "A cat sleeps on the sofa.",
    "A kitten dozes on the couch.",
    "Shares fell sharply on Monday after the central bank had raised its rates.",
    "",
    "x",
    *(f"text {number}" for number in range(12)),  # more than one call of the runtime takes
]


@pytest.fixture(scope="module")
def vectors() -> LocalEmbeddings:
    """The default model, loaded for embeddings."""
    return LocalEmbeddings()


def product(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_vectors_have_one_size_and_length_one(call: Any, vectors: LocalEmbeddings) -> None:
    """Also the vector of an empty string."""
    found = call.batch(vectors, STRINGS)
    assert {len(vector) for vector in found} == {576}
    assert [product(vector, vector) for vector in found] == pytest.approx(
        [1.0] * len(STRINGS), abs=1e-5
    )


def test_similar_strings_have_closer_vectors(call: Any, vectors: LocalEmbeddings) -> None:
    """Roughly, as the model is small."""
    cat, kitten, shares = call.batch(vectors, STRINGS[:3])
    assert product(cat, kitten) > product(cat, shares)


def test_many_at_once_are_the_same_as_each_alone(call: Any, vectors: LocalEmbeddings) -> None:
    """In a batch with strings of other lengths, a string has the vector that it has alone."""
    alone = [call.invoke(vectors, string) for string in STRINGS]
    documents = call.run(
        lambda: vectors.embed_documents(STRINGS), lambda: vectors.aembed_documents(STRINGS)
    )
    for together in (call.batch(vectors, STRINGS), documents):
        near = [product(a, b) for a, b in zip(alone, together, strict=True)]
        assert min(near) > 0.999


def test_threads_share_the_model(vectors: LocalEmbeddings) -> None:
    """Each gets the vector of its own string."""
    alone = [vectors.embed_query(string) for string in STRINGS[:8]]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(vectors.embed_query, STRINGS[:8]))
    assert min(product(a, b) for a, b in zip(alone, found, strict=True)) > 0.999


def test_a_string_that_is_too_long_is_refused_with_its_length(
    call: Any, vectors: LocalEmbeddings
) -> None:
    """The error says how many tokens are allowed."""
    with pytest.raises(ContextLengthError, match="1001 tokens.* for 512.*context_size"):
        call.invoke(vectors, "hello " * 1000)


def test_an_empty_list_has_no_vectors(vectors: LocalEmbeddings) -> None:
    """Nothing is sent to the runtime."""
    assert vectors.embed_documents([]) == []


def test_it_is_configuration(vectors: LocalEmbeddings) -> None:
    """It pickles and compares, is found by name, and refuses settings out of range."""
    assert pickle.loads(pickle.dumps(vectors)) == vectors == init_embeddings("local")
    assert vectors != LocalEmbeddings(pooling="last")
    with pytest.raises(ConfigError, match="context_size=0"):
        LocalEmbeddings(context_size=0)
