"""Embeddings in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, closing
from functools import partial
from typing import Any, Final

from runnables.core.signatures import checks_keywords
from runnables.models import Embeddings
from runnables_providers.local.bridge import aevents, events
from runnables_providers.local.chat import PARALLEL, require_file
from runnables_providers.local.engine import Engine, Work, engine
from runnables_providers.local.runtime import (
    Abilities,
    ModelSetup,
    Pooling,
    Server,
    check_counts,
    require_runtime,
)

_AT_ONCE: Final = 16
"""Texts in one call of the runtime, which nothing can interrupt."""


class LocalEmbeddings(Embeddings, internal=True):
    """Vectors of texts, from a model on this machine: the embedded one, or any gguf file.

    The embedded model was made to chat, not to embed: its vectors, the mean over the tokens, tell
    topics apart, roughly. For search, give the path of an embedding model. Vectors have length 1,
    so that their dot product is their similarity.

    It is loaded beside the model for chats; both read the same file.

    Args:
        model: the path of a gguf file; None: the embedded model.
        pooling: how the vectors of tokens become one: "mean", "cls" or "last"; None: "mean" for
            the embedded model, else as the file says.
        context_size: how many tokens a text may have. Memory grows with it: with the embedded
            model 0.3 MB for each.
        threads: how many threads compute; None: two, or half of the CPUs if that is more.
        name: what observers call it.

    Raises:
        WeightsError: a path that does not exist.
        MissingExtra: the runtime is not installed.
        ConfigError: a loading setting that is not a positive number.
    """

    @checks_keywords
    def __init__(
        self,
        model: str | None = None,
        *,
        pooling: Pooling | None = None,
        context_size: int = 512,
        threads: int | None = None,
        name: str | None = None,
    ) -> None:
        self.model = model
        self.pooling: Pooling | None = pooling
        self.context_size = context_size
        self.threads = threads
        self.name = name
        check_counts(context_size=context_size, threads=threads)
        require_runtime()
        require_file(model)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts, in their order.

        Raises:
            ContextLengthError: a text is longer than `context_size`.
        """
        found = events(self._engine(), self._work(texts))
        with closing(found):
            answers = [answer for answer in found]  # noqa: C416 - as its async half
        return _vectors(answers)

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts, in their order."""
        found = aevents(self._engine(), self._work(texts))
        async with aclosing(found):
            answers = [answer async for answer in found]
        return _vectors(answers)

    def _work(self, texts: Sequence[str]) -> Work:
        return partial(_embed, list(texts))

    def _engine(self) -> Engine:
        return engine(
            ModelSetup(
                path=self.model,
                context=self.context_size,
                parallel=PARALLEL,
                threads=self.threads,
                embeds=True,
                pooling=self.pooling or ("mean" if self.model is None else None),
            )
        )


def _embed(
    texts: Sequence[str], server: Server, abilities: Abilities, emit: Callable[[Any], bool]
) -> None:
    """Embed some texts at a time, so that it can be stopped between them."""
    for start in range(0, len(texts), _AT_ONCE):
        # The runtime refuses an empty text; a space is as near to nothing as it goes.
        group = [text or " " for text in texts[start : start + _AT_ONCE]]
        if emit(server.handle_embeddings({"input": group})):
            return


def _vectors(answers: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """The vectors of all answers; within one they come in any order."""
    return [
        one["embedding"]
        for answer in answers
        for one in sorted(answer["data"], key=lambda it: it["index"])
    ]
