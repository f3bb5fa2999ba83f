"""Calls of models that embed strings: our own ones, and any object with two methods.

The sync functions are there so that sync and async code reads the same.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from runnables.engine.thread_calls import to_thread


class EmbedsStrings(Protocol):
    """A protocol of models that embed strings, as every `Embeddings` does.

    The methods `aembed_documents` and `aembed_query` are used where a model has them; else async
    calls run the sync ones in a worker thread.
    """

    def embed_documents(self, strings: list[str], /) -> list[list[float]]:
        """Return the vector of each string."""
        ...

    def embed_query(self, text: str, /) -> list[float]:
        """Return the vector of a string that is compared with those of documents."""
        ...


def embed_documents(model: EmbedsStrings, strings: list[str]) -> list[list[float]]:
    """Return the vector of each string."""
    return model.embed_documents(strings)


async def aembed_documents(model: EmbedsStrings, strings: list[str]) -> list[list[float]]:
    """Return the vector of each string; in a worker thread, where the model is sync."""
    in_thread = partial(to_thread, model.embed_documents)
    method: Any = getattr(model, "aembed_documents", None) or in_thread
    vectors: list[list[float]] = await method(strings)
    return vectors


def embed_query(model: EmbedsStrings, text: str) -> list[float]:
    """Return the vector of a string that is compared with those of documents."""
    return model.embed_query(text)


async def aembed_query(model: EmbedsStrings, text: str) -> list[float]:
    """Return the vector of such a string; in a worker thread, where the model is sync."""
    in_thread = partial(to_thread, model.embed_query)
    method: Any = getattr(model, "aembed_query", None) or in_thread
    vector: list[float] = await method(text)
    return vector
