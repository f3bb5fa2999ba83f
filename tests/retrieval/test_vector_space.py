"""What a model says of its vectors. It may fetch a file for the answer, which takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnables import Document, InMemoryVectorStore, QdrantStore, SQLiteStore
from runnables.testing import WordEmbeddings


class Slow(WordEmbeddings):
    """A model that notes whether it was asked in the thread of an event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: list[bool] = []

    @property
    def vector_space(self) -> str:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._asked.append(False)
        else:
            self._asked.append(True)
        return "words"


STORES: dict[str, Callable[[Path, Slow], Any]] = {
    "memory": lambda _, model: InMemoryVectorStore(model),
    "file": lambda folder, model: SQLiteStore(folder / "docs.db", model),
    "qdrant": lambda _, model: QdrantStore(":memory:", model),
}


@pytest.mark.parametrize("name", STORES)
def test_no_event_loop_waits_for_it(name: str, tmp_path: Path) -> None:
    """Whatever an async method does first."""
    docs = [Document(text, metadata={"source": "a"}) for text in ("sea", "bread")]

    async def use(store: Any) -> None:
        await store.asearch("sea")
        await store.aadd(docs[:1])
        await store.async_sync(docs, "a")
        await store.asearch("sea", filter={"source": "a"})
        await store.asearch_many(["sea", "bread"], mmr=0.5)
        await store.as_retriever(k=1).abatch(["sea", "bread"])
        await store.adelete(filter={"source": "a"})

    model = Slow()
    with STORES[name](tmp_path, model) as store:
        asyncio.run(use(store))
    assert model._asked
    assert not any(model._asked)
