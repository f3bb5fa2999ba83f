"""Vectors of texts, from the embedded model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from providers.local.chat import CONTEXT_SIZE, require_file
from providers.local.engine import Engine, engine, translated
from providers.local.runtime import Pooling, Setup, require_runtime
from providers.local.wire import error_of
from runnables.models.embeddings import Embeddings

PARALLEL: Final = 8


class LocalEmbeddings(Embeddings, reports=True):
    """Vectors of texts, computed in this process by llama.cpp.

    The embedded model was made to chat, not to embed: its vectors, the mean over the tokens, tell
    topics apart, roughly. For search, give the path of an embedding model as a gguf file. Vectors
    have length 1.

    Args:
        model: the path of a gguf file; None: the embedded model.
        pooling: how the vectors of tokens become one: "mean", "cls" or "last"; None: "mean" for
            the embedded model, else as the file says.
        context_size: how many tokens a text may have.
        name: what observers call it.

    Raises:
        WeightsError: a path that does not exist.
        MissingExtra: the runtime is not installed.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        pooling: Pooling | None = None,
        context_size: int = CONTEXT_SIZE,
        name: str | None = None,
    ) -> None:
        self.model = model
        self.pooling: Pooling | None = pooling
        self.context_size = context_size
        self.name = name
        require_runtime()
        require_file(model)

    def _engine(self) -> Engine:
        pooling = self.pooling or ("mean" if self.model is None else None)
        return engine(
            Setup(
                path=self.model,
                context=self.context_size,
                parallel=PARALLEL,
                embeds=True,
                pooling=pooling,
            )
        )

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of several texts, in order."""
        if not texts:
            return []
        with translated():
            answer = self._engine().embed(list(texts))
        if "error" in answer:
            raise error_of(answer["error"])
        found: list[dict[str, Any]] = sorted(answer["data"], key=lambda it: it["index"])
        return [_of_length_one(it["embedding"]) for it in found]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self.embed_documents([text])[0]


def _of_length_one(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(it * it for it in vector)) or 1.0
    return [it / length for it in vector]
