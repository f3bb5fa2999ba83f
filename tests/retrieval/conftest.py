"""Files of stores for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runnables import Document, SQLiteStore
from runnables.testing import WordEmbeddings


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return the path of a file that does not exist."""
    return str(tmp_path / "docs.db")


@pytest.fixture
def filled(path: str) -> Iterator[str]:
    """Return the path of a store with three documents."""
    with SQLiteStore(path, WordEmbeddings()) as store:
        store.add([Document("sea salt", id="a"), Document("bread", id="b"), Document("fish")])
    yield path
