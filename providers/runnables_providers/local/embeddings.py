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

_BATCH_SIZE: Final = 16
"""How many strings one call of the runtime embeds, which nothing can interrupt."""


class LocalEmbeddings(Embeddings, internal=True):
    """Embeddings of a model on this machine: the default one, or any gguf file.

    The default model was made to chat, not to embed: its vectors, the mean over the tokens, tell
    topics apart, roughly. For search, pass the path of an embedding model. Vectors have length 1,
    so that their dot product is their similarity. No key is needed.

    A model for embeddings and one for chats are loaded separately, also from the same file.

    Args:
        model: the path of a gguf file; None: the default model.
        pooling: how the vectors of tokens become one: "mean", "cls" or "last"; None: "mean" for
            the default model, else as the file says.
        context_size: how many tokens a string may have. Memory grows with it: with the default
            model 0.3 MB a token.
        threads: how many threads compute; None: two, or half of the CPUs if that is more.
        name: the name of the model in traces, events and logs.

    Raises:
        WeightsError: the path does not exist.
        MissingExtra: the runtime is not installed.
        ConfigError: a loading setting is not a positive number.

    Example:
        >>> from runnables_providers.local import LocalEmbeddings
        >>> LocalEmbeddings(pooling="last")  # loads nothing yet
        LocalEmbeddings(pooling='last', context_size=512)
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
        """Return the vector of each string, in their order.

        Raises:
            ContextLengthError: a string has more tokens than `context_size`.
        """
        found = events(self._engine(), self._work(texts))
        with closing(found):
            answers = [answer for answer in found]  # noqa: C416 - as its async half
        return _vectors(answers)

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each string, in their order."""
        found = aevents(self._engine(), self._work(texts))
        async with aclosing(found):
            answers = [answer async for answer in found]
        return _vectors(answers)

    def _work(self, strings: Sequence[str]) -> Work:
        return partial(_embed, list(strings))

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
    strings: Sequence[str], server: Server, abilities: Abilities, emit: Callable[[Any], bool]
) -> None:
    """Embed in batches, so that the work can be stopped between them."""
    for start in range(0, len(strings), _BATCH_SIZE):
        # The runtime refuses an empty string; a space is the nearest to it.
        batch = [string or " " for string in strings[start : start + _BATCH_SIZE]]
        if emit(server.handle_embeddings({"input": batch})):
            return


def _vectors(answers: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Return the vectors of all answers; those of one answer come in any order."""
    return [
        item["embedding"]
        for answer in answers
        for item in sorted(answer["data"], key=lambda item: item["index"])
    ]
