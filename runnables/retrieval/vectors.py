"""Vectors of unit length, as 32-bit floats: the cosine of two is their dot product."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from runnables.core.foreign import from_foreign
from runnables.errors import ConfigError, StoreError
from runnables.prompts.embedding_calls import aembed_query, embed_query

if TYPE_CHECKING:
    from runnables.prompts.embedding_calls import EmbedsStrings

_IS_LITTLE = sys.byteorder == "little"


def to_unit(vector: Iterable[Any], where: str) -> array[float]:
    """Return a vector of the same direction and length 1; zeros stay zeros.

    Args:
        vector: the numbers.
        where: what it is, for a message.

    Raises:
        StoreError: no numbers, or one that is not finite.
    """
    try:
        numbers = [float(number) for number in vector]
        length = math.hypot(*numbers)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{where} is no list of numbers: {error}.") from error
    if not numbers or not math.isfinite(length):
        raise StoreError(f"{where} has {'a number that is not finite' if numbers else 'none'}.")
    return array("f", [number / length for number in numbers] if length else numbers)


def to_blob(vector: array[float]) -> bytes:
    """Return the bytes of a vector: 32-bit floats, the lowest byte first."""
    if _IS_LITTLE:
        return vector.tobytes()
    swapped = vector[:]
    swapped.byteswap()
    return swapped.tobytes()


def from_blobs(blobs: bytes) -> array[float]:
    """Return the numbers of one vector, or of several in a row."""
    found = array("f")
    found.frombytes(blobs)
    if not _IS_LITTLE:
        found.byteswap()
    return found


def unit_vectors(vectors: Any, count: int, model: object) -> list[array[float]]:
    """Return what a model has returned for so many strings, as vectors of length 1.

    Raises:
        StoreError: not as many vectors as strings, vectors of several lengths, or no numbers.
    """
    name = type(model).__name__
    quick = _by_numpy(vectors, count)
    if quick is not None:
        return quick
    if not hasattr(vectors, "__iter__"):
        raise StoreError(f"{name} returned {vectors!r} for {count} strings: expected vectors.")
    found = [to_unit(each, f"vector {index} of {name}") for index, each in enumerate(vectors)]
    if len(found) != count:
        raise StoreError(f"{name} returned {len(found)} vectors for {count} strings.")
    sizes = sorted({len(vector) for vector in found})
    if len(sizes) > 1:
        raise StoreError(f"{name} returned vectors of several lengths: {sizes}.")
    return found


def _by_numpy(vectors: Any, count: int) -> list[array[float]] | None:
    """Return vectors of length 1, several times as fast; None where something is amiss."""
    try:
        import numpy
    except ImportError:
        return None
    try:
        matrix: Any = numpy.array(vectors, numpy.float64)
    except (TypeError, ValueError):
        return None
    if matrix.ndim != 2 or len(matrix) != count or not matrix.size:
        return None
    lengths = numpy.sqrt(numpy.einsum("ij,ij->i", matrix, matrix))
    if not numpy.isfinite(lengths).all():
        return None
    units: Any = matrix / numpy.where(lengths == 0, 1, lengths)[:, None]
    return [from_bytes(row.tobytes()) for row in units.astype(numpy.float32)]


def from_bytes(numbers: bytes) -> array[float]:
    """Return the 32-bit floats in bytes of this machine's order."""
    found = array("f")
    found.frombytes(numbers)
    return found


def vector_space(model: object) -> str | None:
    """Return what identifies the vectors of a model; None where it does not say.

    A model says it by an attribute or a method `vector_space`. Vectors of different spaces cannot
    be compared, whatever their lengths are.
    """
    space: Any = getattr(model, "vector_space", None)
    if callable(space):
        space = space()
    return None if space is None else str(space)


def check_model(model: Any, owner: str) -> EmbedsStrings:
    """Return a model of embeddings; refuse anything else.

    Raises:
        ConfigError: it has no `embed_documents`, or no `embed_query`.
    """
    if isinstance(model, str):
        raise ConfigError(
            f"{owner}(embeddings={model!r}): expected a model. Write init_embeddings({model!r})."
        )
    for name in ("embed_documents", "embed_query"):
        if not callable(getattr(model, name, None)) or isinstance(model, type):
            raise ConfigError(
                f"{owner}(embeddings={model!r}): expected a model of embeddings, such as "
                "init_embeddings('local')."
            )
    return cast("EmbedsStrings", from_foreign(model))  # LangChain's becomes ours


def embed_queries(model: EmbedsStrings, strings: Sequence[str]) -> list[list[float]]:
    """Return the vectors of several queries, with as few requests as the model allows."""
    from runnables.models.embeddings import Embeddings

    if len(strings) > 1 and isinstance(model, Embeddings):
        return model.batch(list(strings))
    return [embed_query(model, text) for text in strings]


async def aembed_queries(model: EmbedsStrings, strings: Sequence[str]) -> list[list[float]]:
    """Return the vectors of several queries, with as few requests as the model allows."""
    from runnables.models.embeddings import Embeddings

    if len(strings) > 1 and isinstance(model, Embeddings):
        return await model.abatch(list(strings))
    return [await aembed_query(model, text) for text in strings]
