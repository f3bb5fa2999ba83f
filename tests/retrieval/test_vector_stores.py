"""Our stores pass the suite for stores of other people, with NumPy and without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnables import InMemoryVectorStore, SQLiteStore
from runnables.testing import VectorStoreTests, WordEmbeddings


class TestInMemoryVectorStore(VectorStoreTests):
    """The store without a file."""

    supports_hybrid = True

    @pytest.fixture
    def store(self, embeddings: WordEmbeddings) -> Iterator[InMemoryVectorStore]:
        with InMemoryVectorStore(embeddings) as store:
            yield store


class TestSQLiteStore(VectorStoreTests):
    """The store with a file."""

    supports_hybrid = True

    @pytest.fixture
    def store(self, embeddings: WordEmbeddings, tmp_path: Path) -> Iterator[SQLiteStore]:
        with SQLiteStore(tmp_path / "docs.db", embeddings) as store:
            yield store


class TestSQLiteStoreWithoutNumPy(TestSQLiteStore):
    """The store where NumPy is not installed."""

    @pytest.fixture(autouse=True)
    def _no_numpy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "numpy", None)
