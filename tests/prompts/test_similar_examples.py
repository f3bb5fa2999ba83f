"""Selectors of the examples that are most like the input."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from runnables import (
    Embeddings,
    FewShotPromptTemplate,
    MaxMarginalRelevanceExampleSelector,
    PromptError,
    PromptTemplate,
    SemanticSimilarityExampleSelector,
)
from tests.both_modes import Call

EXAMPLES = [
    {"word": "calm", "opposite": "rough"},
    {"word": "calmer", "opposite": "rougher"},
    {"word": "wet", "opposite": "dry"},
]
VECTORS = {"calm": [3.0, 0.0], "calmer": [0.9, 0.1], "wet": [0.0, 2.0], "quiet": [1.0, 0.2]}


class Words(Embeddings):
    """Embeds the words of `VECTORS`, and records what it is asked for."""

    _calls: tuple[list[str], ...] = ()

    def embed_documents(self, words: Any) -> list[list[float]]:
        self._calls += (list(words),)
        return [VECTORS[word] for word in words]

    def embed_query(self, text: str) -> list[float]:
        return VECTORS[text]

    async def aembed_query(self, text: str) -> list[float]:
        return VECTORS[text]


Selector = SemanticSimilarityExampleSelector


def _made(kind: type[Selector], mode: str, embeddings: Words, **options: Any) -> Selector:
    options = {"input_keys": ["word"], "k": 2, **options}
    if mode == "sync":
        return kind.from_examples(EXAMPLES, embeddings, **options)
    return asyncio.run(kind.afrom_examples(EXAMPLES, embeddings, **options))


def _words(selector: Selector, mode: str, word: str) -> list[str]:
    if mode == "sync":
        chosen = selector.select_examples({"word": word})
    else:
        chosen = asyncio.run(selector.aselect_examples({"word": word}))
    return [example["word"] for example in chosen]


MODES = pytest.mark.parametrize("mode", ["sync", "async"])


@MODES
def test_the_most_similar_examples_are_selected_the_best_first(mode: str) -> None:
    """Their length does not count, and all are embedded with one call."""
    embeddings = Words()
    selector = _made(Selector, mode, embeddings)
    assert _words(selector, mode, "quiet") == ["calmer", "calm"]
    assert _words(selector, mode, "wet") == ["wet", "calmer"]
    assert embeddings._calls == (["calm", "calmer", "wet"],)


@MODES
def test_examples_unlike_one_another_are_selected(mode: str) -> None:
    """The second is not the one that is most like the input, as that is like the first."""
    selector = _made(MaxMarginalRelevanceExampleSelector, mode, Words())
    assert _words(selector, mode, "quiet") == ["calmer", "wet"]
    few = _made(MaxMarginalRelevanceExampleSelector, mode, Words(), fetch_k=2, k=3)
    assert _words(few, mode, "quiet") == ["calmer", "calm"]


@MODES
def test_an_example_is_added_and_embedded_alone(mode: str) -> None:
    """Those before it are not embedded again."""
    embeddings = Words()
    selector = _made(Selector, mode, embeddings, k=1)
    quiet = {"word": "quiet", "opposite": "loud"}
    if mode == "sync":
        selector.add_example(quiet)
    else:
        asyncio.run(selector.aadd_example(quiet))
    assert _words(selector, mode, "quiet") == ["quiet"]
    assert embeddings._calls[1:] == (["quiet"],)


def test_a_selector_made_without_a_call_embeds_when_it_is_used() -> None:
    """The constructor waits for nothing; equal selectors are equal, used or not."""
    embeddings = Words()
    selector = Selector(EXAMPLES, embeddings, k=1, input_keys=["word"])
    assert embeddings._calls == ()
    assert selector.select_examples({"word": "wet"}) == EXAMPLES[2:]
    assert selector == Selector(EXAMPLES, embeddings, k=1, input_keys=["word"])
    assert pickle.loads(pickle.dumps(selector)).select_examples({"word": "wet"}) == EXAMPLES[2:]


def test_a_few_shot_prompt_uses_it(call: Call) -> None:
    """Sync and async, with the values of the input."""
    prompt = FewShotPromptTemplate(
        example_prompt=PromptTemplate("{word} -> {opposite}"),
        example_selector=_made(Selector, "sync", Words(), k=1),
        suffix="{word} ->",
    )
    assert call.invoke(prompt, "quiet").to_string() == "calmer -> rougher\n\nquiet ->"


def test_selected_examples_have_the_keys_that_were_asked_for() -> None:
    """`example_keys` names them; all values are embedded where `input_keys` are not given."""
    options: dict[str, Any] = {"example_keys": ["opposite"], "k": 1}
    selector = Selector.from_examples(EXAMPLES, Words(), input_keys=["word"], **options)
    assert selector.select_examples({"word": "wet"}) == [{"opposite": "dry"}]
    assert Selector([{"b": "2", "a": 1}], Words())._text({"b": "2", "a": 1}) == "1 2"


def test_a_vector_store_is_refused() -> None:
    """The vectors are in memory; a store that is ignored would stay empty."""

    class FAISS:
        pass

    store: Any = FAISS
    with pytest.raises(PromptError, match=r"in memory, and got the vector store FAISS\. Leave"):
        Selector.from_examples(EXAMPLES, Words(), store, k=1)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"k": 0}, "k=0"),
        ({"input_keys": ["wrd"]}, "has no 'wrd'. Did you mean 'word'"),
        ({"example_keys": ["x"]}, "has no 'x'"),
        ({"fetch_k": 3}, "no option 'fetch_k'"),
        ({"vectorstore_kwargs": {}}, "no option 'vectorstore_kwargs'"),
    ],
)
def test_what_does_not_fit_is_refused(options: Any, reason: str) -> None:
    """At once, and with its name."""
    with pytest.raises(PromptError, match=reason):
        Selector.from_examples(EXAMPLES, Words(), **options)


def test_no_candidates_are_refused() -> None:
    """`fetch_k` is at least 1."""
    with pytest.raises(PromptError, match="fetch_k=0"):
        MaxMarginalRelevanceExampleSelector(EXAMPLES, Words(), fetch_k=0)
