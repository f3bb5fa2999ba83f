"""Each test of the suite for stores catches a store that is broken in what the test is about."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from runnables import InMemoryVectorStore
from runnables.testing import VectorStoreTests, WordEmbeddings
from runnables.testing.sync_async import AsyncCall, SyncCall
from tests.retrieval.broken_stores import BROKEN, FourMethods


class Suite(VectorStoreTests):
    """The suite, whose tests are called by hand."""

    supports_hybrid = True


Suite.__test__ = False  # type: ignore[attr-defined]  # pytest finds it in no module, then

TESTS = [name for name in dir(VectorStoreTests) if name.startswith("test_")]


def _run(test: str, store_class: Callable[[Any], InMemoryVectorStore], call: Any) -> None:
    """Run one test of the suite on a new store."""
    embeddings = WordEmbeddings()
    with closing(store_class(embeddings)) as store:
        given = {"store": store, "embeddings": embeddings, "call": call}
        method = getattr(Suite(), test)
        method(**{name: given[name] for name in inspect.signature(method).parameters})


def _fails(test: str, store_class: type[InMemoryVectorStore]) -> Iterator[bool]:
    """Yield whether a test fails, sync and async."""
    for call in (SyncCall(), AsyncCall()):
        try:
            _run(test, store_class, call)
        except (Exception, pytest.fail.Exception):
            yield True
        else:
            yield False


@pytest.mark.parametrize(
    ("store_class", "test"), BROKEN, ids=[store_class.__name__ for store_class, _ in BROKEN]
)
def test_a_broken_store_is_caught(store_class: type[InMemoryVectorStore], test: str) -> None:
    """By the test that is about its defect."""
    assert any(_fails(test, store_class)), f"{test} does not notice {store_class.__doc__}"


@pytest.mark.parametrize("test", TESTS)
def test_each_test_has_a_store_that_it_catches(test: str) -> None:
    """And a store that is right passes it."""
    assert any(name == test for _, name in BROKEN), f"no broken store is for {test}"
    assert not any(_fails(test, InMemoryVectorStore))


class TestFourMethods(VectorStoreTests):
    """What the base makes of four methods passes the suite."""

    supports_hybrid = True

    @pytest.fixture
    def store(self, embeddings: WordEmbeddings) -> Iterator[FourMethods]:
        store = FourMethods(embeddings)
        yield store
        store._inner.close()
