"""Selectors of the examples that are most like the input, by the vectors of what they say.

The search is exact, and in memory: a prompt's examples are tens or hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import mul
from typing import TYPE_CHECKING, Any, Self, cast

from runnables.core.values import Value
from runnables.errors import PromptError, did_you_mean
from runnables.prompts.embedding_calls import (
    aembed_documents,
    aembed_query,
    embed_documents,
    embed_query,
)
from runnables.prompts.examples import BaseExampleSelector

if TYPE_CHECKING:
    from runnables.prompts.embedding_calls import EmbedsStrings
    from runnables.prompts.template import Example

Vector = Sequence[float]


class SemanticSimilarityExampleSelector(Value, BaseExampleSelector):
    """A selector of the examples whose vectors are most like that of the input, the best first.

    All examples are embedded once, with one call of the model, when the first are selected;
    `from_examples` and `afrom_examples` embed them at once. Vectors are compared by their cosine.
    A pickle or a copy has the examples, and embeds them again.

    Args:
        examples: all examples.
        embeddings: the model that embeds them, and the input.
        k: how many to select.
        input_keys: the values of an example, and of the input, whose text is embedded; by default
            all, in the order of their names.
        example_keys: the values that a selected example has; by default, all.

    Raises:
        PromptError: `k` is below 1, or an example lacks one of the keys.

    Example:
        >>> examples = [{"word": "big"}, {"word": "tall"}]
        >>> selector = SemanticSimilarityExampleSelector.from_examples(
        ...     examples, DeterministicFakeEmbedding(size=8), k=1
        ... )
        >>> selector.select_examples({"word": "tall"})
        [{'word': 'tall'}]
    """

    _vectors: tuple[Vector, ...] = ()
    """The vectors of the first examples, of length 1; a new tuple for each change."""

    def __init__(
        self,
        examples: Iterable[Example],
        embeddings: EmbedsStrings,
        *,
        k: int = 4,
        input_keys: Sequence[str] | None = None,
        example_keys: Sequence[str] | None = None,
    ) -> None:
        if k < 1:
            raise PromptError(f"{type(self).__name__}(k={k}): expected at least 1.")
        self.examples = list(examples)
        self.embeddings = embeddings
        self.k = k
        self.input_keys = None if input_keys is None else list(input_keys)
        self.example_keys = None if example_keys is None else list(example_keys)
        for example in self.examples:
            self._check(example)

    @classmethod
    def from_examples(
        cls,
        examples: Iterable[Example],
        embeddings: EmbedsStrings,
        vectorstore_cls: None = None,
        k: int = 4,
        input_keys: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """Return a selector, and embed its examples.

        Args:
            examples: all examples.
            embeddings: the model that embeds them, and the input.
            vectorstore_cls: nothing; the vectors are in memory.
            k: how many to select.
            input_keys: the values whose text is embedded.
            options: more arguments of the constructor.

        Raises:
            PromptError: a class of vector stores, or what the constructor refuses.
        """
        selector = cls._made(examples, embeddings, vectorstore_cls, k, input_keys, options)
        selector._embed()
        return selector

    @classmethod
    async def afrom_examples(
        cls,
        examples: Iterable[Example],
        embeddings: EmbedsStrings,
        vectorstore_cls: None = None,
        k: int = 4,
        input_keys: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """Do what `from_examples` does, async."""
        selector = cls._made(examples, embeddings, vectorstore_cls, k, input_keys, options)
        await selector._aembed()
        return selector

    def add_example(self, example: Example) -> None:
        """Add an example at the end, in place, and embed it.

        Raises:
            PromptError: it lacks one of the keys.
        """
        self._check(example)
        self.examples.append(example)
        self._embed()

    async def aadd_example(self, example: Example) -> None:
        """Do what `add_example` does, async."""
        self._check(example)
        self.examples.append(example)
        await self._aembed()

    def select_examples(self, input_variables: Mapping[str, Any], /) -> list[Example]:
        """Return the examples that are most like these values."""
        self._embed()
        vector = embed_query(self.embeddings, self._text(input_variables))
        return self._chosen(vector)

    async def aselect_examples(self, input_variables: Mapping[str, Any], /) -> list[Example]:
        """Return the examples that are most like these values."""
        await self._aembed()
        vector = await aembed_query(self.embeddings, self._text(input_variables))
        return self._chosen(vector)

    def _choose(self, query: Vector, vectors: Sequence[Vector]) -> Iterable[int]:
        """Return the indices of the examples to select."""
        return _most_like(query, vectors, self.k)

    @classmethod
    def _made(
        cls,
        examples: Iterable[Example],
        embeddings: EmbedsStrings,
        vectorstore_cls: object,
        k: int,
        input_keys: Sequence[str] | None,
        options: dict[str, Any],
    ) -> Self:
        if vectorstore_cls is not None:
            shown = getattr(vectorstore_cls, "__name__", repr(vectorstore_cls))
            raise PromptError(
                f"{cls.__name__} keeps the vectors of its examples in memory, and got the vector "
                f"store {shown}. Leave it out: from_examples(examples, embeddings, k={k})."
            )
        known: dict[str, Any] = cast("Any", cls.__init__).__kwdefaults__
        for name in options:
            if name not in known:
                raise PromptError(
                    f"{cls.__name__}.from_examples has no option {name!r}."
                    f"{did_you_mean(name, known)}"
                )
        return cls(examples, embeddings, k=k, input_keys=input_keys, **options)

    # Two calls at once may embed the same examples; neither adds vectors to those of the other.
    def _embed(self) -> None:
        known = self._vectors
        if strings := self._strings_after(known):
            vectors = embed_documents(self.embeddings, strings)
            self._vectors = (*known, *map(_unit, vectors))

    async def _aembed(self) -> None:
        known = self._vectors
        if strings := self._strings_after(known):
            vectors = await aembed_documents(self.embeddings, strings)
            self._vectors = (*known, *map(_unit, vectors))

    def _strings_after(self, known: Sequence[Vector]) -> list[str]:
        """Return the strings of the examples that are not embedded yet."""
        return [self._text(example) for example in self.examples[len(known) :]]

    def _text(self, values: Mapping[str, Any]) -> str:
        keys = sorted(values) if self.input_keys is None else sorted(self.input_keys)
        return " ".join(str(values[key]) for key in keys)

    def _chosen(self, vector: Vector) -> list[Example]:
        chosen = [self.examples[index] for index in self._choose(_unit(vector), self._vectors)]
        if self.example_keys is None:
            return chosen
        return [{key: example[key] for key in self.example_keys} for example in chosen]

    def _check(self, example: Example) -> None:
        for key in (*(self.input_keys or ()), *(self.example_keys or ())):
            if key not in example:
                raise PromptError(
                    f"{type(self).__name__}: the example {example!r} has no {key!r}."
                    f"{did_you_mean(key, example)}"
                )


class MaxMarginalRelevanceExampleSelector(SemanticSimilarityExampleSelector):
    """A selector of examples that are like the input, and unlike one another.

    Of the `fetch_k` examples that are most like the input, it takes the one that is most like it,
    and then, again and again, the one whose likeness to the input, less the greatest likeness to
    one that was taken, is greatest.

    Args:
        examples: all examples.
        embeddings: the model that embeds them, and the input.
        k: how many to select.
        fetch_k: how many of the examples that are most like the input to choose from.
        input_keys: the values of an example, and of the input, whose text is embedded; by default
            all, in the order of their names.
        example_keys: the values that a selected example has; by default, all.

    Raises:
        PromptError: `k` or `fetch_k` is below 1, or an example lacks one of the keys.

    Example:
        >>> class Letters(Embeddings):
        ...     def embed_documents(self, words):
        ...         return [[word.count(letter) for letter in "abe"] for word in words]
        >>> examples = [{"word": "ab"}, {"word": "aab"}, {"word": "e"}]
        >>> selector = MaxMarginalRelevanceExampleSelector.from_examples(examples, Letters(), k=2)
        >>> selector.select_examples({"word": "abe"})
        [{'word': 'ab'}, {'word': 'e'}]
    """

    def __init__(
        self,
        examples: Iterable[Example],
        embeddings: EmbedsStrings,
        *,
        k: int = 4,
        fetch_k: int = 20,
        input_keys: Sequence[str] | None = None,
        example_keys: Sequence[str] | None = None,
    ) -> None:
        if fetch_k < 1:
            raise PromptError(f"{type(self).__name__}(fetch_k={fetch_k}): expected at least 1.")
        super().__init__(
            examples, embeddings, k=k, input_keys=input_keys, example_keys=example_keys
        )
        self.fetch_k = fetch_k

    def _choose(self, query: Vector, vectors: Sequence[Vector]) -> Iterable[int]:
        candidates = _most_like(query, vectors, self.fetch_k)
        chosen: list[int] = []
        nearest = dict.fromkeys(candidates, 0.0)  # the greatest likeness to one that was taken
        likeness = {index: _dot(query, vectors[index]) for index in candidates}
        while candidates and len(chosen) < self.k:
            best = max(candidates, key=lambda index: likeness[index] - nearest[index])
            candidates.remove(best)
            for index in candidates:
                new = _dot(vectors[best], vectors[index])
                nearest[index] = max(nearest[index], new) if chosen else new
            chosen.append(best)
        return chosen


def _most_like(query: Vector, vectors: Sequence[Vector], count: int) -> list[int]:
    """Return the indices of the vectors that are most like another, the best first."""
    likeness = [_dot(query, vector) for vector in vectors]
    return sorted(range(len(vectors)), key=likeness.__getitem__, reverse=True)[:count]


def _dot(left: Vector, right: Vector) -> float:
    return float(sum(map(mul, left, right)))


def _unit(vector: Vector) -> Vector:
    """Return a vector of the same direction and of length 1; a zero vector as it is."""
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else vector
