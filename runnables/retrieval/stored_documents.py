"""Documents as a store keeps them: with an id, and metadata as JSON.

What cannot be kept is refused: all documents of a call are checked before the first is embedded,
which may cost money.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from runnables.core.foreign import from_foreign
from runnables.errors import ConfigError
from runnables.retrieval.documents import Document

_MOST: Final = 2**63
_DEEPEST: Final = 100
"""How many lists and dicts of metadata may be inside one another; SQLite reads some more."""
_HALF: Final = re.compile("[\ud800-\udfff]")
"""A lone surrogate, which cannot be written as UTF-8."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as a store keeps it.

    Attributes:
        id: its id, or one made of its content.
        text: its text.
        metadata: its metadata, as JSON.
    """

    id: str
    text: str
    metadata: str

    def is_same(self, text: str, metadata: str) -> bool:
        """Tell whether what is stored says the same, in whatever order of keys."""
        return self.text == text and self.has_metadata(metadata)

    def has_metadata(self, metadata: str) -> bool:
        """Tell whether stored metadata say the same, in whatever order of keys."""
        if self.metadata == metadata:
            return True
        return to_json(json.loads(self.metadata), True) == to_json(json.loads(metadata), True)


def to_stored(docs: Iterable[Document], owner: str) -> list[StoredDocument]:
    """Return documents as a store keeps them, each id once: the last of equal ids.

    Args:
        docs: the documents.
        owner: the call that has got them, for a message: "SQLiteStore.add".

    Raises:
        ConfigError: something that is no document, metadata that are no JSON, an empty id, or a
            string with a lone surrogate. Nothing was stored.
    """
    if not is_iterable(docs):
        raise ConfigError(f"{owner} takes a list of documents, got {_kind(docs)}.")
    found: dict[str, StoredDocument] = {}
    for index, given in enumerate(docs):
        stored = _stored(from_foreign(given), f"{owner}: document {index}")
        found.pop(stored.id, None)  # the last one counts, and stands where it stands
        found[stored.id] = stored
    return list(found.values())


def document_id(doc: Document) -> str:
    """Return the id that a document has in a store: its own, or one made of its content.

    That is the SHA-256 of its text and metadata, as JSON with sorted keys.

    Raises:
        ConfigError: the document cannot be stored.

    Example:
        >>> from runnables.retrieval.stored_documents import document_id
        >>> document_id(Document("Calm.", id="log-1"))
        'log-1'
        >>> document_id(Document("Calm."))[:8]
        '40d198b0'
    """
    return _stored(from_foreign(doc), "document_id").id


def to_document(id: str, text: str, metadata: str, score: float | None = None) -> Document:
    """Return a stored document as users get it."""
    return Document(text, id=id, metadata=json.loads(metadata), score=score)


def check_ids(ids: Any, owner: str) -> list[str]:
    """Return ids as a list, each once, without those that no document can have.

    Raises:
        ConfigError: one string, or something that is no string.
    """
    if not is_iterable(ids):
        raise ConfigError(f"{owner}(ids={ids!r}): expected a list of strings.")
    found: list[Any] = list(ids)
    for id in found:
        if not isinstance(id, str):
            raise ConfigError(f"{owner}: {id!r} is no id: expected a string.")
    # what follows a zero character, SQLite would not see: it would take "a\0b" for "a"
    return [id for id in dict.fromkeys(found) if "\0" not in id and not _HALF.search(id)]


def _stored(doc: Any, where: str) -> StoredDocument:
    if not isinstance(doc, Document):
        raise ConfigError(f"{where} is {_kind(doc)}: expected a Document.")
    text = _utf8(doc.page_content, f"{where}: the text")
    metadata = to_json(doc.metadata)
    _check_json(doc.metadata, metadata, where)
    if doc.id is None:
        content = to_json([text, doc.metadata], True)
        return StoredDocument(hashlib.sha256(content.encode()).hexdigest(), text, metadata)
    if not doc.id or "\0" in doc.id:
        raise ConfigError(f"{where} has the id {doc.id!r}: expected a string that is not empty.")
    return StoredDocument(_utf8(doc.id, f"{where}: the id"), text, metadata)


def to_json(value: Any, sort_keys: bool = False) -> str:
    """Return a value as JSON, as short as it can be; "" for what is no JSON."""
    try:
        return json.dumps(
            value,
            sort_keys=sort_keys,
            ensure_ascii=False,
            separators=(",", ":"),
            allow_nan=False,
        )
    except (TypeError, ValueError, RecursionError):
        return ""


def _check_json(metadata: dict[str, Any], text: str, where: str) -> None:
    """Refuse metadata that JSON would not give back as they are."""
    for key, value in metadata.items():
        if problem := _problem_of_key(key) or _problem(value):
            raise ConfigError(
                f"{where}: metadata[{key!r}] {problem}. Metadata are stored as JSON: strings "
                "without a zero character, numbers, True, False, None, lists and dicts with string "
                "keys."
            )
    if not text:
        raise ConfigError(f"{where}: the metadata are no JSON.")
    _utf8(text, f"{where}: the metadata")


def _problem_of_key(key: Any) -> str | None:
    if not isinstance(key, str):
        return "has a key that is no string"
    return "has a zero character (\\0) in its key" if "\0" in key else None


def _problem(value: Any, depth: int = 1) -> str | None:
    """Return what keeps a value from being JSON; None where nothing does."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):  # what follows the zero, SQLite's functions for JSON do not see
        return "has a zero character (\\0)" if "\0" in value else None
    if isinstance(value, int):
        is_small = -_MOST <= value < _MOST
        return None if is_small else "is a number of more than 64 bits"
    if isinstance(value, float):
        return None if value - value == 0 else f"is {value!r}"
    if depth > _DEEPEST:
        return f"has more than {_DEEPEST} lists and dicts inside one another"
    if _is(value, list):
        return _first_problem(value, depth + 1)
    if _is(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "is a dict with a key that is no string"
        return _first_problem([*value, *value.values()], depth + 1)
    hint = " (its isoformat() is a string)" if hasattr(value, "isoformat") else ""
    return f"is {_kind(value)}{hint}"


def _is(value: Any, kind: type[Any]) -> bool:
    """Tell whether a value is of this class, and of none below it, which JSON would not keep."""
    return type(value) is kind


def _first_problem(values: Sequence[Any], depth: int) -> str | None:
    found = (_problem(value, depth) for value in values)
    return next((problem for problem in found if problem), None)


def is_iterable(value: Any) -> bool:
    """Tell whether something has items that a caller may have meant: no string, no document."""
    return isinstance(value, Iterable) and not isinstance(value, (Document, str, bytes, dict))


def _utf8(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{where} has a lone surrogate ({text[error.start]!r}) at {error.start}, which is no "
            "text. Read the file with errors='replace', or remove it."
        ) from None
    return text


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
