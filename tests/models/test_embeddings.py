"""What the base of embeddings does for every provider."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from runnables.models import Embeddings
from runnables.models.fakes import DeterministicFakeEmbedding
from tests.both_modes import Call


class Lengths(Embeddings):
    def embed_documents(self, strings: Sequence[str]) -> list[list[float]]:
        return [[float(len(text))] for text in strings]


class Both(Lengths):
    def embed_documents(self, strings: Sequence[str]) -> list[list[float]]:
        return super().embed_documents(strings)

    async def aembed_documents(self, strings: Sequence[str]) -> list[list[float]]:
        return super().embed_documents(strings)

    def embed_query(self, text: str) -> list[float]:
        return [0.0]


MODELS = [Lengths(), Both(), DeterministicFakeEmbedding(size=2)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("strings", ["abc", "", b"abc"], ids=repr)
def test_a_string_is_no_list_of_strings(model: Embeddings, strings: Any, call: Call) -> None:
    """It would be embedded letter by letter."""
    with pytest.raises(TypeError, match=r"embed_query.*list"):
        call.run(lambda: model.embed_documents(strings), lambda: model.aembed_documents(strings))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_other_values_than_strings_are_refused(model: Embeddings, call: Call) -> None:
    """In a list and as a query; a list of strings is embedded in its order."""
    bad: Any
    for bad in (["a", 3], ["a", None], [["a"]]):
        with pytest.raises(TypeError, match="embeds strings"):
            call.run(partial(model.embed_documents, bad), partial(model.aembed_documents, bad))
    vectors = call.run(
        lambda: model.embed_documents(("a", "ab")), lambda: model.aembed_documents(("a", "ab"))
    )
    assert len(vectors) == 2
    if type(model) is Both:  # it writes embed_query itself
        for bad in (["a"], None, 3):
            with pytest.raises(TypeError, match="embeds strings"):
                model.embed_query(bad)
