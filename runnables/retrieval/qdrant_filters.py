"""Filters in the language of Qdrant, and the payload that they look at.

Qdrant compares values by rules of its own, in which True may be 1. So a payload has a token for
each value, its key and its value as JSON, and filters compare tokens: types stay apart, and any
string is a key. Only numbers have an order.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from runnables.errors import ConfigError
from runnables.retrieval.filters import AllOf, AnyOf, Compare, Exists, Not, OneOf
from runnables.retrieval.sources import folder, spellings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnables.retrieval.filters import Condition
    from runnables.retrieval.stored_documents import StoredDocument

SHOWN: Final = ["id", "text", "metadata"]
"""The parts of a payload from which a document is made."""
INDEXED: Final = ("values", "keys", "source", "folders")
"""The parts that filters compare with strings."""

_LONGEST: Final = 256
_EXACT: Final = 2**53
"""Below this number, floats are exact for all integers."""
_RANGE: Final = {"$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}


def payload_of(doc: StoredDocument) -> dict[str, Any]:
    """Return what Qdrant stores beside the vector of a document."""
    metadata: dict[str, Any] = json.loads(doc.metadata)
    source = metadata.get("source")
    return {
        "id": doc.id,
        "text": doc.text,
        "metadata": doc.metadata,
        "keys": list(metadata),
        "values": [_token(key, value) for key, value in metadata.items() if _is_scalar(value)],
        "numbers": {key: value for key, value in metadata.items() if _is_number(value)},
        "source": source if isinstance(source, str) else "",
        "folders": list(_folders(source)) if isinstance(source, str) else [],
    }


def to_qdrant(condition: Condition, models: Any) -> Any:
    """Return the conditions of a filter as a `Filter` of Qdrant.

    Args:
        condition: the conditions.
        models: the module `qdrant_client.models`.

    Raises:
        ConfigError: an order of strings, which Qdrant does not know, or of numbers that floats do
            not tell apart.
    """
    if isinstance(condition, Not):
        return models.Filter(must_not=[to_qdrant(condition.condition, models)])
    if isinstance(condition, AllOf):
        return models.Filter(must=[to_qdrant(each, models) for each in condition.conditions])
    if isinstance(condition, AnyOf):
        return models.Filter(should=[to_qdrant(each, models) for each in condition.conditions])
    return models.Filter(must=[_on_one_key(condition, models)])


def of_source(source: str, models: Any) -> Any:
    """Return a `Filter` for the documents of a source, and below it."""
    names = spellings(source)
    folders = [folder(name) for name in names]
    return models.Filter(
        should=[_matches("source", names, models), _matches("folders", folders, models)]
    )


def _on_one_key(condition: Compare | OneOf | Exists, models: Any) -> Any:
    if isinstance(condition, Exists):
        return _matches("keys", [condition.key], models)
    if isinstance(condition, OneOf):
        tokens = [_token(condition.key, value) for value in condition.values]
        return _matches("values", tokens, models)
    if condition.operator == "$eq":
        return _matches("values", [_token(condition.key, condition.value)], models)
    if isinstance(condition.value, str):
        raise ConfigError(
            f"filter[{condition.key!r}][{condition.operator!r}]={condition.value!r}: a QdrantStore "
            "compares numbers by order, and no strings. Store a number, such as a year."
        )
    if abs(condition.value or 0) >= _EXACT:
        raise ConfigError(
            f"filter[{condition.key!r}][{condition.operator!r}]={condition.value!r}: a QdrantStore "
            "compares numbers as floats, which are exact below 2**53. Store a smaller number, such "
            "as seconds for a time."
        )
    limits = {_RANGE[condition.operator]: condition.value}
    return models.FieldCondition(key=f'numbers."{condition.key}"', range=models.Range(**limits))


def _matches(key: str, values: list[str], models: Any) -> Any:
    return models.FieldCondition(key=key, match=models.MatchAny(any=values))


def _token(key: str, value: Any) -> str:
    """Return a string that two equal values of one key share, and no others."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    token = json.dumps([key, value], ensure_ascii=False)
    return token if len(token) <= _LONGEST else hashlib.sha256(token.encode()).hexdigest()


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _folders(source: str) -> Iterator[str]:
    """Yield the folders that a source is in, each with a slash at its end."""
    for index, character in enumerate(source):
        if character == "/":
            yield source[: index + 1]
